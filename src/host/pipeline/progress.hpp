// Progress: how far each partition has been aggregated, the watermarks that follow, and what the input lacks.
// Engine thread only; no clock of its own.
//
// Watermark of a partition: highest event time counted − disorder. Of the job: the minimum over the partitions that
// are not idle; it never falls. While all are idle it goes on at the pace of the monotonic clock, up to the end of the
// last window that holds a counted event + lateness.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "core/job.hpp"
#include "core/status.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

// What is committed beside an offset: ASCII, "marquee1 max=… job=… high=… hole=… open=… epoch=… blocks=… claim=… by=…",
// times in ms, "-" for none. Only `partition_max` and `hole_open` differ between the partitions of one commit.
struct CommitMetadata {
  EventTimeMs partition_max = kNoTime;  // highest event time counted from the partition
  EventTimeMs job_watermark = kNoTime;
  EventTimeMs high = kNoTime;        // highest event time counted from any partition
  EventTimeMs hole_until = kNoTime;  // windows that begin before this are inexact
  bool hole_open = false;            // began in the middle, and no event of it has said where in time that was
  std::uint64_t epoch = 0;
  std::uint64_t blocks = 0;  // the last epoch that wrote to the pane log
  std::uint64_t claim = 0;   // how often the group was claimed, and by which instance last
  std::string by;            // no white space; empty: nobody

  std::string text() const;
  // Nothing for text that is not ours.
  static std::optional<CommitMetadata> parse(std::string_view text);
};

class Progress {
 public:
  // healthy(partition): whether its fetches succeed now.
  Progress(const JobSpec& job, std::function<bool(PartitionIndex)> healthy);

  // Once, before the first batch. Positions, watermarks and holes as the starts and what was committed beside them say.
  void start(const std::vector<PartitionStart>& starts);

  // A batch has been handed to the engine. CHECKs that its offsets follow on what was seen.
  void consumed(const Batch& batch);
  // Time passes: call at least every kTickMsMax while running. Advances the job watermark.
  void tick(std::int64_t now_ns);
  // The input is over: everything settles.
  void finish() { job_watermark_ = kEndOfTime; }

  EventTimeMs job_watermark() const { return job_watermark_; }
  bool settled(const WindowSpec& window, PaneIndex pane) const {
    return job_watermark_ != kNoTime && job_watermark_ >= window.pane_end(pane) + job_.time.lateness_ms;
  }
  // Whether a window that begins at `start` may lack events because the input has a hole.
  bool in_hole(EventTimeMs start) const { return start < hole_until_; }
  EventTimeMs hole_until() const { return hole_until_; }
  // Highest event time counted so far from each partition: what ingest threads start from.
  std::vector<EventTimeMs> highest() const;
  // What is to be committed for every partition known, ascending; `common` brings epoch, blocks, claim and by.
  std::vector<OffsetOut> offsets(const CommitMetadata& common) const;
  // Highest event time counted so far from any partition.
  EventTimeMs high() const { return high_; }
  // Windows that begin before it may lack an event that came no later than `high()` does now; kNoTime while none did.
  EventTimeMs hole_as_of_now() const {
    return high_ == kNoTime ? kNoTime : high_ + job_.time.disorder_ms + job_.time.lateness_ms + 1;
  }

  std::size_t partition_count() const { return partitions_.size(); }
  std::size_t idle_count() const;
  // f(index, watermark, idle); kNoTime before the first event counted.
  void for_each_partition(const std::function<void(std::size_t, EventTimeMs, bool)>& f) const;

 private:
  struct Partition {
    Offset next{0};
    EventTimeMs highest = kNoTime;
    bool known = false;
    bool at_end = false;
    bool idle = false;
    bool hole_open = false;     // began in the middle, and no event of it has said where in time that was
    std::int64_t quiet_ms = 0;  // since its end was reported, while its fetches succeed
  };
  void advance();
  void raise_idle_limit(EventTimeMs time);
  EventTimeMs latest_before(EventTimeMs time) const;
  void raise_hole(EventTimeMs until) { hole_until_ = std::max(hole_until_, until); }

  const JobSpec& job_;
  std::function<bool(PartitionIndex)> healthy_;
  std::vector<Partition> partitions_;
  EventTimeMs job_watermark_ = kNoTime;
  EventTimeMs high_ = kNoTime;
  EventTimeMs idle_limit_ = kNoTime;  // how far the job watermark may go while all partitions are idle
  EventTimeMs hole_until_ = kNoTime;
  std::int64_t last_tick_ns_ = -1;
};

}  // namespace marquee
