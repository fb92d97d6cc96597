#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "pipeline/batch_pool.hpp"
#include "pipeline/batch_queue.hpp"
#include "pipeline/boards.hpp"
#include "pipeline/committer.hpp"
#include "pipeline/engine_feed.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/partial_block.hpp"
#include "pipeline/progress.hpp"
#include "pipeline/window_book.hpp"

namespace marquee {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::int64_t kOffsetsAtLeastEveryMs = 3'600'000;  // offsets of a group without members expire one by one
constexpr std::size_t kEpochLetterBytesMax = 16u << 20;
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

class Pipeline::Impl {
 public:
  Impl(const JobSpec& job, const PipelineOptions& options, PipelineParts parts)
      : job_(job),
        options_(options),
        parts_(std::move(parts)),
        ids_(job, static_cast<std::uint64_t>(parts_.clock->monotonic_ns()) * 0x9e3779b97f4a7c15ULL),
        progress_(job, [this](PartitionIndex p) { return parts_.source->healthy(p); }),
        book_(job, options_),
        boards_(job),
        pool_({options.batch_events, options.batch_bytes, static_cast<std::uint32_t>(job.leaderboards.size())},
              std::max(options.batches, batches_min(options.lanes))),
        feed_(options.batch_events, static_cast<std::uint32_t>(job.leaderboards.size())) {}

  Status run(const std::atomic<bool>& stop);

 private:
  Status open(const std::atomic<bool>& stop);
  Status make_engine(std::unique_ptr<Engine> lost);
  void start_lanes();
  void stop_lanes();
  Status loop(const std::atomic<bool>& stop);
  // What an engine says. Where it can be lost, an error means that it is, and loop() is left for recover().
  Status heard(Status status) {
    if (!status.ok() && engine_->can_be_lost()) engine_lost_ = true;
    return status;
  }
  void save();
  Status recover(const Status& cause);
  Status take(BatchPtr batch);
  void note_letters(const Batch& batch);
  bool epoch_due(std::int64_t now_ms) const;
  Status end_epoch(bool last);
  void collect_ids();
  void refresh_gauges();
  void show_progress();

  std::int64_t now_ms() const { return parts_.clock->monotonic_ns() / 1'000'000; }
  // The clock that spaces provisional results.
  std::int64_t emit_clock_ms() const {
    if (options_.emission == Emission::kLive) return now_ms();
    // Without a watermark, or at the end of time, differences must still not overflow.
    return std::clamp(progress_.job_watermark(), -kEventTimeMsMax, 2 * kEventTimeMsMax);
  }
  void fail(Status status) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::move(status);
    failed_.store(true);
  }

  const JobSpec& job_;
  PipelineOptions options_;
  PipelineParts parts_;
  IdKeeper ids_;
  Progress progress_;
  WindowBook book_;
  Boards boards_;
  BatchPool pool_;
  EngineFeed feed_;
  std::unique_ptr<Engine> engine_;  // before the pools go: it may hold batches
  std::unique_ptr<BatchQueue> queue_;
  std::unique_ptr<Committer> committer_;

  // What the open epoch has gathered.
  std::uint64_t epoch_number_ = 0;
  std::unique_ptr<Epoch> epoch_ = std::make_unique<Epoch>();
  VerdictCounts epoch_verdicts_;
  std::size_t epoch_letter_bytes_ = 0;
  bool epoch_has_input_ = false;
  std::int64_t epoch_begin_ms_ = 0;
  std::int64_t last_offsets_ms_ = 0;
  EventTimeMs committed_watermark_ = kNoTime;
  bool panes_dropped_since_collection_ = false;

  std::vector<std::thread> lanes_;
  std::optional<WatermarkChain> chain_;  // for a sequenced source

  // What recovery goes back to; kept where the engine can be lost.
  struct Saved {
    std::uint64_t epoch_number = 0;
    Progress::Saved progress;
    WindowBook::Saved book;
  };
  std::optional<Saved> saved_;
  bool engine_lost_ = false;

  std::mutex failure_mutex_;
  std::optional<Status> failure_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> lanes_stop_{false};
};

Status Pipeline::Impl::open(const std::atomic<bool>& stop) {
  Probe& probe = *parts_.probe;
  probe.phase.store(Phase::kConnecting);
  if (Status s = parts_.sink->open(stop); !s.ok()) return s;
  const Result<std::vector<PartitionStart>> starts = parts_.source->open(options_.lanes, stop);
  if (!starts.ok()) return starts.status();
  progress_.start(starts.value());
  epoch_number_ = progress_.epoch_committed_before();
  ids_.set_now(pool_.era(), epoch_number_ + 1);

  return make_engine(nullptr);
}

Status Pipeline::Impl::make_engine(std::unique_ptr<Engine> lost) {
  EngineConfig config{&job_, &ids_, options_.batch_events, options_.epoch_rows_max, {}};
  pool_.add_columns(config.batch_columns);
  feed_.add_columns(config.batch_columns);
  Result<std::unique_ptr<Engine>> engine = parts_.engine(config, std::move(lost));
  if (!engine.ok()) return engine.status();
  engine_ = std::move(engine.value());
  parts_.probe->engine.store(engine_->name().data());
  ids_.attach(*engine_);
  return {};
}

void Pipeline::Impl::start_lanes() {
  const std::vector<EventTimeMs> highest = progress_.highest();
  chain_.reset();
  if (parts_.source->sequenced()) chain_.emplace(highest.empty() ? kNoTime : highest[0]);
  queue_->reset(options_.lanes);
  lanes_stop_.store(false);
  lanes_.reserve(options_.lanes);
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    lanes_.emplace_back([this, i, highest] {
      IngestThread ingest({&job_, &options_, &parts_.source->lane(i), &pool_, queue_.get(), &ids_.items(),
                           &ids_.combinations(), parts_.clock, parts_.probe, chain_ ? &*chain_ : nullptr},
                          highest);
      ingest.run(lanes_stop_, [this](Status s) { fail(std::move(s)); });
    });
  }
}

// After it no lane runs and no batch is under way.
void Pipeline::Impl::stop_lanes() {
  lanes_stop_.store(true);
  if (chain_) chain_->close();
  for (std::thread& t : lanes_) t.join();
  lanes_.clear();
  queue_->reset(0);
}

Status Pipeline::Impl::run(const std::atomic<bool>& stop) {
  Probe& probe = *parts_.probe;
  if (Status s = open(stop); !s.ok()) {
    probe.phase.store(stop.load() ? Phase::kStopped : Phase::kFailed);
    probe.set_reason(s.message());
    return stop.load() ? Status{} : s;
  }
  if (stop.load()) return {};

  queue_ = std::make_unique<BatchQueue>(parts_.source->sequenced(), options_.lanes);
  committer_ = std::make_unique<Committer>(parts_, [this] { queue_->wake(); });
  save();
  start_lanes();
  probe.phase.store(Phase::kRunning);
  probe.set_reason("");
  parts_.log->info("running: " + std::to_string(progress_.partition_count()) + " partitions, " +
                   std::to_string(job_.leaderboards.size()) + " leaderboards");
  epoch_begin_ms_ = last_offsets_ms_ = now_ms();

  Status status;
  while (true) {
    status = loop(stop);
    if (!engine_lost_) break;
    status = recover(status);
    if (!status.ok()) break;
  }
  if (!status.ok()) {
    probe.phase.store(Phase::kFailed);
    probe.set_reason(status.message());
  }
  // Whatever the reason for leaving: no lane may wait for a batch or a turn any more.
  pool_.close();
  stop_lanes();
  committer_.reset();
  engine_.reset();
  if (status.ok()) probe.phase.store(Phase::kStopped);
  return status;
}

Status Pipeline::Impl::loop(const std::atomic<bool>& stop) {
  // Start positions are committed before the first record counts, so that a restart cannot choose others.
  if (options_.emission == Emission::kLive && epoch_number_ == progress_.epoch_committed_before()) {
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
      if (Status s = take(std::move(batch)); !s.ok()) return s;
    }
    progress_.tick(parts_.clock->monotonic_ns());
    show_progress();
    if (batch == nullptr && queue_->drained()) break;
    if (epoch_due(now_ms())) {
      if (Status s = end_epoch(false); !s.ok()) return s;
    }
  }
  // Every lane has ended. Of its own accord: the input is over, and everything settles.
  const bool over = !lanes_stop_.load(kRelaxed);
  if (over) progress_.finish();
  // Told to stop with nothing new since the last epoch: a commit of nothing would need a broker that may be away.
  if (over || epoch_has_input_ || book_.due(progress_, emit_clock_ms())) {
    if (Status s = end_epoch(true); !s.ok()) return s;
  }
  return committer_->wait();
}

Status Pipeline::Impl::take(BatchPtr batch) {
  Probe& probe = *parts_.probe;
  const std::int64_t begin_ns = parts_.clock->monotonic_ns();
  MARQUEE_CHECK(batch->generation == pool_.generation());
  const WindowBook::Admitted admitted = book_.admit(*batch, progress_);
  probe.expired.fetch_add(admitted.expired, kRelaxed);
  probe.refused.fetch_add(admitted.refused, kRelaxed);
  ids_.resolve(*batch, *engine_);
  note_letters(*batch);
  epoch_verdicts_ += batch->verdicts;
  epoch_has_input_ = true;
  if (epoch_->oldest_read_ns == 0) epoch_->oldest_read_ns = batch->first_read_ns;
  progress_.consumed(*batch);
  probe.batches.fetch_add(1, kRelaxed);
  probe.messages_read.fetch_add(batch->messages.size(), kRelaxed);
  probe.bytes_read.fetch_add(batch->arena_used, kRelaxed);
  probe.events_aggregated.fetch_add(batch->event_count - batch->slot_events[0], kRelaxed);
  if (batch->event_count > 0) {
    if (Status s = heard(feed_.submit(std::move(batch), *engine_)); !s.ok()) return s;
    probe.aggregate.observe_ns(parts_.clock->monotonic_ns() - begin_ns);
  }
  return {};
}

void Pipeline::Impl::note_letters(const Batch& batch) {
  for (const Letter& letter : batch.letters) {
    if (is_invalid(letter.verdict) && !options_.keep_dead_letters)
      continue;  // noted, as envelopes are kept for late ones
    const Record& record = batch.records[letter.record];
    const Message& message = batch.messages[record.message];
    LetterOut& out = epoch_->letters.emplace_back();
    out.partition = batch.spans[message.span].partition;
    out.offset = message.offset;
    out.element = record.element == Record::kBrokenArray ? Record::kOnly : record.element;
    out.timestamp_ms = message.timestamp_ms;
    out.verdict = letter.verdict;
    out.envelope.assign(batch.envelopes, message.envelope_begin, message.envelope_size);
    out.value.assign(batch.bytes(record));
    epoch_letter_bytes_ += out.value.size() + out.envelope.size();
  }
}

bool Pipeline::Impl::epoch_due(std::int64_t now_ms) const {
  const std::uint64_t rows = engine_->epoch_rows();
  if (rows >= options_.epoch_rows_max || epoch_letter_bytes_ >= kEpochLetterBytesMax) return true;
  // Panes that have settled make room, of panes, entries and ids, when the epoch ends.
  if (progress_.job_watermark() != committed_watermark_ && (book_.can_drop(progress_) || ids_.has_garbage()) &&
      (book_.open_panes() * 2 >= job_.budgets.open_panes || ids_.near_budget() ||
       (engine_->stats().entries + rows) * 4 >= job_.budgets.entries * 3)) {
    return true;
  }
  if (options_.emission == Emission::kSettled && options_.updates && book_.due(progress_, emit_clock_ms())) return true;
  if (now_ms - epoch_begin_ms_ < options_.commit_every_ms) return false;
  if (!committer_->idle()) return false;  // one epoch in flight; this one goes on until it is full
  if (epoch_has_input_) return true;
  if (now_ms - last_offsets_ms_ >= kOffsetsAtLeastEveryMs) return true;
  return book_.due(progress_, emit_clock_ms());
}

Status Pipeline::Impl::end_epoch(bool last) {
  Probe& probe = *parts_.probe;
  Result<const Partials*> partials = engine_->end_epoch();
  if (!partials.ok()) return heard(partials.status());
  for (const PanePartials& pane : partials.value()->panes) {
    for (const PartialRow& row : pane.rows) {
      if (row.item == kRefusedItem) probe.refused.fetch_add(row.views, kRelaxed);
    }
  }
  epoch_->number = ++epoch_number_;
  epoch_->last = last;
  if (parts_.pane_log->durable() || engine_->can_be_lost()) epoch_->partials = to_block(*partials.value(), ids_);

  book_.touched(*partials.value());
  const std::int64_t rank_begin_ns = parts_.clock->monotonic_ns();
  if (Status s = heard(book_.rank_due(*engine_, ids_, progress_, emit_clock_ms(), epoch_->results)); !s.ok()) return s;
  probe.rank.observe_ns(parts_.clock->monotonic_ns() - rank_begin_ns);
  book_.drop_settled(*engine_, progress_, epoch_->dropped);
  if (!epoch_->dropped.empty()) panes_dropped_since_collection_ = true;

  epoch_->offsets = progress_.offsets(epoch_number_);
  if (options_.emission == Emission::kLive) {
    boards_.update(epoch_->results, progress_.job_watermark());
    epoch_->snapshot = boards_.snapshot(epoch_number_, progress_.job_watermark(), parts_.clock->wall_ms());
  }
  committed_watermark_ = progress_.job_watermark();
  if (Status s = committer_->submit(std::move(epoch_), epoch_verdicts_); !s.ok()) return s;
  epoch_ = std::make_unique<Epoch>();
  epoch_verdicts_ = {};
  epoch_letter_bytes_ = 0;
  epoch_has_input_ = false;
  epoch_begin_ms_ = now_ms();
  last_offsets_ms_ = epoch_begin_ms_;
  save();
  collect_ids();
  refresh_gauges();
  return {};
}

void Pipeline::Impl::save() {
  if (!engine_->can_be_lost()) return;
  saved_ = {epoch_number_, progress_.save(), book_.save()};
  for (const OffsetOut& offset : progress_.offsets(epoch_number_)) parts_.source->hold(offset.partition, offset.next);
}

// The engine is lost. Everything goes back to the last epoch that was handed over, once it has committed, and on from
// there with another engine. Ids stay: those given since are in no pane, and are taken back as any other.
Status Pipeline::Impl::recover(const Status& cause) {
  Probe& probe = *parts_.probe;
  probe.phase.store(Phase::kRestoring);
  probe.set_reason("going on without the engine that was lost: " + cause.message());
  parts_.log->warning("the engine is lost, going back to the last commit: " + cause.message());
  stop_lanes();
  pool_.raise_generation();
  if (Status s = committer_->wait(); !s.ok()) return s;

  epoch_ = std::make_unique<Epoch>();
  epoch_verdicts_ = {};
  epoch_letter_bytes_ = 0;
  epoch_has_input_ = false;
  epoch_number_ = saved_->epoch_number;
  progress_.set_back(saved_->progress);
  book_.set_back(saved_->book);
  committed_watermark_ = progress_.job_watermark();
  panes_dropped_since_collection_ = true;
  if (Status s = make_engine(std::move(engine_)); !s.ok()) return s;
  engine_lost_ = false;
  const auto restore = [this](const PartialBlock& block) { return restore_block(block, ids_, *engine_); };
  if (Status s = parts_.pane_log->read(restore); !s.ok()) return s;

  // Partitions that were found since then begin again where they began.
  std::vector<PartitionStart> starts;
  starts.reserve(parts_.source->partition_count());
  for (std::size_t p = 0; p < parts_.source->partition_count(); ++p) {
    starts.push_back(parts_.source->partition(PartitionIndex{static_cast<std::uint32_t>(p)}));
  }
  for (const OffsetOut& offset : progress_.offsets(epoch_number_)) {
    starts.at(raw(offset.partition)).offset = offset.next;
  }
  if (Status s = parts_.source->seek(starts); !s.ok()) return s;
  if (!engine_->can_be_lost()) parts_.source->let_go();
  epoch_begin_ms_ = now_ms();
  save();
  refresh_gauges();
  probe.recoveries.fetch_add(1, kRelaxed);
  probe.degraded.store(engine_->name() == "cpu");
  start_lanes();
  probe.phase.store(Phase::kRunning);
  probe.set_reason("");
  parts_.log->warning("running again, on the engine '" + std::string(engine_->name()) + "'");
  return {};
}

void Pipeline::Impl::collect_ids() {
  if (panes_dropped_since_collection_ && ids_.collection_due()) {
    ids_.collect(*engine_);
    panes_dropped_since_collection_ = false;
  }
  if (ids_.has_garbage()) {
    pool_.raise_era();
    ids_.reclaim(pool_.oldest_era() - 1, committer_->committed(), *engine_);
  }
  ids_.set_now(pool_.era(), epoch_number_ + 1);
}

void Pipeline::Impl::refresh_gauges() {
  Probe& probe = *parts_.probe;
  const EngineStats stats = engine_->stats();
  probe.entries.store(static_cast<std::int64_t>(stats.entries), kRelaxed);
  probe.engine_bytes.store(static_cast<std::int64_t>(stats.memory_bytes), kRelaxed);
  probe.open_panes.store(static_cast<std::int64_t>(book_.open_panes()), kRelaxed);
  probe.items_live.store(ids_.items().live_count(), kRelaxed);
  probe.combinations_live.store(ids_.combinations().live_count(), kRelaxed);
  probe.groups_live.store(static_cast<std::int64_t>(ids_.groups_live()), kRelaxed);
  probe.dictionary_bytes.store(static_cast<std::int64_t>(ids_.memory_bytes()), kRelaxed);
  probe.batches_free.store(static_cast<std::int64_t>(pool_.free_count()), kRelaxed);
  probe.partitions.store(static_cast<std::int64_t>(progress_.partition_count()), kRelaxed);
  show_progress();
}

// Time alone moves it, between two epochs too, the next of which may be an hour off.
void Pipeline::Impl::show_progress() {
  Probe& probe = *parts_.probe;
  probe.partitions_idle.store(static_cast<std::int64_t>(progress_.idle_count()), kRelaxed);
  if (progress_.job_watermark() != kNoTime) {
    probe.watermark_ms.store(progress_.job_watermark(), kRelaxed);
    probe.watermark_known.store(true, kRelaxed);
  }
}

Pipeline::Pipeline(const JobSpec& job, const PipelineOptions& options, PipelineParts parts)
    : impl_(std::make_unique<Impl>(job, options, std::move(parts))) {}
Pipeline::~Pipeline() = default;
Status Pipeline::run(const std::atomic<bool>& stop) {
  return impl_->run(stop);
}

}  // namespace marquee
