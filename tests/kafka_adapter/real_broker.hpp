// A real Kafka for these tests, and one instance of marquee's adapters on it. Topics and groups have names of their
// own, for the broker is shared.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka/kafka_pane_log.hpp"
#include "kafka/topics.hpp"
#include "kafka_adapter/world.hpp"

namespace marquee::testing {

// host:port of the broker in MARQUEE_BROKER_DIR (tests/kafka/broker), or MARQUEE_BROKER itself; empty: there is none.
std::string real_broker();

// What one process brings.
struct Instance {
  MemoryLog log;
  Probe probe;
  std::atomic<bool> stop{false};
  JobSpec job;
  std::unique_ptr<KafkaSource> source;
  std::unique_ptr<ProducerSession> session;
  std::unique_ptr<KafkaSink> sink;
  std::unique_ptr<KafkaPaneLog> pane_log;

  Instance(const std::string& brokers, const std::string& name, const KafkaSettings& sink_settings = {});
  // Everything but the lanes.
  void open();
  // Results, offset 0 of partition 0 being `next` with that metadata, `panes` as values of the pane log by partition.
  static Epoch epoch(std::size_t results, std::int64_t next, const std::string& metadata = "m");
  Status begin_and_write(const Epoch& epoch, const std::vector<std::pair<std::uint32_t, std::string>>& panes = {});
  Status commit(const Epoch& epoch);
  Status run(const Epoch& epoch, const std::vector<std::pair<std::uint32_t, std::string>>& panes = {});
  // The pane log's values, by partition.
  std::map<std::uint32_t, std::vector<std::string>> panes();

  KafkaSourceConfig source_config;
  KafkaSinkConfig sink_config;
  KafkaPaneLogConfig pane_log_config;
};

// A consumer of somebody else's that has subscribed, and has partitions assigned, from here on.
class Subscriber {
 public:
  Subscriber(const std::string& brokers, const std::string& group, const std::string& topic);
  ~Subscriber();

 private:
  MemoryLog log_;
  std::unique_ptr<Client> client_;
};

struct RealBrokerTest : ::testing::Test {
  std::string brokers = real_broker();
  std::string name;  // unlike any other test's, of this run or another

  void SetUp() override;
  std::string input() const { return name + "-events"; }
  std::string output() const { return name + "-results"; }
  std::string pane_topic() const { return name + "-panes"; }
  std::unique_ptr<Instance> instance(const KafkaSettings& sink_settings = {}) const {
    return std::make_unique<Instance>(brokers, name, sink_settings);
  }
  std::unique_ptr<Instance> opened(const KafkaSettings& sink_settings = {}) const;
  void create(const std::string& topic, int partitions,
              const std::vector<std::pair<std::string, std::string>>& settings = {}) const;
  void configure(const std::string& topic, const std::string& setting, const std::string& value) const;
  // As retention does: what lies before the offset is removed.
  void delete_before(const std::string& topic, int partition, std::int64_t offset) const;
  TopicFound described(const std::string& topic) const;
  // First offset and end of a partition, `isolation` as consumers have it.
  std::pair<std::int64_t, std::int64_t> ends(const std::string& topic, int partition,
                                             const std::string& isolation = "read_uncommitted") const;
  std::size_t committed_results() const { return read_all(brokers, output(), 4).size(); }
};

}  // namespace marquee::testing
