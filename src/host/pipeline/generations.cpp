#include "pipeline/generations.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pipeline/pause.hpp"
#include "pipeline/phase_hook.hpp"

namespace marquee {
namespace {

// What all partitions of one commit say alike. One that expired, or was found since, says less.
CommitMetadata common_of(const std::vector<PartitionStart>& starts) {
  CommitMetadata common;
  for (const PartitionStart& start : starts) {
    const std::optional<CommitMetadata> m = CommitMetadata::parse(start.metadata);
    if (m && m->epoch >= common.epoch && m->claim >= common.claim) common = *m;
  }
  return common;
}

}  // namespace

Generations::Generations(const JobSpec& job, const PipelineOptions& options, const PipelineParts& parts,
                         BatchPool& pool, EngineFeed& feed)
    : job_(job),
      options_(options),
      parts_(parts),
      pool_(pool),
      feed_(feed),
      ids_(job, static_cast<std::uint64_t>(parts_.clock->monotonic_ns()) * 0x9e3779b97f4a7c15ULL),
      writer_(*parts_.pane_log, *parts_.source, job, *parts_.probe, options.base_bytes_besides),
      commit_(parts_, writer_, job.budgets) {}

Status Generations::open(const std::atomic<bool>& stop) {
  parts_.probe->phase.store(Phase::kConnecting);
  if (Status s = parts_.sink->open(stop); !s.ok()) return s;
  if (Status s = parts_.pane_log->open(stop); !s.ok()) return s;
  return parts_.source->open(options_.lanes, stop);
}

Result<EngineStage*> Generations::begin(const Status& cause, const std::atomic<bool>& stop) {
  Status failed = cause;
  while (true) {
    epoch_failed_ = epoch_failed_ || failed.code() == Code::kAborted || failed.code() == Code::kLost;
    session_ = session_ && failed.code() != Code::kLost;
    engine_lost_ = engine_lost_ || failed.code() == Code::kEngineLost;
    commit_.reset();
    if (stop.load()) {
      if (epoch_failed_) give_up();
      return Status{Code::kUnavailable, "stopped: " + failed.message()};
    }
    if (!failed.ok()) {
      // The first answer is at once; what fails again and again is not to be asked without a break.
      if (commit_.committed() != committed_at_failure_) failures_ = 0;
      committed_at_failure_ = commit_.committed();
      pause(stop, std::chrono::milliseconds(options_.retry_pause_ms * std::min<std::int64_t>(failures_++, 10)));
      parts_.probe->phase.store(Phase::kRestoring);
      parts_.probe->set_reason("going back to the last commit: " + failed.message());
      parts_.log->warning("going back to the last commit: " + failed.message());
    }
    failed = try_begin(stop);
    if (failed.ok()) return stage_.get();
    if (!can_answer(failed)) return failed;
  }
}

void Generations::give_up() {
  if (session_) static_cast<void>(parts_.sink->abort());  // what stays open ends by its time-out, or by whoever comes
}

Status Generations::try_begin(const std::atomic<bool>& stop) {
  if (epoch_failed_ && session_) {
    Status s = parts_.sink->abort();
    if (s.code() == Code::kLost) {
      session_ = false;
      parts_.log->warning("the sink's session is over: " + s.message());
    } else if (!s.ok()) {
      return s;
    }
  }
  epoch_failed_ = false;
  if (!session_) {
    if (was_acquired_) {
      // Whoever has taken over is given the time to say so.
      pause(stop, std::chrono::milliseconds(options_.takeover_pause_ms));
      const Result<std::vector<PartitionStart>> starts = parts_.source->starts();
      if (!starts.ok()) return starts.status();
      if (Status s = check_claim(common_of(starts.value())); !s.ok()) return s;
    }
    if (Status s = parts_.sink->acquire(); !s.ok()) return s;
    session_ = true;
    was_acquired_ = true;
    claimed_ = claim_tried_ = false;
  }
  Result<std::vector<PartitionStart>> starts = parts_.source->starts();
  if (!starts.ok()) return starts.status();
  CommitMetadata committed = common_of(starts.value());
  if (Status s = check_claim(committed); !s.ok()) return s;
  if (Status s = check_commits(starts.value(), committed); !s.ok()) return s;
  if (claim_tried_ && committed.claim == claim_ && committed.by == options_.instance) {
    claimed_ = true;  // the answer to its commit was lost
  }
  if (!claimed_) {
    if (Status s = claim(starts.value(), committed); !s.ok()) return s;
    claimed_ = true;
    starts = parts_.source->starts();
    if (!starts.ok()) return starts.status();
  }
  Status restored = restore(starts.value());
  if (restored.ok() || can_answer(restored)) return restored;
  // What does not fit may only be newer than what we have read: somebody has taken over since.
  starts = parts_.source->starts();
  if (starts.ok()) {
    if (Status s = check_claim(common_of(starts.value())); !s.ok()) return s;
  }
  return restored;
}

// Whether the last claim that was committed leaves the group to us.
Status Generations::check_claim(const CommitMetadata& committed) const {
  if (claim_ == 0) return {};
  const bool ours = committed.claim == claim_ && committed.by == options_.instance;
  const bool nobodys = committed.claim == claim_before_;  // ours was never committed, and nobody else's since
  if (ours || nobodys) return {};
  return {Code::kFenced, "another instance, " + (committed.by.empty() ? "without a name" : committed.by) +
                             ", has taken over this group (claim " + std::to_string(committed.claim) + "; ours, " +
                             options_.instance + ", was " + std::to_string(claim_) + ")"};
}

// Every commit of ours names all partitions it knows, so all of them say the same epoch and claim.
Status Generations::check_commits(const std::vector<PartitionStart>& starts, const CommitMetadata& committed) const {
  if (committed.claim == 0) return {};
  for (const PartitionStart& start : starts) {
    if (!start.committed) continue;
    const std::optional<CommitMetadata> m = CommitMetadata::parse(start.metadata);
    if (m && m->epoch == committed.epoch && m->claim == committed.claim) continue;
    return {Code::kInternal,
            "the committed offset " + std::to_string(raw(start.offset)) + " of topic " + start.topic + ", partition " +
                std::to_string(start.number) +
                " is not of the same commit as the others': somebody else commits offsets of this "
                "group, or has reset some. Set another source.group, or begin anew as the README says"};
  }
  return {};
}

// An epoch that changes nothing: offsets as they are, under our name.
Status Generations::claim(const std::vector<PartitionStart>& starts, const CommitMetadata& committed) {
  at_phase(PhasePoint::kClaim);
  claim_tried_ = true;
  claim_before_ = committed.claim;
  claim_ = committed.claim + 1;
  CommitMetadata common = committed;
  common.claim = claim_;
  common.by = options_.instance;
  Progress progress(job_, [](PartitionIndex) { return true; });
  progress.start(starts);
  auto epoch = std::make_unique<Epoch>();
  epoch->number = committed.epoch;
  epoch->offsets = progress.offsets(common);
  // Where something is committed, only that is: whether the pane log knows more of a partition is not looked at yet.
  const bool some = std::any_of(starts.begin(), starts.end(), [](const PartitionStart& s) { return s.committed; });
  if (some) std::erase_if(epoch->offsets, [&](const OffsetOut& o) { return !starts[raw(o.partition)].committed; });
  commit_.start(std::move(epoch));
  while (commit_.step()) {
  }
  return commit_.status();
}

Status Generations::make_engine() {
  if (engine_ != nullptr && !engine_lost_) {
    engine_->clear();
    return {};
  }
  EngineConfig config{&job_, &ids_, options_.batch_events, options_.epoch_rows_max, {}};
  pool_.add_columns(config.batch_columns);
  feed_.add_columns(config.batch_columns);
  Result<std::unique_ptr<Engine>> engine = parts_.engine(config, std::move(engine_));
  if (!engine.ok()) return engine.status();
  engine_ = std::move(engine.value());
  if (engine_lost_) parts_.probe->degraded.store(engine_->name() == "cpu");
  engine_lost_ = false;
  parts_.probe->engine.store(engine_->name().data());
  return {};
}

Status Generations::restore(const std::vector<PartitionStart>& starts) {
  parts_.probe->phase.store(Phase::kRestoring);
  at_phase(PhasePoint::kRestore);
  const std::int64_t begin_ns = parts_.clock->monotonic_ns();
  stage_.reset();
  if (Status s = make_engine(); !s.ok()) return s;
  ids_.clear();
  ids_.attach(*engine_);

  Progress progress(job_, [this](PartitionIndex p) { return parts_.source->healthy(p); });
  progress.start(starts);
  const CommitMetadata common = common_of(starts);
  PaneLogReader reader(*parts_.pane_log);
  if (parts_.pane_log->durable() || keeps_partials_) {
    if (Status s = parts_.pane_log->read([&](const PaneLog::Value& value) { return reader.add(value); }); !s.ok())
      return s;
    if (Status s = reader.check(starts, common.blocks); !s.ok()) return s;
  }
  keeps_partials_ = parts_.pane_log->durable() || engine_->can_be_lost();
  PaneLogState state = reader.state();
  Result<std::vector<PaneBlock::Board>> boards = boards_to_go_on_with(state, job_, progress.hole_as_of_now());
  if (!boards.ok()) return boards.status();
  const std::uint64_t bytes = state.bytes_read;
  const bool log_knows_boards = boards.value() == state.boards;
  writer_.start(std::move(state), boards.value());
  EngineStageParts parts{&job_,
                         &options_,
                         parts_.clock,
                         parts_.probe,
                         &pool_,
                         &feed_,
                         engine_.get(),
                         &ids_,
                         &writer_,
                         keeps_partials_,
                         parts_.pane_log->partition_count(),
                         parts_.snapshots == nullptr ? nullptr : parts_.snapshots->get()};
  stage_ = std::make_unique<EngineStage>(parts, std::move(progress), common);
  if (Status s = stage_->restore(reader, boards.value(), log_knows_boards); !s.ok()) return s;
  first_epoch_due_ = (keeps_partials_ && !log_knows_boards) ||
                     std::any_of(starts.begin(), starts.end(), [](const PartitionStart& s) { return !s.committed; });
  if (Status s = parts_.source->seek(starts); !s.ok()) return s;
  if (!engine_->can_be_lost()) parts_.source->let_go();

  const std::int64_t took_ns = parts_.clock->monotonic_ns() - begin_ns;
  parts_.probe->restore.observe_ns(took_ns);
  parts_.probe->restored_bytes.store(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  const EngineStats stats = engine_->stats();
  if (bytes > 0) {
    parts_.log->info("restored " + std::to_string(stats.entries) + " entries in " +
                     std::to_string(stage_->book().open_panes()) + " open panes from " + std::to_string(bytes) +
                     " bytes of pane log in " + std::to_string(took_ns / 1'000'000) + " ms");
  }
  return {};
}

}  // namespace marquee
