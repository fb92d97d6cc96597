// DemoView: the boards of the first leaderboard in the terminal, drawn from the published snapshots and the probe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/demo_frame.hpp"
#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

struct DemoViewOptions {
  int out_fd = 1;
  bool terminal = false;                                    // refresh in place; else plain lines. See is_terminal()
  bool color = false;                                       // see wants_color()
  std::function<std::string(std::string_view item)> title;  // empty, or answers empty: the item id is shown
  std::vector<std::string> links;                           // lines below the boards: where to look further
  std::chrono::milliseconds refresh{400};
  std::chrono::milliseconds plain_status{5'000};
  std::size_t plain_rows = 5;
};

// Whether `fd` is a terminal that understands cursor movement (TERM is neither empty nor "dumb").
bool is_terminal(int fd);
// A terminal, NO_COLOR unset or empty, and no --no-color.
bool wants_color(int fd, bool no_color_asked);

// Belongs to one thread, the one that calls run(). Looks at job, probe and board, which must outlive it.
class DemoView {
 public:
  DemoView(const JobSpec& job, const Probe& probe, const SnapshotBoard& board, DemoViewOptions options);

  // Draws until `stop` is requested, then leaves the last boards on the normal screen and returns true; false at once
  // when the output is gone. The terminal is restored in every case, fatal signals and Ctrl-Z included.
  bool run(std::stop_token stop);

  // The picture of this moment. Remembers what movement and rate are judged against: call it in the order of time.
  Frame frame(std::chrono::steady_clock::time_point now, std::int64_t wall_ms);

  // What run() writes without a terminal, as of `frame`: every window's final once, the status line when it is due.
  std::string plain_text(const Frame& frame, std::chrono::steady_clock::time_point now);

  // Gives the terminal back if a view holds it. Safe in a signal handler; for those who leave by _exit().
  static void restore_terminal() noexcept;

 private:
  // The latest finals of a group, of different windows, newest last; at most two.
  using Finals = std::vector<std::shared_ptr<const ResultRecord>>;

  FrameBoard board_of(const BoardEntry& entry, EventTimeMs watermark);
  FrameBoard board_of(const ResultRecord& record, const ResultRecord* before, EventTimeMs watermark) const;
  const ResultRecord* remember_finals(const BoardEntry& entry);
  double rate(std::chrono::steady_clock::time_point now);
  bool write(std::string_view text) const;
  bool draw_terminal(const Frame& shown) const;

  const JobSpec& job_;
  const Probe& probe_;
  const SnapshotBoard& board_;
  const DemoViewOptions options_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::map<std::vector<std::string>, Finals> finals_;
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> samples_;  // events read by then
  std::deque<FrameBoard> finals_new_;  // for plain_text(): not yet printed
  std::chrono::steady_clock::time_point status_due_{};
};

}  // namespace marquee
