// IngestStage: source lane → arena → records → columns → judged batch → queue. One thread each, or whoever drives it
// step by step; shares nothing but the pool, the queue and (read only) the dictionaries.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/dictionary.hpp"
#include "core/job.hpp"
#include "decode/decoder.hpp"
#include "pipeline/batch_pool.hpp"
#include "pipeline/batch_queue.hpp"
#include "pipeline/lateness.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/watermark_chain.hpp"

namespace marquee {

struct IngestParts {
  const JobSpec* job = nullptr;
  const PipelineOptions* options = nullptr;
  SourceLane* lane = nullptr;
  BatchPool* pool = nullptr;
  BatchQueue* queue = nullptr;
  const Dictionary* items = nullptr;
  const Dictionary* combinations = nullptr;
  Clock* clock = nullptr;
  Probe* probe = nullptr;
  WatermarkChain* chain = nullptr;  // set for a sequenced source
};

class IngestStage {
 public:
  // highest[partition]: highest event time counted before the start, kNoTime where none; partitions found later begin
  // with none.
  IngestStage(const IngestParts& parts, std::vector<EventTimeMs> highest);

  // Step after step until the lane ends, fails, `stop` (what was read is handed over first), or the pool closes.
  // `failed` is told of an error before anything of it can reach the engine thread.
  void run(const std::atomic<bool>& stop, const std::function<void(Status)>& failed);

  // One read and what follows from it; waits at most `wait` for a batch, and as long for a message. False: nothing more
  // will come, as the lane has ended or the pool closed. Where one read brings more than a batch holds it waits for a
  // second batch as long as it takes.
  Result<bool> step(std::chrono::milliseconds wait);
  // Hands over what was read.
  void finish();

 private:
  // Splits and decodes what was just read; hands over full batches on the way, each of whole messages. False: the pool
  // has closed.
  bool decode_new(std::size_t first_message);
  void hand_over(BatchPtr batch);

  IngestParts parts_;
  Decoder decoder_;
  LatenessJudge judge_;
  BatchPtr batch_;                         // being filled
  std::vector<EventTimeMs> highest_;       // [partition]
  std::vector<EventTimeMs> span_highest_;  // scratch: [span]
};

// Moves the messages of records [first_record, …) of `from` to the empty batch `to`, so that both are whole batches.
// first_record is its message's first. Public for its test.
void carry_over(Batch& from, std::size_t first_record, Batch& to);

}  // namespace marquee
