// How the parts fit: submit() adds events to one DeltaTable per (leaderboard, pane); end_epoch() drains each into rows,
// which are the epoch's partials, and adds those to the pane's EntryTable; rank() runs GroupedTopK over the rows of one
// pane, or of a sum over panes. Why, and what was measured: README.md beside this file.
#include "cpu/cpu_engine.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/entry_key.hpp"
#include "cpu/delta_table.hpp"
#include "cpu/entry_table.hpp"
#include "cpu/grouped_top_k.hpp"

namespace marquee {
namespace {

constexpr std::size_t kDeltaSlotsMin = 1024;
constexpr std::size_t kDeltaRoomyClasses = 3;      // a spare delta may be eight times larger than it needs to be
constexpr std::uint64_t kSpareEpochsMax = 16;      // a spare delta that was not needed for as long is freed
constexpr std::size_t kSpareBytesMax = 16u << 20;  // of spare rows
constexpr std::size_t kSizeClasses = 64;

// Memory is kept for reuse by the binary logarithm of its size.
std::size_t size_class(std::size_t size) {
  return size == 0 ? 0 : static_cast<std::size_t>(std::bit_width(size)) - 1;
}

bool contains(const PaneRun& run, PaneIndex pane) {
  return run.first <= pane && pane <= run.last;
}

// One open pane of one leaderboard.
struct Pane {
  EntryTable entries;                            // without (0, 0)
  PartialRow none{kRefusedGroup, kRefusedItem};  // the entry (0, 0)
  std::uint64_t budgeted = 0;                    // entries with group and item
  std::unique_ptr<DeltaTable> delta;             // null until an event of this epoch comes
  std::size_t last_delta_size = 0;
};

// The sum over the panes of a window that is ranked again and again, or of the last one of a row of windows.
struct RunningSum {
  EntryTable entries;
  PaneRun panes{};
  bool valid = false;
};

struct Board {
  Measure measure = Measure::kViews;
  std::uint32_t top = 0;
  std::vector<GroupKey> groups;     // by combination
  std::uint32_t group_bound = 1;    // group ids are below
  std::map<PaneIndex, Pane> panes;  // the open ones
  RunningSum sum;
  bool hot_seen = false;               // somebody keeps a hot window: the sum is its
  std::optional<PaneRun> floor_panes;  // the window that floors belong to
  std::vector<std::uint64_t> floors;   // by group id; 0: none
};

class CpuEngine final : public Engine {
 public:
  explicit CpuEngine(const EngineConfig& config) : job_(*config.job), top_k_(*config.texts) {
    boards_.resize(job_.leaderboards.size());
    for (std::size_t i = 0; i < boards_.size(); ++i) {
      boards_[i].measure = job_.leaderboards[i].measure;
      boards_[i].top = job_.leaderboards[i].top;
      boards_[i].groups.assign(1, 0);  // combination 0 is refused everywhere
    }
  }

  void map_combination(CombinationId combination, std::span<const GroupId> groups) override {
    MARQUEE_CHECK(groups.size() == boards_.size());
    const std::size_t id = raw(combination);
    for (std::size_t i = 0; i < boards_.size(); ++i) {
      Board& board = boards_[i];
      if (board.groups.size() <= id) board.groups.resize(id + 1, 0);
      board.groups[id] = entry_key(groups[i], kRefusedItem);
      board.group_bound = std::max(board.group_bound, raw(groups[i]) + 1);
    }
  }

  void name_item(ItemId, std::string_view) override {}  // ties are settled through Texts
  Status submit(BatchPtr batch) override;
  std::uint64_t epoch_rows() const override { return epoch_rows_; }
  Result<const Partials*> end_epoch() override;
  Status rank(const RankQuery& query, Ranking& out) override;
  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override;
  Status restore(const PanePartials& partials) override;
  void clear() override;
  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) override;
  void mark_live(LiveIds& live) override;
  void forget_floors() override {
    for (Board& board : boards_) board.floor_panes.reset();
  }
  EngineStats stats() const override;
  std::string_view name() const override { return "cpu"; }
  bool can_be_lost() const override { return false; }

 private:
  struct Touched {
    std::size_t board;
    PaneIndex index;
    Pane* pane;
  };
  struct SpareDelta {
    std::unique_ptr<DeltaTable> table;
    std::uint64_t epoch;  // that last used it
  };

  DeltaTable& delta_of(std::size_t board, PaneIndex index);
  std::unique_ptr<DeltaTable> take_delta(std::size_t keys_expected);
  void give_delta(std::unique_ptr<DeltaTable> table);
  std::vector<PartialRow> take_rows(std::size_t size);
  void trim_spares();
  std::uint64_t fold(Board& board, PaneIndex index, Pane& pane, std::vector<PartialRow>& rows, bool distinct);
  std::span<const PartialRow> rows_of(Board& board, const RankQuery& query);
  void move_sum(Board& board, const PaneRun& panes);

  const JobSpec& job_;
  std::vector<Board> boards_;
  std::uint64_t entries_ = 0;  // that the budget counts
  std::uint64_t epoch_ = 0;
  std::uint64_t epoch_rows_ = 0;
  std::vector<Touched> touched_;  // panes with a delta
  Partials partials_;
  Partials state_;  // what state() last said, until the next epoch ends

  GroupedTopK top_k_;
  EntryTable merged_;  // sum of a cold query's panes
  // Scratch and spares, kept so that a steady state allocates nothing.
  std::vector<DeltaTable*> by_slot_;
  EntryTable marks_;  // entries (group, 0) of the pane being folded
  std::vector<std::uint32_t> missing_;
  std::vector<PartialRow> restored_;
  std::array<std::vector<SpareDelta>, kSizeClasses> spare_deltas_;
  std::array<std::vector<std::vector<PartialRow>>, kSizeClasses> spare_rows_;
};

// --- Aggregating ----------------------------------------------------------------------------------------------------

std::unique_ptr<DeltaTable> CpuEngine::take_delta(std::size_t keys_expected) {
  const std::size_t slots = std::bit_ceil(std::max(kDeltaSlotsMin, 2 * keys_expected));
  const std::size_t wanted = size_class(slots);
  const std::size_t roomiest = std::min(wanted + kDeltaRoomyClasses, spare_deltas_.size() - 1);
  const auto take_from = [this](std::size_t size) {
    std::unique_ptr<DeltaTable> table = std::move(spare_deltas_[size].back().table);
    spare_deltas_[size].pop_back();
    return table;
  };
  for (std::size_t size = wanted; size <= roomiest; ++size) {
    if (!spare_deltas_[size].empty()) return take_from(size);
  }
  return std::make_unique<DeltaTable>(slots);
}

void CpuEngine::give_delta(std::unique_ptr<DeltaTable> table) {
  const std::size_t size = size_class(table->slots());
  spare_deltas_[size].push_back({std::move(table), epoch_});
}

DeltaTable& CpuEngine::delta_of(std::size_t board, PaneIndex index) {
  Pane& pane = boards_[board].panes[index];
  if (pane.delta == nullptr) {
    pane.delta = take_delta(pane.last_delta_size);
    touched_.push_back({board, index, &pane});
  }
  return *pane.delta;
}

Status CpuEngine::submit(BatchPtr batch) {
  MARQUEE_CHECK(batch->leaderboard_count() == boards_.size());
  const DeltaTable::Columns events{batch->item(), batch->combination(), batch->slot(), batch->watch_ms(),
                                   batch->event_count};
  const std::uint32_t slot_count = batch->slot_count();
  by_slot_.resize(slot_count);
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    bool done = true;
    for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
      by_slot_[slot] = nullptr;
      const PaneIndex pane = batch->pane(slot, LeaderboardIndex{static_cast<std::uint32_t>(b)});
      const std::uint64_t slot_events = batch->slot_events[slot];
      if (pane == kNoPane || slot_events == 0) continue;
      by_slot_[slot] = &delta_of(b, pane);
      epoch_rows_ += slot_events;
      done = slot_events == events.count;
      if (done) by_slot_[slot]->add_all(events, boards_[b].groups);
    }
    if (!done) DeltaTable::add_by_slot(events, boards_[b].groups, by_slot_);
  }
  return {};
}

// Adds rows (no marks: those are in marks_) to the pane, as far as the budget allows; the rest goes to marks. Then
// `rows` is what was added. Returns the events refused.
std::uint64_t CpuEngine::fold(Board& board, PaneIndex index, Pane& pane, std::vector<PartialRow>& rows, bool distinct) {
  std::uint64_t refused = 0;
  const std::uint64_t room = job_.budgets.entries > entries_ ? job_.budgets.entries - entries_ : 0;
  const std::size_t before = pane.entries.size();
  if (distinct && pane.entries.empty() && rows.size() <= room) {
    pane.entries.assign(rows);
  } else {
    pane.entries.add_present(rows, missing_);
    const std::size_t inserted = static_cast<std::size_t>(std::min<std::uint64_t>(room, missing_.size()));
    pane.entries.add_missing(rows, std::span(missing_).first(inserted));
    for (std::size_t i = inserted; i < missing_.size(); ++i) {
      PartialRow& row = rows[missing_[i]];
      refused += row.views;
      marks_.add_one({row.group, kRefusedItem, row.views, row.watch_ms});
      row.views = 0;
    }
    if (inserted < missing_.size()) std::erase_if(rows, [](const PartialRow& row) { return row.views == 0; });
  }
  const std::uint64_t gained = pane.entries.size() - before;
  pane.budgeted += gained;
  entries_ += gained;
  if (!marks_.empty()) {
    pane.entries.add(marks_.rows(), missing_);
    rows.insert(rows.end(), marks_.rows().begin(), marks_.rows().end());
    marks_.clear();
  }
  if (board.sum.valid && contains(board.sum.panes, index)) board.sum.entries.add(rows, missing_);
  return refused;
}

// A spare vector that has room for `size` rows, or an empty one.
std::vector<PartialRow> CpuEngine::take_rows(std::size_t size) {
  for (std::size_t i = size_class(std::bit_ceil(size)); i < spare_rows_.size(); ++i) {
    if (spare_rows_[i].empty()) continue;
    std::vector<PartialRow> rows = std::move(spare_rows_[i].back());
    spare_rows_[i].pop_back();
    rows.clear();
    return rows;
  }
  std::vector<PartialRow> rows;
  rows.reserve(std::bit_ceil(size));
  return rows;
}

Result<const Partials*> CpuEngine::end_epoch() {
  for (PanePartials& pane : partials_.panes)
    spare_rows_[size_class(pane.rows.capacity())].push_back(std::move(pane.rows));
  partials_.panes.clear();
  partials_.refused_events = 0;
  state_ = Partials();
  ++epoch_;
  for (const Touched& touched : touched_) {
    Board& board = boards_[touched.board];
    Pane& pane = *touched.pane;
    pane.last_delta_size = pane.delta->size();
    std::vector<PartialRow> rows = take_rows(pane.last_delta_size + 1);
    PartialRow none{kRefusedGroup, kRefusedItem};
    pane.delta->drain(rows, marks_, none);
    partials_.refused_events += fold(board, touched.index, pane, rows, true);
    if (none.views > 0) {
      pane.none.views += none.views;
      pane.none.watch_ms += none.watch_ms;
      rows.push_back(none);
    }
    give_delta(std::move(pane.delta));
    PanePartials& out = partials_.panes.emplace_back();
    out.leaderboard = LeaderboardIndex{static_cast<std::uint32_t>(touched.board)};
    out.pane = touched.index;
    out.rows = std::move(rows);
  }
  touched_.clear();
  epoch_rows_ = 0;
  trim_spares();
  return &partials_;
}

// Frees what has not been needed for a while, and rows beyond a few MiB that this epoch did not need.
void CpuEngine::trim_spares() {
  for (std::vector<SpareDelta>& spares : spare_deltas_) {
    std::erase_if(spares, [this](const SpareDelta& s) { return s.epoch + kSpareEpochsMax < epoch_; });
  }
  std::size_t bytes = 0;
  for (std::vector<std::vector<PartialRow>>& spares : spare_rows_) {
    std::erase_if(spares, [&bytes](const std::vector<PartialRow>& rows) {
      bytes += rows.capacity() * sizeof(PartialRow);
      return bytes > kSpareBytesMax;
    });
  }
}

Status CpuEngine::restore(const PanePartials& partials) {
  MARQUEE_CHECK(raw(partials.leaderboard) < boards_.size() && partials.pane != kNoPane);
  Board& board = boards_[raw(partials.leaderboard)];
  Pane& pane = board.panes[partials.pane];
  restored_.clear();
  for (const PartialRow& row : partials.rows) {
    if (row.views == 0) continue;
    board.group_bound = std::max(board.group_bound, raw(row.group) + 1);
    if (row.group == kRefusedGroup) {
      pane.none.views += row.views;
      pane.none.watch_ms += row.watch_ms;
    } else if (row.item == kRefusedItem) {
      marks_.add_one(row);
    } else {
      restored_.push_back(row);
    }
  }
  fold(board, partials.pane, pane, restored_, false);
  return {};
}

// --- Ranking --------------------------------------------------------------------------------------------------------

// Brings the running sum to `panes`: by what leaves and what enters, or anew where that is less work.
void CpuEngine::move_sum(Board& board, const PaneRun& panes) {
  RunningSum& sum = board.sum;
  if (sum.valid && sum.panes == panes) return;
  std::size_t rows_to_move = 0;
  std::size_t rows_in_all = 0;
  const auto each_in = [&board](const PaneRun& run, const auto& visit) {
    for (auto i = board.panes.lower_bound(run.first); i != board.panes.end() && i->first <= run.last; ++i) visit(*i);
  };
  if (sum.valid) {
    each_in(sum.panes, [&](const auto& p) { rows_to_move += contains(panes, p.first) ? 0 : p.second.entries.size(); });
    each_in(panes, [&](const auto& p) { rows_to_move += contains(sum.panes, p.first) ? 0 : p.second.entries.size(); });
  }
  each_in(panes, [&](const auto& p) { rows_in_all += p.second.entries.size(); });
  const bool move = sum.valid && rows_to_move < rows_in_all && sum.entries.size() <= 2 * rows_in_all;
  if (move) {
    each_in(sum.panes, [&](const auto& p) {
      if (!contains(panes, p.first)) sum.entries.subtract(p.second.entries.rows());
    });
  } else {
    sum.entries.clear();
  }
  each_in(panes, [&](const auto& p) {
    if (move && contains(sum.panes, p.first)) return;
    if (sum.entries.empty()) {
      sum.entries.assign(p.second.entries.rows());
    } else {
      sum.entries.add(p.second.entries.rows(), missing_);
    }
  });
  sum.panes = panes;
  sum.valid = true;
}

// One row for each (group, item) of the query's panes.
std::span<const PartialRow> CpuEngine::rows_of(Board& board, const RankQuery& query) {
  const auto first = board.panes.lower_bound(query.panes.first);
  const auto last = board.panes.upper_bound(query.panes.last);
  if (first == last) return {};
  const bool running = query.hot || !board.hot_seen;
  if (std::next(first) == last && !(query.hot && query.panes.first != query.panes.last)) {
    return first->second.entries.rows();
  }
  if (running) {
    move_sum(board, query.panes);
    return board.sum.entries.rows();
  }
  merged_.clear();
  merged_.assign(first->second.entries.rows());
  for (auto i = std::next(first); i != last; ++i) merged_.add(i->second.entries.rows(), missing_);
  return merged_.rows();
}

Status CpuEngine::rank(const RankQuery& query, Ranking& out) {
  MARQUEE_CHECK(touched_.empty());
  out.clear();
  Board& board = boards_[raw(query.leaderboard)];
  if (query.panes.last < query.panes.first) return {};
  if (query.hot) {
    board.hot_seen = true;
    if (!board.floor_panes || !(*board.floor_panes == query.panes)) {
      board.floor_panes = query.panes;
      std::fill(board.floors.begin(), board.floors.end(), 0);
    }
  }
  const std::span<const PartialRow> rows = rows_of(board, query);
  top_k_.run(rows, board.measure, board.top, board.group_bound,
             query.hot ? std::span<const std::uint64_t>(board.floors) : std::span<const std::uint64_t>(), out);
  for (auto i = board.panes.lower_bound(query.panes.first); i != board.panes.end() && i->first <= query.panes.last;
       ++i) {
    if (i->second.none.views > 0) out.group_refused = true;
  }
  if (board.sum.valid && top_k_.rows_without_views() * 2 > rows.size()) board.sum.valid = false;
  if (!query.hot) return {};
  if (board.floors.size() < board.group_bound) board.floors.resize(board.group_bound, 0);
  for (const RankedGroup& group : out.groups) {
    if (group.row_count < board.top) continue;
    const RankedRow& kth = out.rows[group.first_row + group.row_count - 1];
    board.floors[raw(group.group)] = board.measure == Measure::kViews ? kth.views : kth.watch_ms;
  }
  return {};
}

// --- Panes ----------------------------------------------------------------------------------------------------------

void CpuEngine::drop(LeaderboardIndex leaderboard, PaneIndex index) {
  Board& board = boards_[raw(leaderboard)];
  const auto found = board.panes.find(index);
  if (found == board.panes.end()) return;
  Pane& pane = found->second;
  if (board.floor_panes && contains(*board.floor_panes, index)) board.floor_panes.reset();
  if (board.sum.valid && contains(board.sum.panes, index)) board.sum.entries.subtract(pane.entries.rows());
  if (pane.delta != nullptr) {
    std::erase_if(touched_, [&pane](const Touched& t) { return t.pane == &pane; });
    pane.delta->clear();
    give_delta(std::move(pane.delta));
  }
  entries_ -= pane.budgeted;
  board.panes.erase(found);
}

void CpuEngine::clear() {
  for (Board& board : boards_) {
    board.groups.assign(1, 0);
    board.group_bound = 1;
    board.panes.clear();
    board.sum = RunningSum();
    board.hot_seen = false;
    board.floor_panes.reset();
    board.floors.clear();
  }
  touched_.clear();
  partials_ = Partials();
  state_ = Partials();
  merged_ = EntryTable();
  for (auto& spares : spare_deltas_) spares.clear();
  for (auto& spares : spare_rows_) spares.clear();
  entries_ = 0;
  epoch_rows_ = 0;
}

Result<const Partials*> CpuEngine::state(const std::vector<std::vector<std::uint8_t>>& wanted) {
  MARQUEE_CHECK(touched_.empty() && wanted.size() == boards_.size());
  state_ = Partials();
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    const std::vector<std::uint8_t>& groups = wanted[b];
    const auto is_wanted = [&groups](const PartialRow& row) {
      MARQUEE_CHECK(raw(row.group) < groups.size());
      return groups[raw(row.group)] != 0;
    };
    for (const auto& [index, pane] : boards_[b].panes) {
      const std::span<const PartialRow> rows = pane.entries.rows();
      const bool none = pane.none.views > 0 && is_wanted(pane.none);
      const auto count = std::count_if(rows.begin(), rows.end(), is_wanted);
      if (count == 0 && !none) continue;
      PanePartials& out = state_.panes.emplace_back();
      out.leaderboard = LeaderboardIndex{static_cast<std::uint32_t>(b)};
      out.pane = index;
      out.rows.reserve(static_cast<std::size_t>(count) + 1);
      std::copy_if(rows.begin(), rows.end(), std::back_inserter(out.rows), is_wanted);
      if (none) out.rows.push_back(pane.none);
    }
  }
  return &state_;
}

void CpuEngine::mark_live(LiveIds& live) {
  for (std::size_t b = 0; b < boards_.size(); ++b) {
    for (const auto& [index, pane] : boards_[b].panes) {
      for (const PartialRow& row : pane.entries.rows()) {
        live.items[raw(row.item)] = 1;
        live.groups[b][raw(row.group)] = 1;
      }
    }
  }
}

EngineStats CpuEngine::stats() const {
  EngineStats stats;
  stats.entries = entries_;
  const auto bytes_of = [](const auto& v) { return v.capacity() * sizeof(v[0]); };
  stats.memory_bytes =
      top_k_.memory_bytes() + merged_.memory_bytes() + marks_.memory_bytes() + bytes_of(missing_) + bytes_of(restored_);
  for (const Board& board : boards_) {
    stats.open_panes += static_cast<std::uint32_t>(board.panes.size());
    stats.memory_bytes += board.sum.entries.memory_bytes() + bytes_of(board.floors) + bytes_of(board.groups);
    for (const auto& [index, pane] : board.panes) {
      stats.memory_bytes += sizeof(index) + sizeof(pane) + pane.entries.memory_bytes();
      if (pane.delta != nullptr) stats.memory_bytes += pane.delta->memory_bytes();
    }
  }
  for (const auto& spares : spare_deltas_) {
    for (const SpareDelta& spare : spares) stats.memory_bytes += spare.table->memory_bytes();
  }
  for (const auto& spares : spare_rows_) {
    for (const auto& rows : spares) stats.memory_bytes += bytes_of(rows);
  }
  for (const Partials* partials : {&partials_, &state_}) {
    for (const PanePartials& pane : partials->panes) stats.memory_bytes += bytes_of(pane.rows);
  }
  return stats;
}

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const EngineConfig& config) {
  return std::make_unique<CpuEngine>(config);
}

}  // namespace marquee
