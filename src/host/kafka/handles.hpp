// Owners of librdkafka's objects, without its header: who holds one of these destroys it.
#pragma once

#include <memory>

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_partition_list_s;
struct rd_kafka_mock_cluster_s;

namespace marquee {

struct KafkaDeleter {
  void operator()(rd_kafka_s* p) const;  // blocks until its threads have ended
  void operator()(rd_kafka_topic_s* p) const;
  void operator()(rd_kafka_queue_s* p) const;
  void operator()(rd_kafka_topic_partition_list_s* p) const;
  void operator()(rd_kafka_mock_cluster_s* p) const;
};

using KafkaHandle = std::unique_ptr<rd_kafka_s, KafkaDeleter>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_s, KafkaDeleter>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_s, KafkaDeleter>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_s, KafkaDeleter>;
using KafkaMockCluster = std::unique_ptr<rd_kafka_mock_cluster_s, KafkaDeleter>;

}  // namespace marquee
