// One picture of the boards as plain values, and its drawing as text for a terminal. Pure: no clock, no terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"

namespace marquee {

// How a row stands against the window before.
struct Movement {
  enum class Kind : std::uint8_t { kUnknown, kSame, kNew, kUp, kDown };
  Kind kind = Kind::kUnknown;
  std::size_t places = 0;  // for kUp and kDown
};

struct FrameRow {
  std::size_t rank = 0;
  std::string item;
  std::string title;  // what is shown of it; any bytes: drawing replaces what a terminal would obey
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
  Movement movement;
};

// One group.
struct FrameBoard {
  std::string name;
  EventTimeMs window_start = 0;
  EventTimeMs window_end = 0;
  double progress = 0;  // of the watermark through the window, 0 … 1
  bool final = false;
  bool exact = true;
  std::uint64_t events = 0;
  std::vector<FrameRow> rows;  // best first
};

// How the process is, as far as it is known.
struct Figures {
  std::optional<double> events_per_s;
  std::optional<std::uint64_t> lag;
  std::optional<std::int64_t> watermark_delay_ms;
  std::optional<std::uint64_t> epochs;
  std::optional<std::int64_t> uptime_ms;
  std::optional<std::uint64_t> resident_bytes;
};

struct Frame {
  std::string title;  // leaderboard and window
  std::string state;  // phase, and why not ready
  bool ready = true;
  Figures figures;
  std::int64_t utc_offset_ms = 0;  // of the times shown
  std::vector<FrameBoard> boards;
  std::string empty = "waiting for the first result …";  // said where there are no boards
  std::vector<std::string> footer;
  std::string keys;  // what can be pressed, the last line of all; empty: nothing
};

// Lines joined by '\n', at most `height` of them, none wider than `width` columns, without trailing blanks; shorter
// than `height` where there is less to show. With `color`, SGR sequences, each line ending in the plain state. Boards
// stand side by side, as many as fit; rows, then boards, are left out where the height does not suffice, and the last
// line of the boards says how many. Costs some 100 us.
std::string render(const Frame& frame, std::size_t width, std::size_t height, bool color);

// The same figures as one line, and a board as lines, for output that is no terminal. All rows up to `rows`.
std::string status_line(const Frame& frame);
std::string board_lines(const FrameBoard& board, std::int64_t utc_offset_ms, std::size_t rows);

}  // namespace marquee
