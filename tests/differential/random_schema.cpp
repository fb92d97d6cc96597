#include "differential/random_schema.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "oracle/json.hpp"

namespace differential {
namespace {

using oracle::JobConfig;
using oracle::WindowKind;
using namespace std::string_literals;

// A TOML basic string; JSON's escapes are TOML's too.
std::string toml_text(const std::string& text) {
  return oracle::json::quote(text);
}

std::vector<std::string> some_of(Rng& rng, std::vector<std::string> pool, std::size_t count) {
  rng.shuffle(pool);
  pool.resize(std::min(count, pool.size()));
  return pool;
}

std::vector<std::string> random_items(Rng& rng) {
  std::vector<std::string> pool = {
      "a",     "b",  "A",          "aa",       "a0",       "\xC3\xA9",  "\xE4\xB8\xAD",    "\xF0\x9F\x98\x80",
      "7",     "-3", "0",          "42",       "Z",        "q\"uote",   "back\\slash",     "tab\tnew\nline",
      "x\0y"s, "s/", "\x7f",       " ",        "1e3",      "true",      "m-000123",        "m-000124",
      "00",    "-0", "\x1f\b\f\r", "aaaaaaaa", "aaaaaaab", "aaaaaaaaa", "aaaaaaaa\xC3\xA9"};
  pool.push_back("9" + std::string(255, '0'));
  pool.push_back(std::string(255, 'L') + "1");
  pool.push_back(std::string(255, 'L') + "2");
  return some_of(rng, pool, rng.pick(std::vector<std::size_t>{1, 2, 3, 4, 6, 10, 30}));
}

std::vector<std::string> random_values(Rng& rng) {
  std::vector<std::string> pool = {"movie", "show", "live", "",      "true", "false", "12",
                                   "-0",    "0",    "-7",   "Movie", "a",    "aa",    "\xC3\xA9t\xC3\xA9",
                                   "{\"}",  "x\ty"};
  pool.push_back(std::string(256, 'd'));
  return some_of(rng, pool, rng.pick(std::vector<std::size_t>{1, 2, 2, 3, 5}));
}

// Leaves and containers share no name, so no path is the beginning of another.
void choose_paths(Rng& rng, Schema& schema) {
  using Paths = std::vector<std::string>;
  JobConfig& config = schema.config;
  config.item_path = rng.pick(Paths{"content_id", "content_id", "content.id", "meta.item", "deep.er.and.deeper.item"});
  config.time_path =
      rng.pick(Paths{"event_time", "event_time", "ts", "meta.time", "deep.er.time", "\xC3\xA9v\xC3\xA9nement"});
  config.watch_path = rng.pick(Paths{"watch_ms", "watch_ms", "watched", "meta.watch", "content.watch"});
  schema.fields.push_back({Role::kItem, config.item_path, random_items(rng), true});
  schema.fields.push_back({Role::kTime, config.time_path, {}, true});
  schema.fields.push_back({Role::kWatch, config.watch_path, {}, true});

  const std::vector<std::pair<std::string, Paths>> dimensions = {
      {"category", {"category", "content.category", "meta.category"}},
      {"country", {"country", "geo.country", "meta.geo.country"}},
      {"device", {"device", "dev ice", "deep.er.device"}},
      {"Zone", {"zone", "geo.zone"}}};
  for (const auto& [name, paths] : dimensions) {
    if (!rng.chance(50)) continue;
    oracle::Dimension& dimension = config.dimensions[name];
    dimension.path = rng.pick(paths);
    const std::vector<std::string> values = random_values(rng);
    if (rng.chance(40)) dimension.default_value = rng.chance(50) ? "unknown" : values.front();
    schema.fields.push_back({Role::kDimension, dimension.path, values, false});
  }
}

void choose_where(Rng& rng, Schema& schema) {
  JobConfig& config = schema.config;
  if (rng.chance(50)) {
    const std::string path = rng.pick(std::vector<std::string>{"action", "meta.action"});
    std::vector<std::string> texts = some_of(
        rng, {"play", "heartbeat", "true", "1", "0", "st\xC3\xB6p", "sixteen bytes 16", "watched to the end"}, 3);
    config.where[path] = {texts.front(), texts.back()};
    schema.fields.push_back({Role::kWhere, path, std::move(texts), true});
  }
  if (rng.chance(15)) {
    config.where["account.plan"] = {"free", "paid"};
    schema.fields.push_back({Role::kWhere, "account.plan", {"free", "paid", "paid", "free", "trial"}, true});
  }
  // A dimension that is a filter as well.
  for (Field& field : schema.fields) {
    if (field.role != Role::kDimension || !rng.chance(10)) continue;
    field.is_read = true;
    config.where[field.path] = {field.texts.begin(),
                                field.texts.begin() + static_cast<std::ptrdiff_t>((field.texts.size() + 1) / 2)};
  }
}

oracle::Window random_window(Rng& rng, std::int64_t scale_ms) {
  oracle::Window window;
  using Pair = std::pair<std::int64_t, std::int64_t>;
  switch (rng.below(3)) {
    case 0:
      window.kind = WindowKind::kTumbling;
      window.size_ms = scale_ms * rng.between(1, 5);
      break;
    case 1: {
      const Pair pair = rng.pick(std::vector<Pair>{{3, 1}, {5, 2}, {4, 4}, {6, 4}, {10, 3}, {2, 1}, {8, 1}});
      window.kind = WindowKind::kHopping;
      window.size_ms = scale_ms * pair.first;
      window.every_ms = scale_ms * pair.second;
      break;
    }
    default: {
      const Pair pair = rng.pick(std::vector<Pair>{{4, 1}, {6, 2}, {3, 3}, {5, 1}, {12, 1}});
      window.kind = WindowKind::kCumulative;
      window.size_ms = scale_ms * pair.first;
      window.step_ms = scale_ms * pair.second;
    }
  }
  if (rng.chance(40)) window.offset_ms = rng.between(-30, 30) * scale_ms / 10;
  if (rng.chance(10)) window.offset_ms = rng.between(-3 * scale_ms, 3 * scale_ms);
  return window;
}

void choose_leaderboards(Rng& rng, Schema& schema) {
  JobConfig& config = schema.config;
  std::vector<std::string> names = some_of(rng, {"trending", "Trending", "top-all", "b", "a2", "a", "board_1"}, 4);
  std::vector<std::string> dimensions;
  for (const auto& [name, dimension] : config.dimensions) dimensions.push_back(name);
  const std::size_t count = rng.pick(std::vector<std::size_t>{1, 1, 2, 3, 4});
  for (std::size_t i = 0; i < count; ++i) {
    oracle::Leaderboard leaderboard;
    leaderboard.name = names[i];
    leaderboard.by = some_of(rng, dimensions, rng.below(dimensions.size() + 1));
    leaderboard.window = random_window(rng, schema.scale_ms);
    leaderboard.measure = rng.chance(50) ? oracle::Measure::kViews : oracle::Measure::kWatchMs;
    leaderboard.top = rng.pick(std::vector<std::size_t>{1, 1, 2, 2, 3, 4, 5, 10, 100});
    config.leaderboards.push_back(std::move(leaderboard));
  }
  for (const oracle::Leaderboard& leaderboard : config.leaderboards) {
    for (const std::string& name : leaderboard.by) {
      for (Field& field : schema.fields) {
        if (field.path == config.dimensions.at(name).path) field.is_read = true;
      }
    }
  }
}

std::vector<std::string> random_titles(Rng& rng) {
  std::vector<std::string> pool = {"The Third Man", "Z",           "7",   "-0",      "0",   "\xC3\x89t\xC3\xA9",
                                   "\xE4\xB8\xAD",  "<b>bold</b>", "q\"", "a\tb\nc", "The", "true"};
  pool.push_back(std::string(256, 't'));
  return some_of(rng, pool, rng.pick(std::vector<std::size_t>{1, 2, 4, 12}));
}

// Titles of their own, or what is something else already.
void choose_displays(Rng& rng, Schema& schema) {
  if (rng.chance(40)) return;
  std::vector<std::string> paths;
  for (const Field& field : schema.fields) {
    if (field.role != Role::kTime && field.role != Role::kWatch && rng.chance(15)) paths.push_back(field.path);
  }
  for (const char* path : {"title", "content.title", "deep.er.title"}) {
    if (!rng.chance(60)) continue;
    paths.emplace_back(path);
    schema.fields.push_back({Role::kTitle, path, random_titles(rng), false});
  }
  if (paths.empty()) return;
  for (oracle::Leaderboard& leaderboard : schema.config.leaderboards) {
    if (rng.chance(70)) leaderboard.display_path = rng.pick(paths);
    for (Field& field : schema.fields) {
      if (field.path == leaderboard.display_path) field.is_read = true;
    }
  }
}

std::string to_window(Rng& rng, const oracle::Window& window) {
  std::string out = to_duration(rng, window.size_ms);
  switch (window.kind) {
    case WindowKind::kTumbling:
      out.insert(0, "tumbling ");
      break;
    case WindowKind::kHopping:
      out.insert(0, "hopping ");
      out += " every " + to_duration(rng, window.every_ms);
      break;
    case WindowKind::kCumulative:
      out.insert(0, "cumulative ");
      out += " step " + to_duration(rng, window.step_ms);
      break;
  }
  if (window.offset_ms != 0 || rng.chance(10)) out += " offset " + to_duration(rng, window.offset_ms);
  return out;
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ", ";
    out += toml_text(texts[i]);
  }
  return out + "]";
}

std::string event_section(Rng& rng, const JobConfig& config) {
  const std::vector<std::string> time_units = {"s", "ms", "us", "ns", "rfc3339"};
  const std::string time_unit = time_units[static_cast<std::size_t>(config.time_unit)];
  std::string out = "[event]\nitem = " + toml_text(config.item_path) + "\ntime = " + toml_text(config.time_path) + "\n";
  if (time_unit != "ms" || rng.chance(50)) out += "time_unit = \"" + time_unit + "\"\n";
  if (config.watch_path != "watch_ms" || rng.chance(50)) out += "watch = " + toml_text(config.watch_path) + "\n";
  const bool in_seconds = config.watch_unit == oracle::WatchUnit::kSeconds;
  if (in_seconds || rng.chance(50)) out += in_seconds ? "watch_unit = \"s\"\n" : "watch_unit = \"ms\"\n";
  if (!config.dimensions.empty()) {
    std::string entries;
    for (const auto& [name, dimension] : config.dimensions) {
      if (!entries.empty()) entries += ", ";
      entries += name + " = ";
      if (dimension.default_value) {
        entries +=
            "{ path = " + toml_text(dimension.path) + ", default = " + toml_text(*dimension.default_value) + " }";
      } else {
        entries += rng.chance(50) ? toml_text(dimension.path) : "{ path = " + toml_text(dimension.path) + " }";
      }
    }
    out += "dimensions = { " + entries + " }\n";
  }
  if (!config.where.empty()) {
    std::string entries;
    for (const auto& [path, texts] : config.where) {
      if (!entries.empty()) entries += ", ";
      entries += toml_text(path) + " = " + toml_list({texts.begin(), texts.end()});
    }
    out += "where = { " + entries + " }\n";
  }
  return out;
}

}  // namespace

std::uint64_t seed_from_environment(std::uint64_t otherwise) {
  const char* text = std::getenv("MARQUEE_SEED");
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
}

std::size_t rounds_from_environment(std::size_t otherwise) {
  const char* text = std::getenv("MARQUEE_ROUNDS");
  return text == nullptr || *text == '\0' ? otherwise : static_cast<std::size_t>(std::strtoull(text, nullptr, 0));
}

std::string to_duration(Rng& rng, std::int64_t ms) {
  const std::vector<std::pair<std::int64_t, std::string>> units = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}};
  std::string out = ms < 0 ? "-" : "";
  std::int64_t left = ms < 0 ? -ms : ms;
  if (left == 0) return rng.chance(50) ? "0s" : "0ms";
  const bool one_unit = rng.chance(50);
  for (const auto& [unit_ms, name] : units) {
    if (left < unit_ms || (one_unit && left % unit_ms != 0)) continue;
    out += std::to_string(left / unit_ms) + name;
    left %= unit_ms;
  }
  return out;
}

Schema random_schema(Rng& rng) {
  Schema schema;
  JobConfig& config = schema.config;
  schema.scale_ms = rng.pick(std::vector<std::int64_t>{10, 1'000, 1'000, 60'000, 60'000, 3'600'000, 86'400'000});
  choose_paths(rng, schema);
  choose_where(rng, schema);
  choose_leaderboards(rng, schema);
  choose_displays(rng, schema);
  config.time_unit = static_cast<oracle::TimeUnit>(rng.below(5));
  config.watch_unit = rng.chance(40) ? oracle::WatchUnit::kSeconds : oracle::WatchUnit::kMillis;
  const std::int64_t scale_ms = schema.scale_ms;
  config.disorder_ms = rng.pick(std::vector<std::int64_t>{0, scale_ms / 10, scale_ms / 2, scale_ms, 2 * scale_ms + 1});
  config.lateness_ms = rng.pick(std::vector<std::int64_t>{0, 1, scale_ms / 5, scale_ms, 3 * scale_ms});
  config.max_future_ms = rng.pick(std::vector<std::int64_t>{0, 1'000, scale_ms, 300'000});
  return schema;
}

std::string to_toml(Rng& rng, const JobConfig& config, bool idle_never) {
  std::string out = "[source]\ntopic = \"watch-events\"\n\n" + event_section(rng, config);
  out += "\n[time]\n";
  out += "disorder = \"" + to_duration(rng, config.disorder_ms) + "\"\n";
  out += "lateness = \"" + to_duration(rng, config.lateness_ms) + "\"\n";
  out += "max_future = \"" + to_duration(rng, config.max_future_ms) + "\"\n";
  if (idle_never) out += "idle_after = \"never\"\n";
  for (const oracle::Leaderboard& leaderboard : config.leaderboards) {
    out += "\n[[leaderboard]]\nname = " + toml_text(leaderboard.name) + "\n";
    out += "by = " + toml_list(leaderboard.by) + "\n";
    out += "window = \"" + to_window(rng, leaderboard.window) + "\"\n";
    if (leaderboard.measure == oracle::Measure::kWatchMs) {
      out += "measure = \"watch_ms\"\n";
    } else if (rng.chance(50)) {
      out += "measure = \"views\"\n";
    }
    if (leaderboard.top != 10 || rng.chance(50)) out += "top = " + std::to_string(leaderboard.top) + "\n";
    if (!leaderboard.display_path.empty()) out += "display = " + toml_text(leaderboard.display_path) + "\n";
  }
  return out;
}

}  // namespace differential
