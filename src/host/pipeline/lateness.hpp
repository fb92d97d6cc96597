// LatenessJudge: lateness, record by record, and the pane slot of each event. One per ingest thread.
//
// An event is late for a leaderboard when its partition's watermark just before it has reached the end of its pane +
// lateness. So what counts depends on what a partition holds, never on batches, timing or threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/batch.hpp"
#include "core/job.hpp"

namespace marquee {

// The highest event time that matters to a watermark in events [first, event_count): what late events have never
// exceeds the maximum before them, so this is known before judging (which is what lets several threads decode one
// partition).
EventTimeMs event_time_max(const Batch& batch, std::uint32_t first);

class LatenessJudge {
 public:
  explicit LatenessJudge(const JobSpec& job);

  // Gives events [first, event_count) their slots, counts them as counted or late, and updates spans. Events that
  // are late for every leaderboard get slot 0. highest[i] is the highest event time counted so far from the partition
  // of batch.spans[i] (kNoTime: none), and is brought up to date. A batch is judged from its first event on, in order.
  // 1 to 5 ns an event while events stay within a few panes.
  void judge(Batch& batch, std::uint32_t first, std::span<EventTimeMs> highest, bool keep_late_letters);

 private:
  // For times in [time_lo, time_hi) under partition watermarks in [watermark_lo, watermark_hi) the slot is the same.
  struct Known {
    EventTimeMs time_lo = 0, time_hi = 0;
    EventTimeMs watermark_lo = 0, watermark_hi = 0;
    std::uint32_t slot = 0;
  };
  static constexpr std::uint32_t kBlock = 64;
  EventTimeMs watermark_after(EventTimeMs highest) const {
    return highest == kNoTime ? kNoTime : highest - job_.time.disorder_ms;
  }
  // Events [first, first + kBlock) of the only span at once: true where one known slot holds for the lowest time and
  // for the highest, under the watermark before the block and under the one behind it, so for all between.
  bool judge_block(Batch& batch, std::uint32_t first, EventTimeMs& highest) const;
  void judge_singly(Batch& batch, std::uint32_t first, std::uint32_t end, std::span<EventTimeMs> highest,
                    bool keep_late_letters);
  std::uint32_t slot_for(Batch& batch, EventTimeMs time, EventTimeMs watermark);
  std::uint32_t find_or_add_slot(Batch& batch, std::span<const PaneIndex> panes);
  std::size_t bucket_of(const Batch& batch, std::span<const PaneIndex> panes) const;
  void grow_buckets(const Batch& batch);

  const JobSpec& job_;
  std::array<Known, 8> known_{};
  std::size_t known_next_ = 0;
  std::vector<PaneIndex> panes_;  // scratch: [leaderboard]
  // Slots of this batch by their panes: open addressing, at most half full, an entry valid if its stamp is the batch's.
  struct Bucket {
    std::uint64_t stamp = 0;
    std::uint32_t slot = 0;
  };
  std::vector<Bucket> buckets_;
  std::uint64_t stamp_ = 0;
};

}  // namespace marquee
