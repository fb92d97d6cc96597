#include "pipeline/lateness.hpp"

#include <algorithm>

namespace marquee {
namespace {

constexpr std::size_t kBucketsMin = 64;  // a power of two

}  // namespace

EventTimeMs event_time_max(const Batch& batch, std::uint32_t first) {
  const EventTimeMs* time = batch.time_ms();
  EventTimeMs highest = kNoTime;
  for (std::uint32_t i = first; i < batch.event_count; ++i) highest = std::max(highest, time[i]);
  return highest;
}

LatenessJudge::LatenessJudge(const JobSpec& job) : job_(job), panes_(job.leaderboards.size()), buckets_(kBucketsMin) {}

void LatenessJudge::judge(Batch& batch, std::uint32_t first, std::span<EventTimeMs> highest, bool keep_late_letters) {
  if (first == 0) {
    known_.fill({});
    ++stamp_;
  }
  const bool one_span = batch.spans.size() == 1;
  for (std::uint32_t i = first; i < batch.event_count;) {
    const std::uint32_t end = std::min(batch.event_count, i + kBlock);
    if (!one_span || end - i < kBlock || !judge_block(batch, i, highest[0])) {
      judge_singly(batch, i, end, highest, keep_late_letters);
    }
    i = end;
  }
  batch.verdicts[Verdict::kLate] = batch.slot_events[0];
  batch.verdicts[Verdict::kCounted] = batch.event_count - batch.slot_events[0];
}

void LatenessJudge::judge_singly(Batch& batch, std::uint32_t first, std::uint32_t end, std::span<EventTimeMs> highest,
                                 bool keep_late_letters) {
  const EventTimeMs* time = batch.time_ms();
  const std::uint32_t* record = batch.record();
  std::uint32_t* slot = batch.slot();
  const bool one_span = batch.spans.size() == 1;
  for (std::uint32_t i = first; i < end; ++i) {
    const std::uint32_t at = one_span ? 0 : batch.messages[batch.records[record[i]].message].span;
    const EventTimeMs watermark = watermark_after(highest[at]);
    std::uint32_t found = 0;
    bool hit = false;
    for (const Known& k : known_) {
      if (time[i] >= k.time_lo && time[i] < k.time_hi && watermark >= k.watermark_lo && watermark < k.watermark_hi) {
        found = k.slot;
        hit = true;
        break;
      }
    }
    if (!hit) found = slot_for(batch, time[i], watermark);
    slot[i] = found;
    ++batch.slot_events[found];
    if (found == 0) {
      if (keep_late_letters) batch.letters.push_back({record[i], Verdict::kLate});
      continue;
    }
    PartitionSpan& span = batch.spans[at];
    if (span.first_event_time == kNoTime) span.first_event_time = time[i];
    if (time[i] > highest[at]) highest[at] = time[i];
    if (time[i] > span.event_time_max) span.event_time_max = time[i];
  }
}

bool LatenessJudge::judge_block(Batch& batch, std::uint32_t first, EventTimeMs& highest) const {
  const EventTimeMs* const time = batch.time_ms() + first;
  EventTimeMs lo = time[0], hi = time[0];
  for (std::uint32_t i = 1; i < kBlock; ++i) {
    lo = std::min(lo, time[i]);
    hi = std::max(hi, time[i]);
  }
  const EventTimeMs before = watermark_after(highest), after = watermark_after(std::max(highest, hi));
  const auto k = std::find_if(known_.begin(), known_.end(), [&](const Known& known) {
    return known.slot != 0 && lo >= known.time_lo && hi < known.time_hi && before >= known.watermark_lo &&
           after < known.watermark_hi;
  });
  if (k == known_.end()) return false;
  std::fill_n(batch.slot() + first, kBlock, k->slot);
  batch.slot_events[k->slot] += kBlock;
  PartitionSpan& span = batch.spans[0];
  if (span.first_event_time == kNoTime) span.first_event_time = time[0];
  span.event_time_max = std::max(span.event_time_max, hi);
  highest = std::max(highest, hi);
  return true;
}

std::uint32_t LatenessJudge::slot_for(Batch& batch, EventTimeMs time, EventTimeMs watermark) {
  Known known{kNoTime, kEndOfTime, kNoTime, kEndOfTime, 0};
  bool late_for_all = true;
  for (std::size_t l = 0; l < job_.leaderboards.size(); ++l) {
    const WindowSpec& window = job_.leaderboards[l].window;
    const PaneIndex pane = window.pane_of(time);
    known.time_lo = std::max(known.time_lo, window.pane_start(pane));
    known.time_hi = std::min(known.time_hi, window.pane_end(pane));
    const EventTimeMs closes = window.pane_end(pane) + job_.time.lateness_ms;
    if (watermark >= closes) {
      panes_[l] = kNoPane;
      known.watermark_lo = std::max(known.watermark_lo, closes);
    } else {
      panes_[l] = pane;
      known.watermark_hi = std::min(known.watermark_hi, closes);
      late_for_all = false;
    }
  }
  known.slot = late_for_all ? 0 : find_or_add_slot(batch, panes_);
  known_[known_next_] = known;
  known_next_ = (known_next_ + 1) % known_.size();
  return known.slot;
}

std::uint32_t LatenessJudge::find_or_add_slot(Batch& batch, std::span<const PaneIndex> panes) {
  std::size_t at = bucket_of(batch, panes);
  if (buckets_[at].stamp == stamp_) return buckets_[at].slot;
  if (batch.slot_count() * std::size_t{2} > buckets_.size()) {
    grow_buckets(batch);
    at = bucket_of(batch, panes);
  }
  buckets_[at] = {stamp_, batch.slot_count()};
  batch.slot_panes.insert(batch.slot_panes.end(), panes.begin(), panes.end());
  batch.slot_events.push_back(0);
  return buckets_[at].slot;
}

// The bucket of the slot with these panes, or the free one where it belongs.
std::size_t LatenessJudge::bucket_of(const Batch& batch, std::span<const PaneIndex> panes) const {
  std::uint64_t hash = 0;
  for (const PaneIndex pane : panes) {
    hash = (hash ^ static_cast<std::uint64_t>(raw(pane))) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29;
  }
  const std::size_t mask = buckets_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    if (buckets_[i].stamp != stamp_) return i;
    const auto begin = batch.slot_panes.begin() + static_cast<std::ptrdiff_t>(buckets_[i].slot * panes.size());
    if (std::equal(panes.begin(), panes.end(), begin)) return i;
  }
}

void LatenessJudge::grow_buckets(const Batch& batch) {
  buckets_.assign(buckets_.size() * 2, {});
  const std::size_t row = panes_.size();
  for (std::uint32_t slot = 1; slot < batch.slot_count(); ++slot) {
    buckets_[bucket_of(batch, std::span(batch.slot_panes).subspan(slot * row, row))] = {stamp_, slot};
  }
}

}  // namespace marquee
