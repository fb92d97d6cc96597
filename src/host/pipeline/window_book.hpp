// WindowBook: which panes and windows are open, which result is due, and which pane may go. Engine thread only.
//
//   batch ─ admit() ─► slots resolved: expired or refused panes taken out, new panes opened
//   end of epoch ─ touched() ─► windows over touched panes are dirty
//               ─ rank_due() ─► results: final when complete, corrected, provisional; or each once when settled
//               ─ drop_settled() ─► panes whose last window has settled
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/engine.hpp"
#include "core/result.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/progress.hpp"
#include "pipeline/title_book.hpp"

namespace marquee {

class WindowBook {
 public:
  // All outlive it. `titles`: what results show of items.
  WindowBook(const JobSpec& job, const PipelineOptions& options, const TitleBook& titles);

  struct Admitted {
    std::uint64_t expired = 0;  // (event, leaderboard) pairs for panes the job had settled
    std::uint64_t refused = 0;  // ... for panes there was no room for
  };
  // Resolves the batch's slots: a pane that has settled, or that the open-panes budget has no room for, becomes
  // kNoPane.
  Admitted admit(Batch& batch, const Progress& progress);

  // Panes of `partials` changed: their windows are to be ranked again. So are those that a hole in the input reaches
  // now: what has been said of them is no longer exact.
  void touched(const Partials& partials, const Progress& progress);

  // Whether some window has a result that must go out (complete or settled since the last rank_due), or a provisional
  // one may.
  bool due(const Progress& progress, std::int64_t now_ms) const;

  // Appends every result that is due, in replay order. `now_ms`: the clock by which provisional ones are spaced
  // (monotonic; for replay --updates the job watermark).
  Status rank_due(Engine& engine, const IdKeeper& ids, const Progress& progress, std::int64_t now_ms,
                  std::vector<ResultRecord>& out);

  // Drops panes that no open window needs, from the engine and from here.
  void drop_settled(Engine& engine, const Progress& progress,
                    std::vector<std::pair<LeaderboardIndex, PaneIndex>>& dropped);

  // Whether drop_settled() would drop something.
  bool can_drop(const Progress& progress) const;

  std::size_t open_panes() const { return open_panes_; }

  // What the pane log is to know, [leaderboard].
  std::vector<BoardState> board_states() const;

  // A recovery, before the first batch: what the pane log knew, each pane that has something in it (kConfig where the
  // budget of open panes has no room for it), then restored() at the job watermark that was committed.
  void restore_board(LeaderboardIndex leaderboard, const BoardState& state);
  Status restore_pane(LeaderboardIndex leaderboard, PaneIndex pane);
  // Windows that have settled are gone. Of those that were complete every result is out: they are ranked once more, so
  // that it is known which (`out`: for the boards, not to be written). All others are due. Before `progress` has learnt
  // anything since the commit.
  Status restored(Engine& engine, const IdKeeper& ids, const Progress& progress, std::vector<ResultRecord>& out);

 private:
  struct Window {
    bool dirty = false;                                        // changed since it was last ranked
    bool final_out = false;                                    // ranked as complete at least once
    std::unordered_map<std::uint32_t, std::uint64_t> emitted;  // group id -> revision that went out
  };
  struct Board {
    std::set<PaneIndex> panes;              // open, with something in them
    std::map<WindowIndex, Window> windows;  // not yet settled, over at least one pane that was ever open
    std::set<WindowIndex> dirty_complete;   // complete and dirty: corrections
    BoardState state;
    bool emitted_once = false;
    std::int64_t last_emit_ms = 0;
  };
  void open_pane(Board& board, const WindowSpec& window, PaneIndex pane);
  void mark_dirty(Board& board, const WindowSpec& window, PaneIndex pane, EventTimeMs watermark);
  Status rank_window(LeaderboardIndex index, WindowIndex w, Window& window, bool final, bool hot, Engine& engine,
                     const IdKeeper& ids, const Progress& progress, std::vector<ResultRecord>& out);

  const JobSpec& job_;
  const PipelineOptions& options_;
  const TitleBook& titles_;
  std::vector<Board> boards_;
  std::size_t open_panes_ = 0;
  EventTimeMs ranked_watermark_ = kNoTime;  // job watermark at the last rank_due
  EventTimeMs ranked_hole_ = kNoTime;       // Progress::hole_until() then
  Ranking ranking_;                         // scratch
};

}  // namespace marquee
