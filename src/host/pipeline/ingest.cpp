#include "pipeline/ingest.hpp"

#include <algorithm>
#include <utility>

namespace marquee {
namespace {

// Decoding follows reading closely enough that a payload is still in the second-level cache.
constexpr std::size_t kChunkBytes = 128u << 10;
constexpr std::chrono::milliseconds kIdleWait{100};

bool begins_message(const Batch& batch, std::size_t record) {
  return record == 0 || batch.records[record - 1].message != batch.records[record].message;
}

// The end of the messages from `record` on whose events certainly have room in the columns; `record` itself where that
// is none of them.
std::size_t end_of_what_fits(const Batch& batch, std::size_t record) {
  const std::size_t left = batch.records.size() - record;
  if (left <= batch.events_room()) return record + left;
  std::size_t end = record + batch.events_room();
  while (end > record && !begins_message(batch, end)) --end;
  return end;
}

std::size_t end_of_message(const Batch& batch, std::size_t record) {
  do {
    ++record;
  } while (record < batch.records.size() && !begins_message(batch, record));
  return record;
}

}  // namespace

void carry_over(Batch& from, std::size_t first_record, Batch& to) {
  MARQUEE_CHECK(to.messages.empty() && first_record < from.records.size() && begins_message(from, first_record));
  const std::uint32_t first_message = from.records[first_record].message;
  to.first_read_ns = from.first_read_ns;
  to.keep_letters = from.keep_letters;
  std::vector<std::uint32_t> new_span(from.spans.size(), Record::kOnly);
  const auto span_of = [&](const Message& m) {
    if (new_span[m.span] == Record::kOnly) {
      new_span[m.span] = static_cast<std::uint32_t>(to.spans.size());
      PartitionSpan& old = from.spans[m.span];
      PartitionSpan span;
      span.partition = old.partition;
      span.first = m.offset;
      span.next = old.next;
      span.at_end = old.at_end;
      to.spans.push_back(span);
      old.next = m.offset;
      old.at_end = false;
    }
    return new_span[m.span];
  };
  // The bytes of all carried messages are one run of the arena.
  const std::uint32_t begin = from.messages[first_message].begin;
  const std::size_t size = from.arena_used - begin;
  to.reserve_arena(size);
  std::memcpy(to.arena(), from.arena() + begin, size);
  to.arena_used = size;
  for (std::size_t i = first_message; i < from.messages.size(); ++i) {
    Message m = from.messages[i];
    m.span = span_of(m);
    m.begin -= begin;
    if (m.envelope_size > 0) {
      const std::size_t at = to.envelopes.size();
      to.envelopes.append(from.envelopes, m.envelope_begin, m.envelope_size);
      m.envelope_begin = static_cast<std::uint32_t>(at);
    }
    to.messages.push_back(m);
  }
  for (std::size_t i = first_record; i < from.records.size(); ++i) {
    Record r = from.records[i];
    r.begin -= begin;
    r.message -= first_message;
    to.records.push_back(r);
  }
  from.records.resize(first_record);
  from.messages.resize(first_message);
  from.arena_used = begin;
}

IngestStage::IngestStage(const IngestParts& parts, std::vector<EventTimeMs> highest)
    : parts_(parts),
      decoder_(*parts.job, *parts.items, *parts.combinations),
      judge_(*parts.job),
      highest_(std::move(highest)) {}

void IngestStage::run(const std::atomic<bool>& stop, const std::function<void(Status)>& failed) {
  while (true) {
    if (stop.load(std::memory_order_relaxed)) {
      finish();
      break;
    }
    const Result<bool> more = step(kIdleWait);
    if (!more.ok()) {
      failed(more.status());
      if (parts_.chain != nullptr) parts_.chain->close();
    }
    if (!more.ok() || !more.value()) break;
  }
  batch_.reset();
  parts_.queue->close_lane();
}

void IngestStage::finish() {
  if (batch_ && !batch_->spans.empty()) hand_over(std::move(batch_));
  batch_.reset();
}

Result<bool> IngestStage::step(std::chrono::milliseconds wait_most) {
  const bool sequenced = parts_.chain != nullptr;
  const std::size_t chunk = sequenced ? parts_.options->batch_bytes : kChunkBytes;
  if (!batch_) {
    batch_ = parts_.pool->acquire(wait_most);
    if (!batch_) return !parts_.pool->closed();
    batch_->keep_letters = parts_.options->keep_dead_letters || parts_.options->keep_late_letters;
  }
  const bool empty = batch_->spans.empty();
  if (empty) parts_.pool->restamp(*batch_);
  std::chrono::milliseconds wait = wait_most;
  if (!empty) {
    const std::int64_t waited_ms = (parts_.clock->monotonic_ns() - batch_->first_read_ns) / 1'000'000;
    wait = std::chrono::milliseconds(
        std::clamp<std::int64_t>(parts_.options->linger_ms - waited_ms, 0, wait_most.count()));
  }
  const std::size_t first_message = batch_->messages.size();
  const std::int64_t before_ns = parts_.clock->monotonic_ns();
  const Result<ReadOutcome> read = parts_.lane->read(*batch_, chunk, wait);
  if (!read.ok()) return read.status();
  const std::int64_t after_ns = parts_.clock->monotonic_ns();
  if (batch_->messages.size() > first_message) parts_.probe->fetch.observe_ns(after_ns - before_ns);
  if (empty && !batch_->spans.empty()) batch_->first_read_ns = after_ns;
  if (!decode_new(first_message)) return false;
  const bool over = read.value() == ReadOutcome::kEnd;
  const bool full = read.value() == ReadOutcome::kFull || batch_->arena_room() < kChunkBytes / 2 ||
                    batch_->event_count + batch_->event_count / 8 >= parts_.options->batch_events;
  const bool lingered = (after_ns - batch_->first_read_ns) / 1'000'000 >= parts_.options->linger_ms;
  if (!batch_->spans.empty() && (over || full || lingered || sequenced)) hand_over(std::move(batch_));
  return !over;
}

bool IngestStage::decode_new(std::size_t first_message) {
  if (batch_->messages.size() == first_message) return true;
  const std::int64_t begin_ns = parts_.clock->monotonic_ns();
  std::size_t next = batch_->records.size();
  split_records(*batch_, first_message, parts_.chain != nullptr ? Framing::kLines : Framing::kMessages);
  while (next < batch_->records.size()) {
    if (const std::size_t end = end_of_what_fits(*batch_, next); end > next) {
      decoder_.decode(*batch_, next, end);
      next = end;
    } else if (batch_->event_count == 0) {  // one message with more records than a batch holds events
      batch_->reserve_events(static_cast<std::uint32_t>(end_of_message(*batch_, next) - next));
    } else {
      MARQUEE_CHECK(parts_.chain == nullptr);  // its lane would hand over two batches of one sequence number
      BatchPtr fresh;
      while (!(fresh = parts_.pool->acquire(kIdleWait))) {
        if (parts_.pool->closed()) return false;
      }
      carry_over(*batch_, next, *fresh);
      hand_over(std::move(batch_));
      batch_ = std::move(fresh);
      next = 0;
    }
  }
  parts_.probe->decode.observe_ns(parts_.clock->monotonic_ns() - begin_ns);
  return true;
}

void IngestStage::hand_over(BatchPtr batch) {
  span_highest_.clear();
  if (parts_.chain != nullptr) {
    MARQUEE_CHECK(batch->spans.size() == 1);
    span_highest_.push_back(parts_.chain->pass(batch->sequence, event_time_max(*batch, 0)));
  } else {
    for (const PartitionSpan& span : batch->spans) {
      if (raw(span.partition) >= highest_.size()) highest_.resize(raw(span.partition) + 1, kNoTime);
      span_highest_.push_back(highest_[raw(span.partition)]);
    }
  }
  judge_.judge(*batch, 0, span_highest_, parts_.options->keep_late_letters);
  if (parts_.chain == nullptr) {
    for (std::size_t i = 0; i < batch->spans.size(); ++i) highest_[raw(batch->spans[i].partition)] = span_highest_[i];
  }
  parts_.queue->push(std::move(batch));
}

}  // namespace marquee
