#include "gen/block.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "gen/event_json.hpp"

namespace marquee::gen {
namespace {

// A. Appleby's MurmurHash2, with the seed that Kafka uses.
uint32_t murmur2(std::string_view text) {
  constexpr uint32_t kM = 0x5bd1e995;
  uint32_t hash = 0x9747b28cU ^ static_cast<uint32_t>(text.size());
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  size_t at = 0;
  for (; at + 4 <= text.size(); at += 4) {
    uint32_t k = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    k *= kM;
    k ^= k >> 24;
    hash = (hash * kM) ^ (k * kM);
  }
  const size_t rest = text.size() - at;
  if (rest >= 3) hash ^= byte(at + 2) << 16;
  if (rest >= 2) hash ^= byte(at + 1) << 8;
  if (rest >= 1) hash = (hash ^ byte(at)) * kM;
  hash = (hash ^ (hash >> 13)) * kM;
  return hash ^ (hash >> 15);
}

}  // namespace

uint32_t partition_of(std::string_view key, uint32_t partitions) {
  return (murmur2(key) & 0x7fffffffU) % partitions;
}

char* write_key(char* out, const RecordNote& note, KeyBy key, const Catalogue& catalogue) {
  return key == KeyBy::kViewer ? write_user_id(out, note.viewer) : catalogue.write_content_id(out, note.title);
}

char* Block::reserve(size_t bytes) {
  if (capacity_ - used_ < bytes) {
    const size_t wanted = std::max(capacity_ + capacity_ / 2, used_ + bytes);
    auto grown = std::make_unique_for_overwrite<char[]>(wanted);
    if (used_ > 0) std::memcpy(grown.get(), buffer_.get(), used_);
    buffer_ = std::move(grown);
    capacity_ = wanted;
  }
  return buffer_.get() + used_;
}

void Block::fill(const Workload& workload, const BlockShape& shape, uint64_t first, uint64_t count) {
  first_ = first;
  count_ = count;
  used_ = 0;
  notes_.clear();
  for (uint64_t index = first; index != first + count; ++index) {
    const Event event = workload.event_at(index);
    BadKind bad{};
    char* const begin = reserve(kBadBytesMax + 1);
    char* end = nullptr;
    if (event.fate == Fate::kBad) {
      bad = bad_kind(event, shape.bad_kinds);
      end = write_bad(begin, event, bad, workload.catalogue(), shape.profile);
    } else {
      end = write_event(begin, event, workload.catalogue(), shape.profile);
    }
    *end = '\n';
    const size_t record_end = used_ + static_cast<size_t>(end - begin);
    used_ = record_end + 1;
    if (!shape.with_notes) continue;
    RecordNote note{event.event_ms, static_cast<uint32_t>(record_end),
                    event.watch_ms, event.viewer,
                    event.title,    0,
                    event.fate,     bad};
    if (shape.partitions > 1) {
      std::array<char, kUserIdBytesMax> text;
      char* const key_end = write_key(text.data(), note, shape.key, workload.catalogue());
      note.partition = partition_of({text.data(), key_end}, shape.partitions);
    }
    notes_.push_back(note);
  }
}

}  // namespace marquee::gen
