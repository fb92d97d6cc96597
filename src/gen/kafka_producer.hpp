// Records as Kafka messages, each to the partition the generator chose for it.
#pragma once

#include <atomic>
#include <memory>

#include "gen/sink.hpp"

namespace marquee::gen {

/// Connects to `options.brokers`, prepares the topic (kafka_topic.hpp; blocks up to 40 s, less when `stop` is raised)
/// and sets `out`. `catalogue`, `counters` and `notice` must outlive it. librdkafka buffers at most 64 MiB; write()
/// waits when that is full. Each delivery is checked: the first that fails for good fails the next write() or finish()
/// with status 69. `notice` hears when something has been on its way for 2 s without any acknowledgement, and when they
/// come again.
GenStatus open_kafka_producer(const GenOptions& options, const Resolved& resolved, const Catalogue& catalogue,
                              const std::atomic<bool>& stop, GenCounters& counters, const Notice& notice,
                              std::unique_ptr<Sink>& out);

}  // namespace marquee::gen
