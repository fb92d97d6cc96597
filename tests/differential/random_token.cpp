#include "differential/random_token.hpp"

#include <chrono>
#include <cstddef>
#include <sstream>
#include <utility>
#include <vector>

#include "differential/random_json.hpp"

namespace differential {
namespace {

using Texts = std::vector<std::string>;
using namespace std::string_literals;

std::string padded(std::int64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string random_digits(Rng& rng, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<char>('0' + rng.between(0, 9)));
  return out;
}

std::string without_leading_zeros(const std::string& digits) {
  const std::size_t first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

// ".25", ".250", ".2509" or nothing, for 250 ms.
std::string fraction(Rng& rng, std::int64_t ms) {
  std::string digits = padded(ms, 3) + random_digits(rng, rng.pick(std::vector<std::size_t>{0, 0, 1, 3, 6, 20}));
  if (rng.chance(50)) {
    digits.resize(3);
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
  }
  if (!digits.empty()) digits.insert(digits.begin(), '.');
  return digits;
}

std::string zone_text(std::int64_t offset_minutes, bool minus) {
  const std::int64_t size = offset_minutes < 0 ? -offset_minutes : offset_minutes;
  std::string out(1, minus ? '-' : '+');
  out += padded(size / 60, 2) + ":" + padded(size % 60, 2);
  return out;
}

std::string rfc3339(Rng& rng, std::int64_t time_ms) {
  using namespace std::chrono;
  std::string zone(1, rng.chance(50) ? 'Z' : 'z');
  std::int64_t local_s = time_ms / 1000;
  constexpr std::int64_t kLastDay = 253'402'214'400;  // from there on an offset might leave the year 9999
  if (rng.chance(40) && local_s < kLastDay) {
    const std::int64_t offset_minutes = rng.pick(std::vector<std::int64_t>{0, 330, -480, 60, 1439, -1439, 1});
    local_s += offset_minutes * 60;
    zone = zone_text(offset_minutes, offset_minutes < 0 || (offset_minutes == 0 && rng.chance(50)));
  }
  std::int64_t second = ((local_s % 60) + 60) % 60;
  std::int64_t minute_s = local_s - second;
  if (second == 0 && rng.chance(30)) {
    second = 60;
    minute_s -= 60;
  }
  const sys_seconds minute{seconds{minute_s}};
  const sys_days day = floor<days>(minute);
  const year_month_day date{day};
  const std::int64_t minutes_of_day = duration_cast<minutes>(minute - day).count();
  std::ostringstream out;
  out << padded(static_cast<int>(date.year()), 4) << '-' << padded(static_cast<unsigned>(date.month()), 2) << '-'
      << padded(static_cast<unsigned>(date.day()), 2) << "Tt "[rng.below(3)] << padded(minutes_of_day / 60, 2) << ':'
      << padded(minutes_of_day % 60, 2) << ':' << padded(second, 2);
  out << fraction(rng, time_ms % 1000) << zone;
  return out.str();
}

}  // namespace

std::string time_token(Rng& rng, std::int64_t time_ms, oracle::TimeUnit unit) {
  const bool as_string = rng.chance(30);
  std::string text;
  switch (unit) {
    case oracle::TimeUnit::kSeconds:
      text = std::to_string(time_ms / 1000) + fraction(rng, time_ms % 1000);
      break;
    case oracle::TimeUnit::kMillis:
      text = std::to_string(time_ms);
      break;
    case oracle::TimeUnit::kMicros:
      text = without_leading_zeros(std::to_string(time_ms) + random_digits(rng, 3));
      break;
    case oracle::TimeUnit::kNanos:
      text = without_leading_zeros(std::to_string(time_ms) + random_digits(rng, 6));
      break;
    case oracle::TimeUnit::kRfc3339:
      text = rfc3339(rng, time_ms);
      return string_token(rng, text, rng.chance(5));
  }
  if (text == "0" && rng.chance(30)) text = "-0";
  if (!as_string) return text;
  if (rng.chance(10)) text.insert(text.starts_with('-') ? 1 : 0, "000");
  return string_token(rng, text, rng.chance(5));
}

std::string wrong_time_token(Rng& rng, oracle::TimeUnit unit) {
  Texts tokens = {"true",
                  "{}",
                  "[]",
                  "[1]",
                  "\"\"",
                  "1e3",
                  "1.0e3",
                  "\"1e3\"",
                  "\"x\"",
                  "\"12x\"",
                  "\" 12\"",
                  "\"+5\"",
                  "\"-\"",
                  "\"1.\"",
                  "\".5\"",
                  "-5",
                  "\"-5\"",
                  "99999999999999999999999999999",
                  "\"9999999999999999999999\"",
                  "18446744073709551616",
                  "9223372036854775808",
                  "\"1970-01-01\"",
                  "\"0x10\"",
                  "\"1_0\""};
  switch (unit) {
    case oracle::TimeUnit::kSeconds:
      tokens.insert(tokens.end(),
                    {"253402300800", "-0.0001", "\"-0.0001\"", "\"1.5.5\"", "\"253402300800.0\"", "1.5e3"});
      break;
    case oracle::TimeUnit::kMillis:
      tokens.insert(tokens.end(), {"253402300800000", "1.5", "0.0", "\"1.5\""});
      break;
    case oracle::TimeUnit::kMicros:
      tokens.insert(tokens.end(), {"253402300800000000", "-1", "1.5"});
      break;
    case oracle::TimeUnit::kNanos:
      tokens.insert(tokens.end(), {"253402300800000000000", "-1", "1.5"});
      break;
    case oracle::TimeUnit::kRfc3339:
      tokens.insert(tokens.end(), {"0",
                                   "1700000000000",
                                   "\"2023-02-29T00:00:00Z\"",
                                   "\"2100-02-29T00:00:00Z\"",
                                   "\"2023-13-01T00:00:00Z\"",
                                   "\"2023-01-01T24:00:00Z\"",
                                   "\"2023-01-01T00:60:00Z\"",
                                   "\"2023-01-01T00:00:61Z\"",
                                   "\"2023-01-01T00:00:00\"",
                                   "\"2023-01-01T00:00:00.Z\"",
                                   "\"2023-01-01T00:00:00+24:00\"",
                                   "\"2023-01-01T00:00:00+00:60\"",
                                   "\"2023-01-01T00:00:00+0000\"",
                                   "\"2023-01-01_00:00:00Z\"",
                                   "\"2023-1-01T00:00:00Z\"",
                                   "\"2023-01-01T00:00:00Z \"",
                                   "\"1969-12-31T23:59:59Z\"",
                                   "\"1970-01-01T00:00:00+00:01\"",
                                   "\"9999-12-31T23:59:60Z\"",
                                   "\"9999-12-31T23:59:59-00:01\"",
                                   "\"2023-00-01T00:00:00Z\"",
                                   "\"2023-01-00T00:00:00Z\""});
  }
  return rng.pick(tokens);
}

std::string watch_token(Rng& rng, oracle::WatchUnit unit) {
  if (rng.chance(5)) return "null";
  if (rng.chance(8)) {
    Texts edges = {"0", "-0", "-0.0", "0e999999999999999999999", "-0E-5", "1e-400", "1e-99999999999999999999", "0.9"};
    if (unit == oracle::WatchUnit::kMillis) {
      edges.insert(edges.end(), {"86400000", "86400000.9999", "8.64e7", "864e5", "0.000864E11"});
    } else {
      edges.insert(edges.end(), {"86400", "86400.0009999", "8.64e4", "0.0009", "4.35", "1.001"});
    }
    return rng.pick(edges);
  }
  // Small numbers, so that different items often come to the same sum.
  const std::int64_t ms = rng.chance(70) ? rng.between(0, 4) * 1000 : rng.between(0, 100'000);
  std::string digits = std::to_string(ms);
  std::int64_t exponent = unit == oracle::WatchUnit::kSeconds ? -3 : 0;
  if (rng.chance(30)) {  // more digits, past the millisecond
    const std::string more = random_digits(rng, 1 + rng.below(20));
    digits += more;
    exponent -= static_cast<std::int64_t>(more.size());
  }
  digits = without_leading_zeros(digits);
  if (exponent == 0 && rng.chance(80)) return digits;
  if (rng.chance(30)) return digits + rng.pick(Texts{"e", "E"}) + std::to_string(exponent);
  const auto places = static_cast<std::size_t>(-exponent);
  if (places == 0) return digits + rng.pick(Texts{".0", ".999", "e0", "E+0", "e-0"});
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  return digits.substr(0, digits.size() - places) + "." + digits.substr(digits.size() - places);
}

std::string wrong_watch_token(Rng& rng, oracle::WatchUnit unit) {
  return rng.pick(Texts{"\"5\"", "\"\"", "true", "false", "[]", "{}", "[1]", "-1", "-0.0001", "-1e-400", "1e400",
                        "1e99999999999999999999", "123456789012345678901234567890",
                        unit == oracle::WatchUnit::kMillis ? "86400001" : "86400.001",
                        unit == oracle::WatchUnit::kMillis ? "8.6400001e7" : "8.6400001e4"});
}

std::string text_token(Rng& rng, const std::string& text, Role role, bool escapes) {
  const bool is_boolean = text == "true" || text == "false";
  if (is_boolean && role != Role::kItem && role != Role::kTitle && rng.chance(60)) return text;
  if (text == "0" && rng.chance(30)) return "-0";
  const std::string digits = text.starts_with('-') ? text.substr(1) : text;
  const bool is_integer = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos &&
                          (digits == "0" ? text == "0" : digits.front() != '0');
  if (is_integer && rng.chance(50)) return text;
  return string_token(rng, text, escapes);
}

std::string wrong_text_token(Rng& rng, Role role) {
  Texts tokens = {"1.5", "1.0", "-0.0", "1e3", "{}", "[]", "[\"a\"]", "{\"a\":\"b\"}", "null"};
  tokens.push_back("\"" + std::string(257, 'a') + "\"");
  tokens.push_back(std::string(257, '1'));
  tokens.push_back("\"" + std::string(255, 'a') + "\\u00e9\"");
  if (role == Role::kItem || role == Role::kTitle) tokens.insert(tokens.end(), {"\"\"", "\"\"", "true", "false"});
  if (rng.one_in(60)) return nested(rng, 10'000);
  return rng.pick(tokens);
}

std::string malformed_token(Rng& rng, Role role) {
  Texts tokens = {"NaN",   "Infinity",    "-Infinity", "01",        "-01",  "+1",      "1.",    ".5",        "-",
                  "1e",    "1e+",         "0x10",      "tru",       "nul",  "True",    "nulll", "undefined", "'a'",
                  "1_000", "\"a\" \"b\"", "1 2",       "truefalse", "[1,]", "{\"a\"}", "[1 2]"};
  // Whether a string where only a number may stand is read as one is nowhere said; so not there.
  if (role != Role::kWatch) {
    tokens = rng.chance(40) ? tokens
                            : Texts{"\"\\x\"",
                                    "\"\\u12g4\"",
                                    "\"\\u\"",
                                    "\"\\u123\"",
                                    "\"\\U0041\"",
                                    "\"\\'\"",
                                    "\"a\x01z\"",
                                    "\"a\tb\"",
                                    "\"a\0b\""s,
                                    "\"\x1f\"",
                                    "\"\\ud800\"",
                                    "\"\\uDC00\"",
                                    "\"\\ud800\\u0041\"",
                                    "\"a\\uDBFFz\"",
                                    "\"\\uD83D\\uD83D\"",
                                    "\"\\uDE00\\uD83D\"",
                                    "\"\\ud800\\n\""};
  }
  return rng.pick(tokens);
}

}  // namespace differential
