#include "kafka/kafka_lane.hpp"

#include <librdkafka/rdkafka.h>

#include <utility>

#include "core/check.hpp"
#include "kafka/client.hpp"
#include "kafka/envelope.hpp"

namespace marquee {
namespace {

// `envelope` is scratch, kept so that headers allocate only at first.
void keep_envelope(Batch& batch, rd_kafka_message_t* message, Envelope& envelope) {
  envelope.headers.clear();
  envelope.key.reset();
  if (message->key != nullptr) {
    envelope.key = std::string_view(static_cast<const char*>(message->key), message->key_len);
  }
  envelope.null_value = message->payload == nullptr;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      Envelope::Header header{name, std::nullopt};
      if (value != nullptr) header.value = std::string_view(static_cast<const char*>(value), size);
      envelope.headers.push_back(header);
    }
  }
  Message& m = batch.messages.back();
  m.envelope_begin = static_cast<std::uint32_t>(batch.envelopes.size());
  append_envelope(batch.envelopes, envelope);
  m.envelope_size = static_cast<std::uint32_t>(batch.envelopes.size()) - m.envelope_begin;
}

std::string place(const PartitionStart& start, std::int64_t offset) {
  return "topic " + start.topic + ", partition " + std::to_string(start.number) + ", offset " + std::to_string(offset);
}

}  // namespace

KafkaLane::KafkaLane(rd_kafka_s* consumer, std::string brokers, Log& log)
    : brokers_(std::move(brokers)), log_(log), queue_(rd_kafka_queue_new(consumer)) {}

KafkaLane::~KafkaLane() {
  drop_held();
}

void KafkaLane::adopt(std::size_t topic, PartitionState& state, bool discovered) {
  const std::lock_guard lock(mutex_);
  adoptions_.push_back({topic, &state, discovered});
  has_adoptions_.store(true, std::memory_order_release);
}

void KafkaLane::reposition(std::size_t topic, const PartitionState& state) {
  drop_held();
  const auto number = static_cast<std::size_t>(state.start.number);
  if (topic < partitions_.size() && number < partitions_[topic].size() && partitions_[topic][number].state != nullptr) {
    partitions_[topic][number].position = state.position.load(std::memory_order_relaxed);
  }  // else its adoption is still to come, and will read the position
}

bool KafkaLane::take_adoptions(Batch& batch) {
  if (!has_adoptions_.load(std::memory_order_acquire)) return false;
  std::vector<Adoption> adoptions;
  {
    const std::lock_guard lock(mutex_);
    adoptions.swap(adoptions_);
    has_adoptions_.store(false, std::memory_order_relaxed);
  }
  bool announced = false;
  for (const Adoption& adoption : adoptions) {
    if (partitions_.size() <= adoption.topic) partitions_.resize(adoption.topic + 1);
    auto& table = partitions_[adoption.topic];
    const auto number = static_cast<std::size_t>(adoption.state->start.number);
    if (table.size() <= number) table.resize(number + 1);
    table[number].state = adoption.state;
    table[number].position = adoption.state->position.load(std::memory_order_relaxed);
    if (adoption.discovered) {
      span_of(batch, table[number], table[number].position).discovered = true;
      announced = true;
    }
  }
  return announced;
}

void KafkaLane::refill(std::chrono::milliseconds wait) {
  next_ = 0;
  // The library's call waits until the array is full or the time is over: so ask first for what is there, and only then
  // wait, for a single message.
  ssize_t n = rd_kafka_consume_batch_queue(queue_.get(), 0, held_.data(), held_.size());
  if (n <= 0 && wait.count() > 0) {
    n = rd_kafka_consume_batch_queue(queue_.get(), static_cast<int>(wait.count()), held_.data(), 1);
    if (n == 1) {
      const ssize_t more = rd_kafka_consume_batch_queue(queue_.get(), 0, held_.data() + 1, held_.size() - 1);
      if (more > 0) n += more;
    }
  }
  count_ = n > 0 ? static_cast<std::size_t>(n) : 0;
}

void KafkaLane::drop_held() {
  while (next_ < count_) rd_kafka_message_destroy(held_[next_++]);
}

KafkaLane::LanePartition& KafkaLane::find(const rd_kafka_message_s& message) {
  if (message.rkt != last_topic_) {
    last_topic_ = message.rkt;
    last_topic_index_ = reinterpret_cast<std::uintptr_t>(rd_kafka_topic_opaque(message.rkt));
  }
  const auto number = static_cast<std::size_t>(message.partition);
  MARQUEE_CHECK(last_topic_index_ < partitions_.size() && number < partitions_[last_topic_index_].size());
  LanePartition& partition = partitions_[last_topic_index_][number];
  MARQUEE_CHECK(partition.state != nullptr);
  return partition;
}

PartitionSpan& KafkaLane::span_of(Batch& batch, LanePartition& partition, std::int64_t first) {
  const PartitionIndex index = partition.state->start.partition;
  if (partition.span < batch.spans.size() && batch.spans[partition.span].partition == index) {
    return batch.spans[partition.span];
  }
  // A batch that was begun by carry_over() has spans that this lane did not open: one a partition all the same.
  for (std::uint32_t i = 0; i < batch.spans.size(); ++i) {
    if (batch.spans[i].partition != index) continue;
    partition.span = i;
    return batch.spans[i];
  }
  partition.span = static_cast<std::uint32_t>(batch.spans.size());
  PartitionSpan span;
  span.partition = index;
  span.first = span.next = Offset{first};
  batch.spans.push_back(span);
  return batch.spans.back();
}

KafkaLane::Taken KafkaLane::take(Batch& batch, rd_kafka_message_s* message) {
  LanePartition& partition = find(*message);
  if (message->offset < partition.position) return Taken::kSkipped;  // fetched before a seek
  const std::string_view value(static_cast<const char*>(message->payload),
                               message->payload == nullptr ? 0 : message->len);
  if (value.size() + 1 > batch.arena_room() && batch.arena_used != 0) return Taken::kFull;
  PartitionSpan& span = span_of(batch, partition, message->offset);
  rd_kafka_timestamp_type_t type;
  const std::int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
  MARQUEE_CHECK(batch.append(value, partition.span, Offset{message->offset}, timestamp_ms));
  if (batch.keep_letters) keep_envelope(batch, message, envelope_);
  partition.position = message->offset + 1;
  span.next = Offset{partition.position};
  span.at_end = false;
  partition.state->position.store(partition.position, std::memory_order_relaxed);
  if (!partition.state->fetched.load(std::memory_order_relaxed)) {
    partition.state->fetched.store(true, std::memory_order_relaxed);
  }
  return Taken::kAppended;
}

Result<KafkaLane::Taken> KafkaLane::take_event(Batch& batch, const rd_kafka_message_s& message) {
  if (message.rkt == nullptr) {
    log_.debug(std::string("Kafka: ") + rd_kafka_message_errstr(&message));
    return Taken::kSkipped;
  }
  LanePartition& partition = find(message);
  PartitionState& state = *partition.state;
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // Behind the last record there may be offsets without one (compaction, transactions): the position is past them.
    if (message.offset > partition.position) partition.position = message.offset;
    PartitionSpan& span = span_of(batch, partition, partition.position);
    span.next = Offset{partition.position};
    span.at_end = true;
    state.position.store(partition.position, std::memory_order_relaxed);
    state.fetched.store(true, std::memory_order_relaxed);
    return Taken::kAppended;
  }
  state.fetched.store(false, std::memory_order_relaxed);
  const std::string what = rd_kafka_message_errstr(&message);
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    return Status(Code::kInternal, "Kafka at " + brokers_ + " no longer has " + place(state.start, partition.position) +
                                       " (" + what +
                                       "): retention or a truncated log took it before it was read; "
                                       "start again to go on from what is left, and give the topic a longer retention");
  }
  if (is_unreadable(message.err)) {
    return Status(Code::kInternal, "a fetch from " + place(state.start, partition.position) + " cannot be read (" +
                                       what + "): the log on the broker is damaged, or uses what this librdkafka (" +
                                       rd_kafka_version_str() + ") does not know");
  }
  log_.warning("topic " + state.start.topic + ", partition " + std::to_string(state.start.number) +
               " cannot be fetched at the moment (" + what + "); trying on");
  return Taken::kSkipped;
}

Result<ReadOutcome> KafkaLane::read(Batch& batch, std::size_t bytes_max, std::chrono::milliseconds wait) {
  bool appended = take_adoptions(batch);
  if (appended) wait = std::chrono::milliseconds(0);
  const std::size_t used_before = batch.arena_used;
  for (;;) {
    if (next_ == count_) {
      refill(wait);
      wait = std::chrono::milliseconds(0);
      if (count_ == 0) return appended ? ReadOutcome::kRead : ReadOutcome::kNothing;
      // Adopted before its fetching began: so what came of it is found now.
      if (take_adoptions(batch)) appended = true;
    }
    while (next_ < count_) {
      if (batch.arena_used - used_before >= bytes_max) return ReadOutcome::kRead;
      rd_kafka_message_t* message = held_[next_];
      Taken taken;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]] {
        taken = take(batch, message);
        if (taken == Taken::kFull) return ReadOutcome::kFull;
      } else {
        Result<Taken> event = take_event(batch, *message);
        if (!event.ok()) return event.status();
        taken = event.value();
      }
      appended |= taken == Taken::kAppended;
      rd_kafka_message_destroy(message);
      ++next_;
    }
  }
}

}  // namespace marquee
