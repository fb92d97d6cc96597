// Records that no pipeline may count: each kind is invalid whatever the other records are.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gen/workload.hpp"

namespace marquee::gen {

/// Every kind, in the order of kBadKinds.
enum class BadKind : uint8_t {
  kTruncated,      ///< cut somewhere in the middle
  kMissingBrace,   ///< the last brace is not there
  kOpenString,     ///< the item's closing quote is not there
  kInvalidUtf8,    ///< a byte 0xff, or a broken sequence, in user_id
  kDeepNesting,    ///< 2,000 brackets opened, none closed
  kBadEscape,      ///< "\q" in the item
  kLoneSurrogate,  ///< "\ud800" in the item
  kNotObject,      ///< a string, a number, null or true
  kByteOrderMark,  ///< a good object behind EF BB BF
  kItemMissing,
  kItemEmpty,
  kItemTooLong,  ///< 300 bytes
  kItemType,     ///< an object, an array or true
  kItemFloat,    ///< 1234.5
  kTimeMissing,
  kTimeType,  ///< "yesterday", an exponent or true
  kTimeNegative,
  kTimeHuge,   ///< after the year 9999, some beyond 64 bits
  kWatchType,  ///< a string
  kWatchNegative,
  kWatchOverDay,  ///< more than 86,400,000 ms
  kTimeFuture,    ///< Kafka only: the year 2200
  kEmpty,         ///< Kafka without packing only: a value of no bytes
};

inline constexpr std::array<std::string_view, 23> kBadKinds{
    "truncated",      "missing_brace",  "open_string",     "invalid_utf8", "deep_nesting",  "bad_escape",
    "lone_surrogate", "not_object",     "byte_order_mark", "item_missing", "item_empty",    "item_too_long",
    "item_type",      "item_float",     "time_missing",    "time_type",    "time_negative", "time_huge",
    "watch_type",     "watch_negative", "watch_over_day",  "time_future",  "empty"};

/// How many of the kinds, from the front, can be told apart in each framing: in lines of a file, lines of a Kafka
/// message, Kafka messages of their own.
inline constexpr size_t kBadKindsFile = 21;
inline constexpr size_t kBadKindsPacked = 22;
inline constexpr size_t kBadKindsMessage = 23;

/// Longest bad record, in bytes.
inline constexpr size_t kBadBytesMax = 4096;

/// Which kind a bad event is, of the first `kinds`; every kind is equally likely.
BadKind bad_kind(const Event& event, size_t kinds);

/// Writes `event` spoilt in this way: never a line end, never '[' in front, no bracket closed that was not opened, so
/// that neighbours in a message cannot be harmed. Returns the end; needs kBadBytesMax bytes.
char* write_bad(char* out, const Event& event, BadKind kind, const Catalogue& catalogue, Profile profile);

}  // namespace marquee::gen
