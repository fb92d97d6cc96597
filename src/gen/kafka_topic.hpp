// Finding the topic to write to, and creating it where it is missing.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "gen/options.hpp"

namespace marquee::gen {

/// Asks the cluster for `options.topic`, creates it with `options.partitions` if it is missing (a broker that creates
/// topics by itself, such as librdkafka's mock cluster, may choose another number), and waits until every partition has
/// a leader. Sets `partitions` to what the topic has. Blocks up to 30 s, less when `stop` is raised (then status is ok
/// and `partitions` 0). Status 69 says which step failed and what to do.
GenStatus prepare_topic(rd_kafka_t* client, const GenOptions& options, const std::atomic<bool>& stop,
                        uint32_t& partitions);

}  // namespace marquee::gen
