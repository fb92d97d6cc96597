#include "gen/rate.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace marquee::gen {
namespace {

constexpr uint64_t kEventsPerSecondMax = 100'000'000;
constexpr int64_t kTimeMaxMs = 221'845'392'000'000;  // the year 9000
constexpr int64_t kDurationMaxMs = 366LL * 86'400'000;

// Time from the first event to event `index`, in units of a millisecond / `parts`. Whole periods and whole milliseconds
// are taken off first, so that nothing overflows.
int64_t scaled(const Rate& rate, int64_t index, int64_t parts) {
  const auto events = static_cast<int64_t>(rate.events);
  int64_t periods = index / events;
  int64_t rest = index % events;
  if (rest < 0) {
    rest += events;
    --periods;
  }
  const int64_t product = rest * rate.per_ms;
  return (periods * rate.per_ms + product / events) * parts + product % events * parts / events;
}

// Digits with at most one point, times `scale`; false unless the result is a whole number below 10^15.
bool parse_decimal(std::string_view text, uint64_t scale, uint64_t& out) {
  uint64_t value = 0;
  uint64_t fraction_scale = 0;
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  for (const char c : text) {
    if (c == '.') {
      if (fraction_scale != 0) return false;
      fraction_scale = 1;
      continue;
    }
    if (c < '0' || c > '9' || value > 100'000'000'000ULL) return false;
    value = value * 10 + static_cast<uint64_t>(c - '0');
    if (fraction_scale != 0) fraction_scale *= 10;
  }
  if (value > 1'000'000'000'000'000ULL / scale) return false;
  value *= scale;
  if (fraction_scale == 0) fraction_scale = 1;
  if (value % fraction_scale != 0) return false;
  out = value / fraction_scale;
  return true;
}

// "'text' what": the beginning of every complaint.
std::string complain(std::string_view text, std::string_view what) {
  std::string out(1, '\'');
  return out.append(text).append("' ").append(what);
}

bool parse_int(std::string_view text, int64_t& out) {
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, out);
  return result.ec == std::errc() && result.ptr == end;
}

// Exactly `width` digits at the front of `text`, taken off it.
bool take_digits(std::string_view& text, size_t width, int64_t& out) {
  if (text.size() < width) return false;
  const auto digits = text.substr(0, width);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  text.remove_prefix(width);
  return parse_int(digits, out);
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// ".5", ".25" or ".125" in milliseconds.
bool take_fraction(std::string_view& text, int64_t& ms) {
  int64_t unit = 100;
  if (text.empty()) return false;
  for (; !text.empty() && unit > 0 && text.front() >= '0' && text.front() <= '9'; unit /= 10) {
    ms += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  return unit < 100;
}

bool take_time_of_day(std::string_view& text, int64_t& ms) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) return false;
  if (take(text, ':')) {
    if (!take_digits(text, 2, second)) return false;
    if (take(text, '.') && !take_fraction(text, fraction)) return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
  return true;
}

}  // namespace

int64_t Rate::offset_ms(int64_t index) const {
  return scaled(*this, index, 1);
}

int64_t Rate::offset_us(int64_t index) const {
  return scaled(*this, index, 1000);
}

uint64_t Rate::events_in(int64_t ms) const {
  const auto periods = static_cast<uint64_t>(ms / per_ms);
  const auto rest = static_cast<uint64_t>(ms % per_ms);
  return std::max<uint64_t>(1, periods * events + rest * events / static_cast<uint64_t>(per_ms));
}

std::optional<Rate> parse_rate(std::string_view text, std::string& error) {
  if (text == "max") return Rate::max();
  error = complain(text, "is not a rate: write it like 20000/min, 500k/s or max (from 1/h to 100M/s)");
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto number = text.substr(0, slash);
  const auto unit = text.substr(slash + 1);
  Rate rate;
  if (unit == "s" || unit == "sec") {
    rate.per_ms = 1000;
  } else if (unit == "m" || unit == "min") {
    rate.per_ms = 60'000;
  } else if (unit == "h" || unit == "hour") {
    rate.per_ms = 3'600'000;
  } else {
    return std::nullopt;
  }
  uint64_t scale = 1;
  if (!number.empty() && (number.back() == 'k' || number.back() == 'K')) scale = 1'000;
  if (!number.empty() && (number.back() == 'm' || number.back() == 'M')) scale = 1'000'000;
  if (scale != 1) number.remove_suffix(1);
  if (!parse_decimal(number, scale, rate.events) || rate.events == 0) return std::nullopt;
  if (rate.events / static_cast<uint64_t>(rate.per_ms / 1000) > kEventsPerSecondMax) return std::nullopt;
  error.clear();
  return rate;
}

std::optional<int64_t> parse_duration_ms(std::string_view text, std::string& error) {
  struct Unit {
    std::string_view suffix;
    uint64_t ms;
  };
  // "ms" before "s": the longer suffix first.
  static constexpr std::array<Unit, 6> kUnits{
      {{"ms", 1}, {"min", 60'000}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  for (const auto& unit : kUnits) {
    if (!text.ends_with(unit.suffix)) continue;
    uint64_t ms = 0;
    if (parse_decimal(text.substr(0, text.size() - unit.suffix.size()), unit.ms, ms) && ms > 0 &&
        ms <= static_cast<uint64_t>(kDurationMaxMs)) {
      error.clear();
      return static_cast<int64_t>(ms);
    }
    break;
  }
  error = complain(text, "is not a duration: write it like 500ms, 30s, 10m, 6h or 1d (at most 366d)");
  return std::nullopt;
}

std::optional<int64_t> parse_time_ms(std::string_view text, int64_t now_ms, std::string& error) {
  error =
      complain(text, "is not a point in time: write it like 2025-11-22T08:00:00Z, as milliseconds since 1970, or now");
  int64_t ms = 0;
  if (text == "now") {
    ms = now_ms;
  } else if (!parse_int(text, ms)) {
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    int64_t of_day = 0;
    auto rest = text;
    if (!take_digits(rest, 4, year) || !take(rest, '-') || !take_digits(rest, 2, month) || !take(rest, '-') ||
        !take_digits(rest, 2, day)) {
      return std::nullopt;
    }
    if ((take(rest, 'T') || take(rest, ' ')) && !take_time_of_day(rest, of_day)) return std::nullopt;
    take(rest, 'Z');
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!rest.empty() || !date.ok()) return std::nullopt;
    const std::chrono::days days = std::chrono::sys_days(date).time_since_epoch();
    ms = static_cast<int64_t>(days.count()) * 86'400'000 + of_day;
  }
  if (ms < 0 || ms > kTimeMaxMs) return std::nullopt;
  error.clear();
  return ms;
}

}  // namespace marquee::gen
