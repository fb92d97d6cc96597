#include "pipeline/commit_stage.hpp"

#include <string>
#include <utility>

namespace marquee {

void CommitStage::start(std::unique_ptr<Epoch> epoch) {
  MARQUEE_CHECK(idle() && status_.ok());
  epoch_ = std::move(epoch);
  next_ = Step::kBegin;
  acknowledged_ = {};
  begin_ns_ = parts_.clock->monotonic_ns();
}

bool CommitStage::step() {
  if (idle()) return false;
  status_ = take_step();
  if (!status_.ok()) {
    parts_.probe->commit_failures.fetch_add(1, std::memory_order_relaxed);
    epoch_ = nullptr;
  } else if (next_ == Step::kPublish) {
    epoch_ = nullptr;
  } else {
    next_ = static_cast<Step>(static_cast<int>(next_) + 1);
  }
  return !idle();
}

Status CommitStage::take_step() {
  switch (next_) {
    case Step::kBegin:
      return parts_.sink->begin(*epoch_);
    case Step::kPaneLog:
      return writer_.append(*epoch_);
    case Step::kWrite:
      return parts_.sink->write(*epoch_);
    case Step::kCommit:
      return parts_.sink->commit(*epoch_, acknowledged_);
    case Step::kPublish:
      publish();
      break;
  }
  return {};
}

// Everything that others may see of an epoch is published here, after it has committed.
void CommitStage::publish() {
  committed_ = epoch_->number;
  writer_.committed();
  parts_.pane_log->note_committed();
  parts_.source->note_committed(epoch_->offsets);

  Probe& probe = *parts_.probe;
  const auto relaxed = std::memory_order_relaxed;
  std::uint64_t records = 0;
  for (std::size_t v = 0; v < kVerdictCount; ++v) {
    records += epoch_->verdicts.by_verdict[v];
    probe.verdicts[v].fetch_add(epoch_->verdicts.by_verdict[v], relaxed);
  }
  probe.results.fetch_add(acknowledged_.results, relaxed);
  probe.letters_dead.fetch_add(acknowledged_.letters_dead, relaxed);
  probe.letters_late.fetch_add(acknowledged_.letters_late, relaxed);
  probe.epochs.fetch_add(1, relaxed);
  probe.committed_wall_ms.store(parts_.clock->wall_ms(), relaxed);
  const std::int64_t now_ns = parts_.clock->monotonic_ns();
  probe.commit.observe_ns(now_ns - begin_ns_);
  if (epoch_->oldest_read_ns != 0 && !epoch_->results.empty())
    probe.event_to_result.observe_ns(now_ns - epoch_->oldest_read_ns);
  parts_.log->debug("epoch " + std::to_string(committed_) + " committed in " +
                    std::to_string((now_ns - begin_ns_) / 1'000'000) + " ms: " + std::to_string(records) +
                    " records, " + std::to_string(acknowledged_.results) + " results, " +
                    std::to_string(acknowledged_.letters_dead + acknowledged_.letters_late) + " letters");
  tell_of_refusals(now_ns);
  if (epoch_->snapshot != nullptr) parts_.snapshots->publish(epoch_->snapshot);
}

void CommitStage::tell_of_refusals(std::int64_t now_ns) {
  constexpr std::int64_t kEveryNs = 60'000'000'000;
  const auto relaxed = std::memory_order_relaxed;
  const Probe& probe = *parts_.probe;
  const std::uint64_t refused = probe.refused.load(relaxed);
  if (refused == refused_told_ || (refused_told_ != 0 && now_ns - told_ns_ < kEveryNs)) return;
  std::string full;
  const auto judge = [&](const char* limit, std::int64_t used, std::uint64_t budget) {
    if (used < 0 || static_cast<std::uint64_t>(used) < budget) return;
    full += (full.empty() ? "limits." : ", limits.") + std::string(limit) + " = " + std::to_string(budget);
  };
  judge("items", probe.items_live.load(relaxed), budgets_.items);
  judge("combinations", probe.combinations_live.load(relaxed), budgets_.combinations);
  judge("entries", probe.entries.load(relaxed), budgets_.entries);
  judge("open_panes", probe.open_panes.load(relaxed), budgets_.open_panes);
  // What a leaderboard may have of groups is not in the probe; and what was full may have room again by now.
  if (full.empty())
    full = "none of those that are for all: limits.groups is of each leaderboard, or there is room again";
  parts_.log->warning("a budget is full: " + std::to_string(refused - refused_told_) +
                      " times an event could not be placed on a leaderboard; full is now " + full +
                      ". Results that they touch say \"exact\": false");
  refused_told_ = refused;
  told_ns_ = now_ns;
}

}  // namespace marquee
