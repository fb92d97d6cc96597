// What the configuration says to the Kafka adapters.
#pragma once

#include "app/config.hpp"
#include "kafka/kafka_config.hpp"

namespace marquee {

KafkaSourceConfig kafka_source_config(const Config& config);
KafkaSinkConfig kafka_sink_config(const Config& config);
KafkaPaneLogConfig kafka_pane_log_config(const Config& config);

}  // namespace marquee
