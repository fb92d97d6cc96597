#include "simulation/process.hpp"

#include <algorithm>
#include <utility>

namespace simulation {

using namespace marquee;
using std::chrono::milliseconds;

// More than the records of one read fill.
constexpr std::size_t kReadBatchesMax = 16;

Process::Process(Outside& outside, Fate& fate, const JobSpec& job, const PipelineOptions& options,
                 std::size_t value_bytes_max, differential::Rng rng, bool loud, EngineFactory engine)
    : outside_(outside),
      job_(job),
      options_(options),
      rng_(rng),
      log_(loud),
      source_(outside, fate, differential::Rng(rng_.next())),
      sink_(outside, fate, job, options.instance),
      pane_log_(sink_, value_bytes_max),
      parts_{&source_, &sink_, &pane_log_, &clock_, &log_, &probe_, &snapshots_, std::move(engine)},
      pool_({options.batch_events, options.batch_bytes, static_cast<std::uint32_t>(job.leaderboards.size())},
            std::max(options.batches, batches_min(options.lanes)) + kReadBatchesMax),
      feed_(options.batch_events, static_cast<std::uint32_t>(job.leaderboards.size())),
      generations_(job_, options_, parts_, pool_, feed_),
      queue_(false, options.lanes) {}

Process::~Process() {
  lanes_.clear();
  queue_.reset(0);
  generations_.let_go_of_engine();
}

void Process::step() {
  if (left_) return;
  if (stage_ == nullptr) {
    begin();
    return;
  }
  if (Status s = act(); !s.ok()) answer(std::move(s));
}

Status Process::act() {
  if (stop_.load() && !lanes_.empty()) {
    for (const auto& lane : lanes_) lane->finish();
    lanes_.clear();
  }
  switch (rng_.below(8)) {
    case 0:
    case 1:
    case 2:
      // A read may need more batches, and nobody would free one meanwhile.
      if (pool_.free_count() >= kReadBatchesMax && !lanes_.empty()) {
        const Result<bool> more = rng_.pick(lanes_)->step(milliseconds{0});
        if (!more.ok()) return more.status();
      }
      return {};
    case 3:
    case 4:
      return take();
    case 5:
      stage_->tick();
      if (waiting_ == nullptr && !last_ended_ && stage_->epoch_due(generations_.commit().idle()))
        return end_epoch(false);
      return {};
    default:
      return commit_step();
  }
}

Status Process::take() {
  // An epoch that is full has to end, and that waits for the one in flight.
  if (!last_ended_ && stage_->epoch_due(false)) return waiting_ == nullptr ? end_epoch(false) : commit_step();
  if (BatchPtr batch = queue_.pop(milliseconds{0})) return stage_->take(std::move(batch));
  if (!stop_.load()) return {};
  // Every lane has ended, and all that they brought is taken.
  if (!last_ended_ && waiting_ == nullptr) {
    last_ended_ = true;
    if (stage_->has_news()) return end_epoch(true);
  } else if (last_ended_ && waiting_ == nullptr && generations_.commit().idle()) {
    left_ = true;
  }
  return {};
}

Status Process::commit_step() {
  CommitStage& commit = generations_.commit();
  if (waiting_ != nullptr && commit.idle()) commit.start(std::move(waiting_));
  commit.step();
  return commit.status();
}

Status Process::end_epoch(bool last) {
  stage_->note_committed(generations_.commit().committed());
  Result<std::unique_ptr<Epoch>> epoch = stage_->end_epoch(last);
  if (!epoch.ok()) return epoch.status();
  waiting_ = std::move(epoch.value());
  return {};
}

void Process::begin() {
  if (!opened_) {
    status_ = generations_.open(stop_);
    opened_ = true;
  }
  if (status_.ok() || Generations::can_answer(status_)) {
    const Result<EngineStage*> stage = generations_.begin(status_, stop_);
    if (stage.ok()) {
      if (!status_.ok()) probe_.recoveries.fetch_add(1);
      stage_ = stage.value();
      status_ = {};
      queue_.reset(options_.lanes);
      for (std::size_t i = 0; i < options_.lanes; ++i) {
        lanes_.push_back(std::make_unique<IngestStage>(
            IngestParts{&job_, &options_, &source_.lane(i), &pool_, &queue_, &generations_.ids().items(),
                        &generations_.ids().combinations(), &clock_, &probe_, nullptr},
            stage_->progress().highest()));
      }
      if (!generations_.first_epoch_due()) return;
      if (Status s = end_epoch(false); !s.ok()) answer(std::move(s));
      return;
    }
    status_ = stage.status();
  }
  left_ = true;
}

// As Pipeline does: lanes stop, what is queued is let go, the epoch in flight ends one way or the other.
void Process::answer(Status status) {
  lanes_.clear();
  queue_.reset(0);
  pool_.raise_generation();
  CommitStage& commit = generations_.commit();
  while (commit.status().ok() && (waiting_ != nullptr || !commit.idle())) {
    if (commit.idle()) commit.start(std::move(waiting_));
    commit.step();
  }
  waiting_.reset();
  if (status.code() == Code::kEngineLost && !commit.status().ok()) {
    generations_.note_engine_lost();
    status = commit.status();
  }
  stage_ = nullptr;
  status_ = std::move(status);
  if (!Generations::can_answer(status_)) {
    left_ = true;
  } else if (stop_.load()) {  // whoever starts next answers it
    generations_.give_up();
    left_ = true;
  }
}

}  // namespace simulation
