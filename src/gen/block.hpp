// A run of neighbouring records, ready to be sent: what worker threads make and sinks take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "gen/bad_record.hpp"
#include "gen/workload.hpp"

namespace marquee::gen {

/// What the ledger and the Kafka producer need to know of a record beside its bytes.
struct RecordNote {
  int64_t event_ms;
  uint32_t end;  ///< of the record in Block::bytes(), its line feed not included; the next begins one later
  uint32_t watch_ms;
  uint32_t viewer;
  uint32_t title;
  uint32_t partition;
  Fate fate;
  BadKind bad;  ///< only with Fate::kBad
};

/// How records are laid out; the same for every block of a run.
struct BlockShape {
  Profile profile = Profile::kFull;
  KeyBy key = KeyBy::kViewer;
  uint32_t partitions = 1;
  size_t bad_kinds = kBadKindsFile;
  bool with_notes = false;  ///< off: no notes are kept, records() is empty
};

/// Owns its memory and keeps it from one fill to the next. One thread at a time.
class Block {
 public:
  /// Replaces the content with events [first, first + count) of `workload`, each record followed by a line feed.
  /// The same bytes however the stream is cut into blocks.
  void fill(const Workload& workload, const BlockShape& shape, uint64_t first, uint64_t count);

  uint64_t first() const { return first_; }
  uint64_t count() const { return count_; }
  /// All records with their line feeds.
  std::string_view bytes() const { return {buffer_.get(), used_}; }
  /// One for each record, if the shape asked for them.
  const std::vector<RecordNote>& notes() const { return notes_; }

 private:
  char* reserve(size_t bytes);

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t used_ = 0;
  uint64_t first_ = 0;
  uint64_t count_ = 0;
  std::vector<RecordNote> notes_;
};

/// The key of a record: user id or content id. Returns the end; needs kUserIdBytesMax bytes.
char* write_key(char* out, const RecordNote& note, KeyBy key, const Catalogue& catalogue);

/// The partition that Java's default partitioner and librdkafka's `murmur2` give this key.
uint32_t partition_of(std::string_view key, uint32_t partitions);

}  // namespace marquee::gen
