// Pipeline: wires source, decoder, engine, windows and sink, and owns the threads between them.
//
//   ingest threads (lanes) ─► batch queue ─► engine thread (the caller of run()) ─► one epoch in flight ─► commit
//   thread
//
// The batch pool bounds everything: no free batch, no reading, and that is the backpressure.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/engine.hpp"
#include "core/job.hpp"
#include "core/status.hpp"
#include "pipeline/boards.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

enum class Emission : std::uint8_t {
  kLive,     // provisional every emit_every, final when complete, corrected after that; snapshots
  kSettled,  // each window once, final, when it is settled or the input ends (replay)
};

// Batches that a pool must have for so many ingest threads: see "Why nothing waits for ever" in the README.
constexpr std::size_t batches_min(std::size_t lanes) {
  return lanes + kEngineBatchesHeldMax + 1;
}

struct PipelineOptions {
  std::size_t lanes = 1;                // ingest threads
  std::size_t batches = 8;              // in the pool; raised to batches_min(lanes)
  std::uint32_t batch_events = 16'384;  // but for one message that holds more
  std::size_t batch_bytes = 1u << 20;
  std::int64_t linger_ms = 20;  // a batch with something in it is handed over after this long at the latest
  std::int64_t commit_every_ms = 1'000;
  std::uint64_t epoch_rows_max = 8u << 20;  // (event, leaderboard) pairs: with the batch that reaches it an epoch ends
  Emission emission = Emission::kLive;
  bool updates = false;  // with kSettled: provisional results too, the clock being the job watermark
  bool keep_dead_letters = false;
  bool keep_late_letters = false;
  std::string instance = "marquee";  // this process's name, without white space; unlike any other's of its group
  std::size_t base_bytes_besides = 1u << 20;  // a base is written when blocks exceed half of the last one, and this
  std::int64_t takeover_pause_ms = 1'000;     // after a lost session, for whoever has taken over to say so
  std::int64_t retry_pause_ms = 200;          // between two answers to a failure, growing tenfold
  HistoryLimits history;                      // of what snapshots show
};

// Makes the engine: at start, with `lost` null, and again by recovery, which hands over the engine that was lost. Its
// device may never answer again, so what is done with it is the factory's to know; its batches are home.
using EngineFactory = std::function<Result<std::unique_ptr<Engine>>(const EngineConfig&, std::unique_ptr<Engine> lost)>;

struct PipelineParts {
  Source* source = nullptr;
  Sink* sink = nullptr;
  PaneLog* pane_log = nullptr;
  Clock* clock = nullptr;
  Log* log = nullptr;
  Probe* probe = nullptr;
  SnapshotBoard* snapshots = nullptr;
  EngineFactory engine;
};

class Pipeline {
 public:
  Pipeline(const JobSpec& job, const PipelineOptions& options, PipelineParts parts);  // all outlive it
  ~Pipeline();
  // Runs until the input ends, `stop` is set (then drains: what was read is aggregated, the last epoch committed), or
  // an error that is final. The calling thread becomes the engine thread.
  Status run(const std::atomic<bool>& stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace marquee
