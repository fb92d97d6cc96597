#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "pipeline/batch_pool.hpp"
#include "pipeline/batch_queue.hpp"
#include "pipeline/committer.hpp"
#include "pipeline/engine_feed.hpp"
#include "pipeline/engine_stage.hpp"
#include "pipeline/generations.hpp"
#include "pipeline/ingest.hpp"

namespace marquee {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

class Pipeline::Impl {
 public:
  Impl(const JobSpec& job, const PipelineOptions& options, PipelineParts parts)
      : job_(job),
        options_(options),
        parts_(std::move(parts)),
        pool_({options.batch_events, options.batch_bytes, static_cast<std::uint32_t>(job.leaderboards.size())},
              std::max(options.batches, batches_min(options.lanes))),
        feed_(options.batch_events, static_cast<std::uint32_t>(job.leaderboards.size())),
        generations_(job_, options_, parts_, pool_, feed_) {}

  Status run(const std::atomic<bool>& stop);

 private:
  Status generation(const Status& cause, const std::atomic<bool>& stop);
  void start_lanes();
  void stop_lanes();
  Status loop(const std::atomic<bool>& stop);
  Status end_epoch(bool last);

  void fail(Status status) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::move(status);
    failed_.store(true);
  }

  const JobSpec& job_;
  PipelineOptions options_;
  PipelineParts parts_;
  BatchPool pool_;
  EngineFeed feed_;
  Generations generations_;  // before the pools go: its engine may hold batches
  EngineStage* stage_ = nullptr;
  std::unique_ptr<BatchQueue> queue_;
  std::unique_ptr<Committer> committer_;

  std::vector<std::thread> lanes_;
  std::optional<WatermarkChain> chain_;  // for a sequenced source

  std::mutex failure_mutex_;
  std::optional<Status> failure_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> lanes_stop_{false};
};

void Pipeline::Impl::start_lanes() {
  const std::vector<EventTimeMs> highest = stage_->progress().highest();
  chain_.reset();
  if (parts_.source->sequenced()) chain_.emplace(highest.empty() ? kNoTime : highest[0]);
  queue_->reset(options_.lanes);
  lanes_stop_.store(false);
  lanes_.reserve(options_.lanes);
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    lanes_.emplace_back([this, i, highest] {
      IngestStage ingest({&job_, &options_, &parts_.source->lane(i), &pool_, queue_.get(), &generations_.ids().items(),
                          &generations_.ids().combinations(), parts_.clock, parts_.probe, chain_ ? &*chain_ : nullptr},
                         highest);
      ingest.run(lanes_stop_, [this](Status s) { fail(std::move(s)); });
    });
  }
}

// After it no lane runs and no batch is under way. What lanes still hand over is let go: one of them may be waiting for
// the batch that another one sits on.
void Pipeline::Impl::stop_lanes() {
  lanes_stop_.store(true);
  if (chain_) chain_->close();
  if (queue_) {
    while (!lanes_.empty() && !queue_->lanes_closed()) queue_->drop(kTick);
  }
  for (std::thread& t : lanes_) t.join();
  lanes_.clear();
  queue_->reset(0);
}

Status Pipeline::Impl::run(const std::atomic<bool>& stop) {
  Probe& probe = *parts_.probe;
  queue_ = std::make_unique<BatchQueue>(parts_.source->sequenced(), options_.lanes);
  Status status = generations_.open(stop);
  bool running = false;
  if (status.ok()) {
    do {
      status = generation(status, stop);
      running = running || stage_ != nullptr;
    } while (Generations::can_answer(status) && !stop.load());
    if (Generations::can_answer(status)) {  // told to stop: whoever starts next answers it
      generations_.give_up();
      status = {Code::kUnavailable,
                "left without committing the last epoch (" + status.message() + "); its input will be read again"};
    }
  }
  // Whatever the reason for leaving: no lane may wait for a batch or a turn any more.
  pool_.close();
  stop_lanes();
  committer_.reset();
  generations_.let_go_of_engine();
  if (!status.ok()) {
    probe.phase.store(stop.load() ? Phase::kStopped : Phase::kFailed);
    probe.set_reason(status.message());
  } else {
    probe.phase.store(Phase::kStopped);
  }
  // Told to stop before anything was read: nothing is lost.
  return stop.load() && !running && status.code() == Code::kUnavailable ? Status{} : status;
}

// From the last commit to what ends it: ok is the end of the input, or a stop.
Status Pipeline::Impl::generation(const Status& cause, const std::atomic<bool>& stop) {
  Probe& probe = *parts_.probe;
  const Result<EngineStage*> stage = generations_.begin(cause, stop);
  if (!stage.ok()) return stage.status();
  stage_ = stage.value();
  if (stop.load()) return {};
  if (!committer_) committer_ = std::make_unique<Committer>(generations_.commit(), [this] { queue_->wake(); });
  start_lanes();
  probe.phase.store(Phase::kRunning);
  probe.set_reason("");
  parts_.log->info("running: " + std::to_string(stage_->progress().partition_count()) + " partitions, " +
                   std::to_string(job_.leaderboards.size()) + " leaderboards");
  if (!cause.ok()) {
    probe.recoveries.fetch_add(1, kRelaxed);
    parts_.log->warning("running again, on the engine '" + std::string(probe.engine.load()) + "'");
  }
  Status status = loop(stop);
  if (!Generations::can_answer(status)) return status;
  stop_lanes();
  pool_.raise_generation();
  // The epoch in flight may fail too, and then that is what is to be answered first: an engine is restored to what is
  // committed in any case.
  Status in_flight = committer_->wait();
  committer_.reset();
  if (status.code() == Code::kEngineLost && !in_flight.ok()) {
    if (!Generations::can_answer(in_flight)) return in_flight;
    generations_.note_engine_lost();
    status = in_flight;
  }
  return status;
}

Status Pipeline::Impl::loop(const std::atomic<bool>& stop) {
  // Start positions are committed before the first record counts, so that a restart cannot choose others.
  if (options_.emission == Emission::kLive && generations_.first_epoch_due()) {
    if (Status s = end_epoch(false); !s.ok()) return s;
  }
  while (true) {
    if (stop.load(kRelaxed) && !lanes_stop_.load(kRelaxed)) {
      parts_.probe->phase.store(Phase::kDraining);
      lanes_stop_.store(true);
    }
    BatchPtr batch = queue_->pop(kTick);
    if (failed_.load()) {
      const std::lock_guard lock(failure_mutex_);
      return *failure_;
    }
    if (Status s = committer_->status(); !s.ok())
      return s;  // not only when the next epoch ends: that may be in an hour
    if (batch != nullptr) {
      if (Status s = stage_->take(std::move(batch)); !s.ok()) return s;
    }
    stage_->tick();
    if (batch == nullptr && queue_->drained()) break;
    if (stage_->epoch_due(committer_->idle())) {
      if (Status s = end_epoch(false); !s.ok()) return s;
    }
  }
  // Every lane has ended. Of its own accord: the input is over, and everything settles.
  const bool over = !lanes_stop_.load(kRelaxed);
  if (over) stage_->finish();
  // Told to stop with nothing new since the last epoch: a commit of nothing would need a broker that may be away.
  if (over || stage_->has_news()) {
    if (Status s = end_epoch(true); !s.ok()) return s;
  }
  return committer_->wait();
}

Status Pipeline::Impl::end_epoch(bool last) {
  stage_->note_committed(committer_->committed());
  Result<std::unique_ptr<Epoch>> epoch = stage_->end_epoch(last);
  if (!epoch.ok()) return epoch.status();
  return committer_->submit(std::move(epoch.value()));
}

Pipeline::Pipeline(const JobSpec& job, const PipelineOptions& options, PipelineParts parts)
    : impl_(std::make_unique<Impl>(job, options, std::move(parts))) {}
Pipeline::~Pipeline() = default;
Status Pipeline::run(const std::atomic<bool>& stop) {
  return impl_->run(stop);
}

}  // namespace marquee
