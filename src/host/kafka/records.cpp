#include "kafka/records.hpp"

#include <algorithm>
#include <string_view>

#include "kafka/envelope.hpp"

namespace marquee {
namespace {

// Of a record batch of one: its header is 61 bytes; then lengths, deltas and counts of the record, each a varint.
constexpr std::size_t kBatchBytes = 61 + 40;
constexpr std::size_t kHeaderBytes = 10;  // two varints

constexpr std::string_view sentence_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLate:
      return "the event is too old for every leaderboard";
    case Verdict::kEmpty:
      return "the message is empty";
    case Verdict::kNotObject:
      return "the record is not a JSON object";
    case Verdict::kMalformed:
      return "the record is not well-formed JSON in UTF-8";
    case Verdict::kItemMissing:
      return "the record has no item";
    case Verdict::kItemType:
      return "the item is neither a string nor an integer";
    case Verdict::kItemEmpty:
      return "the item is empty";
    case Verdict::kItemTooLong:
      return "the item is longer than 256 bytes";
    case Verdict::kTimeMissing:
      return "the record has no event time";
    case Verdict::kTimeType:
      return "the event time is not of the configured form";
    case Verdict::kTimeRange:
      return "the event time is before 1970 or after 9999";
    case Verdict::kTimeFuture:
      return "the event time is too far ahead of the message's timestamp";
    case Verdict::kWatchType:
      return "the watch time is not a number";
    case Verdict::kWatchRange:
      return "the watch time is negative or over 24 hours";
    case Verdict::kDimensionMissing:
      return "a dimension that a leaderboard groups by is missing";
    case Verdict::kDimensionType:
      return "a dimension is not a string, an integer or a boolean";
    case Verdict::kDimensionTooLong:
      return "a dimension is longer than 256 bytes";
    case Verdict::kCounted:
    case Verdict::kFiltered:
      break;
  }
  return "the record was refused";
}

std::size_t size_of(const std::optional<std::string>& text) {
  return text ? text->size() : 0;
}

void add(OutRecord& record, std::string name, std::string value) {
  record.headers.emplace_back(std::move(name), std::move(value));
}

}  // namespace

std::size_t OutRecord::bytes() const {
  std::size_t sum = kBatchBytes + size_of(key) + size_of(value);
  for (const auto& [name, text] : headers) sum += kHeaderBytes + name.size() + size_of(text);
  return sum;
}

OutRecord result_record(const JobSpec& job, const ResultRecord& result, const std::string& ce_source) {
  OutRecord record;
  append_result_key(record.key.emplace(), job, result);
  append_result_json(record.value.emplace(), job, result);
  add(record, "ce_specversion", "1.0");
  add(record, "ce_id", *record.key + "#" + std::to_string(revision_of(result)));
  add(record, "ce_type", "marquee.result.v1");
  add(record, "ce_source", ce_source);
  add(record, "content-type", "application/json");
  return record;
}

OutRecord letter_record(const LetterOut& letter, const PartitionStart& from, LetterForm form, std::size_t bytes_max) {
  OutRecord ours;  // what is never cut
  add(ours, "__connect.errors.topic", from.topic);
  add(ours, "__connect.errors.partition", std::to_string(from.number));
  add(ours, "__connect.errors.offset", std::to_string(raw(letter.offset)));
  add(ours, "__connect.errors.exception.class.name", std::string(name_of(letter.verdict)));
  add(ours, "__connect.errors.exception.message", std::string(sentence_of(letter.verdict)));
  if (letter.element != Record::kOnly && letter.element != Record::kBrokenArray) {
    add(ours, "marquee.element", std::to_string(letter.element));
  }
  if (letter.timestamp_ms >= 0) add(ours, "marquee.timestamp", std::to_string(letter.timestamp_ms));
  const auto truncated = [&] { add(ours, "marquee.truncated", std::to_string(letter.value.size())); };
  if (form == LetterForm::kHeadersOnly) {
    truncated();
    return ours;
  }

  const Envelope envelope = decode_envelope(letter.envelope);
  OutRecord record;
  if (envelope.key) record.key = std::string(*envelope.key);
  for (const Envelope::Header& header : envelope.headers) {
    record.headers.emplace_back(std::string(header.name),
                                header.value ? std::optional<std::string>(*header.value) : std::nullopt);
  }
  const bool null_value = envelope.null_value && letter.value.empty();
  if (!null_value) record.value = letter.value;

  if (record.bytes() + ours.bytes() > bytes_max) {
    truncated();
    std::size_t rest = record.bytes() - size_of(record.value) + ours.bytes();
    if (rest >= bytes_max) {
      record.headers.clear();
      rest = record.bytes() - size_of(record.value) + ours.bytes();
    }
    if (rest >= bytes_max) {
      record.key.reset();
      rest = record.bytes() - size_of(record.value) + ours.bytes();
    }
    if (record.value) record.value->resize(rest >= bytes_max ? 0 : std::min(record.value->size(), bytes_max - rest));
  }
  for (auto& header : ours.headers) record.headers.push_back(std::move(header));
  return record;
}

}  // namespace marquee
