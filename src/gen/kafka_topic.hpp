// Finding the topic to write to, and creating it where it is missing.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "gen/options.hpp"
#include "gen/sink.hpp"

namespace marquee::gen {

/// Asks the cluster for `options.topic`, creates it with `options.partitions` if it is missing (a broker that creates
/// topics by itself, such as librdkafka's mock cluster, may choose another number), and waits until every partition has
/// a leader. Sets `partitions` to what the topic has. Blocks up to 40 s; when `stop` is raised at most for the request
/// under way, 2 s. Serves the client's callbacks meanwhile. `notice` hears once that no broker answers. Status 69 says
/// which step failed, or what a stop came before, and what to do.
GenStatus prepare_topic(rd_kafka_t* client, const GenOptions& options, const std::atomic<bool>& stop,
                        const Notice& notice, uint32_t& partitions);

}  // namespace marquee::gen
