#include "pipeline/engine_stage.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/partial_block.hpp"

namespace marquee {
namespace {

constexpr std::int64_t kOffsetsAtLeastEveryMs = 3'600'000;  // offsets of a group without members expire one by one
constexpr std::size_t kEpochLetterBytesMax = 16u << 20;
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

EngineStage::EngineStage(const EngineStageParts& parts, Progress progress, CommitMetadata committed)
    : parts_(parts),
      job_(*parts.job),
      options_(*parts.options),
      engine_(*parts.engine),
      ids_(*parts.ids),
      progress_(std::move(progress)),
      titles_(job_),
      book_(job_, options_, titles_),
      boards_(job_, options_.history, parts.shown.get()),
      common_(std::move(committed)),
      committed_(common_.epoch) {
  ids_.set_now(parts_.pool->era(), common_.epoch + 1);
  ended_watermark_ = progress_.job_watermark();
  epoch_begin_ms_ = now_ms();
}

// What an engine says. Where it can be lost, an error means that it is.
Status EngineStage::heard(Status status) const {
  if (status.ok() || !engine_.can_be_lost()) return status;
  return {Code::kEngineLost, status.message()};
}

Status EngineStage::restore(const PaneLogReader& log, const std::vector<PaneBlock::Board>& boards,
                            bool log_knows_boards) {
  std::vector<std::optional<LeaderboardIndex>> leaderboard_of(boards.size());
  for (std::size_t b = 0; b < boards.size(); ++b) {
    for (std::uint32_t l = 0; l < job_.leaderboards.size(); ++l) {
      if (job_.leaderboards[l].name != boards[b].name) continue;
      leaderboard_of[b] = LeaderboardIndex{l};
      book_.restore_board(LeaderboardIndex{l}, boards[b].state);
    }
  }
  Status status = log.apply([&](const PaneBlock& block) -> Status {
    // A block's boards are the first of all that the group has had.
    PartialBlock rows = block.partials;
    std::size_t kept = 0;
    for (PartialBlock::Row row : rows.rows) {
      const auto leaderboard = leaderboard_of.at(row.leaderboard);
      if (!leaderboard) continue;
      const WindowSpec& window = job_.leaderboards[raw(*leaderboard)].window;
      const PaneIndex pane{row.pane};
      // Dropped: the last window that holds it has settled.
      const PaneIndex last = window.panes_of(window.last_window_with(pane)).last;
      if (progress_.settled(window, last)) continue;
      if (Status s = book_.restore_pane(*leaderboard, pane); !s.ok()) return s;
      row.leaderboard = raw(*leaderboard);
      rows.rows[kept++] = row;
    }
    rows.rows.resize(kept);
    return heard(restore_block(rows, ids_, engine_, titles_));
  });
  if (!status.ok()) return status;
  std::vector<ResultRecord> known;
  if (Status s = heard(book_.restored(engine_, ids_, progress_, known)); !s.ok()) return s;
  boards_.update(known, progress_.job_watermark());
  if (log_knows_boards) boards_written_ = book_.board_states();
  refresh_gauges();
  return {};
}

Status EngineStage::take(BatchPtr batch) {
  Probe& probe = *parts_.probe;
  const std::int64_t begin_ns = parts_.clock->monotonic_ns();
  MARQUEE_CHECK(batch->generation == parts_.pool->generation());
  const WindowBook::Admitted admitted = book_.admit(*batch, progress_);
  probe.expired.fetch_add(admitted.expired, kRelaxed);
  probe.refused.fetch_add(admitted.refused, kRelaxed);
  ids_.resolve(*batch, engine_);
  titles_.see(*batch, ids_);
  note_letters(*batch);
  epoch_->verdicts += batch->verdicts;
  epoch_has_input_ = true;
  if (epoch_->oldest_read_ns == 0) epoch_->oldest_read_ns = batch->first_read_ns;
  progress_.consumed(*batch);
  probe.batches.fetch_add(1, kRelaxed);
  probe.messages_read.fetch_add(batch->messages.size(), kRelaxed);
  probe.bytes_read.fetch_add(batch->arena_used, kRelaxed);
  probe.events_aggregated.fetch_add(batch->event_count - batch->slot_events[0], kRelaxed);
  if (batch->event_count > 0) {
    if (Status s = heard(parts_.feed->submit(std::move(batch), engine_)); !s.ok()) return s;
    probe.aggregate.observe_ns(parts_.clock->monotonic_ns() - begin_ns);
  }
  return {};
}

void EngineStage::note_letters(const Batch& batch) {
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

void EngineStage::tick() {
  progress_.tick(parts_.clock->monotonic_ns());
  show_progress();
}

// The clock that spaces provisional results.
std::int64_t EngineStage::emit_clock_ms() const {
  if (options_.emission == Emission::kLive) return now_ms();
  // Without a watermark, or at the end of time, differences must still not overflow.
  return std::clamp(progress_.job_watermark(), -kEventTimeMsMax, 2 * kEventTimeMsMax);
}

bool EngineStage::has_news() const {
  return epoch_has_input_ || book_.due(progress_, emit_clock_ms());
}

bool EngineStage::epoch_due(bool committer_idle) const {
  const std::uint64_t rows = engine_.epoch_rows();
  if (rows >= options_.epoch_rows_max || epoch_letter_bytes_ >= kEpochLetterBytesMax) return true;
  // Panes that have settled make room, of panes, entries and ids, when the epoch ends.
  if (progress_.job_watermark() != ended_watermark_ && (book_.can_drop(progress_) || ids_.has_garbage()) &&
      (book_.open_panes() * 2 >= job_.budgets.open_panes || ids_.near_budget() ||
       (engine_.stats().entries + rows) * 4 >= job_.budgets.entries * 3)) {
    return true;
  }
  if (options_.emission == Emission::kSettled && options_.updates && book_.due(progress_, emit_clock_ms())) return true;
  if (now_ms() - epoch_begin_ms_ < options_.commit_every_ms) return false;
  if (!committer_idle) return false;  // one epoch in flight; this one goes on until it is full
  if (epoch_has_input_) return true;
  if (now_ms() - epoch_begin_ms_ >= kOffsetsAtLeastEveryMs) return true;
  return book_.due(progress_, emit_clock_ms());
}

Result<std::unique_ptr<Epoch>> EngineStage::end_epoch(bool last) {
  Probe& probe = *parts_.probe;
  Result<const Partials*> partials = engine_.end_epoch();
  if (!partials.ok()) return heard(partials.status());
  for (const PanePartials& pane : partials.value()->panes) {
    for (const PartialRow& row : pane.rows) {
      if (row.item == kRefusedItem) probe.refused.fetch_add(row.views, kRelaxed);
    }
  }
  epoch_->number = common_.epoch + 1;
  epoch_->last = last;
  titles_.fold(*partials.value());
  if (parts_.keeps_partials) epoch_->partials = to_block(*partials.value(), ids_, titles_, WhichTitles::kSeen);
  titles_.forget_seen();

  book_.touched(*partials.value(), progress_);
  const std::int64_t rank_begin_ns = parts_.clock->monotonic_ns();
  if (Status s = heard(book_.rank_due(engine_, ids_, progress_, emit_clock_ms(), epoch_->results)); !s.ok()) return s;
  probe.rank.observe_ns(parts_.clock->monotonic_ns() - rank_begin_ns);
  book_.drop_settled(engine_, progress_, epoch_->dropped);
  for (const auto& [board, pane] : epoch_->dropped) titles_.drop(board, pane);
  if (!epoch_->dropped.empty()) panes_dropped_since_collection_ = true;

  if (parts_.keeps_partials) {
    epoch_->boards = book_.board_states();
    if (const auto partition = parts_.writer->take_base_request()) {
      if (Status s = bring_base(*partition); !s.ok()) return s;
    }
    epoch_->writes_blocks = !epoch_->partials->rows.empty() || epoch_->base || epoch_->boards != boards_written_;
    boards_written_ = epoch_->boards;
  }
  common_.epoch = epoch_->number;
  if (epoch_->writes_blocks) common_.blocks = epoch_->number;
  epoch_->offsets = progress_.offsets(common_);
  if (options_.emission == Emission::kLive) {
    boards_.update(epoch_->results, progress_.job_watermark());
    epoch_->snapshot = boards_.snapshot(epoch_->number, progress_.job_watermark(), parts_.clock->wall_ms());
  }
  ended_watermark_ = progress_.job_watermark();
  epoch_letter_bytes_ = 0;
  epoch_has_input_ = false;
  epoch_begin_ms_ = now_ms();
  collect_ids();
  refresh_gauges();
  return std::exchange(epoch_, std::make_unique<Epoch>());
}

// The whole open state of a partition of the pane log, with what this epoch added and without what it dropped.
Status EngineStage::bring_base(std::uint32_t partition) {
  std::vector<std::vector<std::uint8_t>> wanted(job_.leaderboards.size());
  for (std::uint32_t l = 0; l < wanted.size(); ++l) {
    const LeaderboardIndex board{l};
    wanted[l].assign(ids_.group_id_bound(board), 0);
    wanted[l][raw(kRefusedGroup)] = partition == 0 ? 1 : 0;
    for (std::uint32_t g = 1; g < wanted[l].size(); ++g) {
      if (!ids_.group_live(board, GroupId{g})) continue;
      wanted[l][g] = pane_log_partition(job_.leaderboards[l].name, ids_.group_key(board, GroupId{g}),
                                        parts_.log_partitions) == partition
                         ? 1
                         : 0;
    }
  }
  const Result<const Partials*> state = engine_.state(wanted);
  if (!state.ok()) return heard(state.status());
  epoch_->base = PaneBase{partition, std::move(*to_block(*state.value(), ids_, titles_, WhichTitles::kKnown))};
  return {};
}

void EngineStage::collect_ids() {
  if (panes_dropped_since_collection_ && ids_.collection_due()) {
    ids_.collect(engine_);
    panes_dropped_since_collection_ = false;
  }
  if (ids_.has_garbage()) {
    parts_.pool->raise_era();
    ids_.reclaim(parts_.pool->oldest_era() - 1, committed_, engine_);
  }
  ids_.set_now(parts_.pool->era(), common_.epoch + 1);
}

void EngineStage::refresh_gauges() {
  Probe& probe = *parts_.probe;
  const EngineStats stats = engine_.stats();
  probe.entries.store(static_cast<std::int64_t>(stats.entries), kRelaxed);
  probe.engine_bytes.store(static_cast<std::int64_t>(stats.memory_bytes), kRelaxed);
  probe.open_panes.store(static_cast<std::int64_t>(book_.open_panes()), kRelaxed);
  probe.items_live.store(ids_.items().live_count(), kRelaxed);
  probe.combinations_live.store(ids_.combinations().live_count(), kRelaxed);
  probe.groups_live.store(static_cast<std::int64_t>(ids_.groups_live()), kRelaxed);
  probe.title_bytes.store(static_cast<std::int64_t>(titles_.memory_bytes()), kRelaxed);
  probe.titles_refused.fetch_add(titles_.take_refused(), kRelaxed);
  probe.dictionary_bytes.store(static_cast<std::int64_t>(ids_.memory_bytes()), kRelaxed);
  probe.batches_free.store(static_cast<std::int64_t>(parts_.pool->free_count()), kRelaxed);
  probe.batches_in_pool.store(static_cast<std::int64_t>(parts_.pool->size()), kRelaxed);
  probe.partitions.store(static_cast<std::int64_t>(progress_.partition_count()), kRelaxed);
  show_progress();
}

// Time alone moves it, between two epochs too, the next of which may be an hour off.
void EngineStage::show_progress() {
  Probe& probe = *parts_.probe;
  probe.partitions_idle.store(static_cast<std::int64_t>(progress_.idle_count()), kRelaxed);
  progress_.for_each_partition([&](std::size_t partition, EventTimeMs watermark, bool idle) {
    probe.by_partition.set_watermark(partition, watermark != kNoTime, watermark, idle);
  });
  if (progress_.job_watermark() != kNoTime) {
    probe.watermark_ms.store(progress_.job_watermark(), kRelaxed);
    probe.watermark_known.store(true, kRelaxed);
  }
}

}  // namespace marquee
