#include "gen/ledger.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace marquee::gen {
namespace {

constexpr int64_t kMinuteMs = 60'000;

// Appends `"name":value`, after a comma unless an object or array has just begun.
template <typename Number>
void append(std::string& out, std::string_view name, Number value) {
  if (out.back() != '{' && out.back() != '[') out += ',';
  out += '"';
  out += name;
  out += "\":";
  out += std::to_string(value);
}

// Appends the numbers as an array, likewise.
void append_array(std::string& out, std::initializer_list<uint64_t> numbers) {
  if (out.back() != '[') out += ',';
  char before = '[';
  for (const uint64_t number : numbers) {
    out += before;
    out += std::to_string(number);
    before = ',';
  }
  out += ']';
}

}  // namespace

Ledger::Minute& Ledger::minute_of(Partition& partition, int64_t minute_ms) {
  if (partition.last_minute != minute_ms) {
    partition.last = &partition.minutes[minute_ms];  // a map's elements stay where they are
    partition.last_minute = minute_ms;
  }
  return *partition.last;
}

void Ledger::add(const RecordNote& note) {
  Partition& partition = partitions_[note.partition];
  if (note.fate == Fate::kBad) {
    ++partition.bad;
    ++partition.bad_kinds[static_cast<size_t>(note.bad)];
    return;
  }
  const int64_t minute_ms = note.event_ms - note.event_ms % kMinuteMs;
  Cell& cell = minute_of(partition, minute_ms)[Catalogue::category(note.title)];
  const auto count = [&](Sums& sums) {
    ++sums.views;
    sums.watch_ms += note.watch_ms;
  };
  count(cell.all);
  if (note.fate == Fate::kGood) {
    ++partition.good;
  } else {
    ++partition.far_behind;
    const int64_t lag_ms = partition.event_ms_max - note.event_ms;
    ++partition.far_behind_seconds[std::max<int64_t>(lag_ms, 0) / 1000];
    count(cell.far_behind);
  }
  const int64_t past_end_ms = partition.event_ms_max - (minute_ms + kMinuteMs);
  if (partition.event_ms_max >= 0 && past_end_ms >= 0) count(cell.behind[past_end_ms / 1000]);
  partition.event_ms_max = std::max(partition.event_ms_max, note.event_ms);
}

void Ledger::append_partition(std::string& out, uint32_t number, const Partition& partition) {
  out += '{';
  append(out, "partition", number);
  out += ",\"records\":{";
  append(out, "good", partition.good);
  append(out, "far_behind", partition.far_behind);
  append(out, "bad", partition.bad);
  out += "},\"bad\":{";
  for (size_t kind = 0; kind < kBadKinds.size(); ++kind) {
    if (partition.bad_kinds[kind] != 0) append(out, kBadKinds[kind], partition.bad_kinds[kind]);
  }
  out += "},\"far_behind_seconds\":[";
  for (const auto& [seconds, records] : partition.far_behind_seconds) {
    append_array(out, {static_cast<uint64_t>(seconds), records});
  }
  out += "]";
  if (partition.event_ms_max >= 0) append(out, "event_time_max", partition.event_ms_max);
  out += ",\"minutes\":[";
  for (const auto& [minute_ms, cells] : partition.minutes) {
    for (size_t category = 0; category < kCategoryCount; ++category) {
      const Cell& cell = cells[category];
      if (cell.all.views == 0) continue;
      out += out.back() == '[' ? "\n{" : ",\n{";
      append(out, "minute", minute_ms);
      out += ",\"category\":\"";
      out += kCategories[category].name;
      out += '"';
      append(out, "views", cell.all.views);
      append(out, "watch_ms", cell.all.watch_ms);
      out += ",\"far_behind\":{";
      append(out, "views", cell.far_behind.views);
      append(out, "watch_ms", cell.far_behind.watch_ms);
      out += "},\"behind\":[";
      for (const auto& [seconds, sums] : cell.behind) {
        append_array(out, {static_cast<uint64_t>(seconds), sums.views, sums.watch_ms});
      }
      out += "]}";
    }
  }
  out += "]}";
}

std::string Ledger::json(const Header& header) const {
  uint64_t records = 0;
  for (const auto& partition : partitions_) records += partition.good + partition.far_behind + partition.bad;
  std::string out = "{\"schema\":1";
  append(out, "seed", header.seed);
  append(out, "start", header.start_ms);
  append(out, "records", records);
  out += header.complete ? ",\"complete\":true" : ",\"complete\":false";
  out += ",\"partitions\":[";
  for (size_t i = 0; i < partitions_.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    append_partition(out, static_cast<uint32_t>(i), partitions_[i]);
  }
  out += "\n]}\n";
  return out;
}

}  // namespace marquee::gen
