// The Kafka end against librdkafka's mock cluster: the real protocol on a loopback port.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.hpp"
#include "gen/block.hpp"
#include "gen/emitted.hpp"
#include "gen/gen.hpp"
#include "gen/workload.hpp"
#include "temporary.hpp"

namespace marquee::gen {
namespace {

using gen_test::Json;
using gen_test::lines_of;
using gen_test::parse_json;
using gen_test::valid_event;
using test::TempFile;

const std::atomic<bool> kNever{false};

struct Message {
  std::string key;
  std::string value;
  int64_t timestamp_ms;
};

class Broker {
 public:
  Broker() {
    std::array<char, 256> error{};
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, quiet(), error.data(), error.size());
    cluster_ = rd_kafka_mock_cluster_new(client_, 1);
  }
  ~Broker() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  std::string address() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void create(const std::string& topic, int partitions) {
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void refuse_produce(rd_kafka_resp_err_t error) { rd_kafka_mock_push_request_errors(cluster_, 0, 1, error); }
  void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }

  // Everything in a partition, in order.
  std::vector<Message> read(const std::string& topic, int32_t partition) const {
    std::array<char, 256> error{};
    rd_kafka_conf_t* conf = quiet();
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"bootstrap.servers", address()},
                                                                                      {"group.id", "test"},
                                                                                      {"enable.partition.eof", "true"},
                                                                                      {"fetch.wait.max.ms", "10"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error.data(), error.size()), RD_KAFKA_CONF_OK);
    }
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error.data(), error.size());
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    std::vector<Message> out;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (bool end = false; !end && std::chrono::steady_clock::now() < deadline;) {
      rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 1000);
      if (message == nullptr) continue;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        out.push_back({{static_cast<const char*>(message->key), message->key_len},
                       {static_cast<const char*>(message->payload), message->len},
                       rd_kafka_message_timestamp(message, nullptr)});
      }
      end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
      rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(consumer);
    return out;
  }

 private:
  static rd_kafka_conf_t* quiet() {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    return conf;
  }
  rd_kafka_t* client_;
  rd_kafka_mock_cluster_t* cluster_;
};

// What a generator had to tell.
class Notices {
 public:
  Notice take() {
    return [this](const std::string& sentence) {
      const std::lock_guard lock(mutex_);
      all_.push_back(sentence);
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

GenOptions stream_to(const Broker& broker, uint64_t count) {
  GenOptions options;
  options.brokers = broker.address();
  options.topic = "events";
  options.count = count;
  options.rate = Rate::max();
  options.bad_share = options.late_share = 0.05;
  options.threads = 2;
  return options;
}

// Views and watch time by minute and category, and the valid and invalid records, as a consumer sees a partition.
void expect_ledger(const Json& told, const std::vector<std::string>& records) {
  std::map<std::pair<int64_t, std::string>, std::pair<int64_t, int64_t>> cells;
  int64_t invalid = 0;
  for (const auto& record : records) {
    const auto event = valid_event(record);
    if (!event) {
      ++invalid;
      continue;
    }
    auto& cell = cells[{event->event_ms / 60'000 * 60'000, event->category}];
    ++cell.first;
    cell.second += event->watch_ms;
  }
  EXPECT_EQ(told["records"]["bad"].integer, invalid);
  for (const auto& row : told["minutes"].array) {
    const auto& cell = cells[{row["minute"].integer, row["category"].text}];
    EXPECT_EQ(row["views"].integer, cell.first);
    EXPECT_EQ(row["watch_ms"].integer, cell.second);
  }
  EXPECT_EQ(told["minutes"].array.size(), cells.size());
}

TEST(KafkaOutput, EveryRecordArrivesWhereTheLedgerSaysItDid) {
  Broker broker;
  broker.create("events", 3);
  for (const uint32_t pack : {1U, 100U}) {
    for (const auto key : {KeyBy::kViewer, KeyBy::kItem}) {
      GenOptions options = stream_to(broker, 20'000);
      options.topic = "events-" + std::to_string(pack) + (key == KeyBy::kItem ? "-item" : "-viewer");
      broker.create(options.topic, 3);
      options.pack = pack;
      options.key = key;
      const TempFile file;
      options.ledger = file.path();
      Generator generator(options);
      const auto status = generator.run(kNever);
      ASSERT_TRUE(status.ok()) << status.message;
      EXPECT_EQ(generator.counters().sent, 20'000U);
      EXPECT_EQ(generator.counters().acked, 20'000U);
      const auto ledger = parse_json(file.read());
      ASSERT_TRUE(ledger);
      ASSERT_EQ((*ledger)["partitions"].array.size(), 3U);
      uint64_t all = 0;
      for (int32_t partition = 0; partition < 3; ++partition) {
        std::vector<std::string> records;
        for (const auto& message : broker.read(options.topic, partition)) {
          if (pack == 1) {
            records.push_back(message.value);
            EXPECT_EQ(partition_of(message.key, 3), static_cast<uint32_t>(partition));
            const auto event = valid_event(message.value);
            if (!event) continue;
            EXPECT_EQ(message.key, key == KeyBy::kItem ? event->item : event->user);
            EXPECT_LE(event->event_ms, message.timestamp_ms);
          } else {
            EXPECT_TRUE(message.key.empty());
            const auto lines = lines_of(message.value);
            EXPECT_LE(lines.size(), pack);
            records.insert(records.end(), lines.begin(), lines.end());
          }
        }
        all += records.size();
        expect_ledger((*ledger)["partitions"].array[static_cast<size_t>(partition)], records);
      }
      EXPECT_EQ(all, 20'000U);
    }
  }
}

TEST(KafkaOutput, EmptyAndFutureRecordsAreAmongTheBadOnes) {
  Broker broker;
  broker.create("events", 1);
  GenOptions options = stream_to(broker, 2'000);
  options.bad_share = 1;
  options.late_share = 0;
  const TempFile file;
  options.ledger = file.path();
  ASSERT_TRUE(run_gen(options, kNever).ok());
  const auto ledger = parse_json(file.read());
  EXPECT_EQ((*ledger)["partitions"].array[0]["bad"].object.size(), kBadKindsMessage);
  int64_t empty = 0;
  for (const auto& message : broker.read("events", 0)) empty += message.value.empty();
  EXPECT_EQ(empty, (*ledger)["partitions"].array[0]["bad"]["empty"].integer);
  EXPECT_GT(empty, 20);
}

TEST(KafkaOutput, AMissingTopicIsMade) {
  Broker broker;
  GenOptions options = stream_to(broker, 100);
  Generator generator(options);
  const auto status = generator.run(kNever);
  ASSERT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(generator.counters().acked, 100U);
}

TEST(KafkaOutput, APacedStreamKeepsUpWithTheClockAndStops) {
  Broker broker;
  broker.create("events", 4);
  GenOptions options = stream_to(broker, 0);
  options.count.reset();
  options.rate.reset();  // 20,000 a minute
  options.bad_share = options.late_share = 0;
  options.threads = 1;
  Generator generator(options);
  std::atomic<bool> stop{false};
  GenStatus status;
  std::thread running([&] { status = generator.run(stop); });
  EXPECT_TRUE(eventually([&] { return generator.counters().acked >= 300; }));
  stop = true;
  running.join();
  EXPECT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(generator.counters().sent, generator.counters().acked);
  for (const auto& message : broker.read("events", 0)) {
    const auto event = valid_event(message.value);
    ASSERT_TRUE(event);
    EXPECT_GE(message.timestamp_ms, event->event_ms);
    EXPECT_LT(message.timestamp_ms, event->event_ms + kJitterMaxMs + 2'000);
  }
}

TEST(KafkaOutput, ABrokerThatIsNotThereIsASentence) {
  GenOptions options;
  options.brokers = "127.0.0.1:1";
  options.count = 1;
  Notices notices;
  const auto status = Generator(options, notices.take()).run(kNever);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("127.0.0.1:1"), std::string::npos) << status.message;
  EXPECT_NE(status.message.find("--brokers"), std::string::npos) << status.message;
  EXPECT_NE(status.message.find("refused"), std::string::npos) << status.message;
  ASSERT_EQ(notices.all().size(), 1U) << "said while it waits, but once";
  EXPECT_NE(notices.all()[0].find("no Kafka broker answers at 127.0.0.1:1"), std::string::npos) << notices.all()[0];
}

TEST(KafkaOutput, AStopBeforeABrokerAnsweredIsNoSuccess) {
  GenOptions options;
  options.brokers = "127.0.0.1:1";
  Generator generator(options, [](const std::string&) {});
  const std::atomic<bool> stop{true};
  const auto status = generator.run(stop);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("nothing was sent"), std::string::npos) << status.message;
}

TEST(KafkaOutput, ABrokerThatGoesAndComesBackIsSaidOnceEach) {
  Broker broker;
  broker.create("events", 1);
  GenOptions options = stream_to(broker, 0);
  options.count.reset();
  options.rate = Rate::per_second(1'000);
  Notices notices;
  Generator generator(options, notices.take());
  std::atomic<bool> stop{false};
  GenStatus status;
  std::thread running([&] { status = generator.run(stop); });
  EXPECT_TRUE(eventually([&] { return generator.counters().acked >= 100; }));
  EXPECT_TRUE(notices.all().empty()) << notices.all()[0];
  broker.down();
  EXPECT_TRUE(eventually([&] { return notices.all().size() == 1; }));
  const uint64_t then = generator.counters().sent;
  EXPECT_TRUE(eventually([&] { return generator.counters().sent >= then + 500; })) << "it goes on making events";
  broker.up();
  EXPECT_TRUE(eventually([&] { return notices.all().size() == 2; }));
  stop = true;
  running.join();
  EXPECT_TRUE(status.ok()) << status.message;
  ASSERT_EQ(notices.all().size(), 2U);
  EXPECT_NE(notices.all()[0].find("does not acknowledge"), std::string::npos) << notices.all()[0];
  EXPECT_NE(notices.all()[1].find("acknowledges events again"), std::string::npos) << notices.all()[1];
}

TEST(KafkaOutput, ARefusedRecordIsAnErrorAndTheLedgerSaysSo) {
  Broker broker;
  broker.create("events", 1);
  broker.refuse_produce(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
  GenOptions options = stream_to(broker, 10);
  options.idempotent = false;
  const TempFile file;
  options.ledger = file.path();
  const auto status = run_gen(options, kNever);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("--density"), std::string::npos) << status.message;
  EXPECT_FALSE((*parse_json(file.read()))["complete"].truth);
}

TEST(KafkaOutput, AStopWithADeadBrokerLeavesAndSaysWhatIsMissing) {
  Broker broker;
  broker.create("events", 1);
  GenOptions options = stream_to(broker, 0);
  options.count.reset();
  options.rate = Rate::per_second(1'000);
  Generator generator(options);
  std::atomic<bool> stop{false};
  GenStatus status;
  std::thread running([&] { status = generator.run(stop); });
  EXPECT_TRUE(eventually([&] { return generator.counters().acked >= 100; }));
  broker.down();
  const uint64_t then = generator.counters().sent;
  EXPECT_TRUE(eventually([&] { return generator.counters().sent >= then + 500; }));
  stop = true;
  running.join();  // librdkafka alone would go on trying for five minutes, longer than a test may take
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("not acknowledged"), std::string::npos) << status.message;
}

TEST(KafkaOutput, AnUnknownLibrdkafkaSettingIsNamed) {
  GenOptions options;
  options.kafka = {{"no.such.setting", "1"}};
  const auto status = run_gen(options, kNever);
  EXPECT_EQ(status.code, 64);
  EXPECT_NE(status.message.find("no.such.setting"), std::string::npos) << status.message;
}

}  // namespace
}  // namespace marquee::gen
