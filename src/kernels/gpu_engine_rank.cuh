// GpuEngine: ranking over a run of panes.
#pragma once

#include "kernels/gpu_engine.cuh"

namespace marquee::gpu {

inline Status GpuEngine::ranked(const RankQuery& query, Ranking& out) {
  if (!lost_.ok()) return lost_;
  MARQUEE_CHECK(touched_.empty());
  out.clear();
  Board& board = boards_[raw(query.leaderboard)];
  if (query.panes.last < query.panes.first) return {};

  Ranker::Order order;
  order.measure = board.measure;
  order.top = board.top;
  order.group_bound = board.group_bound;
  order.words = words_data();
  order.items = items_max_;
  if (query.hot) {
    board.hot_seen = true;
    // Sums only grow within a window, so its last K-th values are floors for the next ranking.
    if (!board.floor_panes || !(*board.floor_panes == query.panes)) {
      board.floor_panes = query.panes;
      if (Status s = gpu_.device.zero(gpu_.compute, floors_of(board), std::size_t{groups_max_} * 8); !s.ok()) return s;
    } else {
      order.floors = floors_of(board);
    }
    order.floors_out = floors_of(board);
  }

  const auto first = board.panes.lower_bound(query.panes.first);
  const auto last = board.panes.upper_bound(query.panes.last);
  if (first == last) return {};
  if (std::next(first) == last && !(query.hot && query.panes.first != query.panes.last)) {
    return ranker_.run(*first->second.table, order, out);
  }
  if (query.hot || !board.hot_seen) {
    if (Status s = move_sum(board, query.panes); !s.ok()) return s;
    if (Status s = ranker_.run(*board.sum.table, order, out); !s.ok()) return s;
    // Mostly entries that have left: made again the next time.
    if (std::uint64_t{ranker_.rows_without_views()} * 2 > board.sum.table->rows) drop_sum(board);
    return {};
  }
  Table* merged;
  if (Status s = make_sum(board, query.panes, merged); !s.ok()) return s;
  const Status ranked = ranker_.run(*merged, order, out);
  tables_.destroy(merged);
  return ranked;
}

// A table with the rows of all panes of the run.
inline Status GpuEngine::make_sum(Board& board, const PaneRun& panes, Table*& out) {
  std::uint64_t rows = 0;
  const auto first = board.panes.lower_bound(panes.first);
  const auto last = board.panes.upper_bound(panes.last);
  for (auto i = first; i != last; ++i) rows = std::max<std::uint64_t>(rows, i->second.table->rows);
  if (Status s = tables_.create(2 * rows, out); !s.ok()) return s;
  for (auto i = first; i != last; ++i) {
    if (Status s = add_pane(*out, *i->second.table); !s.ok()) {
      tables_.destroy(out);
      return s;
    }
  }
  return tables_.read_counts();
}

inline Status GpuEngine::add_pane(Table& sum, const Table& pane) {
  if (pane.rows == 0) return {};
  if (Status s = tables_.ensure_room(sum, pane.rows); !s.ok()) return s;
  return tables_.add(sum, TableRows{pane.ref, pane.rows}, pane.rows);
}

// Brings the running sum to `panes`: by what leaves and what enters, or anew where that is less work.
inline Status GpuEngine::move_sum(Board& board, const PaneRun& panes) {
  Sum& sum = board.sum;
  if (sum.table != nullptr && sum.panes == panes) return tables_.read_counts();
  if (sum.table != nullptr) {
    std::uint64_t rows_to_move = 0;
    std::uint64_t rows_in_all = 0;
    for (const auto& [index, pane] : board.panes) {
      const bool was = contains(sum.panes, index);
      const bool is = contains(panes, index);
      if (was != is) rows_to_move += pane.table->rows;
      if (is) rows_in_all += pane.table->rows;
    }
    if (rows_to_move >= rows_in_all || sum.table->bound() > 2 * rows_in_all) drop_sum(board);
  }
  if (sum.table == nullptr) {
    if (Status s = make_sum(board, panes, sum.table); !s.ok()) {
      sum.table = nullptr;
      return s;
    }
    sum.panes = panes;
    return {};
  }
  for (const auto& [index, pane] : board.panes) {
    const bool was = contains(sum.panes, index);
    const bool is = contains(panes, index);
    if (was == is) continue;
    if (is) {
      if (Status s = add_pane(*sum.table, *pane.table); !s.ok()) return s;
    } else {
      if (Status s = tables_.subtract(*sum.table, *pane.table); !s.ok()) return s;
    }
  }
  sum.panes = panes;
  return tables_.read_counts();
}

}  // namespace marquee::gpu
