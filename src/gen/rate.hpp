// Rates, durations and points in time as people write them on a command line; and exact pacing arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::gen {

/// So many events in so long, kept as the fraction that was written, so that no rounding adds up over a day.
struct Rate {
  uint64_t events = 0;    ///< events each `per_ms`; 0 means: as fast as it goes (`max`)
  int64_t per_ms = 1000;  ///< 1'000, 60'000 or 3'600'000

  bool is_max() const { return events == 0; }
  static constexpr Rate max() { return {0, 1000}; }
  static constexpr Rate per_minute(uint64_t events) { return {events, 60'000}; }
  static constexpr Rate per_second(uint64_t events) { return {events, 1'000}; }

  /// Milliseconds from the first event to event `index`, rounded down; `index` may be negative (before the first).
  /// Exact as long as the answer fits. Not for `max`.
  int64_t offset_ms(int64_t index) const;
  /// The same in microseconds.
  int64_t offset_us(int64_t index) const;
  /// How many events fall in `ms` milliseconds, rounded down, at least one.
  uint64_t events_in(int64_t ms) const;
};

/// `20000/min`, `500k/s`, `1.5M/s`, `3600/h`, `max`. Suffixes k and M are 10^3 and 10^6. Between 1/h and 100M/s.
/// Empty when `text` is no rate; `error` then holds a sentence that says what was expected.
std::optional<Rate> parse_rate(std::string_view text, std::string& error);

/// `500ms`, `5s`, `10m`, `6h`, `1d`, in milliseconds; more than zero, at most 366 days.
std::optional<int64_t> parse_duration_ms(std::string_view text, std::string& error);

/// Milliseconds since 1970 from an integer of milliseconds, `now`, or `2025-11-22T08:00:00Z` (UTC; the time of day,
/// the seconds or a fraction of up to three digits may be left out). Years 1970 to 9000. `now_ms` is what `now` means.
std::optional<int64_t> parse_time_ms(std::string_view text, int64_t now_ms, std::string& error);

}  // namespace marquee::gen
