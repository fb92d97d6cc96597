// The verdict on a record: exactly one each, in the order of src/README.md ("To the letter").
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace marquee {

enum class Verdict : std::uint8_t {
  kCounted,
  kFiltered,
  kLate,
  // invalid(reason):
  kEmpty,
  kNotObject,
  kMalformed,
  kItemMissing,
  kItemType,
  kItemEmpty,
  kItemTooLong,
  kTimeMissing,
  kTimeType,
  kTimeRange,
  kTimeFuture,
  kWatchType,
  kWatchRange,
  kDimensionMissing,
  kDimensionType,
  kDimensionTooLong,
};

inline constexpr std::size_t kVerdictCount = 19;
inline constexpr Verdict kFirstInvalid = Verdict::kEmpty;

// Names as they stand in metrics, summaries and dead letters.
inline constexpr std::array<std::string_view, kVerdictCount> kVerdictNames = {
    "counted",           "filtered",    "late",       "empty",         "not_object",        "malformed",
    "item_missing",      "item_type",   "item_empty", "item_too_long", "time_missing",      "time_type",
    "time_range",        "time_future", "watch_type", "watch_range",   "dimension_missing", "dimension_type",
    "dimension_too_long"};

constexpr bool is_invalid(Verdict v) {
  return v >= kFirstInvalid;
}
constexpr std::string_view name_of(Verdict v) {
  return kVerdictNames[static_cast<std::size_t>(v)];
}

// How many records got each verdict. read = counted + filtered + late + invalid.
struct VerdictCounts {
  std::array<std::uint64_t, kVerdictCount> by_verdict{};

  std::uint64_t& operator[](Verdict v) { return by_verdict[static_cast<std::size_t>(v)]; }
  std::uint64_t operator[](Verdict v) const { return by_verdict[static_cast<std::size_t>(v)]; }
  VerdictCounts& operator+=(const VerdictCounts& other) {
    for (std::size_t i = 0; i < kVerdictCount; ++i) by_verdict[i] += other.by_verdict[i];
    return *this;
  }
  std::uint64_t read() const {
    std::uint64_t n = 0;
    for (const std::uint64_t v : by_verdict) n += v;
    return n;
  }
  std::uint64_t invalid() const {
    return read() - (*this)[Verdict::kCounted] - (*this)[Verdict::kFiltered] - (*this)[Verdict::kLate];
  }
};

}  // namespace marquee
