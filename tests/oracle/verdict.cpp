#include "oracle/verdict.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "oracle/json.hpp"

namespace oracle {
namespace {

constexpr std::size_t kTextBytesMax = 256;
constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;  // the last millisecond of the year 9999
constexpr std::int64_t kWatchMsMax = 86'400'000;

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool all_digits(std::string_view text) {
  for (const char byte : text) {
    if (!is_digit(byte)) return false;
  }
  return !text.empty();
}

bool all_zeros(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

// `digits` as a number when it is at most `max`, for a `max` below 10^18.
std::optional<std::int64_t> number_up_to(std::string_view digits, std::int64_t max) {
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string_view::npos) return 0;
  digits.remove_prefix(first);
  if (digits.size() > 18) return std::nullopt;
  std::int64_t number = 0;
  for (const char digit : digits) number = number * 10 + (digit - '0');
  if (number > max) return std::nullopt;
  return number;
}

bool is_leap_year(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in_month(int year, int month) {
  if (month == 2) return is_leap_year(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

std::int64_t days_since_1970(int year, int month, int day) {
  std::int64_t days = 0;
  for (int y = 1970; y < year; ++y) days += is_leap_year(y) ? 366 : 365;
  for (int y = year; y < 1970; ++y) days -= is_leap_year(y) ? 366 : 365;
  for (int m = 1; m < month; ++m) days += days_in_month(year, m);
  return days + day - 1;
}

// `-?(0|[1-9][0-9]*)`: of a number token, no fraction and no exponent.
bool is_integer_token(std::string_view token) {
  return token.find_first_of(".eE") == std::string_view::npos;
}

std::string integer_text(const std::string& token) {
  return token == "-0" ? "0" : token;
}

// One field of a record, as a path finds it. A null counts as absent.
struct Field {
  const json::Node* node = nullptr;
  std::string decoded;             // of a string
  bool has_broken_string = false;  // a string that cannot be decoded

  bool is_absent() const { return node == nullptr; }
  bool is(json::Kind kind) const { return node != nullptr && node->kind == kind; }
};

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> names(1);
  for (const char byte : path) {
    if (byte == '.') {
      names.emplace_back();
    } else {
      names.back().push_back(byte);
    }
  }
  return names;
}

Field find_field(const json::Document& document, const std::string& path) {
  const json::Node* node = &document.nodes[0];
  for (const std::string& name : split_path(path)) {
    if (node->kind != json::Kind::kObject) return {};
    const json::Node* found = nullptr;
    for (std::size_t i = 0; i < node->children.size() && found == nullptr; ++i) {
      if (json::decode(node->raw_keys[i]) == name) found = &document.nodes[node->children[i]];
    }
    if (found == nullptr) return {};
    node = found;
  }
  Field field;
  if (node->kind == json::Kind::kNull) return field;
  field.node = node;
  if (node->kind == json::Kind::kString) {
    std::optional<std::string> decoded = json::decode(node->text);
    field.has_broken_string = !decoded;
    if (decoded) field.decoded = std::move(*decoded);
  }
  return field;
}

// The text of a value, or nothing when it is of the wrong type.
std::optional<std::string> text_of(const Field& field, bool booleans_too) {
  if (field.is(json::Kind::kString)) return field.decoded;
  if (field.is(json::Kind::kNumber) && is_integer_token(field.node->text)) return integer_text(field.node->text);
  if (booleans_too && field.is(json::Kind::kTrue)) return "true";
  if (booleans_too && field.is(json::Kind::kFalse)) return "false";
  return std::nullopt;
}

Reading invalid(std::string reason) {
  Reading reading;
  reading.verdict = Verdict::kInvalid;
  reading.reason = std::move(reason);
  return reading;
}

std::set<std::string> dimensions_grouped_by(const JobConfig& config) {
  std::set<std::string> names;
  for (const Leaderboard& leaderboard : config.leaderboards) {
    names.insert(leaderboard.by.begin(), leaderboard.by.end());
  }
  return names;
}

bool any_read_string_is_broken(const JobConfig& config, const json::Document& document) {
  std::set<std::string> paths = {config.item_path, config.time_path};
  if (!config.watch_path.empty()) paths.insert(config.watch_path);
  for (const auto& [path, texts] : config.where) paths.insert(path);
  for (const std::string& name : dimensions_grouped_by(config)) paths.insert(config.dimensions.at(name).path);
  for (const Leaderboard& leaderboard : config.leaderboards) {
    if (!leaderboard.display_path.empty()) paths.insert(leaderboard.display_path);
  }
  for (const std::string& path : paths) {
    if (find_field(document, path).has_broken_string) return true;
  }
  return false;
}

bool passes_where(const JobConfig& config, const json::Document& document) {
  for (const auto& [path, texts] : config.where) {
    const std::optional<std::string> text = text_of(find_field(document, path), true);
    if (!text || !texts.contains(*text)) return false;
  }
  return true;
}

// Each reader fills its part of the event and answers with a reason, empty when there is none.
std::string read_item(const JobConfig& config, const json::Document& document, Event& event) {
  const Field field = find_field(document, config.item_path);
  if (field.is_absent()) return "item_missing";
  const std::optional<std::string> text = text_of(field, false);
  if (!text) return "item_type";
  if (text->empty()) return "item_empty";
  if (text->size() > kTextBytesMax) return "item_too_long";
  event.item = *text;
  return "";
}

std::string read_time(const JobConfig& config, const json::Document& document, const Record& record, Event& event) {
  const Field field = find_field(document, config.time_path);
  if (field.is_absent()) return "time_missing";
  Milliseconds time;
  if (field.is(json::Kind::kString)) {
    time = config.time_unit == TimeUnit::kRfc3339 ? parse_rfc3339(field.decoded)
                                                  : parse_decimal_time(field.decoded, config.time_unit);
  } else if (field.is(json::Kind::kNumber) && config.time_unit != TimeUnit::kRfc3339) {
    time = parse_decimal_time(field.node->text, config.time_unit);
  } else {
    return "time_type";
  }
  if (!time.error.empty()) return time.error;
  if (record.kafka_timestamp_ms && time.ms - *record.kafka_timestamp_ms > config.max_future_ms) return "time_future";
  event.time_ms = time.ms;
  return "";
}

std::string read_watch(const JobConfig& config, const json::Document& document, Event& event) {
  if (config.watch_path.empty()) return "";
  const Field field = find_field(document, config.watch_path);
  if (field.is_absent()) return "";
  if (!field.is(json::Kind::kNumber)) return "watch_type";
  const Milliseconds watch = parse_watch(field.node->text, config.watch_unit);
  event.watch_ms = watch.ms;
  return watch.error;
}

std::string read_dimensions(const JobConfig& config, const json::Document& document, Event& event) {
  for (const std::string& name : dimensions_grouped_by(config)) {
    const Dimension& dimension = config.dimensions.at(name);
    const Field field = find_field(document, dimension.path);
    if (field.is_absent()) {
      if (!dimension.default_value) return "dimension_missing";
      event.dimensions[name] = *dimension.default_value;
      continue;
    }
    const std::optional<std::string> text = text_of(field, true);
    if (!text) return "dimension_type";
    if (text->size() > kTextBytesMax) return "dimension_too_long";
    event.dimensions[name] = *text;
  }
  return "";
}

// No title is wrong: what cannot be one is none.
void read_titles(const JobConfig& config, const json::Document& document, Event& event) {
  for (const Leaderboard& leaderboard : config.leaderboards) {
    if (leaderboard.display_path.empty()) continue;
    const std::optional<std::string> text = text_of(find_field(document, leaderboard.display_path), false);
    if (text && !text->empty() && text->size() <= kTextBytesMax) event.titles[leaderboard.display_path] = *text;
  }
}

}  // namespace

Milliseconds parse_decimal_time(std::string_view text, TimeUnit unit) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::string whole(text);
  std::string fraction;
  if (const std::size_t point = text.find('.'); point != std::string_view::npos) {
    if (unit != TimeUnit::kSeconds) return {0, "time_type"};
    whole = text.substr(0, point);
    fraction = text.substr(point + 1);
    if (!all_digits(fraction)) return {0, "time_type"};
  }
  if (!all_digits(whole)) return {0, "time_type"};
  if (negative && !(all_zeros(whole) && all_zeros(fraction))) return {0, "time_range"};
  std::string digits = whole;
  if (unit == TimeUnit::kSeconds) digits += (fraction + "000").substr(0, 3);
  const std::size_t dropped = unit == TimeUnit::kMicros ? 3 : unit == TimeUnit::kNanos ? 6 : 0;
  digits = digits.size() > dropped ? digits.substr(0, digits.size() - dropped) : "0";
  const std::optional<std::int64_t> ms = number_up_to(digits, kTimeMsMax);
  if (!ms) return {0, "time_range"};
  return {*ms, ""};
}

Milliseconds parse_rfc3339(std::string_view text) {
  const Milliseconds wrong = {0, "time_type"};
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kShape.size()) return wrong;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const char byte = text[i];
    const bool fits = kShape[i] == 'd'   ? is_digit(byte)
                      : kShape[i] == 'T' ? byte == 'T' || byte == 't' || byte == ' '
                                         : byte == kShape[i];
    if (!fits) return wrong;
  }
  auto number = [text](std::size_t start, std::size_t length) {
    int value = 0;
    for (std::size_t i = start; i < start + length; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = number(8, 2);
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const int second = number(17, 2);
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return wrong;
  if (hour > 23 || minute > 59 || second > 60) return wrong;

  std::size_t position = kShape.size();
  std::string fraction;
  if (position < text.size() && text[position] == '.') {
    ++position;
    while (position < text.size() && is_digit(text[position])) fraction.push_back(text[position++]);
    if (fraction.empty()) return wrong;
  }
  const std::string millis = (fraction + "000").substr(0, 3);

  std::int64_t offset_minutes = 0;
  const std::string_view zone = text.substr(position);
  if (zone != "Z" && zone != "z") {
    const bool has_shape = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && all_digits(zone.substr(1, 2)) &&
                           zone[3] == ':' && all_digits(zone.substr(4, 2));
    if (!has_shape) return wrong;
    const int offset_hour = number(position + 1, 2);
    const int offset_minute = number(position + 4, 2);
    if (offset_hour > 23 || offset_minute > 59) return wrong;
    offset_minutes = offset_hour * 60 + offset_minute;
    if (zone[0] == '-') offset_minutes = -offset_minutes;
  }
  const std::int64_t minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
  const std::int64_t ms = (minutes * 60 + second) * 1000 + number_up_to(millis, 999).value();
  if (ms < 0 || ms > kTimeMsMax) return {0, "time_range"};
  return {ms, ""};
}

Milliseconds parse_watch(std::string_view number_token, WatchUnit unit) {
  // The value is 0.d1d2d3... × 10^point.
  const bool negative = number_token.starts_with('-');
  if (negative) number_token.remove_prefix(1);
  std::string digits;
  std::int64_t point = 0;
  std::size_t i = 0;
  while (i < number_token.size() && is_digit(number_token[i])) digits.push_back(number_token[i++]);
  point = static_cast<std::int64_t>(digits.size());
  if (i < number_token.size() && number_token[i] == '.') {
    ++i;
    while (i < number_token.size() && is_digit(number_token[i])) digits.push_back(number_token[i++]);
  }
  if (i < number_token.size()) {  // e or E
    ++i;
    const bool down = number_token[i] == '-';
    if (number_token[i] == '-' || number_token[i] == '+') ++i;
    // An exponent beyond 10^15 decides like 10^15 does: no token is long enough to make up for it.
    constexpr std::int64_t kExponentMax = 1'000'000'000'000'000;
    const std::int64_t exponent = number_up_to(number_token.substr(i), kExponentMax).value_or(kExponentMax);
    point += down ? -exponent : exponent;
  }
  if (unit == WatchUnit::kSeconds) point += 3;
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {0, ""};
  if (negative) return {0, "watch_range"};
  digits.erase(0, first);
  point -= static_cast<std::int64_t>(first);
  if (point <= 0) return {0, ""};
  if (point > 10) return {0, "watch_range"};
  digits.resize(static_cast<std::size_t>(point), '0');
  const std::optional<std::int64_t> ms = number_up_to(digits, kWatchMsMax);
  if (!ms) return {0, "watch_range"};
  return {*ms, ""};
}

Reading read_record(const JobConfig& config, const Record& record) {
  if (record.is_broken_array) return invalid("malformed");
  if (json::is_blank(record.bytes)) return invalid("empty");
  std::size_t first = 0;
  while (json::is_space(record.bytes[first])) ++first;
  if (record.bytes[first] != '{') return invalid("not_object");
  const std::optional<json::Document> document = json::parse(record.bytes);
  if (!document || any_read_string_is_broken(config, *document)) return invalid("malformed");

  Reading reading;
  if (!passes_where(config, *document)) {
    reading.verdict = Verdict::kFiltered;
    return reading;
  }
  std::string reason = read_item(config, *document, reading.event);
  if (reason.empty()) reason = read_time(config, *document, record, reading.event);
  if (reason.empty()) reason = read_watch(config, *document, reading.event);
  if (reason.empty()) reason = read_dimensions(config, *document, reading.event);
  if (!reason.empty()) return invalid(std::move(reason));
  read_titles(config, *document, reading.event);
  reading.verdict = Verdict::kCounted;
  return reading;
}

}  // namespace oracle
