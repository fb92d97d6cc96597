// TopicTail: follows every partition of a topic from its beginning, committed records alone, and outside any group.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/handles.hpp"
#include "kafka/kafka_config.hpp"
#include "pipeline/log.hpp"

namespace marquee {

struct TopicTailConfig {
  std::string brokers;
  std::string topic;
  KafkaSettings extra;  // how the cluster is reached
};

// How many partitions the topic has; blocks and fails as TopicTail::open() does.
Result<std::int32_t> partition_count(const TopicTailConfig& config, std::chrono::milliseconds patience, Log& log);

// One thread. Reads what partitions there are when it is opened.
class TopicTail {
 public:
  // Blocks at most some `patience`. kUnavailable where Kafka does not answer, or has no such topic.
  static Result<std::unique_ptr<TopicTail>> open(TopicTailConfig config, std::chrono::milliseconds patience, Log& log);
  ~TopicTail();
  TopicTail(const TopicTail&) = delete;
  TopicTail& operator=(const TopicTail&) = delete;

  // Waits for records, at most so long, and gives the value of each to `take`; a record without one is passed over.
  Status poll(std::chrono::milliseconds wait, const std::function<void(std::string_view value)>& take);
  // Whether every partition has been read as far as it went when its end was met last.
  bool at_end() const { return at_end_count_ == at_end_.size(); }
  // Why nothing comes, as far as librdkafka has said; empty: nothing is wrong. A complaint stays until something comes,
  // and where nothing is written nothing does: so the broker is asked whether it is back, once a second at most.
  std::string trouble();

 private:
  TopicTail(TopicTailConfig config, std::unique_ptr<Client> client);

  TopicTailConfig config_;
  std::unique_ptr<Client> client_;
  KafkaTopic topic_;
  KafkaQueue queue_;
  std::vector<bool> at_end_;  // [partition]
  std::size_t at_end_count_ = 0;
  std::chrono::steady_clock::time_point asked_{};  // whether it is back
};

}  // namespace marquee
