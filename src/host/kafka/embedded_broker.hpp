// EmbeddedBroker: librdkafka's mock cluster. The real protocol on loopback, kcat talks to it; it keeps 5 MiB a
// partition in memory, and its transactions are a façade. For the demo and for injecting errors; never for proving
// exactly-once or for benchmarks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.hpp"
#include "kafka/handles.hpp"

namespace marquee {

class EmbeddedBroker {
 public:
  // `count` brokers with ids 1 … count, each a thread's worth of loopback listener, gone when this is destroyed.
  static Result<std::unique_ptr<EmbeddedBroker>> start(int count = 1);
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  const std::string& brokers() const { return brokers_; }  // host:port, comma-separated
  Status create_topic(const std::string& topic, int partitions);

  // --- Errors, for tests. Any thread. `broker` -1: all.
  void take_down(int broker = -1);  // disconnects and refuses connections
  void bring_up(int broker = -1);
  void set_round_trip_ms(int ms, int broker = -1);
  // The next requests of this kind (api key: 0 Produce, 1 Fetch, 8 OffsetCommit, 9 OffsetFetch, …) fail with these
  // errors (rd_kafka_resp_err_t), one each.
  void fail_next(int api_key, const std::vector<int>& errors);

 private:
  EmbeddedBroker() = default;
  KafkaHandle handle_;  // the mock cluster's host; destroyed after it
  KafkaMockCluster cluster_;
  std::string brokers_;
};

}  // namespace marquee
