#include "kafka_adapter/real_broker.hpp"

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace marquee::testing {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::unique_ptr<Client> plain_client(const std::string& brokers, ClientKind kind, Log& log,
                                     std::vector<ClientSpec::Setting> settings = {}) {
  ClientSpec spec;
  spec.kind = kind;
  spec.section = "test";
  spec.brokers = brokers;
  spec.fixed = std::move(settings);
  Result<std::unique_ptr<Client>> client = Client::make(std::move(spec), log);
  EXPECT_TRUE(client.ok()) << client.status().message();
  return std::move(client.value());
}

}  // namespace

std::string real_broker() {
  if (const std::string given = environment("MARQUEE_BROKER"); !given.empty()) return given;
  std::ifstream file(environment("MARQUEE_BROKER_DIR") + "/state.json");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string state = text.str();
  const std::string key = "\"port\": ";
  const std::size_t at = state.find(key);
  if (at == std::string::npos) return "";
  std::string port;
  for (std::size_t i = at + key.size(); i < state.size() && std::isdigit(static_cast<unsigned char>(state[i])) != 0;
       ++i)
    port += state[i];
  return "127.0.0.1:" + port;
}

Instance::Instance(const std::string& brokers, const std::string& name, const KafkaSettings& sink_settings) {
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}};
  LeaderboardSpec board;
  board.name = "trending";
  board.by = {0};
  job.leaderboards = {board};
  source_config.brokers = brokers;
  source_config.topics = {name + "-events"};
  source_config.group = name;
  source_config.metadata_every_ms = 500;
  sink_config.brokers = brokers;
  sink_config.group = name;
  sink_config.topic = name + "-results";
  sink_config.dead_letter_topic = name + "-dead";
  sink_config.extra = sink_settings;
  pane_log_config.topic = name + "-panes";
  pane_log_config.partitions = 2;
  source = std::make_unique<KafkaSource>(source_config, log, probe);
  session = std::make_unique<ProducerSession>(sink_config, *source, log, probe);
  sink = std::make_unique<KafkaSink>(sink_config, job, *source, *session, log, probe);
  pane_log = std::make_unique<KafkaPaneLog>(pane_log_config, brokers, *session, log, probe);
}

void Instance::open() {
  Status status = sink->open(stop);
  ASSERT_TRUE(status.ok()) << status.message();
  status = pane_log->open(stop);
  ASSERT_TRUE(status.ok()) << status.message();
  status = source->open(1, stop);
  ASSERT_TRUE(status.ok()) << status.message();
  status = sink->acquire();
  ASSERT_TRUE(status.ok()) << status.message();
}

Epoch Instance::epoch(std::size_t results, std::int64_t next, const std::string& metadata) {
  Epoch e;
  for (std::size_t i = 0; i < results; ++i) {
    ResultRecord r;
    r.group = {std::string("g").append(std::to_string(i))};
    r.window_start = 60'000;
    r.window_end = 120'000;
    r.events = i + 1;
    r.rows = {{"m-1", i + 1, 10}};
    e.results.push_back(std::move(r));
  }
  e.offsets = {{PartitionIndex{0}, Offset{next}, metadata}};
  return e;
}

Status Instance::begin_and_write(const Epoch& epoch, const std::vector<std::pair<std::uint32_t, std::string>>& panes) {
  if (Status s = sink->begin(epoch); !s.ok()) return s;
  for (const auto& [partition, value] : panes) {
    if (Status s = pane_log->append(partition, value, false); !s.ok()) return s;
  }
  return sink->write(epoch);
}

Status Instance::commit(const Epoch& epoch) {
  Acknowledged acknowledged;
  if (Status s = sink->commit(epoch, acknowledged); !s.ok()) return s;
  pane_log->note_committed();
  return {};
}

Status Instance::run(const Epoch& epoch, const std::vector<std::pair<std::uint32_t, std::string>>& panes) {
  if (Status s = begin_and_write(epoch, panes); !s.ok()) return s;
  return commit(epoch);
}

std::map<std::uint32_t, std::vector<std::string>> Instance::panes() {
  std::map<std::uint32_t, std::vector<std::string>> found;
  const Status status = pane_log->read([&](const PaneLog::Value& value) {
    found[value.partition].emplace_back(value.bytes);
    return Status{};
  });
  EXPECT_TRUE(status.ok()) << status.message();
  return found;
}

Subscriber::Subscriber(const std::string& brokers, const std::string& group, const std::string& topic)
    : client_(plain_client(brokers, ClientKind::kConsumer, log_, {{"group.id", group}})) {
  rd_kafka_poll_set_consumer(client_->handle());
  const KafkaPartitions topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  EXPECT_EQ(rd_kafka_subscribe(client_->handle(), topics.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_TRUE(eventually([&] {
    if (rd_kafka_message_t* m = rd_kafka_consumer_poll(client_->handle(), 100)) rd_kafka_message_destroy(m);
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    if (rd_kafka_assignment(client_->handle(), &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
    const KafkaPartitions owner(assigned);
    return assigned->cnt > 0;
  }));
}

Subscriber::~Subscriber() {
  rd_kafka_consumer_close(client_->handle());
}

void RealBrokerTest::SetUp() {
  if (brokers.empty()) {
    GTEST_SKIP() << "no broker: ctest starts one; by hand, MARQUEE_BROKER=host:port names one";
  }
  std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  for (char& c : test) {
    if (c == '/') c = '.';
  }
  name = test + "-" + std::to_string(::getpid());
  create(input(), 2);
}

std::unique_ptr<Instance> RealBrokerTest::opened(const KafkaSettings& sink_settings) const {
  auto one = instance(sink_settings);
  one->open();
  return one;
}

void RealBrokerTest::create(const std::string& topic, int partitions,
                            const std::vector<std::pair<std::string, std::string>>& settings) const {
  MemoryLog log;
  Probe probe;
  Waiting waiting(log, probe);
  const std::atomic<bool> stop{false};
  const auto client = plain_client(brokers, ClientKind::kProducer, log);
  const auto made = prepare_topics(*client, {{topic, partitions, settings}}, true, stop, waiting, log);
  ASSERT_TRUE(made.ok()) << made.status().message();
}

TopicFound RealBrokerTest::described(const std::string& topic) const {
  MemoryLog log;
  Probe probe;
  Waiting waiting(log, probe);
  const std::atomic<bool> stop{false};
  const auto client = plain_client(brokers, ClientKind::kProducer, log);
  const auto found = prepare_topics(*client, {{topic, 1, {}}}, false, stop, waiting, log);
  EXPECT_TRUE(found.ok()) << found.status().message();
  return found.ok() ? found.value().front() : TopicFound{};
}

void RealBrokerTest::configure(const std::string& topic, const std::string& setting, const std::string& value) const {
  MemoryLog log;
  const auto client = plain_client(brokers, ClientKind::kProducer, log);
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_ConfigResource_set_config(resource, setting.c_str(), value.c_str());
  const KafkaQueue queue(rd_kafka_queue_new(client->handle()));
  rd_kafka_AlterConfigs(client->handle(), &resource, 1, nullptr, queue.get());
  rd_kafka_event_t* event = nullptr;
  ASSERT_TRUE(eventually([&] { return (event = rd_kafka_queue_poll(queue.get(), 100)) != nullptr; }));
  EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_event_error_string(event);
  rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(resource);
  EXPECT_TRUE(eventually([&] { return described(topic).settings[setting] == value; }));
}

void RealBrokerTest::delete_before(const std::string& topic, int partition, std::int64_t offset) const {
  MemoryLog log;
  const auto client = plain_client(brokers, ClientKind::kProducer, log);
  const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(offsets.get());
  const KafkaQueue queue(rd_kafka_queue_new(client->handle()));
  rd_kafka_DeleteRecords(client->handle(), &request, 1, nullptr, queue.get());
  rd_kafka_DeleteRecords_destroy(request);
  EXPECT_TRUE(eventually([&] { return ends(topic, partition).first == offset; }));
}

std::pair<std::int64_t, std::int64_t> RealBrokerTest::ends(const std::string& topic, int partition,
                                                           const std::string& isolation) const {
  MemoryLog log;
  const auto client =
      plain_client(brokers, ClientKind::kConsumer, log, {{"group.id", "ends"}, {"isolation.level", isolation}});
  std::int64_t low = -1;
  std::int64_t end = -1;
  EXPECT_TRUE(eventually([&] {
    return rd_kafka_query_watermark_offsets(client->handle(), topic.c_str(), partition, &low, &end, 1'000) ==
           RD_KAFKA_RESP_ERR_NO_ERROR;
  }));
  return {low, end};
}

}  // namespace marquee::testing
