// What the configuration says to the Kafka adapters.
#pragma once

#include <string>
#include <vector>

#include "app/config.hpp"
#include "kafka/kafka_config.hpp"

namespace marquee {

KafkaSourceConfig kafka_source_config(const Config& config);
KafkaSinkConfig kafka_sink_config(const Config& config);
KafkaPaneLogConfig kafka_pane_log_config(const Config& config);

// How a cluster is reached: what of a producer's settings concerns any client.
KafkaSettings connection_settings(const KafkaSettings& settings);

// What stands under [source.kafka] and [sink.kafka] and is unknown to librdkafka, or marquee's own: a sentence each.
// Connects to nothing.
std::vector<std::string> kafka_settings_problems(const Config& config);

}  // namespace marquee
