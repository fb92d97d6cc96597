#include "pipeline/meaning.hpp"

#include <algorithm>
#include <vector>

#include "core/result.hpp"

namespace marquee {
namespace {

// Values may hold any byte: line feeds and backslashes are escaped, so that a line is a setting.
void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '\n') out += '\\';
    out += c == '\n' ? 'n' : c;
  }
}

void line(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  out += '=';
  append_escaped(out, value);
  out += '\n';
}

void line(std::string& out, std::string_view key, std::int64_t value) {
  std::string text;
  append_number(text, value);
  line(out, key, text);
}

// Keys of a path may hold dots themselves.
std::string path_text(const FieldPath& path) {
  std::string out;
  for (const std::string& key : path.keys) {
    if (!out.empty()) out += '.';
    for (const char c : key) {
      if (c == '.' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string_view unit_text(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return "s";
    case TimeUnit::kMilliseconds:
      return "ms";
    case TimeUnit::kMicroseconds:
      return "us";
    case TimeUnit::kNanoseconds:
      return "ns";
    case TimeUnit::kRfc3339:
      break;
  }
  return "rfc3339";
}

std::string_view kind_text(WindowKind kind) {
  switch (kind) {
    case WindowKind::kTumbling:
      return "tumbling";
    case WindowKind::kHopping:
      return "hopping";
    case WindowKind::kCumulative:
      break;
  }
  return "cumulative";
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string job_meaning(const JobSpec& job) {
  std::string out;
  line(out, "event.item", path_text(job.event.item));
  line(out, "event.time", path_text(job.event.time));
  line(out, "event.time_unit", unit_text(job.event.time_unit));
  line(out, "event.watch", path_text(job.event.watch));
  line(out, "event.watch_unit", job.event.watch_unit == WatchUnit::kSeconds ? "s" : "ms");
  std::vector<std::string> wheres;
  for (const WhereSpec& where : job.event.where) {
    std::vector<std::string> values = where.values;
    std::sort(values.begin(), values.end());
    std::string text;
    for (const std::string& value : values) {
      append_number(text, static_cast<std::int64_t>(value.size()));
      text += ':' + value;
    }
    std::string of_path;
    line(of_path, "event.where." + path_text(where.path), text);
    wheres.push_back(std::move(of_path));
  }
  std::sort(wheres.begin(), wheres.end());
  for (const std::string& where : wheres) out += where;
  // Records without one of these are invalid, for every leaderboard.
  for (const DimensionSpec& dimension : job.event.dimensions) {
    if (!dimension.default_value) line(out, "event.dimensions without default", dimension.name);
  }
  line(out, "time.disorder_ms", job.time.disorder_ms);
  line(out, "time.lateness_ms", job.time.lateness_ms);
  line(out, "time.max_future_ms", job.time.max_future_ms);
  return out;
}

std::string leaderboard_meaning(const JobSpec& job, const LeaderboardSpec& board) {
  std::string out;
  for (const std::uint32_t d : board.by) {
    const DimensionSpec& dimension = job.event.dimensions[d];
    line(out, "by", dimension.name);
    line(out, "event.dimensions." + dimension.name, path_text(dimension.path));
    if (dimension.default_value) line(out, "event.dimensions." + dimension.name + ".default", *dimension.default_value);
  }
  line(out, "window", kind_text(board.window.kind));
  line(out, "window.size_ms", board.window.size_ms);
  line(out, "window.every_ms", board.window.every_ms);
  line(out, "window.offset_ms", board.window.offset_ms);
  line(out, "measure", board.measure == Measure::kViews ? "views" : "watch_ms");
  line(out, "top", board.top);
  if (board.display) line(out, "display", path_text(job.event.displays[*board.display]));
  return out;
}

std::string meaning_difference(std::string_view before, std::string_view now) {
  const std::vector<std::string_view> was = lines_of(before);
  const std::vector<std::string_view> is = lines_of(now);
  const auto key = [](std::string_view l) { return std::string(l.substr(0, l.find('='))); };
  const auto value = [](std::string_view l) { return std::string(l.substr(std::min(l.size(), l.find('=') + 1))); };
  for (std::size_t i = 0; i < std::max(was.size(), is.size()); ++i) {
    if (i >= is.size()) return key(was[i]) + " was \"" + value(was[i]) + "\" and is not set now";
    if (i >= was.size()) return key(is[i]) + " was not set and is now \"" + value(is[i]) + '"';
    if (was[i] == is[i]) continue;
    if (key(was[i]) == key(is[i]))
      return key(is[i]) + " was \"" + value(was[i]) + "\" and is now \"" + value(is[i]) + '"';
    return "\"" + std::string(was[i]) + "\" has become \"" + std::string(is[i]) + '"';
  }
  return {};
}

}  // namespace marquee
