// Batch: the one thing that crosses between the threads of the hot path.
//
// A batch owns three things. The arena: payload bytes as they came, newline-separated. The event columns: 16 bytes an
// event, page-aligned, the only part an engine reads (and a CUDA engine copies). And the provenance: which offsets of
// which partitions it holds. It holds whole messages, so any batch ends at a consistent cut: for one message that is
// larger than a batch the arena grows, and the columns too.
//
// Life: the pool (pipeline) makes all batches at start; an ingest thread fills one; the engine thread gives ids to what
// the dictionary did not know, resolves its pane slots and submits it; the engine gives it back. One owner at a time,
// handed over by unique_ptr; no member is synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.hpp"
#include "core/ids.hpp"
#include "core/limits.hpp"
#include "core/verdict.hpp"

namespace marquee {

// Page-aligned bytes of a fixed or grown capacity; untouched pages cost nothing. Not initialised.
class AlignedBytes {
 public:
  static constexpr std::size_t kAlignment = 4096;
  AlignedBytes() = default;
  explicit AlignedBytes(std::size_t size) : size_(size), data_(allocate(size)) {}
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
  };
  static std::byte* allocate(std::size_t size) {
    return static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment}));
  }
  std::size_t size_ = 0;
  std::unique_ptr<std::byte, Free> data_;
};

// One message of the source: a Kafka message, or a line of a file.
struct Message {
  std::uint32_t begin = 0;  // value's first byte in the arena
  std::uint32_t size = 0;
  std::uint32_t span = 0;  // index into Batch::spans
  Offset offset{0};
  std::int64_t timestamp_ms = -1;  // the source's own (Kafka's), -1 where it has none
  // Key and headers, kept only where dead or late letters go somewhere; see Batch::envelopes.
  std::uint32_t envelope_begin = 0;
  std::uint32_t envelope_size = 0;
};

// One JSON record: a message holds one or many.
struct Record {
  static constexpr std::uint32_t kOnly = 0xffffffff;         // the message is this record
  static constexpr std::uint32_t kBrokenArray = 0xfffffffe;  // the message is an array that does not hold together
  std::uint32_t begin = 0;                                   // first byte in the arena
  std::uint32_t size = 0;
  std::uint32_t message = 0;      // index into Batch::messages
  std::uint32_t element = kOnly;  // index within the message, or one of the above
};

// What a batch holds of one partition. Offsets are `[first, next)`; first == next where it only says at_end.
struct PartitionSpan {
  PartitionIndex partition{0};
  Offset first{0};
  Offset next{0};
  EventTimeMs event_time_max = kNoTime;    // highest event time counted from it in this batch
  EventTimeMs first_event_time = kNoTime;  // of the first event counted from it in this batch
  bool at_end = false;                     // the broker reported the partition's end behind these records
  bool discovered = false;                 // found while running, to be read from its beginning
};

// A key (item text, or combination key) that the dictionary did not know when its event was decoded. The engine thread
// finds or gives the id and writes it to the event's column.
struct PendingKey {
  std::uint32_t event = 0;
  std::uint64_t hash = 0;
  std::string_view bytes;  // into this batch's arena or scratch
};

// A record to be written to the dead-letter or the late topic.
struct Letter {
  std::uint32_t record = 0;  // index into Batch::records
  Verdict verdict = Verdict::kMalformed;
};

struct BatchShape {
  std::uint32_t events_max = 16'384;    // capacity of the columns; grows for a single message that holds more
  std::size_t arena_bytes = 1u << 20;   // grows for a single message that is larger
  std::uint32_t leaderboard_count = 1;  // stride of the slot table
};

class Batch {
 public:
  explicit Batch(const BatchShape& shape)
      : shape_(shape),
        columns_(std::size_t{shape.events_max} * 16),
        host_columns_(std::size_t{shape.events_max} * 12),
        arena_(shape.arena_bytes + kArenaPaddingBytes) {
    MARQUEE_CHECK(shape.events_max > 0 && shape.events_max <= kBatchEventsMax);
    use_own_columns();
    clear();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // --- Columns of events_max() values, of which [0, event_count) are filled. An engine reads these four, the slot
  // table and nothing else. Pinned where the engine is CUDA: columns_data() is one page-aligned block of 16 bytes an
  // event, and the same one for life but while reserve_events() has put a larger one in its place.
  ItemId* item() { return column<ItemId>(0); }
  CombinationId* combination() { return column<CombinationId>(1); }
  std::uint32_t* slot() { return column<std::uint32_t>(2); }
  std::uint32_t* watch_ms() { return column<std::uint32_t>(3); }
  const ItemId* item() const { return column<const ItemId>(0); }
  const CombinationId* combination() const { return column<const CombinationId>(1); }
  const std::uint32_t* slot() const { return column<const std::uint32_t>(2); }
  const std::uint32_t* watch_ms() const { return column<const std::uint32_t>(3); }
  std::byte* columns_data() { return columns_at_; }
  std::size_t columns_bytes() const { return 4 * column_bytes(); }

  // --- Host-side columns beside them: event time in ms, and index into records of the record an event came from.
  EventTimeMs* time_ms() { return reinterpret_cast<EventTimeMs*>(host_columns_at_); }
  const EventTimeMs* time_ms() const { return reinterpret_cast<const EventTimeMs*>(host_columns_at_); }
  std::uint32_t* record() { return reinterpret_cast<std::uint32_t*>(host_columns_at_ + 2 * column_bytes()); }
  const std::uint32_t* record() const {
    return reinterpret_cast<const std::uint32_t*>(host_columns_at_ + 2 * column_bytes());
  }

  std::uint32_t event_count = 0;
  std::uint32_t events_max() const { return events_max_; }
  std::uint32_t events_room() const { return events_max_ - event_count; }

  // Makes room for `events` in a batch that has none, until clear(). Untouched pages cost nothing.
  void reserve_events(std::uint32_t events) {
    MARQUEE_CHECK(event_count == 0);
    if (events <= events_max_) return;
    long_columns_ = AlignedBytes(std::size_t{events} * 28);
    events_max_ = events;
    columns_at_ = long_columns_.data();
    host_columns_at_ = columns_at_ + columns_bytes();
  }

  // --- Pane slots. An event's time enters the engine only as its slot: a row of slot_panes, which holds for each
  // leaderboard the pane the event counts in, or kNoPane (late for that one, or its pane has expired or was refused).
  // slot_panes[slot * leaderboard_count + leaderboard]; slot 0 is all kNoPane. Usually a handful of slots a batch.
  std::vector<PaneIndex> slot_panes;
  std::vector<std::uint32_t> slot_events;  // events in each slot
  std::uint32_t leaderboard_count() const { return shape_.leaderboard_count; }
  std::uint32_t slot_count() const { return static_cast<std::uint32_t>(slot_events.size()); }
  PaneIndex pane(std::uint32_t slot, LeaderboardIndex leaderboard) const {
    return slot_panes[std::size_t{slot} * shape_.leaderboard_count + raw(leaderboard)];
  }

  // --- The arena: bytes [0, arena_used), then kArenaPaddingBytes that may be read. Messages are newline-separated.
  char* arena() { return reinterpret_cast<char*>(arena_.data()); }
  const char* arena() const { return reinterpret_cast<const char*>(arena_.data()); }
  std::size_t arena_used = 0;
  std::size_t arena_room() const { return arena_.size() - kArenaPaddingBytes - arena_used; }
  std::string_view bytes(const Record& r) const { return {arena() + r.begin, r.size}; }
  std::string_view bytes(const Message& m) const { return {arena() + m.begin, m.size}; }

  // Copies a message's value to the arena's end and a line feed behind it. When the arena is empty it grows for a
  // value of any size below 2 GiB; otherwise false when there is no room. Not after records were made.
  bool append(std::string_view value, std::uint32_t span, Offset offset, std::int64_t timestamp_ms) {
    if (value.size() + 1 > arena_room()) {
      if (arena_used != 0) return false;
      reserve_arena(value.size() + 1);
    }
    Message m;
    m.begin = static_cast<std::uint32_t>(arena_used);
    m.size = static_cast<std::uint32_t>(value.size());
    m.span = span;
    m.offset = offset;
    m.timestamp_ms = timestamp_ms;
    if (!value.empty()) std::memcpy(arena() + arena_used, value.data(), value.size());
    arena_used += value.size();
    arena()[arena_used++] = '\n';
    messages.push_back(m);
    return true;
  }

  // Makes room for `size` bytes in an empty arena.
  void reserve_arena(std::size_t size) {
    MARQUEE_CHECK(arena_used == 0 && size < (std::size_t{1} << 31));
    if (size > arena_room()) arena_ = AlignedBytes(size + kArenaPaddingBytes);
  }

  std::vector<Message> messages;
  std::vector<Record> records;
  std::vector<PendingKey> pending_items;
  std::vector<PendingKey> pending_combinations;
  // Of each event, one a display field of the job: titles[event * displays + display], into arena or scratch; empty
  // where it has none. Empty where no leaderboard displays anything.
  std::vector<std::string_view> titles;
  std::vector<Letter> letters;  // records for the dead-letter and late topics; filled only if keep_letters
  std::string envelopes;        // keys and headers of messages, in the source adapter's own encoding
  bool keep_letters = false;

  // Bytes that a decoder had to make (unescaped text, combination keys); stable until clear().
  // Never moves what it handed out: chunks are kept and reused.
  char* scratch(std::size_t size) {
    if (size > scratch_room_) new_scratch_chunk(size);
    char* p = scratch_next_;
    scratch_next_ += size;
    scratch_room_ -= size;
    return p;
  }

  // --- Provenance.
  std::vector<PartitionSpan> spans;
  Generation generation{0};
  std::uint64_t sequence = 0;      // for a source whose batches must be taken in order (one file, many threads)
  std::uint64_t era = 0;           // of the dictionaries when filling began; stamped by the pool
  VerdictCounts verdicts;          // of every record decoded into this batch (late and counted: after judging)
  std::int64_t first_read_ns = 0;  // monotonic time at which its first message came; for latency histograms

  // Empties everything and keeps the capacities, but for those that one huge message had grown.
  void clear() {
    event_count = 0;
    slot_panes.assign(shape_.leaderboard_count, kNoPane);
    slot_events.assign(1, 0);
    arena_used = 0;
    if (arena_.size() > shape_.arena_bytes + kArenaPaddingBytes) {
      arena_ = AlignedBytes(shape_.arena_bytes + kArenaPaddingBytes);
    }
    messages.clear();
    records.clear();
    pending_items.clear();
    pending_combinations.clear();
    titles.clear();
    letters.clear();
    envelopes.clear();
    spans.clear();
    if (events_max_ > shape_.events_max) {
      use_own_columns();
      slot_panes.shrink_to_fit();
      slot_events.shrink_to_fit();
      records.shrink_to_fit();
      pending_items.shrink_to_fit();
      pending_combinations.shrink_to_fit();
      titles.shrink_to_fit();
      letters.shrink_to_fit();
    }
    verdicts = {};
    sequence = 0;
    first_read_ns = 0;
    if (scratch_chunks_.size() > 1) scratch_chunks_.resize(1);
    scratch_room_ = scratch_chunks_.empty() ? 0 : scratch_chunks_[0].size();
    scratch_next_ = scratch_chunks_.empty() ? nullptr : reinterpret_cast<char*>(scratch_chunks_[0].data());
  }

 private:
  // Bytes of a column of four-byte values.
  std::size_t column_bytes() const { return std::size_t{events_max_} * 4; }
  template <class T>
  T* column(std::size_t i) const {
    return reinterpret_cast<T*>(columns_at_ + i * column_bytes());
  }
  void use_own_columns() {
    long_columns_ = {};
    events_max_ = shape_.events_max;
    columns_at_ = columns_.data();
    host_columns_at_ = host_columns_.data();
  }
  void new_scratch_chunk(std::size_t size) {
    const std::size_t chunk = size > kScratchChunkBytes ? size : kScratchChunkBytes;
    scratch_chunks_.emplace_back(chunk);
    scratch_next_ = reinterpret_cast<char*>(scratch_chunks_.back().data());
    scratch_room_ = chunk;
  }
  static constexpr std::size_t kScratchChunkBytes = 256u << 10;

  BatchShape shape_;
  AlignedBytes columns_;
  AlignedBytes host_columns_;
  AlignedBytes long_columns_;  // both kinds, for a single message that holds more events than those
  std::uint32_t events_max_ = 0;
  std::byte* columns_at_ = nullptr;
  std::byte* host_columns_at_ = nullptr;
  AlignedBytes arena_;
  std::vector<AlignedBytes> scratch_chunks_;
  char* scratch_next_ = nullptr;
  std::size_t scratch_room_ = 0;
};

// Who takes a batch back when its owner lets go of it. The pipeline's pool; tests bring their own.
class BatchHome {
 public:
  virtual void take_back(Batch* batch) noexcept = 0;  // any thread

 protected:
  ~BatchHome() = default;
};

struct SendHome {
  BatchHome* home = nullptr;
  void operator()(Batch* batch) const noexcept { home->take_back(batch); }
};
using BatchPtr = std::unique_ptr<Batch, SendHome>;

}  // namespace marquee
