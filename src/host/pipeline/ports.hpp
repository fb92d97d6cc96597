// The pipeline's ports: Source, Sink, PaneLog, Clock. Adapters implement them; tests bring fakes. No port knows
// another; the pipeline calls them all. Virtual calls happen per read or per epoch, never per event.
//
//   ingest threads ── SourceLane::read ──► batches ──► engine thread ──► Epoch ──► commit thread:
//       Sink::begin → PaneLog::append → Sink::write → Sink::commit(offsets) → snapshot published
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
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

// Where reading of a partition begins, resolved to an absolute offset before the first record is read.
struct PartitionStart {
  PartitionIndex partition{0};
  std::string topic;
  std::int32_t number = 0;  // the partition's number in its topic
  Offset offset{0};
  bool at_beginning = true;  // nothing of the partition lies before `offset` (else: the input has a hole)
  std::string metadata;      // what was committed beside the offset; empty if none
  bool gap = false;          // records between what was committed and `offset` are gone (retention took them)
};

class Source {
 public:
  virtual ~Source() = default;
  // Connects, finds the partitions and their start. Blocks, retrying, until done, a final error, or `stop`.
  virtual Result<std::vector<PartitionStart>> open(std::size_t lanes, const std::atomic<bool>& stop) = 0;
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
  // Recovery: continue lane reads at these offsets, discarding what was queued. Only while no lane is being read.
  virtual Status seek(const std::vector<PartitionStart>& starts) = 0;
  // Recovery may seek to `from` or any offset behind it: called before the first read and with each epoch that is
  // handed over to be committed (a commit that fails ends the run). A source
  // that cannot go back in its input keeps what it hands out, until a later call or let_go() says that nobody will ask
  // for it; others need not listen. Any thread.
  virtual void hold(PartitionIndex /*partition*/, Offset /*from*/) {}
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

// What is committed for a partition.
struct OffsetOut {
  PartitionIndex partition{0};
  Offset next{0};
  std::string metadata;  // ASCII, under 4 kB: watermarks, see pipeline/commit_metadata.hpp
};

// One block of partials in text, for the pane log: what an epoch added, or (base) the whole open state.
struct PartialBlock {
  struct Row {
    std::uint32_t leaderboard = 0;
    std::int64_t pane = 0;
    std::uint32_t group = 0;  // index into groups
    bool refused = false;     // a mark: entry (group, item 0), or, with group == kNoGroup, (0, 0)
    std::uint32_t item_begin = 0;
    std::uint32_t item_size = 0;
    std::uint64_t views = 0;
    std::uint64_t watch_ms = 0;
  };
  static constexpr std::uint32_t kNoGroup = 0xffffffff;
  std::vector<std::string> groups;  // group keys (core/result.hpp, append_key_part)
  std::string item_bytes;
  std::vector<Row> rows;
};

// What one epoch hands to the commit thread. Owns its bytes.
struct Epoch {
  std::uint64_t number = 0;
  bool last = false;                  // the input is over or the process is leaving: nothing follows
  std::vector<ResultRecord> results;  // in replay order
  std::vector<LetterOut> letters;
  std::vector<OffsetOut> offsets;                               // every partition, each time
  std::shared_ptr<const PartialBlock> partials;                 // none where nobody could need them
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

// Where results, letters and offsets go. Commit thread only. An epoch is begin → (pane log) → write → commit; commit
// returns once everything was acknowledged and the offsets are stored, and adds what arrived to `acknowledged` (of no
// meaning after an error), or says why not.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Status open(const std::atomic<bool>& stop) = 0;
  virtual Status begin(const Epoch& epoch) = 0;
  virtual Status write(const Epoch& epoch) = 0;
  virtual Status commit(const Epoch& epoch, Acknowledged& acknowledged) = 0;
};

// --- Pane log -------------------------------------------------------------------------------------------------------

// The record of partials from which committed state can be rebuilt. Commit thread appends; recovery reads while no
// epoch is in flight.
class PaneLog {
 public:
  virtual ~PaneLog() = default;
  virtual Status append(const Epoch& epoch) = 0;
  // The open state, block by block, oldest first.
  virtual Status read(const std::function<Status(const PartialBlock&)>& apply) = 0;
  // Whether state survives the process. If not, and the engine cannot be lost, partials need not be made.
  virtual bool durable() const = 0;
};

}  // namespace marquee
