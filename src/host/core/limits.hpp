// A bound on everything, in one place, with the relations they must keep.
#pragma once

#include <cstddef>
#include <cstdint>

namespace marquee {

inline constexpr std::size_t kIdBytesMax = 256;          // an item's or a dimension value's text
inline constexpr std::size_t kTitleBytesMax = 256;       // a longer title is none
inline constexpr std::int64_t kWatchMsMax = 86'400'000;  // 24 h; a watch time above is invalid
inline constexpr std::size_t kLeaderboardsMax = 32;
inline constexpr std::size_t kDimensionsMax = 16;
inline constexpr std::uint32_t kTopMax = 1000;
inline constexpr std::uint32_t kBatchEventsMax = 1u << 22;
inline constexpr std::int64_t kPanesPerWindowMax = 10'000;  // also windows per pane
inline constexpr std::size_t kArenaPaddingBytes = 64;  // readable bytes behind an arena's content, for SIMD parsers
inline constexpr std::int64_t kTickMsMax = 100;        // one tick adds at most this much to a partition's idle time
inline constexpr std::uint64_t kEpochEventsMax = 1u << 26;  // an epoch ends before it holds more

static_assert(kWatchMsMax < (std::int64_t{1} << 32), "a watch time fits its 32-bit column");
static_assert(kEpochEventsMax * kLeaderboardsMax < (std::uint64_t{1} << 32), "views of an epoch fit 32 bits");

// Budgets from configuration ([limits]); checked at start against the memory there is.
struct Budgets {
  std::uint32_t items = 4'000'000;  // ids that may live at once
  std::uint32_t combinations = 65'536;
  std::uint32_t groups = 65'536;                         // per leaderboard
  std::uint64_t entries = 16'000'000;                    // (leaderboard, pane, group, item) over all open panes
  std::uint32_t open_panes = 10'000;                     // over all leaderboards
  std::uint64_t title_bytes = std::uint64_t{256} << 20;  // what titles may take
};

}  // namespace marquee
