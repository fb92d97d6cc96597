#include "decode/judge.hpp"

#include <algorithm>
#include <optional>

#include "core/check.hpp"
#include "decode/time_text.hpp"

namespace marquee::decoding {
namespace {

std::string padded(std::string text) {
  text.append(kTextSlack, '\0');
  return text;
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
    dimensions_.push_back({trie.add(d.path), d.default_value.has_value(), padded(d.default_value.value_or(""))});
  }
  MARQUEE_CHECK(job.event.displays.size() <= kLeaderboardsMax);
  for (const FieldPath& path : job.event.displays) display_fields_.push_back(trie.add(path));
  for (const WhereSpec& w : job.event.where) {
    Where& where = where_.emplace_back();
    where.field = trie.add(w.path);
    for (const std::string& value : w.values) {
      if (value.size() <= ShortText::kBytesMax) {
        where.short_values.push_back(ShortText::of({padded(value).data(), value.size()}));
      } else {
        where.long_values.push_back(value);
      }
    }
  }
}

void Judge::read_titles(const RawValue* fields, EventValues& event) const {
  for (std::size_t d = 0; d < display_fields_.size(); ++d) {
    const RawValue& raw = fields[display_fields_[d]];
    std::string_view& title = event.titles[d];
    title = {};
    if (raw.kind == ValueKind::kString || raw.kind == ValueKind::kInteger) text_of(raw, title);
    if (title.size() > kTitleBytesMax) title = {};
  }
}

bool Judge::passes(const RawValue* fields) const {
  return std::all_of(where_.begin(), where_.end(), [fields](const Where& where) {
    std::string_view text;
    if (!text_of(fields[where.field], text)) return false;
    if (text.size() > ShortText::kBytesMax) {
      return std::find(where.long_values.begin(), where.long_values.end(), text) != where.long_values.end();
    }
    // All of them, so that nothing branches on which it is.
    const ShortText asked = ShortText::of(text);
    bool found = false;
    for (const ShortText& value : where.short_values) found |= value == asked;
    return found;
  });
}

bool Judge::token_text(const RawValue& raw, std::string_view& text) {
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

Verdict Judge::read_any_time(const RawValue& raw, std::int64_t& time_ms) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kTimeMissing;
  if (time_unit_ == TimeUnit::kRfc3339) {
    if (raw.kind != ValueKind::kString) return Verdict::kTimeType;
    const std::optional<std::int64_t> parsed = parse_rfc3339(raw.text());
    if (!parsed) return Verdict::kTimeType;
    time_ms = *parsed;
    return time_ms >= 0 && time_ms <= kEventTimeMsMax ? Verdict::kCounted : Verdict::kTimeRange;
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

Verdict Judge::read_any_watch(const RawValue& raw, std::uint32_t& watch_ms) const {
  if (raw.kind == ValueKind::kAbsent) return Verdict::kCounted;
  if (raw.kind != ValueKind::kInteger && raw.kind != ValueKind::kNumber) return Verdict::kWatchType;
  const Decimal decimal = split_decimal(raw.text());
  if (decimal.negative) return Verdict::kWatchRange;
  const std::int64_t ms = to_ms(decimal, watch_unit_ == WatchUnit::kSeconds ? 3 : 0);
  if (ms > kWatchMsMax) return Verdict::kWatchRange;
  watch_ms = static_cast<std::uint32_t>(ms);
  return Verdict::kCounted;
}

}  // namespace marquee::decoding
