// Event times as text: RFC 3339, and decimal digits in s, ms, us or ns.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/job.hpp"
#include "decode/number.hpp"

namespace marquee::decoding {

// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
constexpr std::int64_t days_from_civil(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int year_of_era = y - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era} * 146097 + day_of_era - 719468;
}

constexpr int days_in_month(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

// YYYY-MM-DD(T|t| )hh:mm:ss[.f+](Z|z|±hh:mm) -> ms since the Unix epoch, which may be negative; none: not of that form.
inline std::optional<std::int64_t> parse_rfc3339(std::string_view s) {
  bool good = s.size() >= 20;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    for (std::size_t i = at; i < at + size; ++i) {
      good = good && is_digit(s[i]);
      value = value * 10 + (s[i] - '0');
    }
    return value;
  };
  const auto letter = [&](std::size_t at, std::string_view any) { good = good && any.find(s[at]) != any.npos; };
  if (!good) return std::nullopt;
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  letter(4, "-");
  letter(7, "-");
  letter(10, "Tt ");
  letter(13, ":");
  letter(16, ":");
  if (!good || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  std::size_t at = 19;
  int ms = 0;
  if (s[at] == '.') {
    int weight = 100;
    for (++at; at < s.size() && is_digit(s[at]); ++at, weight /= 10) ms += (s[at] - '0') * weight;
    if (at == 20 || at == s.size()) return std::nullopt;
  }
  std::int64_t offset_minutes = 0;
  if (s[at] == 'Z' || s[at] == 'z') {
    if (at + 1 != s.size()) return std::nullopt;
  } else {
    if (at + 6 != s.size()) return std::nullopt;
    letter(at, "+-");
    letter(at + 3, ":");
    const int offset_hour = number(at + 1, 2), offset_minute = number(at + 4, 2);
    if (!good || offset_hour > 23 || offset_minute > 59) return std::nullopt;
    offset_minutes = (offset_hour * 60 + offset_minute) * (s[at] == '-' ? -1 : 1);
  }
  const std::int64_t minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
  return (minutes * 60 + second) * 1000 + ms;
}

// Whether a string is a time in digits: -?[0-9]+, with seconds also a fraction.
inline bool is_time_digits(std::string_view s, bool fraction_allowed) {
  std::size_t at = !s.empty() && s[0] == '-' ? 1 : 0;
  const auto digits = [&] {
    const std::size_t first = at;
    while (at < s.size() && is_digit(s[at])) ++at;
    return at != first;
  };
  if (!digits()) return false;
  if (fraction_allowed && at < s.size() && s[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  return at == s.size();
}

constexpr int shift_of(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return 3;
    case TimeUnit::kMicroseconds:
      return -3;
    case TimeUnit::kNanoseconds:
      return -6;
    case TimeUnit::kMilliseconds:
    case TimeUnit::kRfc3339:
      break;
  }
  return 0;
}

}  // namespace marquee::decoding
