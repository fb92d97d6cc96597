// Judge: from the raw fields of one well-formed record to its verdict and its event. Rows 4 to 8 of the table in
// src/README.md; rows 1 to 3 belong to the readers. One per decoder; read only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.hpp"
#include "core/limits.hpp"
#include "core/short_text.hpp"
#include "core/verdict.hpp"
#include "decode/field_trie.hpp"
#include "decode/number.hpp"
#include "decode/raw_value.hpp"

namespace marquee::decoding {

// What a record says, as far as it is needed. Texts lie where the raw fields' texts lie (or are the judge's defaults),
// each with kTextSlack readable bytes behind it.
struct EventValues {
  std::int64_t time_ms = 0;
  std::uint32_t watch_ms = 0;
  std::string_view item;
  std::array<std::string_view, kDimensionsMax> dimensions;  // in the order of EventSpec::dimensions
  std::array<std::string_view, kLeaderboardsMax> titles;    // of EventSpec::displays; empty: none
};

class Judge {
 public:
  // Adds the job's paths to `trie`. The job outlives the judge.
  Judge(const JobSpec& job, FieldTrie& trie);

  // `fields` by the trie's field numbers. `timestamp_ms` is the message's own, -1 if it has none. kCounted, and `event`
  // filled, or kFiltered, or the reason it is invalid. Lateness is the pipeline's to judge.
  Verdict judge(const RawValue* fields, std::int64_t timestamp_ms, EventValues& event) const;

  // The record's titles, once it counts. A string or an integer of at most kTitleBytesMax bytes; anything else is none.
  void read_titles(const RawValue* fields, EventValues& event) const;

  std::size_t dimension_count() const { return dimensions_.size(); }
  std::size_t display_count() const { return display_fields_.size(); }

 private:
  struct Dimension {
    std::uint32_t field;
    bool has_default;
    std::string padded_default;  // and kTextSlack bytes
    std::string_view default_value() const { return {padded_default.data(), padded_default.size() - kTextSlack}; }
  };
  struct Where {
    std::uint32_t field;
    std::vector<ShortText> short_values;
    std::vector<std::string> long_values;
  };

  bool passes(const RawValue* fields) const;
  // Text of an item, a dimension or a where field: a string, an integer, true or false.
  static bool text_of(const RawValue& raw, std::string_view& text) {
    if (raw.kind != ValueKind::kString) return token_text(raw, text);
    text = raw.text();
    return true;
  }
  static bool token_text(const RawValue& raw, std::string_view& text);
  Verdict read_item(const RawValue& raw, std::string_view& item) const;
  Verdict read_time(const RawValue& raw, std::int64_t& time_ms) const;
  Verdict read_watch(const RawValue& raw, std::uint32_t& watch_ms) const;
  Verdict read_any_time(const RawValue& raw, std::int64_t& time_ms) const;
  Verdict read_any_watch(const RawValue& raw, std::uint32_t& watch_ms) const;

  std::uint32_t item_field_;
  std::uint32_t time_field_;
  std::uint32_t watch_field_ = FieldTrie::kNone;
  TimeUnit time_unit_;
  WatchUnit watch_unit_;
  std::int64_t max_future_ms_;
  std::vector<Dimension> dimensions_;
  std::vector<Where> where_;
  std::vector<std::uint32_t> display_fields_;
};

// What nearly every record needs stands here, to be compiled into the loop over records; the rest is in judge.cpp.

inline Verdict Judge::judge(const RawValue* fields, std::int64_t timestamp_ms, EventValues& event) const {
  if (!where_.empty() && !passes(fields)) return Verdict::kFiltered;
  if (const Verdict v = read_item(fields[item_field_], event.item); v != Verdict::kCounted) return v;
  if (const Verdict v = read_time(fields[time_field_], event.time_ms); v != Verdict::kCounted) return v;
  // Never a sum that could overflow: a source's timestamp is anything it likes to be.
  if (timestamp_ms >= 0 && event.time_ms > timestamp_ms && event.time_ms - timestamp_ms > max_future_ms_) {
    return Verdict::kTimeFuture;
  }
  event.watch_ms = 0;
  if (watch_field_ != FieldTrie::kNone) {
    if (const Verdict v = read_watch(fields[watch_field_], event.watch_ms); v != Verdict::kCounted) return v;
  }
  std::size_t d = 0;
  for (const Dimension& dimension : dimensions_) {
    const RawValue& raw = fields[dimension.field];
    std::string_view& text = event.dimensions[d++];
    if (raw.kind == ValueKind::kAbsent) {
      if (!dimension.has_default) return Verdict::kDimensionMissing;
      text = dimension.default_value();
      continue;
    }
    if (!text_of(raw, text)) return Verdict::kDimensionType;
    if (text.size() > kIdBytesMax) return Verdict::kDimensionTooLong;
  }
  return Verdict::kCounted;
}

inline Verdict Judge::read_item(const RawValue& raw, std::string_view& item) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kItemMissing;
  if (raw.kind != ValueKind::kString && raw.kind != ValueKind::kInteger) return Verdict::kItemType;
  text_of(raw, item);
  if (item.empty()) return Verdict::kItemEmpty;
  if (item.size() > kIdBytesMax) return Verdict::kItemTooLong;
  return Verdict::kCounted;
}

inline Verdict Judge::read_time(const RawValue& raw, std::int64_t& time_ms) const {
  if (raw.kind != ValueKind::kInteger || time_unit_ != TimeUnit::kMilliseconds || raw.size > 14 || raw.data[0] == '-') {
    return read_any_time(raw, time_ms);
  }
  time_ms = parse_digits(raw.text());
  return Verdict::kCounted;
}

inline Verdict Judge::read_watch(const RawValue& raw, std::uint32_t& watch_ms) const {
  if (raw.kind != ValueKind::kInteger || watch_unit_ != WatchUnit::kMilliseconds || raw.size > 8 ||
      raw.data[0] == '-') {
    return read_any_watch(raw, watch_ms);
  }
  const std::int64_t ms = parse_digits(raw.text());
  if (ms > kWatchMsMax) return Verdict::kWatchRange;
  watch_ms = static_cast<std::uint32_t>(ms);
  return Verdict::kCounted;
}

}  // namespace marquee::decoding
