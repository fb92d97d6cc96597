#include "pipeline/progress.hpp"

#include <algorithm>
#include <charconv>

#include "core/result.hpp"

namespace marquee {
namespace {

void append_time(std::string& out, std::string_view name, EventTimeMs time) {
  out += name;
  if (time == kNoTime) {
    out += '-';
  } else {
    append_number(out, time);
  }
}

// "name=value" of a text of such words; nothing where it is not there.
std::optional<std::string_view> word(std::string_view text, std::string_view name) {
  std::size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + name.size());
  return text.substr(0, text.find(' '));
}

template <class T>
void read_number(std::string_view text, std::string_view name, T& value) {
  if (const auto found = word(text, name)) std::from_chars(found->data(), found->data() + found->size(), value);
}

}  // namespace

std::string CommitMetadata::text() const {
  std::string out = "marquee1";
  append_time(out, " max=", partition_max);
  append_time(out, " job=", job_watermark);
  append_time(out, " high=", high);
  append_time(out, " hole=", hole_until);
  out += hole_open ? " open=1" : " open=0";
  out += " epoch=";
  append_number(out, epoch);
  out += " blocks=";
  append_number(out, blocks);
  out += " claim=";
  append_number(out, claim);
  out += " by=" + (by.empty() ? "-" : by);
  return out;
}

std::optional<CommitMetadata> CommitMetadata::parse(std::string_view text) {
  // Without the rest of it there is no pane log either, and what was counted is gone.
  if (!text.starts_with("marquee1 ") || !word(text, " blocks=") || !word(text, " claim=")) return std::nullopt;
  CommitMetadata m;
  read_number(text, " max=", m.partition_max);
  read_number(text, " job=", m.job_watermark);
  read_number(text, " high=", m.high);
  read_number(text, " hole=", m.hole_until);
  m.hole_open = word(text, " open=") == "1";
  read_number(text, " epoch=", m.epoch);
  read_number(text, " blocks=", m.blocks);
  read_number(text, " claim=", m.claim);
  if (const auto by = word(text, " by="); by && *by != "-") m.by = *by;
  return m;
}

Progress::Progress(const JobSpec& job, std::function<bool(PartitionIndex)> healthy)
    : job_(job), healthy_(std::move(healthy)) {}

void Progress::start(const std::vector<PartitionStart>& starts) {
  for (const PartitionStart& s : starts) {
    if (raw(s.partition) >= partitions_.size()) partitions_.resize(raw(s.partition) + 1);
    Partition& p = partitions_[raw(s.partition)];
    p = {};
    p.known = true;
    p.next = s.offset;
    const std::optional<CommitMetadata> m = CommitMetadata::parse(s.metadata);
    // Where nothing of ours was committed, what lies before the start has not been counted.
    p.hole_open = s.gap || (m ? m->hole_open : !s.at_beginning);
    if (!m) continue;
    p.highest = m->partition_max;
    job_watermark_ = std::max(job_watermark_, m->job_watermark);
    high_ = std::max(high_, m->high);
    raise_hole(m->hole_until);
  }
  if (high_ != kNoTime) raise_idle_limit(high_);
}

void Progress::raise_idle_limit(EventTimeMs time) {
  for (const LeaderboardSpec& board : job_.leaderboards) {
    const WindowSpec& w = board.window;
    idle_limit_ = std::max(idle_limit_, w.window_end(w.last_window_with(w.pane_of(time))) + job_.time.lateness_ms);
  }
}

void Progress::consumed(const Batch& batch) {
  for (const PartitionSpan& span : batch.spans) {
    if (raw(span.partition) >= partitions_.size()) partitions_.resize(raw(span.partition) + 1);
    Partition& p = partitions_[raw(span.partition)];
    MARQUEE_CHECK(!p.known || raw(span.first) >= raw(p.next));
    MARQUEE_CHECK(raw(span.next) >= raw(span.first));
    if (!p.known) p.hole_open = raw(span.first) > 0;  // found while running, its first records already removed
    p.known = true;
    const bool moved = raw(span.next) > raw(p.next);
    p.next = span.next;
    p.highest = std::max(p.highest, span.event_time_max);
    high_ = std::max(high_, span.event_time_max);
    if (p.hole_open && span.first_event_time != kNoTime) {
      raise_hole(latest_before(span.first_event_time) + 1);
      p.hole_open = false;
    }
    if (moved) {
      p.idle = false;
      p.quiet_ms = 0;
    }
    if (moved || span.at_end) p.at_end = span.at_end;
    if (span.event_time_max != kNoTime) raise_idle_limit(span.event_time_max);
  }
  advance();
}

// The latest event time that may have come before one of `time` without making it late for every leaderboard: such an
// event raises the watermark to less than the end of a pane of `time` + lateness.
EventTimeMs Progress::latest_before(EventTimeMs time) const {
  EventTimeMs latest = time;
  for (const LeaderboardSpec& board : job_.leaderboards) {
    latest = std::max(latest, board.window.pane_end(board.window.pane_of(time)));
  }
  return latest + job_.time.lateness_ms + job_.time.disorder_ms;
}

void Progress::tick(std::int64_t now_ns) {
  const std::int64_t elapsed_ms =
      last_tick_ns_ < 0 ? 0 : std::clamp<std::int64_t>((now_ns - last_tick_ns_) / 1'000'000, 0, kTickMsMax);
  if (last_tick_ns_ >= 0 && elapsed_ms == 0) return;
  // What is under a millisecond counts next time; what is over the most a tick may add is forgotten.
  last_tick_ns_ = last_tick_ns_ < 0 || elapsed_ms == kTickMsMax ? now_ns : last_tick_ns_ + elapsed_ms * 1'000'000;
  if (job_.time.idle_after_ms) {
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      Partition& p = partitions_[i];
      if (!p.known || !p.at_end || p.idle || !healthy_(PartitionIndex{static_cast<std::uint32_t>(i)})) continue;
      p.quiet_ms += elapsed_ms;
      if (p.quiet_ms < *job_.time.idle_after_ms) continue;
      p.idle = true;
      if (p.hole_open) raise_hole(hole_as_of_now());
      p.hole_open = false;
    }
  }
  if (idle_count() == partitions_.size() && high_ != kNoTime && job_watermark_ != kEndOfTime) {
    if (job_watermark_ == kNoTime) {  // all became idle before every one of them had brought something
      EventTimeMs least = kEndOfTime;
      for (const Partition& p : partitions_) {
        if (p.highest != kNoTime) least = std::min(least, p.highest - job_.time.disorder_ms);
      }
      if (least != kEndOfTime) job_watermark_ = least;
    } else {
      job_watermark_ = std::max(job_watermark_, std::min(job_watermark_ + elapsed_ms, idle_limit_));
    }
  }
  advance();
}

void Progress::advance() {
  // While a hole is not placed in time, whatever is open now stays inexact.
  for (const Partition& p : partitions_) {
    if (p.hole_open) raise_hole(hole_as_of_now());
  }
  if (job_watermark_ == kEndOfTime) return;
  EventTimeMs least = kEndOfTime;
  for (const Partition& p : partitions_) {
    if (!p.known || p.idle) continue;
    least = std::min(least, p.highest == kNoTime ? kNoTime : p.highest - job_.time.disorder_ms);
  }
  if (least != kEndOfTime) job_watermark_ = std::max(job_watermark_, least);
}

std::vector<EventTimeMs> Progress::highest() const {
  std::vector<EventTimeMs> highest;
  highest.reserve(partitions_.size());
  for (const Partition& p : partitions_) highest.push_back(p.highest);
  return highest;
}

std::vector<OffsetOut> Progress::offsets(const CommitMetadata& common) const {
  std::vector<OffsetOut> out;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Partition& p = partitions_[i];
    if (!p.known) continue;
    CommitMetadata m = common;
    m.partition_max = p.highest;
    m.job_watermark = job_watermark_;
    m.high = high_;
    m.hole_until = hole_until_;
    m.hole_open = p.hole_open;
    out.push_back({PartitionIndex{static_cast<std::uint32_t>(i)}, p.next, m.text()});
  }
  return out;
}

void Progress::for_each_partition(const std::function<void(std::size_t, EventTimeMs, bool)>& f) const {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Partition& p = partitions_[i];
    f(i, p.highest == kNoTime ? kNoTime : p.highest - job_.time.disorder_ms, p.idle || !p.known);
  }
}

std::size_t Progress::idle_count() const {
  return static_cast<std::size_t>(
      std::count_if(partitions_.begin(), partitions_.end(), [](const Partition& p) { return p.idle || !p.known; }));
}

}  // namespace marquee
