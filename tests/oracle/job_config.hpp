// What a job is asked to do, as plain values. No defaults are hidden in code: they are the ones written here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace oracle {

enum class TimeUnit { kSeconds, kMillis, kMicros, kNanos, kRfc3339 };
enum class WatchUnit { kSeconds, kMillis };
enum class Measure { kViews, kWatchMs };
enum class WindowKind { kTumbling, kHopping, kCumulative };

struct Dimension {
  std::string path;
  std::optional<std::string> default_value;  // taken when the field is absent or null
  bool operator==(const Dimension&) const = default;
};

struct Window {
  WindowKind kind = WindowKind::kTumbling;
  std::int64_t size_ms = 60'000;
  std::int64_t every_ms = 0;   // hopping only
  std::int64_t step_ms = 0;    // cumulative only
  std::int64_t offset_ms = 0;  // any sign
  bool operator==(const Window&) const = default;
};

struct Leaderboard {
  std::string name;
  std::vector<std::string> by;  // names of dimensions; may be empty
  Window window;
  Measure measure = Measure::kViews;
  std::size_t top = 10;
  std::string display_path{};  // where titles stand; empty: none are shown
  bool operator==(const Leaderboard&) const = default;
};

struct JobConfig {
  std::string item_path;
  std::string time_path;
  TimeUnit time_unit = TimeUnit::kMillis;
  std::string watch_path = "watch_ms";
  WatchUnit watch_unit = WatchUnit::kMillis;
  std::map<std::string, Dimension> dimensions;         // by name
  std::map<std::string, std::set<std::string>> where;  // path -> the texts that pass; every path must pass
  std::int64_t disorder_ms = 5'000;
  std::int64_t lateness_ms = 60'000;
  std::int64_t max_future_ms = 300'000;
  std::vector<Leaderboard> leaderboards;
  bool operator==(const JobConfig&) const = default;
};

}  // namespace oracle
