// KafkaLane: one ingest thread's share of the partitions. Their fetch queues run into the lane's own queue; read()
// drains it a thousand messages at a time into the batch's arena and gives each message back to librdkafka as soon as
// it is copied (a held message pins its whole fetch buffer: 222–839 kB measured).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "kafka/envelope.hpp"
#include "kafka/handles.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"

struct rd_kafka_message_s;

namespace marquee {

// What the source, its polling thread and the partition's lane share about one partition.
struct PartitionState {
  PartitionStart start;
  rd_kafka_topic_s* topic = nullptr;  // owned by the source
  std::size_t lane = 0;
  bool started = false;                    // its fetching; guarded by the source
  std::int64_t gap_end = 0;                // what retention took before this is counted; starts() alone
  std::atomic<std::int64_t> position{0};   // next offset the lane will append; written by the lane
  std::atomic<std::int64_t> high{0};       // end of the partition as last heard; written by the polling thread
  std::atomic<bool> fetched{true};         // no error since the last record or end; cleared and set by the lane
  std::atomic<bool> leader_answers{true};  // written by the polling thread
};

class KafkaLane final : public SourceLane {
 public:
  // `consumer` and `log` outlive it.
  KafkaLane(rd_kafka_s* consumer, std::string brokers, Log& log);
  ~KafkaLane() override;

  Result<ReadOutcome> read(Batch& batch, std::size_t bytes_max, std::chrono::milliseconds wait) override;

  // From here on the lane knows the partition. Before its fetching starts; any thread. `topic` is the topic's position
  // in the configuration, which is also its librdkafka opaque; `state` outlives the lane.
  void adopt(std::size_t topic, PartitionState& state, bool discovered);
  // Seek: drop what is held and stand at `state.position`. Only while nobody reads.
  void reposition(std::size_t topic, const PartitionState& state);

  rd_kafka_queue_s* queue() const { return queue_.get(); }

 private:
  static constexpr std::size_t kMessagesMax = 1000;

  struct LanePartition {
    PartitionState* state = nullptr;  // null: not this lane's
    std::int64_t position = 0;
    std::uint32_t span = 0;  // index into the batch's spans, valid if the partition is found there
  };
  struct Adoption {
    std::size_t topic;
    PartitionState* state;
    bool discovered;
  };
  enum class Taken : std::uint8_t { kAppended, kSkipped, kFull };

  bool take_adoptions(Batch& batch);
  void refill(std::chrono::milliseconds wait);
  void drop_held();
  LanePartition& find(const rd_kafka_message_s& message);
  PartitionSpan& span_of(Batch& batch, LanePartition& partition, std::int64_t first);
  Taken take(Batch& batch, rd_kafka_message_s* message);
  Result<Taken> take_event(Batch& batch, const rd_kafka_message_s& message);

  std::string brokers_;
  Log& log_;
  KafkaQueue queue_;
  std::vector<std::vector<LanePartition>> partitions_;  // [topic][number]
  const rd_kafka_topic_s* last_topic_ = nullptr;        // of the last message, and its table: messages come in runs
  std::size_t last_topic_index_ = 0;

  std::array<rd_kafka_message_s*, kMessagesMax> held_{};  // [next_, count_) wait for room
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  Envelope envelope_;  // scratch

  std::atomic<bool> has_adoptions_{false};
  std::mutex mutex_;  // guards adoptions_
  std::vector<Adoption> adoptions_;
};

}  // namespace marquee
