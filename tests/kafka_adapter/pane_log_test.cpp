// KafkaPaneLog on a real Kafka: written in an epoch's transaction, read back to the end, what a base replaced removed.
#include <librdkafka/rdkafka.h>

#include <future>

#include "kafka_adapter/real_broker.hpp"

namespace marquee::testing {
namespace {

using Panes = std::map<std::uint32_t, std::vector<std::string>>;

struct PaneLogTest : RealBrokerTest {
  Status refusal(const KafkaPaneLogConfig& config) {
    Instance one(brokers, name);
    KafkaPaneLog log(config, brokers, *one.session, one.log, one.probe);
    return log.open(one.stop);
  }
  KafkaPaneLogConfig config() const { return Instance(brokers, name).pane_log_config; }
};

TEST_F(PaneLogTest, TopicIsCreatedWithTheSettingsItMustHave) {
  const auto one = opened();
  TopicFound found = described(pane_topic());
  EXPECT_EQ(found.partitions, 2);
  EXPECT_EQ(found.settings["cleanup.policy"], "delete");
  EXPECT_EQ(found.settings["retention.ms"], "-1");
  EXPECT_EQ(found.settings["retention.bytes"], "-1");
  EXPECT_EQ(one->pane_log->partition_count(), 2u);
  EXPECT_GT(one->pane_log->value_bytes_max(), 1'000'000u);
  EXPECT_LT(one->pane_log->value_bytes_max(), found.message_bytes_max);
}

TEST_F(PaneLogTest, TopicWithOtherSettingsIsRefusedWithTheCommandThatMendsIt) {
  create(pane_topic(), 2, {{"cleanup.policy", "compact"}, {"retention.ms", "-1"}});
  Status status = refusal(config());
  EXPECT_EQ(status.code(), Code::kConfig);
  EXPECT_NE(status.message().find("has cleanup.policy=compact, and must have cleanup.policy=delete"), std::string::npos)
      << status.message();
  EXPECT_NE(status.message().find("kafka-configs.sh --bootstrap-server " + brokers + " --alter --topic " +
                                  pane_topic() + " --add-config cleanup.policy=delete"),
            std::string::npos)
      << status.message();
  KafkaPaneLogConfig other = config();
  other.topic += "-short";
  create(other.topic, 2, {});  // the broker's own: a week
  status = refusal(other);
  EXPECT_EQ(status.code(), Code::kConfig);
  EXPECT_NE(status.message().find("retention.ms=-1"), std::string::npos) << status.message();
}

TEST_F(PaneLogTest, TopicWithAnotherNumberOfPartitionsIsRefused) {
  KafkaPaneLogConfig three = config();
  three.partitions = 3;
  ASSERT_TRUE(refusal(three).ok()) << "it is made";
  const Status status = refusal(config());
  EXPECT_EQ(status.code(), Code::kConfig);
  EXPECT_NE(status.message().find("has 3 partitions, and pane_log.partitions is 2"), std::string::npos)
      << status.message();
}

TEST_F(PaneLogTest, MissingTopicThatMayNotBeCreatedSaysTheCommand) {
  Instance one(brokers, name);
  KafkaPaneLogConfig c = config();
  c.create_topic = false;
  KafkaPaneLog log(c, brokers, *one.session, one.log, one.probe);
  auto asked = std::async(std::launch::async, [&] { return log.open(one.stop); });
  EXPECT_TRUE(eventually([&] {
    return one.log.has("kafka-topics.sh --bootstrap-server " + brokers + " --create --topic " + pane_topic() +
                       " --partitions 2 --config cleanup.policy=delete --config retention.ms=-1");
  }));
  one.stop = true;
  EXPECT_EQ(asked.get().code(), Code::kUnavailable);
}

TEST_F(PaneLogTest, EmptyLogIsReadAtOnce) {
  const auto one = opened();
  EXPECT_EQ(one->panes(), Panes{});
  EXPECT_EQ(one->probe.restore_records_total.load(), 0);
}

TEST_F(PaneLogTest, ValuesComeBackWholeInOrderFromEachPartition) {
  const auto one = opened();
  Panes expected;
  std::string any;
  for (int i = 0; i < 256; ++i) any += static_cast<char>(i);
  for (int i = 0; i < 20; ++i) {
    const auto p = static_cast<std::uint32_t>(i % 2);
    const std::string value = std::to_string(i) + any;
    expected[p].push_back(value);
    ASSERT_TRUE(one->run(Instance::epoch(1, 0), {{p, value}}).ok());
  }
  expected[1].push_back(std::string(one->pane_log->value_bytes_max(), 'x'));
  Status status = one->run(Instance::epoch(0, 0), {{1, expected[1].back()}});
  ASSERT_TRUE(status.ok()) << "the largest value that is promised: " << status.message();
  EXPECT_EQ(one->panes(), expected);
  EXPECT_EQ(one->probe.restore_records_total.load(), 21 * 2) << "each epoch has a marker besides";
  EXPECT_EQ(one->probe.restore_records_left.load(), 0);
}

// No record stands at these ends: what brings a reader there is the broker's word alone.
TEST_F(PaneLogTest, LogThatEndsInAbortedRecordsIsReadToItsEnd) {
  const auto one = opened();
  const auto abort = [&](std::uint32_t partition, std::size_t count) {
    const Epoch e = Instance::epoch(0, 0);
    std::vector<std::pair<std::uint32_t, std::string>> panes(count, {partition, "aborted"});
    ASSERT_TRUE(one->begin_and_write(e, panes).ok());
    ASSERT_TRUE(one->session->wait_for_answers().ok());
    ASSERT_TRUE(one->sink->abort().ok());
  };
  abort(0, 1);  // nothing but an aborted record
  EXPECT_EQ(one->panes(), Panes{});
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{1, "a"}, {1, "b"}}).ok());
  abort(1, 500);  // records, then many aborted ones
  EXPECT_EQ(one->panes(), (Panes{{1, {"a", "b"}}}));
  abort(1, 1);
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{0, "c"}, {1, "d"}}).ok());
  abort(0, 3);
  EXPECT_EQ(one->panes(), (Panes{{0, {"c"}}, {1, {"a", "b", "d"}}}));
}

TEST_F(PaneLogTest, UndecidedTransactionIsWaitedFor) {
  const auto one = opened();
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{0, "before"}}).ok());
  for (const bool commits : {true, false}) {
    SCOPED_TRACE(commits);
    const Epoch e = Instance::epoch(0, 0);
    ASSERT_TRUE(one->begin_and_write(e, {{0, commits ? "committed" : "aborted"}}).ok());
    ASSERT_TRUE(one->session->wait_for_answers().ok());
    Instance other(brokers, name);
    ASSERT_TRUE(other.pane_log->open(other.stop).ok());
    auto read = std::async(std::launch::async, [&] { return other.panes(); });
    EXPECT_TRUE(eventually([&] { return other.log.has("a transaction is not decided yet"); }));
    EXPECT_NE(read.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    ASSERT_TRUE((commits ? one->commit(e) : one->sink->abort()).ok());
    EXPECT_EQ(read.get(), (Panes{{0, {"before", "committed"}}}));
  }
}

TEST_F(PaneLogTest, StopEndsAReadThatWaits) {
  const auto one = opened();
  ASSERT_TRUE(one->begin_and_write(Instance::epoch(0, 0), {{0, "undecided"}}).ok());
  ASSERT_TRUE(one->session->wait_for_answers().ok());
  Instance other(brokers, name);
  ASSERT_TRUE(other.pane_log->open(other.stop).ok());
  auto read = std::async(std::launch::async,
                         [&] { return other.pane_log->read([](const PaneLog::Value&) { return Status{}; }); });
  EXPECT_TRUE(eventually([&] { return other.probe.restore_records_left.load() > 0; }));
  other.stop = true;
  EXPECT_EQ(read.get().code(), Code::kUnavailable);
}

TEST_F(PaneLogTest, RefusalOfAValueEndsTheRead) {
  const auto one = opened();
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{0, "a"}, {0, "b"}, {0, "c"}}).ok());
  std::vector<std::string> seen;
  const Status status = one->pane_log->read([&](const PaneLog::Value& value) {
    seen.emplace_back(value.bytes);
    return value.bytes == "b" ? Status(Code::kInternal, "damaged") : Status{};
  });
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"}));
}

TEST_F(PaneLogTest, BaseRemovesWhatLiesBeforeItOnceItHasCommitted) {
  const auto one = opened();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{0, "old"}, {1, "other"}}).ok());
  EXPECT_EQ(ends(pane_topic(), 0).first, 0);

  const auto base = [&](bool commits) {
    const Epoch e = Instance::epoch(0, 0);
    ASSERT_TRUE(one->sink->begin(e).ok());
    for (const char* part : {"base 1/2", "base 2/2"}) ASSERT_TRUE(one->pane_log->append(0, part, true).ok());
    ASSERT_TRUE(one->pane_log->append(1, "other", false).ok());
    if (commits) {
      const Status status = one->commit(e);
      ASSERT_TRUE(status.ok()) << status.message();
    } else {
      ASSERT_TRUE(one->session->wait_for_answers().ok());
      ASSERT_TRUE(one->sink->abort().ok());
    }
  };
  // One that was aborted removes nothing: not at the next commit either, whatever that holds.
  base(false);
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{1, "other"}}).ok());
  base(false);
  ASSERT_TRUE(one->run(Instance::epoch(0, 0)).ok());
  EXPECT_EQ(one->panes()[0], std::vector<std::string>(5, "old"));
  EXPECT_EQ(ends(pane_topic(), 0).first, 0);

  const std::int64_t begins = ends(pane_topic(), 0).second;
  base(true);
  EXPECT_TRUE(eventually([&] { return ends(pane_topic(), 0).first == begins; })) << ends(pane_topic(), 0).first;
  EXPECT_EQ(ends(pane_topic(), 1).first, 0) << "a base is of one partition";
  ASSERT_TRUE(one->run(Instance::epoch(0, 0), {{0, "new"}}).ok());
  EXPECT_EQ(one->panes(), (Panes{{0, {"base 1/2", "base 2/2", "new"}}, {1, std::vector<std::string>(7, "other")}}));
  EXPECT_EQ(one->probe.restore_records_total.load(),
            ends(pane_topic(), 0).second - begins + ends(pane_topic(), 1).second);
}

}  // namespace
}  // namespace marquee::testing
