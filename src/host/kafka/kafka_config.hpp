// What the Kafka adapters are told. Plain values, made by the configuration loader. Secrets (passwords, keys) may stand
// in `extra`; nothing here is ever logged whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace marquee {

// librdkafka's own settings by name, as written under [source.kafka] and [sink.kafka].
using KafkaSettings = std::map<std::string, std::string>;

enum class KafkaStart : std::uint8_t { kEarliest, kLatest };
enum class KafkaOnGap : std::uint8_t { kStop, kContinue };

struct KafkaSourceConfig {
  std::string brokers = "127.0.0.1:9092";  // host:port, comma-separated
  std::vector<std::string> topics;  // one or more; PartitionIndex follows this order, then the partition's number
  std::string group = "marquee";    // name under which offsets are committed
  KafkaStart start = KafkaStart::kEarliest;  // for partitions of a topic from which the group has committed nothing
  KafkaOnGap on_gap = KafkaOnGap::kStop;     // retention has removed records that were not read yet
  KafkaSettings extra;
  // How often to look for new partitions, and for subscribed members of the group; tests go down to 500.
  std::int64_t metadata_every_ms = 10'000;
  std::size_t queued_bytes_max =
      64u << 20;                         // fetched and not yet read, over all lanes (librdkafka overshoots by a fetch)
  std::int64_t leave_within_ms = 4'000;  // once `stop` is set, how long a commit may still try
};

struct KafkaSinkConfig {
  std::string brokers = "127.0.0.1:9092";
  std::string group = "marquee";       // the transactional id is "marquee-" and this
  std::string topic = "popularity";    // results
  std::string dead_letter_topic;       // empty: invalid records are counted and go nowhere
  std::string late_topic;              // likewise
  std::string ce_source = "/marquee";  // CloudEvents `source` of results: a URI reference; best /marquee/<group>
  KafkaSettings extra;
  bool create_topics = true;                 // create what is missing, if the broker lets us
  std::int32_t partitions = 4;               // of topics we create
  std::size_t queued_bytes_max = 64u << 20;  // produced and not yet acknowledged
};

struct KafkaPaneLogConfig {
  std::string topic = "marquee-panes";
  std::int32_t partitions = 4;  // part of what the state means: another number is another group
  bool create_topic = true;
  KafkaSettings extra;  // how the sink's cluster is reached: of [sink.kafka], what concerns any client
};

}  // namespace marquee
