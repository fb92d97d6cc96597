// What the configuration says to the Kafka adapters.
#pragma once

#include "app/config.hpp"
#include "core/status.hpp"
#include "kafka/kafka_config.hpp"

namespace marquee {

KafkaSourceConfig kafka_source_config(const Config& config);
KafkaSinkConfig kafka_sink_config(const Config& config);
KafkaPaneLogConfig kafka_pane_log_config(const Config& config);

// How a cluster is reached: what of a producer's settings concerns any client.
KafkaSettings connection_settings(const KafkaSettings& settings);

// Whether librdkafka knows all that stands under [source.kafka] and [sink.kafka]. kConfig. Connects to nothing.
Status check_kafka_settings(const Config& config);

}  // namespace marquee
