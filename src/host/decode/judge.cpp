#include "decode/judge.hpp"

#include <algorithm>
#include <optional>

#include "core/check.hpp"
#include "decode/number.hpp"
#include "decode/time_text.hpp"

namespace marquee::decoding {
namespace {

// Text of a dimension or a where field: a string, an integer, true or false.
bool text_of(const RawValue& raw, std::string_view& text) {
  switch (raw.kind) {
    case ValueKind::kInteger:
      text = raw.text() == "-0" ? raw.text().substr(1) : raw.text();
      return true;
    case ValueKind::kString:
    case ValueKind::kTrue:
    case ValueKind::kFalse:
      text = raw.text();
      return true;
    case ValueKind::kAbsent:
    case ValueKind::kNumber:
    case ValueKind::kOther:
      return false;
  }
  return false;
}

}  // namespace

Judge::Judge(const JobSpec& job, FieldTrie& trie)
    : item_field_(trie.add(job.event.item)),
      time_field_(trie.add(job.event.time)),
      time_unit_(job.event.time_unit),
      watch_unit_(job.event.watch_unit),
      max_future_ms_(job.time.max_future_ms) {
  MARQUEE_CHECK(job.event.dimensions.size() <= kDimensionsMax);
  if (!job.event.watch.keys.empty()) watch_field_ = trie.add(job.event.watch);
  for (const DimensionSpec& d : job.event.dimensions) {
    MARQUEE_CHECK(!d.default_value || d.default_value->size() <= kIdBytesMax);
    dimensions_.push_back(
        {trie.add(d.path), d.default_value.has_value(), d.default_value.value_or("") + std::string(kTextSlack, '\0')});
  }
  for (const WhereSpec& w : job.event.where) where_.push_back({trie.add(w.path), &w.values});
}

Verdict Judge::judge(const RawValue* fields, std::int64_t timestamp_ms, EventValues& event) const {
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
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    const RawValue& raw = fields[dimensions_[i].field];
    if (raw.kind == ValueKind::kAbsent) {
      if (!dimensions_[i].has_default) return Verdict::kDimensionMissing;
      event.dimensions[i] = dimensions_[i].default_value();
      continue;
    }
    if (!text_of(raw, event.dimensions[i])) return Verdict::kDimensionType;
    if (event.dimensions[i].size() > kIdBytesMax) return Verdict::kDimensionTooLong;
  }
  return Verdict::kCounted;
}

bool Judge::passes(const RawValue* fields) const {
  return std::all_of(where_.begin(), where_.end(), [fields](const Where& where) {
    std::string_view text;
    if (!text_of(fields[where.field], text)) return false;
    return std::find(where.values->begin(), where.values->end(), text) != where.values->end();
  });
}

Verdict Judge::read_item(const RawValue& raw, std::string_view& item) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kItemMissing;
  if (raw.kind != ValueKind::kString && raw.kind != ValueKind::kInteger) return Verdict::kItemType;
  text_of(raw, item);
  if (item.empty()) return Verdict::kItemEmpty;
  if (item.size() > kIdBytesMax) return Verdict::kItemTooLong;
  return Verdict::kCounted;
}

Verdict Judge::read_time(const RawValue& raw, std::int64_t& time_ms) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kTimeMissing;
  if (time_unit_ == TimeUnit::kRfc3339) {
    if (raw.kind != ValueKind::kString) return Verdict::kTimeType;
    const std::optional<std::int64_t> parsed = parse_rfc3339(raw.text());
    if (!parsed) return Verdict::kTimeType;
    time_ms = *parsed;
    return time_ms >= 0 && time_ms <= kEventTimeMsMax ? Verdict::kCounted : Verdict::kTimeRange;
  }
  if (raw.kind == ValueKind::kInteger && time_unit_ == TimeUnit::kMilliseconds && raw.size <= 14 &&
      raw.data[0] != '-') {  // nearly every record
    time_ms = parse_digits(raw.text());
    return Verdict::kCounted;
  }
  const bool fraction_allowed = time_unit_ == TimeUnit::kSeconds;
  const bool token = raw.kind == ValueKind::kInteger || raw.kind == ValueKind::kNumber;
  if (!token && raw.kind != ValueKind::kString) return Verdict::kTimeType;
  if (raw.kind != ValueKind::kInteger && !is_time_digits(raw.text(), fraction_allowed)) return Verdict::kTimeType;
  const Decimal decimal = split_decimal(raw.text());
  if (decimal.negative) return Verdict::kTimeRange;
  time_ms = to_ms(decimal, shift_of(time_unit_));
  return time_ms <= kEventTimeMsMax ? Verdict::kCounted : Verdict::kTimeRange;
}

Verdict Judge::read_watch(const RawValue& raw, std::uint32_t& watch_ms) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kCounted;
  std::int64_t ms = 0;
  if (raw.kind == ValueKind::kInteger && watch_unit_ == WatchUnit::kMilliseconds && raw.size <= 18 &&
      raw.data[0] != '-') {
    ms = parse_digits(raw.text());
  } else {
    if (raw.kind != ValueKind::kInteger && raw.kind != ValueKind::kNumber) return Verdict::kWatchType;
    const Decimal decimal = split_decimal(raw.text());
    if (decimal.negative) return Verdict::kWatchRange;
    ms = to_ms(decimal, watch_unit_ == WatchUnit::kSeconds ? 3 : 0);
  }
  if (ms > kWatchMsMax) return Verdict::kWatchRange;
  watch_ms = static_cast<std::uint32_t>(ms);
  return Verdict::kCounted;
}

}  // namespace marquee::decoding
