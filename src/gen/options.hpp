// What `marquee gen` can be told, and how it says how it went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gen/rate.hpp"

namespace marquee::gen {

/// How a run went: an exit code of the command line (0 done, 64 usage, 69 a file, pipe or broker failed, 70 internal)
/// and, unless it is 0, one sentence for a person: what failed, where, and what to do.
struct GenStatus {
  int code = 0;
  std::string message;

  bool ok() const { return code == 0; }
  static GenStatus usage(std::string message) { return {64, std::move(message)}; }
  static GenStatus unavailable(std::string message) { return {69, std::move(message)}; }
};

/// Which fields an event has.
enum class Profile : uint8_t {
  kFull,   ///< event_id action user_id content_id title category country device age_band session_id event_time watch_ms
  kSmall,  ///< event_id action user_id content_id category country event_time watch_ms: about 195 bytes a line
};

/// What a Kafka record's key is, and so which events share a partition.
enum class KeyBy : uint8_t {
  kViewer,  ///< user_id: even partitions
  kItem,    ///< content_id: one title is always in one partition; partitions as uneven as popularity
};

/// 2025-11-22T08:00:00Z: where event time begins with `--output` when no start is given.
inline constexpr int64_t kDefaultStartMs = 1'763'798'400'000;

/// Everything a run follows from. The events (their bytes, order and partitions) follow from `seed`, start, density,
/// `titles`, `viewers`, the shares, `profile`, and for which records may be bad from output or Kafka and `pack`; never
/// from `threads`, `rate`, clocks or the machine.
struct GenOptions {
  // Where to. `output` or Kafka.
  std::string output;                      ///< a file, `-` for standard output; empty: to Kafka
  std::string brokers = "127.0.0.1:9092";  ///< bootstrap servers
  std::string topic = "watch-events";      ///< created when it is missing and the broker lets us
  uint32_t partitions = 4;                 ///< of a topic that has to be created; 1 to 10'000
  KeyBy key = KeyBy::kViewer;
  uint32_t pack = 1;                ///< events a Kafka message, as NDJSON without a key; 1 to 100'000
  std::string compression = "lz4";  ///< none, gzip, snappy, lz4, zstd
  bool idempotent = true;           ///< off: a retry may repeat or reorder events, and the ledger is a bound only
  std::vector<std::pair<std::string, std::string>> kafka;  ///< librdkafka's own settings (TLS, SASL), set last

  // How fast, how many.
  std::optional<Rate> rate;         ///< sent per wall time; default 20'000/min to Kafka, max to a file
  std::optional<Rate> density;      ///< events per event time; default: to a file 20'000/min whatever the rate; to
                                    ///< Kafka the rate, so that event time keeps up with the clock (1M/s for max)
  uint32_t threads = 1;             ///< that make events; 1 to 256
  std::optional<uint64_t> count;    ///< stop after so many; default: when told to
  std::optional<int64_t> for_ms;    ///< stop after so much event time; the earlier of the two counts
  std::optional<int64_t> start_ms;  ///< event time of event 0; default kDefaultStartMs to a file, now to Kafka

  // What.
  uint64_t seed = 1;
  uint32_t titles = 2'000;    ///< in the catalogue; 8 bytes of memory each; 1 to 16'777'216
  uint64_t viewers = 0;       ///< how many different; 0: four times those who watch at once (20,000 by default)
  double late_share = 0.001;  ///< of all events: far behind, from a minute to an hour
  double bad_share = 0.001;   ///< of all records: malformed or invalid, of many kinds (bad_record.hpp)
  Profile profile = Profile::kFull;

  std::string ledger;  ///< a file for the JSON ledger; empty: none
};

/// The options with every default filled in, as the rest of the generator uses them.
struct Resolved {
  Rate rate;
  Rate density;
  int64_t start_ms = 0;
  uint64_t viewers = 0;
  uint64_t total = 0;  ///< events at most; UINT64_MAX for no end
};

/// Checks `options` and fills in the defaults. Pure; `now_ms` is the wall clock. A wrong option gives status 64 naming
/// the flag.
GenStatus resolve(const GenOptions& options, int64_t now_ms, Resolved& out);

}  // namespace marquee::gen
