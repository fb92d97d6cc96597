// Probe: every figure the pipeline keeps about itself, as plain atomics. The serve layer exports them (names there),
// the demo and the replay progress read them. Writers use relaxed adds per batch or per epoch, never per event.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/verdict.hpp"

namespace marquee {

using Counter = std::atomic<std::uint64_t>;
using Gauge = std::atomic<std::int64_t>;

// A histogram of seconds with fixed buckets: upper bounds 100 us x 2^i, i = 0 … 19 (100 us … 52 s), and +Inf.
struct LatencyHistogram {
  static constexpr std::size_t kBuckets = 21;
  static constexpr double upper_bound_s(std::size_t i) { return 100e-6 * static_cast<double>(std::uint64_t{1} << i); }
  std::array<Counter, kBuckets> count{};
  Counter sum_ns{0};

  void observe_ns(std::int64_t ns) {
    if (ns < 0) ns = 0;
    std::size_t i = 0;
    while (i + 1 < kBuckets && ns > (std::int64_t{100'000} << i)) ++i;
    count[i].fetch_add(1, std::memory_order_relaxed);
    sum_ns.fetch_add(static_cast<std::uint64_t>(ns), std::memory_order_relaxed);
  }
};

// How far each partition of the source is, by its index: what tells which of them holds the others up. Any thread; a
// few writes a second.
class PartitionFigures {
 public:
  struct Figure {
    std::string topic;  // empty: nobody has said its place and lag yet
    std::int32_t number = 0;
    std::int64_t lag_messages = 0;
    std::int64_t watermark_ms = 0;  // meaningless before watermark_known
    bool watermark_known = false;
    bool idle = false;
  };

  void set_lag(std::size_t partition, const std::string& topic, std::int32_t number, std::int64_t lag_messages) {
    const std::lock_guard lock(mutex_);
    Figure& figure = at(partition);
    if (figure.topic.empty()) figure.topic = topic;
    figure.number = number;
    figure.lag_messages = lag_messages;
  }
  void set_watermark(std::size_t partition, bool known, std::int64_t watermark_ms, bool idle) {
    const std::lock_guard lock(mutex_);
    Figure& figure = at(partition);
    figure.watermark_known = known;
    figure.watermark_ms = watermark_ms;
    figure.idle = idle;
  }
  std::vector<Figure> get() const {
    const std::lock_guard lock(mutex_);
    return figures_;
  }

 private:
  Figure& at(std::size_t partition) {
    if (partition >= figures_.size()) figures_.resize(partition + 1);
    return figures_[partition];
  }

  mutable std::mutex mutex_;
  std::vector<Figure> figures_;
};

enum class Phase : std::uint8_t { kStarting, kConnecting, kRestoring, kRunning, kDraining, kStopped, kFailed };

struct Probe {
  // Records by verdict (marquee_records_total{verdict=...}), as of the last commit and as of now.
  std::array<Counter, kVerdictCount> verdicts{};
  Counter bytes_read{0};
  Counter messages_read{0};
  Counter expired{0};          // (event, leaderboard) pairs for a pane the job had settled
  Counter refused{0};          // (event, leaderboard) pairs that a budget refused
  Counter titles_refused{0};   // titles that limits.title_bytes had no room for
  Counter results{0};          // result records committed
  Counter letters_dead{0};     // dead letters committed
  Counter letters_late{0};     // late letters committed
  Counter letters_dropped{0};  // letters that the broker would not take in any form
  Counter gap_messages{0};     // offsets that retention had removed before they were read
  Counter epochs{0};           // epochs committed
  Counter commit_failures{0};
  Counter recoveries{0};
  Counter pane_log_bytes{0};            // written and committed, packed
  Counter pane_log_bases{0};            // whole states of a pane-log partition committed
  Counter pane_log_removals{0};         // times that the removal of what a base made needless was asked for
  Counter pane_log_removals_failed{0};  // and was refused, or not answered
  Counter batches{0};
  Counter events_aggregated{0};  // events taken by the engine
  Gauge watermark_ms{0};         // the job's; meaningless before watermark_known
  std::atomic<bool> watermark_known{false};
  Gauge lag_messages{-1};  // over all partitions; -1 unknown
  Gauge entries{0};
  Gauge open_panes{0};
  Gauge items_live{0};
  Gauge combinations_live{0};
  Gauge groups_live{0};  // over all leaderboards
  Gauge engine_bytes{0};
  Gauge dictionary_bytes{0};
  Gauge title_bytes{0};
  Gauge batches_free{0};
  Gauge batches_in_pool{0};
  Gauge committed_wall_ms{0};  // when the last epoch committed, 0: none has
  Gauge partitions{0};
  PartitionFigures by_partition;
  Gauge partitions_idle{0};
  Gauge restored_bytes{0};         // of the pane log, read by the last recovery
  Gauge restore_records_total{0};  // offsets of the pane log that the recovery under way, or the last one, has to read
  Gauge restore_records_left{0};   // and has not read yet
  LatencyHistogram fetch, decode, aggregate, rank, commit, event_to_result, restore;
  std::atomic<Phase> phase{Phase::kStarting};
  std::atomic<const char*> engine{"none"};  // the name of what aggregates now (a literal); none before there is one
  std::atomic<bool> degraded{false};        // the engine was lost, another does its work

  // Why the process is not ready, for /readyz and logs; empty when it is. Any thread.
  void set_reason(std::string reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
  }
  std::string reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::string reason_ = "starting";
};

}  // namespace marquee
