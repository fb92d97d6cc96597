// Outside: what outlives every process of a simulated world, as a broker does: source partitions, committed offsets,
// the pane log, what a read-committed consumer sees; and the one transaction that may be open. No thread, no clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oracle/records.hpp"

namespace simulation {

struct Committed {
  std::int64_t next = 0;
  std::string metadata;
};

struct OutputRecord {
  std::string key;
  std::string value;
  std::uint64_t revision = 0;
};

// Where a letter came from; which topic it went to.
struct LetterOf {
  std::uint32_t partition = 0;
  std::int64_t offset = 0;
  bool late = false;
  auto operator<=>(const LetterOf&) const = default;
};

struct LogValue {
  std::int64_t position = 0;
  std::string bytes;
  bool base = false;
};

struct Appended {
  std::uint32_t partition = 0;
  std::string bytes;
  bool base = false;
};

// What a process says that it has read.
struct VerdictsSaid {
  std::int64_t counted = 0;
  std::int64_t filtered = 0;
  std::int64_t late = 0;
  std::int64_t invalid = 0;
};

struct Transaction {
  std::uint64_t epoch = 0;
  std::string by;  // the process that it is of, whatever its metadata says
  std::vector<OutputRecord> results;
  std::vector<LetterOf> letters;
  std::vector<Appended> log;
  std::map<std::uint32_t, Committed> offsets;
  VerdictsSaid verdicts;
};

// What is kept of every transaction that has committed.
struct Past {
  std::string by;
  bool is_empty = false;  // neither results nor letters nor anything for the pane log
  bool has_log = false;
  std::map<std::uint32_t, Committed> offsets;
};

class Outside {
 public:
  // --- input
  std::vector<std::vector<oracle::Message>> messages;  // [partition], in offset order; offsets may leave gaps
  std::vector<std::size_t> published;                  // [partition]: so many of them can be read
  std::vector<std::size_t> removed;                    // [partition]: so many of them no longer
  std::size_t existing = 0;                            // so many partitions there are; the others are still to come

  // --- what a read-committed consumer sees
  std::vector<OutputRecord> results;
  std::vector<LetterOf> letters;
  std::map<std::uint32_t, Committed> offsets;
  std::vector<std::vector<LogValue>> log;  // [pane-log partition]; trimmed at the front
  std::uint64_t epoch = 0;                 // the last one that committed, visible yet or not

  // --- what happened
  std::vector<Past> history;  // in the order in which they became visible
  VerdictsSaid verdicts;      // of all of them
  std::uint64_t bases = 0;
  std::uint64_t base_parts = 0;

  // --- the producer's side
  std::uint64_t session = 0;           // the one that may write
  std::optional<Transaction> open;     // of that session
  std::optional<Transaction> decided;  // committed; its markers are still on their way

  // A new session: fences the one before, and ends what it left open.
  std::uint64_t begin_session();
  // The open transaction is committed; seen only after settle().
  void decide();
  void settle();
  // Removes what lies before the base that was committed last in each partition.
  void trim();

  bool everything_read() const;

 private:
  std::map<std::uint32_t, std::int64_t> base_begins_;
  std::map<std::uint32_t, std::int64_t> next_position_;
};

}  // namespace simulation
