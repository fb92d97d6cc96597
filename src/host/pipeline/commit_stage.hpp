// CommitStage: what the commit thread does with an epoch, step by step: begin, pane log, write, commit, publish. No
// thread: whoever drives it takes the steps. One epoch at a time; after one that failed, none until reset().
#pragma once

#include <cstdint>
#include <memory>

#include "core/limits.hpp"
#include "core/status.hpp"
#include "pipeline/pane_log_writer.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

class CommitStage {
 public:
  // Both outlive it; `budgets`: to say which is full.
  CommitStage(const PipelineParts& parts, PaneLogWriter& writer, const Budgets& budgets)
      : parts_(parts), writer_(writer), budgets_(budgets) {}

  // Takes an epoch in hand; none may be.
  void start(std::unique_ptr<Epoch> epoch);
  // One step; false when none is left. Blocks as the ports do.
  bool step();
  bool idle() const { return epoch_ == nullptr; }

  // The error of the epoch that failed.
  const Status& status() const { return status_; }
  // Number of the last epoch that has committed, 0: none.
  std::uint64_t committed() const { return committed_; }
  // A recovery has answered the failure.
  void reset() {
    MARQUEE_CHECK(idle());
    status_ = {};
  }

 private:
  enum class Step : std::uint8_t { kBegin, kPaneLog, kWrite, kCommit, kPublish };
  Status take_step();
  void publish();
  // Once a minute at most, while events are refused.
  void tell_of_refusals(std::int64_t now_ns);

  PipelineParts parts_;
  PaneLogWriter& writer_;
  const Budgets& budgets_;
  std::unique_ptr<Epoch> epoch_;
  Step next_ = Step::kBegin;
  Acknowledged acknowledged_;
  std::int64_t begin_ns_ = 0;
  Status status_;
  std::uint64_t committed_ = 0;
  std::uint64_t refused_told_ = 0;
  std::int64_t told_ns_ = 0;
};

}  // namespace marquee
