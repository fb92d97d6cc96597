// Dense ids and other integers that must not be mixed. All are plain integers in memory, so they may live in columns
// that a device reads; raw() is the one way back to arithmetic.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace marquee {

enum class ItemId : std::uint32_t {};            // 0: refused (no room in the budget)
enum class CombinationId : std::uint32_t {};     // one tuple of all dimension values; 0: refused
enum class GroupId : std::uint32_t {};           // per leaderboard; 0: refused
enum class LeaderboardIndex : std::uint32_t {};  // position in JobSpec::leaderboards
enum class PartitionIndex : std::uint32_t {};    // position in the source's list of partitions; never reused
enum class PaneIndex : std::int64_t {};  // pane p of a leaderboard covers [p*pane_ms + offset, (p+1)*pane_ms + offset)
enum class Offset : std::int64_t {};     // of a message in its partition
enum class Generation : std::uint32_t {};  // raised by every recovery

template <class E>
  requires std::is_enum_v<E>
constexpr std::underlying_type_t<E> raw(E e) {
  return static_cast<std::underlying_type_t<E>>(e);
}

inline constexpr ItemId kRefusedItem{0};
inline constexpr CombinationId kRefusedCombination{0};
inline constexpr GroupId kRefusedGroup{0};
inline constexpr PaneIndex kNoPane{std::numeric_limits<std::int64_t>::min()};

// Event times are milliseconds since the Unix epoch, in [0, kEventTimeMsMax]; kNoTime is below them all.
using EventTimeMs = std::int64_t;
inline constexpr EventTimeMs kNoTime = std::numeric_limits<std::int64_t>::min();
inline constexpr EventTimeMs kEndOfTime = std::numeric_limits<std::int64_t>::max();
inline constexpr EventTimeMs kEventTimeMsMax = 253402300799999;  // 9999-12-31T23:59:59.999Z

}  // namespace marquee
