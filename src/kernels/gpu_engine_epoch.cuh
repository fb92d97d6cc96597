// GpuEngine: the end of an epoch, restoring, panes that go, and what is there.
#pragma once

#include "kernels/gpu_engine.cuh"

namespace marquee::gpu {

// --- Folding --------------------------------------------------------------------------------------------------------

// Adds all that was aggregated to the rows of the tables and to partials_. Waits for the device.
inline Status GpuEngine::fold() {
  if (touched_.empty()) return {};
  begin_partials();
  ++folds_;
  unfolded_events_ = 0;
  unfolded_watch_ms_ = 0;
  // The room for new items, before anything gets a row.
  if (Status s = tables_.read_counts(); !s.ok()) return s;
  if (Status s = flights_.poll(); !s.ok()) return s;
  std::uint64_t items_before = 0;
  std::uint64_t new_keys = 0;
  for (const Touched& t : touched_) {
    items_before += t.pane->table->items;
    new_keys += t.pane->table->keys - t.pane->table->rows;
  }
  if (Status s = gpu_.device.zero(gpu_.compute, fold_counts_.data(), sizeof(FoldCounts)); !s.ok()) return s;
  if (entries_ + new_keys > job_.budgets.entries) {
    if (Status s = refuse(); !s.ok()) return s;
  }
  // Runs of slots, as many at a time as the lists have room for.
  std::vector<SlotRun> runs;
  std::vector<std::size_t> owners;  // [run]: into touched_
  std::size_t slots = 0;
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    const TableRef& table = touched_[i].pane->table->ref;
    for (std::size_t first = 0; first < table.slot_count();) {
      const std::size_t n = std::min(table.slot_count() - first, options_.fold_rows_max - slots);
      runs.push_back({table, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(first + n)});
      owners.push_back(i);
      slots += n;
      first += n;
      if (slots < options_.fold_rows_max && runs.size() < runs_max()) continue;
      if (Status s = fold_runs(runs, owners); !s.ok()) return s;
      runs.clear();
      owners.clear();
      slots = 0;
    }
  }
  if (Status s = fold_runs(runs, owners); !s.ok()) return s;

  if (Status s = tables_.read_counts(); !s.ok()) return s;
  std::uint64_t items_after = 0;
  for (const Touched& t : touched_) items_after += t.pane->table->items;
  entries_ += items_after - items_before;
  for (const Touched& t : touched_) {
    if (Status s = tables_.compact(*t.pane->table); !s.ok()) return s;
    t.pane->touched = false;
  }
  touched_.clear();
  return {};
}

// Where the budget may not hold: what is beyond it goes to the marks of its groups.
inline Status GpuEngine::refuse() {
  std::size_t n = 0;
  for (const Touched& t : touched_) {
    // A mark for every group of a refused key, at the most.
    Table& table = *t.pane->table;
    if (Status s = tables_.ensure_slots(table, 2 * std::uint64_t{table.keys} - table.rows); !s.ok()) return s;
  }
  const auto flush = [&]() -> Status {
    if (n == 0) return {};
    if (Status s = exchange_.send(gpu_, n * sizeof(SlotRun)); !s.ok()) return s;
    auto* const counts = reinterpret_cast<FoldCounts*>(fold_counts_.data());
    const std::uint64_t room = job_.budgets.entries > entries_ ? job_.budgets.entries - entries_ : 0;
    Refuse::Args args{exchange_.on_device<SlotRun>(), tables_.counts(), &counts->used,
                      static_cast<std::uint32_t>(std::min<std::uint64_t>(room, 0xffffffffu)), &counts->refused};
    if (Status s = gpu_.device.launch<Refuse>(gpu_.compute, grid_over(exchange_.host<SlotRun>(), n), args); !s.ok())
      return s;
    n = 0;
    return gpu_.sync();
  };
  for (const Touched& t : touched_) {
    const TableRef& table = t.pane->table->ref;
    exchange_.host<SlotRun>()[n++] = {table, 0, static_cast<std::uint32_t>(table.slot_count())};
    if (n == runs_max()) {
      if (Status s = flush(); !s.ok()) return s;
    }
  }
  return flush();
}

// Rows of a grid are runs; as many blocks each as the longest can use, but all together no more than fill the device.
inline Grid GpuEngine::grid_over(const SlotRun* runs, std::size_t count) const {
  std::uint64_t longest = 0;
  for (std::size_t i = 0; i < count; ++i) longest = std::max<std::uint64_t>(longest, runs[i].last - runs[i].first);
  const unsigned blocks = gpu_.blocks_for(longest, tuning::kWalkThreads);
  const unsigned share = std::max(1u, gpu_.device.multiprocessors() * 8 / static_cast<unsigned>(count));
  return {std::min(blocks, share), static_cast<unsigned>(count)};
}

inline Status GpuEngine::fold_runs(std::span<const SlotRun> runs, std::span<const std::size_t> owners) {
  if (runs.empty()) return {};
  std::copy(runs.begin(), runs.end(), exchange_.host<SlotRun>());
  if (Status s = exchange_.send(gpu_, runs.size_bytes()); !s.ok()) return s;
  auto* const counts = reinterpret_cast<FoldCounts*>(fold_counts_.data());
  auto* const rows = reinterpret_cast<PartialRow*>(fold_rows_.data());
  auto* const run_of = reinterpret_cast<std::uint32_t*>(fold_run_of_.data());
  if (Status s = gpu_.device.zero(gpu_.compute, &counts->rows, sizeof(counts->rows)); !s.ok()) return s;
  if (Status s =
          gpu_.device.launch<Fold>(gpu_.compute, grid_over(runs.data(), runs.size()),
                                   {exchange_.on_device<SlotRun>(), tables_.counts(), &counts->rows, rows, run_of});
      !s.ok()) {
    return s;
  }
  if (Status s = gpu_.device.copy(gpu_.compute, fold_counts_read_.data(), counts, sizeof(FoldCounts)); !s.ok())
    return s;
  if (Status s = gpu_.sync(); !s.ok()) return s;
  const FoldCounts read = *reinterpret_cast<const FoldCounts*>(fold_counts_read_.data());
  if (read.refused > 0) {
    partials_.refused_events += read.refused;
    if (Status s = gpu_.device.zero(gpu_.compute, &counts->refused, sizeof(counts->refused)); !s.ok()) return s;
  }
  if (read.rows == 0) return {};
  if (Status s = add_to_sums(owners, read.rows); !s.ok()) return s;

  // Which run each row is of, then the rows; both by the exchange, as much as it holds.
  const std::size_t chunk = std::min(exchange_.capacity<PartialRow>(), options_.fold_rows_max);  // see refuse_rows()
  run_of_read_.resize(read.rows);
  for (std::size_t at = 0; at < read.rows; at += exchange_.capacity<std::uint32_t>()) {
    const std::size_t n = std::min<std::size_t>(read.rows - at, exchange_.capacity<std::uint32_t>());
    if (Status s = gpu_.device.copy(gpu_.compute, exchange_.host<std::uint32_t>(), run_of + at, n * 4); !s.ok())
      return s;
    if (Status s = gpu_.sync(); !s.ok()) return s;
    std::copy_n(exchange_.host<std::uint32_t>(), n, run_of_read_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  for (std::size_t at = 0; at < read.rows; at += chunk) {
    const std::size_t n = std::min<std::size_t>(read.rows - at, chunk);
    if (Status s = gpu_.device.copy(gpu_.compute, exchange_.host<PartialRow>(), rows + at, n * sizeof(PartialRow));
        !s.ok()) {
      return s;
    }
    if (Status s = gpu_.sync(); !s.ok()) return s;
    const PartialRow* const read_rows = exchange_.host<PartialRow>();
    for (std::size_t i = 0; i < n; ++i) {
      partials_of(touched_[owners[run_of_read_[at + i]]]).rows.push_back(read_rows[i]);
    }
  }
  return {};
}

// This epoch's partials of a pane.
inline PanePartials& GpuEngine::partials_of(const Touched& touched) {
  if (!touched.pane->partials) {
    touched.pane->partials = partials_.panes.size();
    PanePartials& pane = partials_.panes.emplace_back();
    pane.leaderboard = LeaderboardIndex{static_cast<std::uint32_t>(touched.board)};
    pane.pane = touched.index;
    if (!spare_rows_.empty()) {
      pane.rows = std::move(spare_rows_.back());
      spare_rows_.pop_back();
    }
    with_partials_.push_back({touched.board, touched.index});
  }
  return partials_.panes[*touched.pane->partials];
}

// The rows just folded into the sums that hold their panes.
inline Status GpuEngine::add_to_sums(std::span<const std::size_t> owners, std::uint32_t rows) {
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    Sum& sum = boards_[b].sum;
    if (sum.table == nullptr) continue;
    auto* const targets = exchange_.host<std::uint32_t>();
    bool any = false;
    for (std::size_t run = 0; run < owners.size(); ++run) {
      const Touched& t = touched_[owners[run]];
      const bool within = t.board == b && contains(sum.panes, t.index);
      targets[run] = within ? sum.table->ref.number : kNoTable;
      any |= within;
    }
    if (!any) continue;
    if (Status s = tables_.ensure_room(*sum.table, rows); !s.ok()) {
      if (!tables_.ran_out()) return s;
      drop_sum(boards_[b]);  // it can be made again from its panes
      continue;
    }
    if (Status s = exchange_.send(gpu_, owners.size() * 4); !s.ok()) return s;
    const ListRows list{reinterpret_cast<const PartialRow*>(fold_rows_.data()),
                        reinterpret_cast<const std::uint32_t*>(fold_run_of_.data()),
                        exchange_.on_device<std::uint32_t>(), sum.table->ref.number, rows};
    if (Status s = tables_.add(*sum.table, list, rows); !s.ok()) return s;
    if (Status s = gpu_.sync(); !s.ok()) return s;
  }
  return {};
}

// The last epoch's partials are over as soon as there is anything of this one.
inline void GpuEngine::begin_partials() {
  if (folds_ > 0) return;
  for (PanePartials& pane : partials_.panes) {
    pane.rows.clear();
    spare_rows_.push_back(std::move(pane.rows));
  }
  partials_.panes.clear();
  partials_.refused_events = 0;
}

inline Result<const Partials*> GpuEngine::end_epoch() {
  begin_partials();
  state_ = Partials();
  const auto end = [this]() -> Status {
    if (!group_updates_.empty() || !text_updates_.empty()) {
      if (Status s = send_updates(); !s.ok()) return s;
    }
    if (Status s = fold(); !s.ok()) return s;
    return settled();
  };
  if (Status s = keep(lost_.ok() ? end() : lost_); !s.ok()) return s;
  if (folds_ > 1) compact_partials();
  for (const auto& [board, index] : with_partials_) {
    const auto pane = boards_[board].panes.find(index);
    if (pane != boards_[board].panes.end()) pane->second.partials.reset();
  }
  with_partials_.clear();
  folds_ = 0;
  epoch_rows_ = 0;
  return &partials_;
}

// After more than one fold: each entry once.
inline void GpuEngine::compact_partials() {
  for (PanePartials& pane : partials_.panes) {
    const auto key = [](const PartialRow& row) { return entry_key(row.group, row.item); };
    std::sort(pane.rows.begin(), pane.rows.end(),
              [&](const PartialRow& a, const PartialRow& b) { return key(a) < key(b); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pane.rows.size(); ++i) {
      if (kept > 0 && key(pane.rows[kept - 1]) == key(pane.rows[i])) {
        pane.rows[kept - 1].views += pane.rows[i].views;
        pane.rows[kept - 1].watch_ms += pane.rows[i].watch_ms;
      } else {
        pane.rows[kept++] = pane.rows[i];
      }
    }
    pane.rows.resize(kept);
  }
}

// --- Restoring ------------------------------------------------------------------------------------------------------

inline Status GpuEngine::restored(const PanePartials& partials) {
  if (!lost_.ok()) return lost_;
  MARQUEE_CHECK(raw(partials.leaderboard) < boards_.size() && partials.pane != kNoPane);
  Board& board = boards_[raw(partials.leaderboard)];
  Pane& pane = board.panes[partials.pane];
  if (pane.table == nullptr) {
    if (Status s = with_room([&] { return tables_.create(partials.rows.size(), pane.table); }); !s.ok()) return s;
  }
  // A sum over this pane is made again when it is asked for.
  if (board.sum.table != nullptr && contains(board.sum.panes, partials.pane)) drop_sum(board);
  std::vector<PartialRow> rows;
  const std::size_t chunk = std::min(exchange_.capacity<PartialRow>(), options_.fold_rows_max);  // see refuse_rows()
  for (std::size_t i = 0; i < partials.rows.size(); ++i) {
    PartialRow row = partials.rows[i];
    if (row.views != 0) {
      if (row.group == kRefusedGroup) row.item = kRefusedItem;
      board.group_bound = std::max(board.group_bound, raw(row.group) + 1);
      rows.push_back(row);
    }
    if (rows.size() < chunk && i + 1 < partials.rows.size()) continue;
    if (Status s = restore_rows(*pane.table, rows); !s.ok()) return s;
    rows.clear();
  }
  return {};
}

inline Status GpuEngine::restore_rows(Table& table, std::vector<PartialRow>& rows) {
  if (rows.empty()) return {};
  const std::uint32_t items_before = table.items;
  if (Status s = with_room([&] { return tables_.ensure_room(table, rows.size()); }); !s.ok()) return s;
  if (entries_ + rows.size() > job_.budgets.entries) {
    if (Status s = refuse_rows(table, rows); !s.ok()) return s;
  }
  std::copy(rows.begin(), rows.end(), exchange_.host<PartialRow>());
  if (Status s = exchange_.send(gpu_, rows.size() * sizeof(PartialRow)); !s.ok()) return s;
  const ListRows list{exchange_.on_device<PartialRow>(), nullptr, nullptr, table.ref.number,
                      static_cast<std::uint32_t>(rows.size())};
  if (Status s = tables_.add(table, list, rows.size()); !s.ok()) return s;
  if (Status s = tables_.read_counts(); !s.ok()) return s;
  entries_ += table.items - items_before;
  return {};
}

// Close to the entries budget: rows of new items beyond it become their groups' marks.
inline Status GpuEngine::refuse_rows(const Table& table, std::vector<PartialRow>& rows) {
  // The answers take the lists' place in the exchange's memory: a row has more bytes than they.
  std::copy(rows.begin(), rows.end(), exchange_.host<PartialRow>());
  if (Status s = exchange_.send(gpu_, rows.size() * sizeof(PartialRow)); !s.ok()) return s;
  auto* const known = reinterpret_cast<std::uint32_t*>(fold_run_of_.data());
  const auto n = static_cast<std::uint32_t>(rows.size());
  MARQUEE_CHECK(n <= options_.fold_rows_max);
  if (Status s = gpu_.device.launch<Known>(gpu_.compute, {gpu_.blocks_for(n, Known::kThreads), 1},
                                           {exchange_.on_device<PartialRow>(), n, table.ref, known});
      !s.ok()) {
    return s;
  }
  if (Status s = gpu_.device.copy(gpu_.compute, exchange_.host<std::uint32_t>(), known, std::size_t{n} * 4); !s.ok())
    return s;
  if (Status s = gpu_.sync(); !s.ok()) return s;
  std::uint64_t room = job_.budgets.entries > entries_ ? job_.budgets.entries - entries_ : 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (exchange_.host<std::uint32_t>()[i] != 0 || rows[i].item == kRefusedItem) continue;
    if (room > 0) {
      --room;
    } else {
      rows[i].item = kRefusedItem;  // a mark may come more than once: they are added up
    }
  }
  return {};
}

// --- Panes ----------------------------------------------------------------------------------------------------------

inline Status GpuEngine::dropped(LeaderboardIndex leaderboard, PaneIndex index) {
  if (!lost_.ok()) return lost_;
  Board& board = boards_[raw(leaderboard)];
  const auto found = board.panes.find(index);
  if (found == board.panes.end()) return {};
  Pane& pane = found->second;
  if (board.floor_panes && contains(*board.floor_panes, index)) board.floor_panes.reset();
  if (board.sum.table != nullptr && contains(board.sum.panes, index)) {
    if (Status s = tables_.subtract(*board.sum.table, *pane.table); !s.ok()) return s;
  }
  if (pane.touched) std::erase_if(touched_, [&pane](const Touched& t) { return t.pane == &pane; });
  entries_ -= pane.table->items;
  tables_.destroy(pane.table);
  board.panes.erase(found);
  return {};
}

inline void GpuEngine::drop_sum(Board& board) {
  if (board.sum.table != nullptr) tables_.destroy(board.sum.table);
  board.sum = Sum();
}

inline Status GpuEngine::cleared() {
  if (!lost_.ok()) return lost_;
  if (Status s = settled(); !s.ok()) return s;
  for (Board& board : boards_) {
    board.panes.clear();
    board.sum = Sum();
    board.hot_seen = false;
    board.floor_panes.reset();
    board.group_bound = 1;
  }
  tables_.destroy_all();
  touched_.clear();
  with_partials_.clear();
  partials_ = Partials();
  state_ = Partials();
  group_updates_.clear();
  text_updates_.clear();
  entries_ = 0;
  epoch_rows_ = 0;
  unfolded_events_ = 0;
  unfolded_watch_ms_ = 0;
  folds_ = 0;
  return gpu_.device.zero(gpu_.compute, group_of_.data(), group_of_.size());
}

// --- What it holds --------------------------------------------------------------------------------------------------

inline Result<const Partials*> GpuEngine::state(const std::vector<std::vector<std::uint8_t>>& wanted) {
  if (Status s = keep(lost_.ok() ? list_state(wanted) : lost_); !s.ok()) return s;
  return &state_;
}

inline Status GpuEngine::list_state(const std::vector<std::vector<std::uint8_t>>& wanted) {
  MARQUEE_CHECK(touched_.empty() && wanted.size() == boards_.size());
  state_ = Partials();
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    for (const auto& [index, pane] : boards_[b].panes) {
      PanePartials out;
      out.leaderboard = LeaderboardIndex{static_cast<std::uint32_t>(b)};
      out.pane = index;
      if (Status s = list_rows(*pane.table, wanted[b], out.rows); !s.ok()) return s;
      if (!out.rows.empty()) state_.panes.push_back(std::move(out));
    }
  }
  return {};
}

// The table's rows of the groups that are wanted. They cross column by column, as many at a time as the exchange holds.
inline Status GpuEngine::list_rows(const Table& table, const std::vector<std::uint8_t>& groups,
                                   std::vector<PartialRow>& out) const {
  const std::size_t chunk = exchange_.capacity<std::uint64_t>() / 3;
  std::uint64_t* const keys = exchange_.host<std::uint64_t>();
  std::uint64_t* const views = keys + chunk;
  std::uint64_t* const watch_ms = views + chunk;
  for (std::size_t at = 0; at < table.rows; at += chunk) {
    const std::size_t n = std::min(table.rows - at, chunk);
    const std::pair<std::uint64_t*, const std::uint64_t*> columns[] = {
        {keys, table.ref.row_key()}, {views, table.ref.row_views()}, {watch_ms, table.ref.row_watch_ms()}};
    for (const auto& [to, from] : columns) {
      if (Status s = gpu_.device.copy(gpu_.compute, to, from + at, n * sizeof(*from)); !s.ok()) return s;
    }
    if (Status s = gpu_.sync(); !s.ok()) return s;
    for (std::size_t i = 0; i < n; ++i) {
      const GroupId group = group_of(keys[i]);
      MARQUEE_CHECK(raw(group) < groups.size());
      if (groups[raw(group)] != 0) out.push_back({group, item_of(keys[i]), views[i], watch_ms[i]});
    }
  }
  return {};
}

// --- What is alive --------------------------------------------------------------------------------------------------

inline void GpuEngine::mark_live(LiveIds& live) {
  // Should the device fail here, everything is alive: the next call that can say so will.
  if (lost_.ok() && keep(this->live(live)).ok()) return;
  std::fill(live.items.begin(), live.items.end(), std::uint8_t{1});
  for (std::vector<std::uint8_t>& groups : live.groups) std::fill(groups.begin(), groups.end(), std::uint8_t{1});
}

inline Status GpuEngine::live(LiveIds& live) const {
  if (Status s = gpu_.device.zero(gpu_.compute, live_items_.data(), live_items_.size()); !s.ok()) return s;
  if (Status s = gpu_.device.zero(gpu_.compute, live_groups_.data(), live_groups_.size()); !s.ok()) return s;
  std::size_t n = 0;
  std::uint32_t longest = 0;
  const auto flush = [&]() -> Status {
    if (n == 0) return {};
    if (Status s = exchange_.send(gpu_, n * sizeof(LiveTask)); !s.ok()) return s;
    const unsigned share = std::max(1u, gpu_.device.multiprocessors() * 8 / static_cast<unsigned>(n));
    const Grid grid{std::min(gpu_.blocks_for(longest, Live::kThreads), share), static_cast<unsigned>(n)};
    const Live::Args args{exchange_.on_device<LiveTask>(), reinterpret_cast<std::uint32_t*>(live_items_.data()),
                          reinterpret_cast<std::uint32_t*>(live_groups_.data()),
                          static_cast<std::uint32_t>(group_words())};
    if (Status s = gpu_.device.launch<Live>(gpu_.compute, grid, args); !s.ok()) return s;
    n = 0;
    longest = 0;
    return gpu_.sync();
  };
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    for (const auto& [index, pane] : boards_[b].panes) {
      exchange_.host<LiveTask>()[n++] = {pane.table->ref, pane.table->rows, static_cast<std::uint32_t>(b)};
      longest = std::max(longest, pane.table->rows);
      if (n < std::min<std::size_t>(exchange_.capacity<LiveTask>(), kGridRowsMax)) continue;
      if (Status s = flush(); !s.ok()) return s;
    }
  }
  if (Status s = flush(); !s.ok()) return s;
  const auto read = [&](const std::byte* words, std::vector<std::uint8_t>& ids) -> Status {
    const std::size_t bytes = (ids.size() + 31) / 32 * 4;
    if (Status s = gpu_.device.copy(gpu_.compute, exchange_.host<std::byte>(), words, bytes); !s.ok()) return s;
    if (Status s = gpu_.sync(); !s.ok()) return s;
    const std::uint32_t* const bits = exchange_.host<std::uint32_t>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if ((bits[i / 32] >> (i % 32) & 1u) != 0) ids[i] = 1;
    }
    return {};
  };
  if (Status s = read(live_items_.data(), live.items); !s.ok()) return s;
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    if (Status s = read(live_groups_.data() + b * group_words() * 4, live.groups[b]); !s.ok()) return s;
  }
  return {};
}

inline EngineStats GpuEngine::stats() const {
  EngineStats stats;
  stats.entries = entries_;
  for (const Board& board : boards_) stats.open_panes += static_cast<std::uint32_t>(board.panes.size());
  stats.memory_bytes = fixed_bytes_ + tables_.used_bytes();
  return stats;
}

}  // namespace marquee::gpu
