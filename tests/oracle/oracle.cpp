#include "oracle/oracle.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "oracle/json.hpp"

namespace oracle {
namespace {

// The greatest multiple of `unit` that is not above `value`.
std::int64_t floor_to(std::int64_t value, std::int64_t unit) {
  std::int64_t remainder = value % unit;
  if (remainder < 0) remainder += unit;
  return value - remainder;
}

std::int64_t pane_ms(const Window& window) {
  switch (window.kind) {
    case WindowKind::kTumbling:
      return window.size_ms;
    case WindowKind::kHopping:
      return std::gcd(window.size_ms, window.every_ms);
    case WindowKind::kCumulative:
      return window.step_ms;
  }
  return 0;
}

std::int64_t measure_of(const Row& row, Measure measure) {
  return measure == Measure::kViews ? row.views : row.watch_ms;
}

std::string json_strings(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    out += json::quote(texts[i]);
  }
  return out + "]";
}

}  // namespace

Span pane_of(const Window& window, std::int64_t time_ms) {
  const std::int64_t length_ms = pane_ms(window);
  const std::int64_t start_ms = floor_to(time_ms - window.offset_ms, length_ms) + window.offset_ms;
  return {start_ms, start_ms + length_ms};
}

std::vector<Span> windows_of(const Window& window, std::int64_t time_ms) {
  std::vector<Span> spans;
  const std::int64_t shifted_ms = time_ms - window.offset_ms;
  switch (window.kind) {
    case WindowKind::kTumbling: {
      const std::int64_t start_ms = floor_to(shifted_ms, window.size_ms) + window.offset_ms;
      spans.push_back({start_ms, start_ms + window.size_ms});
      break;
    }
    case WindowKind::kHopping: {
      std::int64_t start_ms = floor_to(shifted_ms, window.every_ms) + window.offset_ms;
      for (; start_ms + window.size_ms > time_ms; start_ms -= window.every_ms) {
        spans.insert(spans.begin(), {start_ms, start_ms + window.size_ms});
      }
      break;
    }
    case WindowKind::kCumulative: {
      const std::int64_t start_ms = floor_to(shifted_ms, window.size_ms) + window.offset_ms;
      for (std::int64_t end_ms = start_ms + window.step_ms; end_ms <= start_ms + window.size_ms;
           end_ms += window.step_ms) {
        if (time_ms < end_ms) spans.push_back({start_ms, end_ms});
      }
      break;
    }
  }
  return spans;
}

std::int64_t Counts::invalid_total() const {
  std::int64_t total = 0;
  for (const auto& [reason, count] : invalid) total += count;
  return total;
}

Oracle::Oracle(JobConfig config) : config_(std::move(config)) {}

std::optional<std::int64_t> Oracle::watermark_ms(int partition) const {
  const auto found = highest_ms_.find(partition);
  if (found == highest_ms_.end() || !found->second) return std::nullopt;
  return *found->second - config_.disorder_ms;
}

std::optional<std::int64_t> Oracle::job_watermark_ms() const {
  std::optional<std::int64_t> lowest_ms;
  for (const auto& [partition, highest_ms] : highest_ms_) {
    const std::optional<std::int64_t> own_ms = watermark_ms(partition);
    if (!own_ms) return std::nullopt;
    if (!lowest_ms || *own_ms < *lowest_ms) lowest_ms = own_ms;
  }
  return lowest_ms;
}

bool Oracle::is_late(const Leaderboard& leaderboard, int partition, std::int64_t time_ms) const {
  const std::optional<std::int64_t> own_ms = watermark_ms(partition);
  return own_ms && *own_ms >= pane_of(leaderboard.window, time_ms).end_ms + config_.lateness_ms;
}

void Oracle::count(std::size_t leaderboard_index, const Event& event) {
  const Leaderboard& leaderboard = config_.leaderboards[leaderboard_index];
  std::vector<std::string> values;
  for (const std::string& name : leaderboard.by) values.push_back(event.dimensions.at(name));
  for (const Span& span : windows_of(leaderboard.window, event.time_ms)) {
    WindowContent& content = windows_[{span.end_ms, leaderboard.name, values, span.start_ms}];
    content.leaderboard_index = leaderboard_index;
    content.events += 1;
    Row& row = content.items[event.item];
    row.item = event.item;
    row.views += 1;
    row.watch_ms += event.watch_ms;
    const auto title = event.titles.find(leaderboard.display_path);
    if (title == event.titles.end()) continue;
    // Of the highest event time, then the greatest bytes.
    const bool is_better = row.title.empty() || event.time_ms > row.title_time_ms ||
                           (event.time_ms == row.title_time_ms && title->second > row.title);
    if (!is_better) continue;
    row.title = title->second;
    row.title_time_ms = event.time_ms;
  }
}

Judgement Oracle::feed(const Record& record) {
  std::optional<std::int64_t>& highest_ms = highest_ms_[record.partition];
  counts_.read += 1;
  Reading reading = read_record(config_, record);
  Judgement judgement;
  judgement.verdict = reading.verdict;
  judgement.reason = reading.reason;
  if (reading.verdict == Verdict::kInvalid) {
    counts_.invalid[reading.reason] += 1;
    return judgement;
  }
  if (reading.verdict == Verdict::kFiltered) {
    counts_.filtered += 1;
    return judgement;
  }
  bool late_for_all = true;
  for (const Leaderboard& leaderboard : config_.leaderboards) {
    judgement.late_for.push_back(is_late(leaderboard, record.partition, reading.event.time_ms));
    late_for_all = late_for_all && judgement.late_for.back();
  }
  if (late_for_all) {
    judgement.verdict = Verdict::kLate;
    counts_.late += 1;
    return judgement;
  }
  counts_.counted += 1;
  for (std::size_t i = 0; i < config_.leaderboards.size(); ++i) {
    if (!judgement.late_for[i]) count(i, reading.event);
  }
  if (!highest_ms || reading.event.time_ms > *highest_ms) highest_ms = reading.event.time_ms;
  return judgement;
}

void Oracle::feed_file(std::string_view bytes, int partition) {
  for (const Record& record : split_file(bytes, partition)) feed(record);
}

std::vector<Judgement> Oracle::feed_message(const Message& message) {
  highest_ms_[message.partition];  // a message of no records still shows that the partition is there
  std::vector<Judgement> judgements;
  for (const Record& record : split_message(message)) judgements.push_back(feed(record));
  return judgements;
}

std::vector<Result> Oracle::results() const {
  std::vector<Result> results;
  for (const auto& [key, content] : windows_) {
    const Leaderboard& leaderboard = config_.leaderboards[content.leaderboard_index];
    Result result;
    result.leaderboard = leaderboard.name;
    result.by = leaderboard.by;
    result.values = key.values;
    result.window_start_ms = key.start_ms;
    result.window_end_ms = key.end_ms;
    result.events = content.events;
    result.top = leaderboard.top;
    for (const auto& [item, row] : content.items) result.ranking.push_back(row);
    std::sort(result.ranking.begin(), result.ranking.end(), [&leaderboard](const Row& a, const Row& b) {
      const std::int64_t measure_a = measure_of(a, leaderboard.measure);
      const std::int64_t measure_b = measure_of(b, leaderboard.measure);
      return measure_a != measure_b ? measure_a > measure_b : a.item < b.item;
    });
    if (result.top > 0 && result.ranking.size() > result.top) {
      result.has_tie_at_top = measure_of(result.ranking[result.top - 1], leaderboard.measure) ==
                              measure_of(result.ranking[result.top], leaderboard.measure);
    }
    results.push_back(std::move(result));
  }
  return results;
}

std::string Oracle::replay_output() const {
  std::string out;
  for (const Result& result : results()) out += result_json(result) + "\n";
  return out;
}

std::string Oracle::summary_json() const {
  std::string out = "{\"read\":" + std::to_string(counts_.read) + ",\"counted\":" + std::to_string(counts_.counted) +
                    ",\"filtered\":" + std::to_string(counts_.filtered) + ",\"late\":" + std::to_string(counts_.late) +
                    ",\"invalid\":{";
  bool is_first = true;
  for (const auto& [reason, count] : counts_.invalid) {
    if (!is_first) out += ',';
    is_first = false;
    out += json::quote(reason) + ":" + std::to_string(count);
  }
  return out + "},\"results\":" + std::to_string(windows_.size()) + "}";
}

std::string kafka_key(const Result& result) {
  std::string out = "[";
  out += json::quote(result.leaderboard) + "," + json_strings(result.values) + ",";
  out += std::to_string(result.window_start_ms) + "," + std::to_string(result.window_end_ms) + "]";
  return out;
}

std::string result_json(const Result& result, bool is_final) {
  std::string out = "{\"schema\":1,\"leaderboard\":" + json::quote(result.leaderboard) + ",\"group\":{";
  for (std::size_t i = 0; i < result.by.size(); ++i) {
    if (i > 0) out += ',';
    out += json::quote(result.by[i]) + ":" + json::quote(result.values[i]);
  }
  out += "},\"window_start\":" + std::to_string(result.window_start_ms) +
         ",\"window_end\":" + std::to_string(result.window_end_ms) +
         ",\"revision\":" + std::to_string(4 * result.events + (is_final ? 1 : 0)) +
         ",\"final\":" + (is_final ? "true" : "false") + ",\"exact\":true,\"events\":" + std::to_string(result.events) +
         ",\"items\":[";
  for (std::size_t i = 0; i < result.row_count(); ++i) {
    const Row& row = result.ranking[i];
    if (i > 0) out += ',';
    out += "{\"rank\":" + std::to_string(i + 1) + ",\"item\":" + json::quote(row.item) +
           (row.title.empty() ? "" : ",\"title\":" + json::quote(row.title)) +
           ",\"views\":" + std::to_string(row.views) + ",\"watch_ms\":" + std::to_string(row.watch_ms) + "}";
  }
  return out + "]}";
}

}  // namespace oracle
