// EngineStage: what the engine thread does with batches in one generation, that is between two recoveries. It gives
// ids, submits, ends epochs, ranks. No thread, no port: whoever drives it hands batches in and takes epochs out.
//
//   restore() ─► take(batch)* ─► end_epoch() ─► the epoch, to be committed ─► note_committed()
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine.hpp"
#include "core/job.hpp"
#include "core/status.hpp"
#include "pipeline/batch_pool.hpp"
#include "pipeline/boards.hpp"
#include "pipeline/engine_feed.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/pane_log_reader.hpp"
#include "pipeline/pane_log_writer.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/progress.hpp"
#include "pipeline/title_book.hpp"
#include "pipeline/window_book.hpp"

namespace marquee {

// What outlives generations, and the stage.
struct EngineStageParts {
  const JobSpec* job = nullptr;
  const PipelineOptions* options = nullptr;
  Clock* clock = nullptr;
  Probe* probe = nullptr;
  BatchPool* pool = nullptr;
  EngineFeed* feed = nullptr;
  Engine* engine = nullptr;
  IdKeeper* ids = nullptr;
  PaneLogWriter* writer = nullptr;
  bool keeps_partials = false;            // somebody could need them
  std::uint32_t log_partitions = 1;       // of the pane log
  std::shared_ptr<const Snapshot> shown;  // the last one published
};

class EngineStage {
 public:
  // `committed`: what all offsets' metadata have in common; `progress`: started with them.
  EngineStage(const EngineStageParts& parts, Progress progress, CommitMetadata committed);

  // Once, before the first batch, into an empty engine: what the pane log holds. `boards` are those of
  // boards_to_go_on_with(); where the log does not know them all as they are now, the first epoch tells it.
  Status restore(const PaneLogReader& log, const std::vector<PaneBlock::Board>& boards, bool log_knows_boards);

  // kEngineLost from any of these: the generation is over.
  Status take(BatchPtr batch);
  // Time passes; at least every 100 ms.
  void tick();
  bool epoch_due(bool committer_idle) const;
  // An epoch that must be, though nothing was read: results are due, or the input is over.
  bool has_news() const;
  // The epoch, ended; its ids are collected where that pays.
  Result<std::unique_ptr<Epoch>> end_epoch(bool last);
  // An epoch has committed, as far as is known. Before end_epoch().
  void note_committed(std::uint64_t epoch) { committed_ = std::max(committed_, epoch); }
  // The input is over: everything settles.
  void finish() { progress_.finish(); }

  const Progress& progress() const { return progress_; }
  const WindowBook& book() const { return book_; }

 private:
  Status heard(Status status) const;
  void note_letters(const Batch& batch);
  Status bring_base(std::uint32_t partition);
  void collect_ids();
  void refresh_gauges();
  void show_progress();
  std::int64_t now_ms() const { return parts_.clock->monotonic_ns() / 1'000'000; }
  std::int64_t emit_clock_ms() const;

  EngineStageParts parts_;
  const JobSpec& job_;
  const PipelineOptions& options_;
  Engine& engine_;
  IdKeeper& ids_;
  Progress progress_;
  TitleBook titles_;
  WindowBook book_;
  Boards boards_;

  CommitMetadata common_;                   // of the last epoch ended
  std::vector<BoardState> boards_written_;  // empty: what the pane log knows of leaderboards is out of date
  std::uint64_t committed_ = 0;

  // What the open epoch has gathered.
  std::unique_ptr<Epoch> epoch_ = std::make_unique<Epoch>();
  std::size_t epoch_letter_bytes_ = 0;
  bool epoch_has_input_ = false;
  std::int64_t epoch_begin_ms_ = 0;
  EventTimeMs ended_watermark_ = kNoTime;  // job watermark when the last epoch ended
  bool panes_dropped_since_collection_ = true;
};

}  // namespace marquee
