// What recoveries ask of the Kafka adapters, on the embedded broker. Its transactions are a facade: nothing here says
// that a commit is all or nothing.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <array>

#include "kafka/kafka_pane_log.hpp"
#include "kafka/producer_session.hpp"
#include "kafka_adapter/world.hpp"

namespace marquee::testing {
namespace {

constexpr int kFetch = 1;
constexpr int kOffsetFetch = 9;
constexpr int kInitProducerId = 22;
constexpr int kProduce = 0;

// Offset 0 of the one partition of `events`, as any consumer of group `test` commits it.
void commit_nothing_read(const std::string& brokers) {
  std::array<char, 256> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), text.data(), text.size());
  rd_kafka_conf_set(conf, "group.id", "test", text.data(), text.size());
  const KafkaHandle rk(rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size()));
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), "events", 0)->offset = 0;
  ASSERT_EQ(rd_kafka_commit(rk.get(), list.get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
}

struct RecoveryTest : ::testing::Test {
  MemoryLog log;
  Probe probe;
  std::atomic<bool> stop{false};
  std::unique_ptr<EmbeddedBroker> broker = start_broker({{"events", 1}, {"panes", 1}});

  KafkaSourceConfig source_config() const {
    KafkaSourceConfig c;
    c.brokers = broker->brokers();
    c.topics = {"events"};
    c.group = "test";
    return c;
  }
  KafkaSinkConfig sink_config() const {
    KafkaSinkConfig c;
    c.brokers = broker->brokers();
    c.group = "test";
    return c;
  }
  KafkaPaneLogConfig pane_log_config() const {
    KafkaPaneLogConfig c;
    c.topic = "panes";
    c.partitions = 1;
    return c;
  }
  Status read(const std::function<Status(const PaneLog::Value&)>& apply, const KafkaSettings& extra = {}) {
    return read_pane_topic({broker->brokers(), "panes", extra}, 1, stop, log, probe, apply);
  }
};

TEST_F(RecoveryTest, AProducerThatTellsOnlyOfErrorsIsRefusedSinceWeWaitForEveryAnswer) {
  KafkaSinkConfig c = sink_config();
  c.extra = {{"delivery.report.only.error", "true"}};
  KafkaSource source(source_config(), log, probe);
  ProducerSession session(c, source, log, probe);
  session.add_topic("panes", 1'000'000, true);
  const Status status = session.acquire(stop);
  EXPECT_EQ(status.code(), Code::kConfig) << status.message();
  EXPECT_NE(status.message().find("[sink.kafka] delivery.report.only.error"), std::string::npos) << status.message();
}

TEST_F(RecoveryTest, AskingForTopicsTakesNoProducerId) {
  KafkaSource source(source_config(), log, probe);
  ProducerSession session(sink_config(), source, log, probe);
  KafkaPaneLog panes(pane_log_config(), broker->brokers(), session, log, probe);
  broker->fail_next(kInitProducerId, {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED});
  ASSERT_TRUE(panes.open(stop).ok());
  const Status status = session.acquire(stop);  // the first that asks for one
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.message();
  EXPECT_NE(status.message().find("Write and Describe on the transactional id marquee-test"), std::string::npos)
      << status.message();
}

TEST_F(RecoveryTest, OffsetsThatThisUserMayNotReadNameTheAclInsteadOfWaiting) {
  KafkaSource source(source_config(), log, probe);
  ASSERT_TRUE(source.open(1, stop).ok());
  broker->fail_next(kOffsetFetch, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED});
  const auto starts = source.starts();
  ASSERT_FALSE(starts.ok());
  EXPECT_EQ(starts.status().code(), Code::kUnavailable) << starts.status().message();
  EXPECT_NE(starts.status().message().find("give this user Read on group test"), std::string::npos)
      << starts.status().message();
}

TEST_F(RecoveryTest, AGapIsCountedOnceHoweverOftenStartsAreAskedFor) {
  produce(broker->brokers(), "events", 0, values({"first"}));
  commit_nothing_read(broker->brokers());
  // It keeps 5 MiB a partition: what was committed, 0, is below the beginning then.
  produce(broker->brokers(), "events", 0,
          std::vector<PlainRecord>(80, {0, std::nullopt, std::string(100'000, 'x'), {}}));
  KafkaSourceConfig c = source_config();
  c.on_gap = KafkaOnGap::kContinue;
  KafkaSource source(c, log, probe);
  ASSERT_TRUE(source.open(1, stop).ok());
  for (int i = 0; i < 3; ++i) {
    const auto starts = source.starts();
    ASSERT_TRUE(starts.ok()) << starts.status().message();
    ASSERT_TRUE(starts.value().at(0).gap);
    ASSERT_GT(raw(starts.value()[0].offset), 0);
    EXPECT_EQ(probe.gap_messages.load(), static_cast<std::uint64_t>(raw(starts.value()[0].offset)));
  }
}

TEST_F(RecoveryTest, ReadingThePaneLogSaysHowFarItIs) {
  produce(broker->brokers(), "panes", 0, values(std::vector<std::string>(40, "value")));
  int read_so_far = 0;
  const Status status = read([&](const PaneLog::Value& value) {
    EXPECT_EQ(value.bytes, "value");
    EXPECT_EQ(value.position, read_so_far++);
    EXPECT_EQ(probe.restore_records_total.load(), 40);
    return Status{};
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_so_far, 40);
  EXPECT_EQ(probe.restore_records_left.load(), 0);
}

TEST_F(RecoveryTest, APaneLogThatTheBrokerCannotReadIsRefusedWithItsPlace) {
  produce(broker->brokers(), "panes", 0, values({"a", "b", "c"}));
  broker->fail_next(kFetch, {RD_KAFKA_RESP_ERR_INVALID_MSG});
  const Status status = read([](const PaneLog::Value&) { return Status{}; });
  EXPECT_EQ(status.code(), Code::kInternal) << status.message();
  EXPECT_NE(status.message().find("topic panes on Kafka at " + broker->brokers() + ", partition 0, offset 0"),
            std::string::npos)
      << status.message();
}

TEST_F(RecoveryTest, APaneLogThatCannotBeFetchedForAMomentIsReadAllTheSame) {
  produce(broker->brokers(), "panes", 0, values({"a", "b", "c"}));
  broker->fail_next(kFetch, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE});
  std::string all;
  const Status status = read([&](const PaneLog::Value& value) {
    all += value.bytes;
    return Status{};
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(all, "abc");
}

TEST_F(RecoveryTest, SettingsOfThePaneLogsReaderAreNamedWhereTheyAreWritten) {
  const Status status = read([](const PaneLog::Value&) { return Status{}; },
                             {{"ssl.ca.location", "/no/such/file"}, {"security.protocol", "ssl"}});
  EXPECT_EQ(status.code(), Code::kConfig) << status.message();
  EXPECT_NE(status.message().find("[sink.kafka]"), std::string::npos) << status.message();
}

// As after an epoch with a base whose session was lost: the claim that follows holds no base.
TEST_F(RecoveryTest, ABaseOfALostSessionRemovesNothing) {
  KafkaSource source(source_config(), log, probe);
  ProducerSession session(sink_config(), source, log, probe);
  KafkaPaneLog panes(pane_log_config(), broker->brokers(), session, log, probe);
  ASSERT_TRUE(source.open(1, stop).ok());
  ASSERT_TRUE(panes.open(stop).ok());
  ASSERT_TRUE(session.acquire(stop).ok());
  ASSERT_TRUE(session.begin().ok());
  ASSERT_TRUE(panes.append(0, "block", false).ok());
  ASSERT_TRUE(panes.append(0, "base", true).ok());
  // librdkafka 2.0.2 can trip an assertion of its own where a session is let go amid its first answers.
  ASSERT_TRUE(session.wait_for_answers().ok());
  const Status again = session.acquire(stop);
  ASSERT_TRUE(again.ok()) << again.message();
  ASSERT_TRUE(session.begin().ok());
  ASSERT_TRUE(session.wait_for_answers().ok());
  ASSERT_TRUE(session.send_offsets({{PartitionIndex{0}, Offset{0}, "claim"}}).ok());
  ASSERT_TRUE(session.commit().ok());
  panes.note_committed();
  EXPECT_EQ(probe.pane_log_removals.load(), 0u);
}

// A broker that has a batch and no longer knows where says so, and it counts as written. The embedded one cannot remove
// records and refuses.
TEST_F(RecoveryTest, ABaseThatStandsNobodyKnowsWhereRemovesNothing) {
  KafkaSource source(source_config(), log, probe);
  ProducerSession session(sink_config(), source, log, probe);
  KafkaPaneLog panes(pane_log_config(), broker->brokers(), session, log, probe);
  ASSERT_TRUE(source.open(1, stop).ok());
  ASSERT_TRUE(panes.open(stop).ok());
  ASSERT_TRUE(session.acquire(stop).ok());
  const auto commit_base = [&] {
    ASSERT_TRUE(session.begin().ok());
    ASSERT_TRUE(panes.append(0, "base", true).ok());
    ASSERT_TRUE(session.wait_for_answers().ok());
    const Status sent = session.send_offsets({{PartitionIndex{0}, Offset{0}, "epoch"}});
    ASSERT_TRUE(sent.ok()) << sent.message();
    const Status status = session.commit();
    ASSERT_TRUE(status.ok()) << status.message();
    panes.note_committed();
  };
  broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
  commit_base();
  ASSERT_EQ(session.sent().at(0).error, RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_LT(session.sent().at(0).offset, 0);
  EXPECT_EQ(probe.pane_log_removals.load(), 0u);
#if defined(__SANITIZE_ADDRESS__)
  // Seen with 2.0.2, whenever the embedded broker, which knows no DeleteRecords, refuses it.
  GTEST_SKIP() << "a client whose DeleteRecords failed leaks 176 bytes of librdkafka's own when it goes";
#endif
  ASSERT_TRUE(session.acquire(stop).ok());  // the embedded broker never had the batch: sequences begin anew
  commit_base();
  ASSERT_GE(session.sent().at(0).offset, 0);
  EXPECT_EQ(probe.pane_log_removals.load(), 1u);
  EXPECT_TRUE(eventually([&] {
    panes.note_committed();
    return probe.pane_log_removals_failed.load() == 1;
  }));
  EXPECT_TRUE(log.has("It is tried again with the next base"));
}

}  // namespace
}  // namespace marquee::testing
