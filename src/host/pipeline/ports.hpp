// The pipeline's ports: Source, Sink, PaneLog, Clock. Adapters implement them; tests bring fakes. No port knows
// another; the pipeline calls them all. Virtual calls happen per read or per epoch, never per event.
//
//   ingest threads ── SourceLane::read ──► batches ──► engine thread ──► Epoch ──► commit thread:
//       Sink::begin → PaneLog::append → Sink::write → Sink::commit(offsets) → snapshot published
//   begin of every generation, at start and in each recovery, on the engine thread while nothing else runs:
//       (Sink::abort) → Sink::acquire → Source::starts → claim → PaneLog::read → Source::seek → lanes
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.hpp"
#include "core/result.hpp"
#include "core/status.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

// Time as the pipeline sees it. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t monotonic_ns() const = 0;
  virtual std::int64_t wall_ms() const = 0;
};

// --- Source ---------------------------------------------------------------------------------------------------------

enum class ReadOutcome : std::uint8_t {
  kRead,     // something was appended (messages, or spans that only say at_end or discovered)
  kNothing,  // nothing came within the wait
  kFull,     // the next message has no room in this batch's arena: hand it over and read again into a fresh one
  kEnd,      // the input is over; never again anything on this lane
};

// One ingest thread's share of the source. All calls from that thread.
class SourceLane {
 public:
  virtual ~SourceLane() = default;
  // Appends messages to the batch's arena, up to about `bytes_max`, waiting at most `wait` for the first. Keeps
  // batch.spans in order: a partition has one span a batch, opened with its first message's offset; `next` is one past
  // the last message appended (or where the partition's position stands). Never blocks longer than `wait`.
  // A source with one partition read by many lanes (`Source::sequenced`) stamps batch.sequence at the batch's first
  // read.
  virtual Result<ReadOutcome> read(Batch& batch, std::size_t bytes_max, std::chrono::milliseconds wait) = 0;
};

// Where reading of a partition begins or goes on, resolved to an absolute offset before the first record is read.
struct PartitionStart {
  PartitionIndex partition{0};
  std::string topic;
  std::int32_t number = 0;  // the partition's number in its topic
  Offset offset{0};
  bool at_beginning = true;  // nothing of the partition lies before `offset` (else: the input has a hole)
  std::string metadata;      // what was committed beside the offset; empty if none
  bool gap = false;          // records between what was committed and `offset` are gone (retention took them)
  bool committed = false;    // an offset was committed for it
};

// What is committed for a partition.
struct OffsetOut {
  PartitionIndex partition{0};
  Offset next{0};
  std::string metadata;  // ASCII, under 4 kB: CommitMetadata (pipeline/progress.hpp)
};

class Source {
 public:
  virtual ~Source() = default;
  // Connects and finds the partitions; nothing is read yet. Blocks, retrying, until done, a final error, or `stop`
  // (kUnavailable), which outlives the source.
  virtual Status open(std::size_t lanes, const std::atomic<bool>& stop) = 0;
  // Where every partition found so far begins or goes on, in the order of their indices: what is committed and can no
  // longer change (an undecided transaction is waited for), else its resolved start. Blocks as open() does. Only while
  // no lane is being read and no epoch is in flight.
  virtual Result<std::vector<PartitionStart>> starts() = 0;
  // Reads on at these offsets, discarding what was queued: before the first read, and in each recovery. Only while no
  // lane is being read.
  virtual Status seek(const std::vector<PartitionStart>& starts) = 0;
  // Lane i of those opened; valid as long as the source.
  virtual SourceLane& lane(std::size_t i) = 0;
  // True: one partition whose batches are decoded by several lanes and must be judged and taken in sequence.
  virtual bool sequenced() const = 0;
  // Whether the partition's fetches succeed at the moment: a stalled broker is not an idle partition. Any thread.
  virtual bool healthy(PartitionIndex partition) const = 0;
  // Name of a partition that was opened or discovered. Any thread.
  virtual PartitionStart partition(PartitionIndex partition) const = 0;
  // How many partitions were opened or discovered so far. Any thread.
  virtual std::size_t partition_count() const = 0;
  // These offsets have committed: no recovery asks for what lies before them. A source that cannot go back in its input
  // keeps what it hands out until then, or until let_go() says that nobody will ask; others need not listen. Commit
  // thread.
  virtual void note_committed(const std::vector<OffsetOut>& /*offsets*/) {}
  virtual void let_go() {}
  // Where letters are kept, the source's own encoding of key and headers goes to Batch::envelopes.
};

// --- Epoch ----------------------------------------------------------------------------------------------------------

// A record for the dead-letter or late topic, with its own bytes.
struct LetterOut {
  PartitionIndex partition{0};
  Offset offset{0};
  std::uint32_t element = Record::kOnly;  // index within the message, or kOnly
  std::int64_t timestamp_ms = -1;
  Verdict verdict = Verdict::kMalformed;  // kLate: for the late topic
  std::string envelope;                   // key and headers as the source encoded them
  std::string value;                      // the record alone
};

// Partials in text: what an epoch added, or a part of the open state.
struct PartialBlock {
  static constexpr std::uint32_t kNoGroup = 0xffffffff;
  static constexpr std::uint32_t kNoTitle = 0xffffffff;
  struct Row {
    std::uint32_t leaderboard = 0;
    std::uint32_t group = 0;  // index into groups
    std::int64_t pane = 0;
    std::uint32_t item_begin = 0;
    std::uint32_t item_size = 0;
    std::uint32_t title = kNoTitle;  // index into titles
    bool refused = false;            // a mark: entry (group, item 0), or, with group == kNoGroup, (0, 0)
    std::uint64_t views = 0;
    std::uint64_t watch_ms = 0;
  };
  static_assert(sizeof(Row) == 48, "there are millions");
  // The best that the row's events carry: of the highest event time, then the greatest bytes. Never empty.
  struct Title {
    EventTimeMs time = 0;
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  std::vector<std::string> groups;  // group keys (core/result.hpp, append_key_part)
  std::string item_bytes;
  std::vector<Row> rows;
  std::vector<Title> titles;  // of some rows, one each
  std::string title_bytes;

  std::string_view item_of(const Row& row) const {
    return std::string_view(item_bytes).substr(row.item_begin, row.item_size);
  }
  std::string_view text_of(const Title& title) const {
    return std::string_view(title_bytes).substr(title.begin, title.size);
  }
  // A row of another block, with its item and title.
  void append(const PartialBlock& from, Row row);
  void set_title(Row& row, EventTimeMs time, std::string_view text);
};

// What the pane log must know of a leaderboard besides its rows.
struct BoardState {
  EventTimeMs exact_from = kNoTime;             // windows that begin before are inexact: it was added while others ran
  PaneRun refused{PaneIndex{1}, PaneIndex{0}};  // hull of the panes refused for lack of room; empty if first > last

  friend bool operator==(const BoardState&, const BoardState&) = default;
};

// The whole open state of one pane-log partition, as of the end of an epoch.
struct PaneBase {
  std::uint32_t partition = 0;
  PartialBlock state;
};

// What one epoch hands to the commit thread. Owns its bytes.
struct Epoch {
  std::uint64_t number = 0;
  VerdictCounts verdicts;             // of its records
  bool last = false;                  // the input is over or the process is leaving: nothing follows
  std::vector<ResultRecord> results;  // in replay order
  std::vector<LetterOut> letters;
  std::vector<OffsetOut> offsets;                               // every partition, each time
  std::shared_ptr<const PartialBlock> partials;                 // none where nobody could need them
  std::vector<BoardState> boards;                               // [leaderboard]; likewise
  std::optional<PaneBase> base;                                 // takes the place of partials in its partition
  bool writes_blocks = false;                                   // to the pane log
  std::vector<std::pair<LeaderboardIndex, PaneIndex>> dropped;  // panes that settled for good with this epoch
  std::shared_ptr<const Snapshot> snapshot;
  std::int64_t oldest_read_ns = 0;  // monotonic time at which its oldest message was read; 0 if none
};

// --- Sink -----------------------------------------------------------------------------------------------------------

// How many of an epoch's records arrived: a letter may be dropped (and counted) where a result never is.
struct Acknowledged {
  std::uint64_t results = 0;
  std::uint64_t letters_dead = 0;
  std::uint64_t letters_late = 0;
};

// Where results, letters and offsets go. An epoch is begin → (pane log) → write → commit, on the commit thread; commit
// returns once everything was acknowledged and the offsets are stored, all or nothing, and adds what arrived to
// `acknowledged` (of no meaning after an error), or says why not. Errors: kAborted and kLost (core/status.hpp) are
// answered by a recovery, everything else is final.
class Sink {
 public:
  virtual ~Sink() = default;
  // Connects, finds or creates what it writes to. Blocks as Source::open does. `stop` outlives the sink.
  virtual Status open(const std::atomic<bool>& stop) = 0;
  // Becomes the only one that writes for the group: whoever did before is fenced, and what it left open is ended.
  // Before the first epoch, and again after kLost. Blocks as open() does. Only while no epoch is in flight.
  virtual Status acquire() = 0;
  virtual Status begin(const Epoch& epoch) = 0;
  virtual Status write(const Epoch& epoch) = 0;
  virtual Status commit(const Epoch& epoch, Acknowledged& acknowledged) = 0;
  // Gives up an epoch that was begun and failed. After ok nothing of it will become visible that is not so already:
  // where the answer to its commit was lost it may have committed, and the committed offsets tell. kLost: only
  // acquire() can settle it. Only while no epoch is in flight.
  virtual Status abort() = 0;
};

// --- Pane log -------------------------------------------------------------------------------------------------------

// The record of partials from which committed state can be rebuilt: for each partition a row of opaque values (what is
// in them: pane_block.hpp; when which is written: pane_log_writer.hpp). Values are appended within the sink's epoch and
// are part of it: all of them are committed with it, or none.
class PaneLog {
 public:
  struct Value {
    std::uint32_t partition = 0;
    std::int64_t position = 0;  // rises within a partition
    std::string_view bytes;     // valid during the call
  };

  virtual ~PaneLog() = default;
  // Finds or creates where it is kept. Blocks as Source::open does.
  virtual Status open(const std::atomic<bool>& stop) = 0;
  // From open() on.
  virtual std::uint32_t partition_count() const = 0;
  virtual std::size_t value_bytes_max() const = 0;
  // Where values are kept, and how to begin anew, for sentences: "topic marquee-x-panes on Kafka at host".
  virtual std::string name() const = 0;
  // Commit thread, after Sink::begin and before Sink::commit. `base`: a part of a base; once the epoch has committed,
  // what lies before the base's first part in that partition may be removed.
  virtual Status append(std::uint32_t partition, std::string value, bool base) = 0;
  // The epoch that was being written has committed. Commit thread. Never blocks for long.
  virtual void note_committed() = 0;
  // Every committed value, partition by partition or not, but each partition's oldest first, to its end as of now: what
  // an undecided transaction may still hold back is waited for. Only while no epoch is in flight. Blocks as
  // Source::open does.
  virtual Status read(const std::function<Status(const Value&)>& apply) = 0;
  // Whether state survives the process. If not, and the engine cannot be lost, partials need not be made.
  virtual bool durable() const = 0;
};

}  // namespace marquee
