// BoardsView: the boards of one leaderboard in the terminal, of whatever feed; `demo` and `top` show this.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/board_frame.hpp"
#include "app/boards_feed.hpp"
#include "app/terminal_screen.hpp"

namespace marquee {

struct BoardsViewOptions {
  int out_fd = 1;
  int in_fd = -1;                  // a terminal whose keys are obeyed; -1: none
  bool terminal = false;           // refresh in place; else plain lines. See is_terminal()
  bool color = false;              // see wants_color()
  std::string leaderboard;         // the one shown first; empty: the first there is
  std::string filter;              // see set_filter()
  std::vector<std::string> links;  // lines below the boards: where to look further
  std::chrono::milliseconds refresh{400};
  std::chrono::milliseconds plain_status{5'000};
  std::size_t plain_rows = 5;
};

// Belongs to one thread. Looks at the feed, which must outlive it.
//
// Keys: q leaves; tab, → and ← choose the leaderboard; ↓ and ↑ the first group shown; / asks for a filter, Enter keeps
// it, Esc drops it.
class BoardsView {
 public:
  BoardsView(BoardsFeed& feed, BoardsViewOptions options);

  // Draws until `stopped`, which is asked again and again, or q; then leaves the last boards on the normal screen and
  // returns true; false at once when the output is gone. The terminal is restored in every case, fatal signals and
  // Ctrl-Z included.
  bool run(const std::function<bool()>& stopped);

  // The picture of this moment. Remembers what was told: call it in the order of time.
  Frame frame(std::chrono::steady_clock::time_point now, std::int64_t wall_ms);
  Frame frame_now();

  // What run() writes without a terminal, as of `frame`: every window's final once, the status line when it is due.
  std::string plain_text(const Frame& frame, std::chrono::steady_clock::time_point now);

  // Only groups in whose name it stands, and of the others the rows in whose title or id it does; ASCII letters in
  // either case. Empty: everything.
  void set_filter(std::string text) { filter_ = std::move(text); }
  // What was typed; false: it asks to leave.
  bool obey(std::string_view keys);

  bool write(std::string_view text) const;

 private:
  FrameBoard board_of(const ResultRecord& record, const ResultRecord* before, EventTimeMs watermark) const;
  void remember_finals(const BoardsLook::Board& board);
  bool keep_filtered(FrameBoard& board) const;
  void choose_leaderboard(std::ptrdiff_t step);
  void type(char c);
  bool draw_terminal(const Frame& shown) const;

  BoardsFeed& feed_;
  const BoardsViewOptions options_;
  std::string leaderboard_, filter_;
  std::vector<std::string> leaderboards_;  // of the last look
  bool typing_ = false;                    // a filter
  std::size_t first_ = 0;                  // board shown
  std::size_t board_count_ = 0;
  std::map<std::vector<std::string>, EventTimeMs> told_;  // group -> end of the last window told as final
  std::string told_of_;                                   // leaderboard
  std::deque<FrameBoard> finals_new_;                     // for plain_text(): not yet printed
  std::chrono::steady_clock::time_point status_due_{};
};

}  // namespace marquee
