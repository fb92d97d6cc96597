// GpuEngine: from start to the tables of a batch's panes.
#pragma once

#include "kernels/gpu_engine.cuh"

namespace marquee::gpu {

inline Status GpuEngine::open() {
  const auto boards = static_cast<std::uint32_t>(job_.leaderboards.size());
  combinations_max_ = job_.budgets.combinations + 1;
  items_max_ = job_.budgets.items + 1;
  groups_max_ = job_.budgets.groups + 1;
  boards_.resize(boards);
  for (std::size_t b = 0; b < boards; ++b) {
    boards_[b].measure = job_.leaderboards[b].measure;
    boards_[b].top = job_.leaderboards[b].top;
  }

  const std::size_t staging_bytes = this->staging_bytes();
  const std::size_t exchange_bytes =
      aligned(std::max({options_.fold_rows_max * sizeof(PartialRow), std::size_t{items_max_} / 8 + 64, kListsMin}));
  const std::size_t arena_bytes =
      options_.arena_bytes != 0 ? options_.arena_bytes : arena_bytes_for(job_.budgets, config_.epoch_rows_max);
  const std::size_t tables_max = std::size_t{job_.budgets.open_panes} + 2 * boards;
  const std::size_t maps_bytes = std::size_t{boards} * combinations_max_ * 4;
  const std::size_t words_bytes = std::size_t{items_max_} * 8 * tuning::kTextWords;
  const std::size_t floors_bytes = std::size_t{boards} * groups_max_ * 8;
  const std::size_t live_items_bytes = (std::size_t{items_max_} + 31) / 32 * 4;
  const std::size_t live_groups_bytes = std::size_t{boards} * group_words() * 4;
  fixed_bytes_ = Flights::device_bytes(config_.batch_events_max, staging_bytes) + exchange_bytes + maps_bytes +
                 words_bytes + floors_bytes + live_items_bytes + live_groups_bytes + Ranker::device_bytes(groups_max_) +
                 options_.fold_rows_max * (sizeof(PartialRow) + 4) +
                 tables_max * (sizeof(TableCounts) + sizeof(TableRef)) + sizeof(FoldCounts);
  if (fixed_bytes_ + arena_bytes > gpu_.device.memory_free()) {
    return {Code::kUnavailable,
            "the GPU has " + std::to_string(gpu_.device.memory_free() >> 20) + " MiB free and these limits need " +
                std::to_string((fixed_bytes_ + arena_bytes) >> 20) +
                " MiB (src/kernels/README.md has the formula); lower limits.entries or limits.items"};
  }

  if (Status s = gpu_.open(); !s.ok()) return s;
  for (const std::span<std::byte> columns : config_.batch_columns) {
    if (Status s = gpu_.device.pin(columns.data(), columns.size()); !s.ok()) return s;
    pinned_.push_back(columns.data());
  }
  if (Status s = tables_.open(gpu_, static_cast<std::uint32_t>(tables_max), arena_bytes); !s.ok()) return s;
  if (Status s = flights_.open(gpu_, tables_, config_.batch_events_max, staging_bytes); !s.ok()) return s;
  if (Status s = exchange_.open(gpu_, exchange_bytes); !s.ok()) return s;
  if (Status s = ranker_.open(gpu_, tables_, exchange_, *config_.texts, groups_max_); !s.ok()) return s;
  const std::pair<DeviceMemory*, std::size_t> memories[] = {{&group_of_, maps_bytes},
                                                            {&words_, words_bytes},
                                                            {&floors_, floors_bytes},
                                                            {&fold_counts_, sizeof(FoldCounts)},
                                                            {&live_items_, live_items_bytes},
                                                            {&live_groups_, live_groups_bytes},
                                                            {&fold_run_of_, options_.fold_rows_max * 4},
                                                            {&fold_rows_, options_.fold_rows_max * sizeof(PartialRow)}};
  for (const auto& [memory, bytes] : memories) {
    if (Status s = gpu_.device.allocate(*memory, bytes); !s.ok()) return s;
  }
  if (Status s = gpu_.device.allocate(fold_counts_read_, sizeof(FoldCounts)); !s.ok()) return s;
  // Combination 0 is refused everywhere; so is any that nobody has mapped.
  if (Status s = gpu_.device.zero(gpu_.compute, group_of_.data(), group_of_.size()); !s.ok()) return s;
  return gpu_.sync();
}

inline GpuEngine::~GpuEngine() {
  // What is under way still reads batches: those must not go home, or be unpinned, before it is over. A lost device's
  // copies are not waited for: its batches are home already, and the memory stays.
  if (lost_.ok() && keep(gpu_.sync()).ok()) (void)keep(flights_.arrive());
  flights_.abandon();
  for (std::byte* const columns : pinned_) {
    if (lost_.ok()) (void)keep(gpu_.device.unpin(columns));
  }
  if (!lost_.ok()) gpu_.device.leave();
}

// --- What the kernels must know -------------------------------------------------------------------------------------

inline void GpuEngine::map_combination(CombinationId combination, std::span<const GroupId> groups) {
  MARQUEE_CHECK(groups.size() == boards_.size() && raw(combination) < combinations_max_);
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    MARQUEE_CHECK(raw(groups[b]) < groups_max_);
    boards_[b].group_bound = std::max(boards_[b].group_bound, raw(groups[b]) + 1);
    group_updates_.push_back({static_cast<std::uint32_t>(b * combinations_max_ + raw(combination)), raw(groups[b])});
  }
}

inline void GpuEngine::name_item(ItemId item, std::string_view text) {
  MARQUEE_CHECK(raw(item) < items_max_);
  TextUpdate update{};
  update.item = raw(item);
  for (unsigned w = 0; w < tuning::kTextWords && w * 8 < text.size(); ++w) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + w * 8, std::min<std::size_t>(8, text.size() - w * 8));
    update.words[w] = __builtin_bswap64(bytes);
  }
  text_updates_.push_back(update);
}

inline Status GpuEngine::launch(const Updates::Args& updates) {
  const std::uint32_t most = std::max({updates.group_count, updates.text_count, updates.table_count});
  return gpu_.device.launch<Updates>(gpu_.compute, {gpu_.blocks_for(most, Updates::kThreads), 1}, updates);
}

// Everything that has gathered, by way of the exchange, piece by piece. Waits.
inline Status GpuEngine::send_updates() {
  std::size_t group = 0;
  std::size_t text = 0;
  while (group < group_updates_.size() || text < text_updates_.size() || !tables_.changed().empty()) {
    Updates::Args args = updates_to();
    std::size_t at = 0;
    // A table is never among more changes than fit: there are fewer tables than the exchange has room for.
    put_tables(exchange_, at, args);
    put(exchange_, at, exchange_.size(), group_updates_, group, args.groups, args.group_count);
    put(exchange_, at, exchange_.size(), text_updates_, text, args.texts, args.text_count);
    if (Status s = exchange_.send(gpu_, at); !s.ok()) return s;
    if (Status s = launch(args); !s.ok()) return s;
    if (Status s = gpu_.sync(); !s.ok()) return s;
  }
  group_updates_.clear();
  text_updates_.clear();
  return {};
}

// As much of list[from …) as there is room for at `at` of the staging; both go on behind it.
template <class T>
void GpuEngine::put(const Exchange& staging, std::size_t& at, std::size_t end, const std::vector<T>& list,
                    std::size_t& from, const T*& on_device, std::uint32_t& count) {
  at = (at + 15) / 16 * 16;
  const std::size_t room = at < end ? (end - at) / sizeof(T) : 0;
  const std::size_t n = std::min(room, list.size() - from);
  std::copy_n(list.data() + from, n, staging.host<T>(at));
  on_device = staging.on_device<T>(at);
  count = static_cast<std::uint32_t>(n);
  from += n;
  at += n * sizeof(T);
}

inline void GpuEngine::put_tables(const Exchange& staging, std::size_t& at, Updates::Args& args) {
  at = (at + 15) / 16 * 16;
  TableRef* out = staging.host<TableRef>(at);
  args.tables = staging.on_device<TableRef>(at);
  args.table_count = static_cast<std::uint32_t>(tables_.changed().size());
  for (const std::uint32_t number : tables_.changed()) *out++ = tables_.by_number(number)->ref;
  at += args.table_count * sizeof(TableRef);
  tables_.changed().clear();
}

// --- A batch --------------------------------------------------------------------------------------------------------

inline Status GpuEngine::pane_of(std::size_t board, PaneIndex index, std::uint64_t events, Pane*& out) {
  Pane& pane = boards_[board].panes[index];
  const auto make_room = [&] {
    return pane.table == nullptr ? tables_.create(events, pane.table) : tables_.ensure_room(*pane.table, events);
  };
  if (Status s = with_room(make_room); !s.ok()) return s;
  pane.table->promised = events;
  batch_panes_.push_back({board, index, &pane});
  touch(batch_panes_.back());
  out = &pane;
  return {};
}

inline void GpuEngine::touch(const Touched& pane) {
  if (pane.pane->touched) return;
  pane.pane->touched = true;
  touched_.push_back(pane);
}

// Tables for every slot, with room; what each gets.
inline Status GpuEngine::prepare(const Batch& batch) {
  const std::size_t boards = boards_.size();
  sent_.clear();
  batch_panes_.clear();
  table_of_.assign(std::size_t{batch.slot_count()} * boards, kNoTable);
  for (std::size_t b = 0; b < boards; ++b) {
    // Slots of the same pane (they differ in other leaderboards) share its table: what they bring is added up first.
    arriving_.clear();
    for (std::uint32_t slot = 1; slot < batch.slot_count(); ++slot) {
      const PaneIndex index = batch.pane(slot, LeaderboardIndex{static_cast<std::uint32_t>(b)});
      if (index != kNoPane && batch.slot_events[slot] > 0) arriving_.push_back({index, slot, batch.slot_events[slot]});
    }
    std::sort(arriving_.begin(), arriving_.end(), [](const auto& x, const auto& y) { return x.pane < y.pane; });
    for (std::size_t i = 0; i < arriving_.size();) {
      std::uint64_t events = 0;
      std::size_t end = i;
      for (; end < arriving_.size() && arriving_[end].pane == arriving_[i].pane; ++end) events += arriving_[end].events;
      Pane* pane = nullptr;
      if (Status s = pane_of(b, arriving_[i].pane, events, pane); !s.ok()) return s;
      for (; i < end; ++i) table_of_[arriving_[i].slot * boards + b] = pane->table->ref.number;
      sent_.push_back({pane->table->ref.number, pane->table->serial, events});
      epoch_rows_ += events;
    }
  }
  return {};
}

// How far the batch's events may be aggregated before the next fold, so that no delta overflows: pieces_ gets the ends.
// One piece, but for watch times so long that a single batch could do it.
inline void GpuEngine::cut_pieces(const Batch& batch) {
  const std::uint32_t* const column = batch.watch_ms();
  piece_watch_ms_ = 0;
  for (std::uint32_t i = 0; i < batch.event_count; ++i) piece_watch_ms_ += column[i];
  pieces_.clear();
  if (piece_watch_ms_ >= kUnfoldedWatchEnd) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < batch.event_count; ++i) {
      if (sum + column[i] >= kUnfoldedWatchEnd) {
        pieces_.push_back(i);
        sum = 0;
      }
      sum += column[i];
    }
    piece_watch_ms_ = kUnfoldedWatchEnd - 1;  // each of them, at most
  }
  pieces_.push_back(batch.event_count);
}

inline Status GpuEngine::submitted(BatchPtr batch) {
  if (!lost_.ok()) return lost_;
  MARQUEE_CHECK(batch->leaderboard_count() == boards_.size() && batch->event_count <= config_.batch_events_max);
  if (batch->event_count == 0) return {};
  cut_pieces(*batch);
  if (unfolded_events_ + batch->event_count >= kUnfoldedEventsEnd ||
      unfolded_watch_ms_ + piece_watch_ms_ >= kUnfoldedWatchEnd) {
    if (Status s = fold(); !s.ok()) return s;
  }
  // Whatever may wait for the device comes before the flight is filled.
  if (Status s = flights_.poll(); !s.ok()) return s;
  if (Status s = prepare(*batch); !s.ok()) return s;
  const std::size_t updates_bytes = tables_.changed().size() * sizeof(TableRef) +
                                    group_updates_.size() * sizeof(GroupUpdate) +
                                    text_updates_.size() * sizeof(TextUpdate) + 64;
  if (table_of_.size() * 4 + updates_bytes > staging_bytes()) {
    if (Status s = send_updates(); !s.ok()) return s;
  }
  Flight* flight = nullptr;
  if (Status s = flights_.next(flight); !s.ok()) return s;

  std::size_t at = 0;
  std::size_t from = 0;
  std::uint32_t count;
  put(flight->with, at, staging_bytes(), table_of_, from, flight->table_of, count);
  Updates::Args updates = updates_to();
  put_tables(flight->with, at, updates);
  from = 0;
  put(flight->with, at, staging_bytes(), group_updates_, from, updates.groups, updates.group_count);
  from = 0;
  put(flight->with, at, staging_bytes(), text_updates_, from, updates.texts, updates.text_count);
  group_updates_.clear();
  text_updates_.clear();
  flight->events = batch->event_count;
  flight->sent = sent_;
  flight->reads_counts = false;
  for (const Sent& sent : sent_) {
    Table& table = *tables_.by_number(sent.number);
    table.pending += sent.events;
    table.promised = 0;
    if (table.bound() * 2 > table.keys_max()) flight->reads_counts = true;
  }

  if (Status s = flights_.depart(*flight, std::move(batch), at); !s.ok()) return s;
  if (updates.group_count + updates.text_count + updates.table_count > 0) {
    if (Status s = launch(updates); !s.ok()) return s;
  }
  std::uint32_t begin = 0;
  for (const std::uint32_t end : pieces_) {
    if (begin > 0) {
      if (Status s = fold(); !s.ok()) return s;
      for (const Touched& pane : batch_panes_) touch(pane);
      for (const Sent& sent : flight->sent) {  // the fold may have left tables no larger than what they hold
        Table& table = *tables_.by_number(sent.number);
        if (Status s = with_room([&] { return tables_.ensure_room(table, sent.events); }); !s.ok()) return s;
        table.pending += sent.events;
      }
      if (Status s = send_updates(); !s.ok()) return s;
    }
    if (Status s = aggregate(*flight, begin, end); !s.ok()) return s;
    unfolded_events_ += end - begin;
    unfolded_watch_ms_ += piece_watch_ms_;
    begin = end;
  }
  if (Status s = flights_.land(*flight); !s.ok()) return s;
  return flights_.hold_at_most(kEngineBatchesHeldMax);
}

inline Status GpuEngine::aggregate(const Flight& flight, std::uint32_t begin, std::uint32_t end) {
  Aggregate::Args args{};
  args.item = flights_.column(flight, 0);
  args.combination = flights_.column(flight, 1);
  args.slot = flights_.column(flight, 2);
  args.watch_ms = flights_.column(flight, 3);
  args.begin = begin;
  args.end = end;
  args.table_of = flight.table_of;
  args.leaderboards = static_cast<std::uint32_t>(boards_.size());
  args.group_of = group_of_data();
  args.combinations = combinations_max_;
  args.tables = tables_.list();
  args.counts = tables_.counts();
  const Grid grid{gpu_.blocks_for(end - begin, Aggregate::kThreads, tuning::kBlocksPerMultiprocessor),
                  args.leaderboards};
  return gpu_.device.launch<Aggregate>(gpu_.compute, grid, args);
}

}  // namespace marquee::gpu
