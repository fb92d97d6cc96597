#include "pipeline/window_book.hpp"

#include <algorithm>

namespace marquee {
namespace {

bool complete(const WindowSpec& spec, WindowIndex w, EventTimeMs watermark) {
  return watermark != kNoTime && spec.window_end(w) <= watermark;
}
bool window_settled(const WindowSpec& spec, WindowIndex w, EventTimeMs watermark, std::int64_t lateness_ms) {
  return watermark != kNoTime && spec.window_end(w) + lateness_ms <= watermark;
}

}  // namespace

WindowBook::WindowBook(const JobSpec& job, const PipelineOptions& options, const TitleBook& titles)
    : job_(job), options_(options), titles_(titles), boards_(job.leaderboards.size()) {}

WindowBook::Admitted WindowBook::admit(Batch& batch, const Progress& progress) {
  Admitted admitted;
  const std::size_t n = boards_.size();
  for (std::uint32_t slot = 1; slot < batch.slot_count(); ++slot) {
    for (std::size_t l = 0; l < n; ++l) {
      PaneIndex& pane = batch.slot_panes[slot * n + l];
      if (pane == kNoPane) continue;
      const WindowSpec& window = job_.leaderboards[l].window;
      Board& board = boards_[l];
      if (progress.settled(window, pane)) {
        admitted.expired += batch.slot_events[slot];
        pane = kNoPane;
      } else if (!board.panes.contains(pane)) {
        if (open_panes_ >= job_.budgets.open_panes) {
          admitted.refused += batch.slot_events[slot];
          PaneRun& refused = board.state.refused;
          refused = raw(refused.first) > raw(refused.last)
                        ? PaneRun{pane, pane}
                        : PaneRun{std::min(refused.first, pane), std::max(refused.last, pane)};
          // What has been said of windows over it is no longer exact.
          mark_dirty(board, window, pane, ranked_watermark_);
          pane = kNoPane;
        } else {
          open_pane(board, window, pane);
        }
      }
    }
  }
  return admitted;
}

void WindowBook::open_pane(Board& board, const WindowSpec& window, PaneIndex pane) {
  board.panes.insert(pane);
  ++open_panes_;
  for (WindowIndex w = window.first_window_with(pane); raw(w) <= raw(window.last_window_with(pane)); w = next(w)) {
    board.windows.try_emplace(w);
  }
}

void WindowBook::mark_dirty(Board& board, const WindowSpec& window, PaneIndex pane, EventTimeMs watermark) {
  const WindowIndex last = window.last_window_with(pane);
  for (auto it = board.windows.lower_bound(window.first_window_with(pane));
       it != board.windows.end() && it->first <= last; ++it) {
    it->second.dirty = true;
    // Those that complete only now are found by rank_due itself.
    if (it->second.final_out || complete(window, it->first, watermark)) board.dirty_complete.insert(it->first);
  }
}

void WindowBook::touched(const Partials& partials, const Progress& progress) {
  if (progress.hole_until() > ranked_hole_) {
    for (std::size_t l = 0; l < boards_.size(); ++l) {
      const WindowSpec& window = job_.leaderboards[l].window;
      for (auto& [index, w] : boards_[l].windows) {
        if (!w.final_out || !progress.in_hole(window.window_start(index))) continue;
        w.dirty = true;
        boards_[l].dirty_complete.insert(index);
      }
    }
    ranked_hole_ = progress.hole_until();
  }
  for (const PanePartials& p : partials.panes) {
    if (p.rows.empty()) continue;
    mark_dirty(boards_[raw(p.leaderboard)], job_.leaderboards[raw(p.leaderboard)].window, p.pane, ranked_watermark_);
  }
}

bool WindowBook::due(const Progress& progress, std::int64_t now_ms) const {
  const EventTimeMs watermark = progress.job_watermark();
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    const Board& board = boards_[l];
    const LeaderboardSpec& spec = job_.leaderboards[l];
    if (board.windows.empty()) continue;
    if (options_.emission == Emission::kSettled) {
      if (window_settled(spec.window, board.windows.begin()->first, watermark, job_.time.lateness_ms)) return true;
      if (!options_.updates) continue;
    } else {
      if (!board.dirty_complete.empty()) return true;
      const auto first_new = board.windows.lower_bound(ranked_watermark_ == kNoTime
                                                           ? board.windows.begin()->first
                                                           : spec.window.first_window_ending_after(ranked_watermark_));
      if (first_new != board.windows.end() && complete(spec.window, first_new->first, watermark)) return true;
    }
    const auto open = board.windows.lower_bound(
        watermark == kNoTime ? board.windows.begin()->first : spec.window.first_window_ending_after(watermark));
    const bool may = !board.emitted_once || now_ms - board.last_emit_ms >= spec.emit_every_ms;
    if (may && open != board.windows.end() && open->second.dirty) return true;
  }
  return false;
}

Status WindowBook::rank_due(Engine& engine, const IdKeeper& ids, const Progress& progress, std::int64_t now_ms,
                            std::vector<ResultRecord>& out) {
  const EventTimeMs watermark = progress.job_watermark();
  const auto rank = [&](std::size_t l, std::map<WindowIndex, Window>::iterator it, bool final, bool hot) {
    return rank_window(LeaderboardIndex{static_cast<std::uint32_t>(l)}, it->first, it->second, final, hot, engine, ids,
                       progress, out);
  };
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    Board& board = boards_[l];
    const LeaderboardSpec& spec = job_.leaderboards[l];
    const bool settled_only = options_.emission == Emission::kSettled;
    if (!settled_only) {
      for (const WindowIndex w : board.dirty_complete) {
        if (const auto it = board.windows.find(w); it != board.windows.end() && it->second.dirty) {
          if (Status s = rank(l, it, true, false); !s.ok()) return s;
        }
      }
      board.dirty_complete.clear();
    }
    // Newly complete ones, oldest first. Windows before the ranked watermark went out when they completed.
    auto it = settled_only || ranked_watermark_ == kNoTime
                  ? board.windows.begin()
                  : board.windows.lower_bound(spec.window.first_window_ending_after(ranked_watermark_));
    for (; it != board.windows.end() && complete(spec.window, it->first, watermark); ++it) {
      if (settled_only && !window_settled(spec.window, it->first, watermark, job_.time.lateness_ms)) break;
      if (!it->second.dirty && it->second.final_out) continue;
      if (Status s = rank(l, it, true, true); !s.ok()) return s;
    }
    // The earliest incomplete one.
    if (!settled_only || options_.updates) {
      it = std::find_if(it, board.windows.end(),
                        [&](const auto& w) { return !complete(spec.window, w.first, watermark); });
      const bool may = !board.emitted_once || now_ms - board.last_emit_ms >= spec.emit_every_ms;
      if (it != board.windows.end() && it->second.dirty && may) {
        if (Status s = rank(l, it, false, true); !s.ok()) return s;
        board.emitted_once = true;
        board.last_emit_ms = now_ms;
      }
    }
    while (!board.windows.empty() &&
           window_settled(spec.window, board.windows.begin()->first, watermark, job_.time.lateness_ms)) {
      board.windows.erase(board.windows.begin());
    }
  }
  ranked_watermark_ = watermark;
  std::sort(out.begin(), out.end(),
            [this](const ResultRecord& a, const ResultRecord& b) { return replay_order(job_, a, b); });
  return {};
}

Status WindowBook::rank_window(LeaderboardIndex index, WindowIndex w, Window& window, bool final, bool hot,
                               Engine& engine, const IdKeeper& ids, const Progress& progress,
                               std::vector<ResultRecord>& out) {
  const LeaderboardSpec& spec = job_.leaderboards[raw(index)];
  const Board& board = boards_[raw(index)];
  const PaneRun panes = spec.window.panes_of(w);
  ranking_.clear();
  if (Status s = engine.rank({index, panes, hot}, ranking_); !s.ok()) return s;
  window.dirty = false;
  window.final_out = window.final_out || final;
  const PaneRun& refused = board.state.refused;
  const bool pane_refused = refused.first <= panes.last && panes.first <= refused.last && refused.first <= refused.last;
  const EventTimeMs start = spec.window.window_start(w);
  const bool window_exact =
      !ranking_.group_refused && !pane_refused && !progress.in_hole(start) && start >= board.state.exact_from;
  for (const RankedGroup& g : ranking_.groups) {
    if (g.group == kRefusedGroup) continue;
    const bool exact = window_exact && !g.refused;
    const std::uint64_t revision = revision_of(g.events, exact, final);
    std::uint64_t& emitted = window.emitted[raw(g.group)];
    if (revision <= emitted) continue;
    emitted = revision;
    ResultRecord& r = out.emplace_back();
    r.leaderboard = index;
    const std::string_view key = ids.group_key(index, g.group);
    for (std::size_t i = 0; i < spec.by.size(); ++i) r.group.emplace_back(key_part(key, i));
    r.window_start = spec.window.window_start(w);
    r.window_end = spec.window.window_end(w);
    r.final = final;
    r.exact = exact;
    r.events = g.events;
    r.rows.reserve(g.row_count);
    for (std::uint32_t i = 0; i < g.row_count; ++i) {
      const RankedRow& row = ranking_.rows[g.first_row + i];
      ResultRow& shown = r.rows.emplace_back(ResultRow{std::string(ids.item_text(row.item)), row.views, row.watch_ms});
      if (spec.display) shown.title = titles_.best(index, panes, g.group, row.item);
    }
  }
  return {};
}

bool WindowBook::can_drop(const Progress& progress) const {
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    const WindowSpec& window = job_.leaderboards[l].window;
    if (!boards_[l].panes.empty() && window_settled(window, window.last_window_with(*boards_[l].panes.begin()),
                                                    progress.job_watermark(), job_.time.lateness_ms)) {
      return true;
    }
  }
  return false;
}

void WindowBook::drop_settled(Engine& engine, const Progress& progress,
                              std::vector<std::pair<LeaderboardIndex, PaneIndex>>& dropped) {
  const EventTimeMs watermark = progress.job_watermark();
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    Board& board = boards_[l];
    const WindowSpec& window = job_.leaderboards[l].window;
    const auto over = [&](PaneIndex pane) {
      return window_settled(window, window.last_window_with(pane), watermark, job_.time.lateness_ms);
    };
    while (!board.panes.empty() && over(*board.panes.begin())) {
      const LeaderboardIndex index{static_cast<std::uint32_t>(l)};
      engine.drop(index, *board.panes.begin());
      dropped.emplace_back(index, *board.panes.begin());
      board.panes.erase(board.panes.begin());
      --open_panes_;
    }
    PaneRun& refused = board.state.refused;
    if (refused.first <= refused.last && over(refused.last)) refused = BoardState{}.refused;
  }
}

std::vector<BoardState> WindowBook::board_states() const {
  std::vector<BoardState> states;
  states.reserve(boards_.size());
  for (const Board& board : boards_) states.push_back(board.state);
  return states;
}

void WindowBook::restore_board(LeaderboardIndex leaderboard, const BoardState& state) {
  boards_[raw(leaderboard)].state = state;
}

Status WindowBook::restore_pane(LeaderboardIndex leaderboard, PaneIndex pane) {
  Board& board = boards_[raw(leaderboard)];
  if (board.panes.contains(pane)) return {};
  if (open_panes_ >= job_.budgets.open_panes) {
    return {Code::kConfig, "more panes are open in the state to be restored than limits.open_panes (" +
                               std::to_string(job_.budgets.open_panes) + ") has room for: raise it"};
  }
  open_pane(board, job_.leaderboards[raw(leaderboard)].window, pane);
  return {};
}

Status WindowBook::restored(Engine& engine, const IdKeeper& ids, const Progress& progress,
                            std::vector<ResultRecord>& out) {
  const EventTimeMs watermark = progress.job_watermark();
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    const WindowSpec& spec = job_.leaderboards[l].window;
    std::erase_if(boards_[l].windows,
                  [&](const auto& w) { return window_settled(spec, w.first, watermark, job_.time.lateness_ms); });
    for (auto& [index, window] : boards_[l].windows) {
      if (options_.emission == Emission::kSettled || !complete(spec, index, watermark)) {
        window.dirty = true;
      } else if (Status s = rank_window(LeaderboardIndex{static_cast<std::uint32_t>(l)}, index, window, true, false,
                                        engine, ids, progress, out);
                 !s.ok()) {
        return s;
      }
    }
  }
  ranked_watermark_ = watermark;
  ranked_hole_ = progress.hole_until();
  return {};
}

}  // namespace marquee
