#include "oracle/job_config_toml.hpp"

#include <toml++/toml.h>

#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace oracle {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("configuration: " + what);
}

std::string text_or(const toml::table& table, std::string_view key, std::string_view otherwise) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::string(otherwise);
  const std::optional<std::string> text = node->value_exact<std::string>();
  if (!text) fail(std::string(key) + " is not a string");
  return *text;
}

std::string needed_text(const toml::table& table, std::string_view key) {
  std::string text = text_or(table, key, "");
  if (text.empty()) fail(std::string(key) + " is needed");
  return text;
}

toml::table table_at(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return {};
  if (!node->is_table()) fail(std::string(key) + " is not a table");
  return *node->as_table();
}

TimeUnit time_unit(const std::string& text) {
  if (text == "s") return TimeUnit::kSeconds;
  if (text == "ms") return TimeUnit::kMillis;
  if (text == "us") return TimeUnit::kMicros;
  if (text == "ns") return TimeUnit::kNanos;
  if (text == "rfc3339") return TimeUnit::kRfc3339;
  fail("event.time_unit: " + text);
}

WatchUnit watch_unit(const std::string& text) {
  if (text == "s") return WatchUnit::kSeconds;
  if (text == "ms") return WatchUnit::kMillis;
  fail("event.watch_unit: " + text);
}

Measure measure(const std::string& text) {
  if (text == "views") return Measure::kViews;
  if (text == "watch_ms") return Measure::kWatchMs;
  fail("measure: " + text);
}

std::string scalar_text(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
  fail("event.where: a value that is no text");
}

// A key may be a path itself ("geo.country" in quotes) or descend by tables.
void read_where(const toml::table& table, const std::string& prefix, JobConfig& config) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    if (node.is_table()) {
      read_where(*node.as_table(), path + ".", config);
    } else if (node.is_array()) {
      std::set<std::string>& texts = config.where[path];
      for (const toml::node& element : *node.as_array()) texts.insert(scalar_text(element));
    } else {
      config.where[path] = {scalar_text(node)};
    }
  }
}

void read_event(const toml::table& event, JobConfig& config) {
  config.item_path = needed_text(event, "item");
  config.time_path = needed_text(event, "time");
  config.time_unit = time_unit(text_or(event, "time_unit", "ms"));
  config.watch_path = text_or(event, "watch", "watch_ms");
  config.watch_unit = watch_unit(text_or(event, "watch_unit", "ms"));
  for (const auto& [key, node] : table_at(event, "dimensions")) {
    const std::string name(key.str());
    Dimension& dimension = config.dimensions[name];
    if (const toml::table* table = node.as_table()) {
      dimension.path = text_or(*table, "path", name);
      if (const toml::node* value = table->get("default")) dimension.default_value = scalar_text(*value);
    } else {
      dimension.path = scalar_text(node);
    }
  }
  read_where(table_at(event, "where"), "", config);
}

Leaderboard read_leaderboard(const toml::table& table, const JobConfig& config) {
  Leaderboard leaderboard;
  leaderboard.name = needed_text(table, "name");
  if (const toml::array* by = table["by"].as_array()) {
    for (const toml::node& element : *by) {
      leaderboard.by.push_back(scalar_text(element));
      if (!config.dimensions.contains(leaderboard.by.back())) fail("no dimension " + leaderboard.by.back());
    }
  }
  leaderboard.window = parse_window(text_or(table, "window", "tumbling 1m"));
  leaderboard.measure = measure(text_or(table, "measure", "views"));
  const std::int64_t top = table["top"].value_or(std::int64_t{10});
  if (top < 1) fail("top is below 1");
  leaderboard.top = static_cast<std::size_t>(top);
  leaderboard.display_path = text_or(table, "display", "");
  return leaderboard;
}

}  // namespace

std::int64_t parse_duration_ms(std::string_view text) {
  const std::string whole(text);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) fail("not a duration: '" + whole + "'");
  std::int64_t total_ms = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 15 && text[digits] >= '0' && text[digits] <= '9') {
      number = number * 10 + (text[digits++] - '0');
    }
    text.remove_prefix(digits);
    std::size_t letters = 0;
    while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z') ++letters;
    const std::string_view unit = text.substr(0, letters);
    text.remove_prefix(letters);
    std::int64_t unit_ms = 0;
    if (unit == "ms") unit_ms = 1;
    if (unit == "s") unit_ms = 1'000;
    if (unit == "m") unit_ms = 60'000;
    if (unit == "h") unit_ms = 3'600'000;
    if (unit == "d") unit_ms = 86'400'000;
    if (digits == 0 || unit_ms == 0) fail("not a duration: '" + whole + "'");
    total_ms += number * unit_ms;
  }
  return negative ? -total_ms : total_ms;
}

Window parse_window(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::vector<std::string> word;
  for (std::string next; words >> next;) word.push_back(next);
  const std::string wrong = "not a window: '" + std::string(text) + "'";
  if (word.size() < 2) fail(wrong);
  Window window;
  window.size_ms = parse_duration_ms(word[1]);
  std::size_t used = 2;
  auto after = [&](std::string_view name) {
    if (word.size() < used + 2 || word[used] != name) fail(wrong);
    used += 2;
    return parse_duration_ms(word[used - 1]);
  };
  if (word[0] == "hopping") {
    window.kind = WindowKind::kHopping;
    window.every_ms = after("every");
    if (window.every_ms < 1 || window.every_ms > window.size_ms) fail(wrong);
  } else if (word[0] == "cumulative") {
    window.kind = WindowKind::kCumulative;
    window.step_ms = after("step");
    if (window.step_ms < 1 || window.size_ms % window.step_ms != 0) fail(wrong);
  } else if (word[0] != "tumbling") {
    fail(wrong);
  }
  if (used < word.size()) window.offset_ms = after("offset");
  if (used != word.size() || window.size_ms < 1) fail(wrong);
  return window;
}

JobConfig parse_job_config(std::string_view toml_text) {
  toml::table root;
  try {
    root = toml::parse(toml_text);
  } catch (const toml::parse_error& error) {
    std::ostringstream what;
    what << error;
    fail(what.str());
  }
  JobConfig config;
  read_event(table_at(root, "event"), config);
  const toml::table time = table_at(root, "time");
  config.disorder_ms = parse_duration_ms(text_or(time, "disorder", "5s"));
  config.lateness_ms = parse_duration_ms(text_or(time, "lateness", "1m"));
  config.max_future_ms = parse_duration_ms(text_or(time, "max_future", "5m"));
  if (const toml::array* boards = root["leaderboard"].as_array()) {
    for (const toml::node& node : *boards) {
      if (!node.is_table()) fail("a leaderboard is not a table");
      config.leaderboards.push_back(read_leaderboard(*node.as_table(), config));
    }
  }
  if (config.leaderboards.empty()) fail("no [[leaderboard]]");
  return config;
}

JobConfig load_job_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return parse_job_config(text.str());
}

}  // namespace oracle
