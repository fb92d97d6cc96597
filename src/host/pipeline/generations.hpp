// Generations: how work begins, at start and after every failure; there is one way. Engine thread, while no lane runs
// and no epoch is in flight. No thread of its own.
//
//   abort ─► acquire ─► committed offsets ─► still ours? ─► claim ─► pane log ─► engine, ids, windows restored ─► seek
//
// What failed decides only where on this way it begins: a failed epoch at abort, a lost session at acquire, a lost
// engine at the committed offsets.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/status.hpp"
#include "pipeline/commit_stage.hpp"
#include "pipeline/engine_feed.hpp"
#include "pipeline/engine_stage.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/pane_log_writer.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee {

class Generations {
 public:
  // All outlive it. Batches that engines are to take are in `pool` and `feed`.
  Generations(const JobSpec& job, const PipelineOptions& options, const PipelineParts& parts, BatchPool& pool,
              EngineFeed& feed);

  // Whether begin() is the answer to this.
  static bool can_answer(const Status& status) {
    return status.code() == Code::kAborted || status.code() == Code::kLost || status.code() == Code::kEngineLost;
  }

  // Connects everything; once.
  Status open(const std::atomic<bool>& stop);
  // Begins a generation: `cause` is ok at start, else what ended the one before. Tries for as long as what fails can be
  // answered, or until `stop`. The stage lives until the next begin(). Errors are final: kFenced where another instance
  // has taken over; kUnavailable for a stop.
  Result<EngineStage*> begin(const Status& cause, const std::atomic<bool>& stop);
  // Gives up the epoch that failed; for leaving without another generation.
  void give_up();

  // Besides what ends the generation, the engine was lost too.
  void note_engine_lost() { engine_lost_ = true; }

  CommitStage& commit() { return commit_; }
  const IdKeeper& ids() const { return ids_; }
  Engine* engine() { return engine_.get(); }
  // The first epoch is to be ended before anything is read: partitions without a committed offset were found, or the
  // pane log does not know the leaderboards as they are now.
  bool first_epoch_due() const { return first_epoch_due_; }
  // Batches it holds go home.
  void let_go_of_engine() { engine_.reset(); }

 private:
  Status try_begin(const std::atomic<bool>& stop);
  Status check_claim(const CommitMetadata& committed) const;
  Status check_commits(const std::vector<PartitionStart>& starts, const CommitMetadata& committed) const;
  Status claim(const std::vector<PartitionStart>& starts, const CommitMetadata& committed);
  Status make_engine();
  Status restore(const std::vector<PartitionStart>& starts);

  const JobSpec& job_;
  const PipelineOptions& options_;
  PipelineParts parts_;
  BatchPool& pool_;
  EngineFeed& feed_;
  IdKeeper ids_;
  PaneLogWriter writer_;
  CommitStage commit_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineStage> stage_;

  bool epoch_failed_ = false;  // the sink has an epoch to give up
  bool session_ = false;       // the sink is acquired
  bool was_acquired_ = false;  // it was, at least once
  bool engine_lost_ = false;
  bool keeps_partials_ = false;     // the pane log has what this generation counts
  bool claimed_ = false;            // this session has committed its claim
  bool claim_tried_ = false;        // or has tried to
  std::uint64_t claim_ = 0;         // the last one of ours, tried or committed; 0: none
  std::uint64_t claim_before_ = 0;  // the one there was before we tried
  bool first_epoch_due_ = false;
  std::int64_t failures_ = 0;               // answered since an epoch committed last
  std::uint64_t committed_at_failure_ = 0;  // the last epoch that had then
};

}  // namespace marquee
