// JobSpec: what is asked, as plain values. The configuration loader makes it, everything else reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/windows.hpp"

namespace marquee {

enum class TimeUnit : std::uint8_t { kSeconds, kMilliseconds, kMicroseconds, kNanoseconds, kRfc3339 };
enum class WatchUnit : std::uint8_t { kSeconds, kMilliseconds };
enum class Measure : std::uint8_t { kViews, kWatchMs };

// Where a value stands in a record: keys from the outside in. "geo.country" is {"geo", "country"}.
struct FieldPath {
  std::vector<std::string> keys;
};

struct DimensionSpec {
  std::string name;
  FieldPath path;
  std::optional<std::string> default_value;  // for records without the field
};

// A record counts only if the field's text is one of `values`.
struct WhereSpec {
  FieldPath path;
  std::vector<std::string> values;
};

struct EventSpec {
  FieldPath item;
  FieldPath time;
  TimeUnit time_unit = TimeUnit::kMilliseconds;
  FieldPath watch;  // may have no keys: watch time is 0 everywhere
  WatchUnit watch_unit = WatchUnit::kMilliseconds;
  std::vector<DimensionSpec> dimensions;  // only those that some leaderboard groups by, sorted by name's bytes
  std::vector<WhereSpec> where;
  std::vector<FieldPath> displays;  // distinct; each is some leaderboard's
};

struct TimeSpec {
  std::int64_t disorder_ms = 5'000;
  std::int64_t lateness_ms = 60'000;
  std::optional<std::int64_t> idle_after_ms = 10'000;  // none: "never"
  std::int64_t max_future_ms = 300'000;                // only where a message has a timestamp of its own
};

struct LeaderboardSpec {
  std::string name;
  std::vector<std::uint32_t> by;  // positions in EventSpec::dimensions, in the order configured; may be empty
  WindowSpec window;
  Measure measure = Measure::kViews;
  std::uint32_t top = 10;  // 1 … kTopMax
  std::int64_t emit_every_ms = 1'000;
  std::optional<std::uint32_t> display;  // position in EventSpec::displays: what titles are taken from
};

struct JobSpec {
  EventSpec event;
  TimeSpec time;
  std::vector<LeaderboardSpec> leaderboards;  // 1 … kLeaderboardsMax, names distinct
  Budgets budgets;
};

}  // namespace marquee
