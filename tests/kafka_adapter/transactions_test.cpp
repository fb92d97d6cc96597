// Sink, source and session on a real Kafka: what a transaction is to whoever reads.
#include <librdkafka/rdkafka.h>

#include <future>

#include "kafka_adapter/real_broker.hpp"

namespace marquee::testing {
namespace {

struct TransactionsTest : RealBrokerTest {};

Result<std::vector<PartitionStart>> starts(Instance& one) {
  return one.source->starts();
}

TEST_F(TransactionsTest, EpochIsVisibleWholeOnceItHasCommitted) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(10, "x")));
  const Epoch first = Instance::epoch(20, 7, "first");
  ASSERT_TRUE(one->begin_and_write(first, {{0, "block"}}).ok());
  ASSERT_TRUE(one->session->wait_for_answers().ok());
  EXPECT_EQ(committed_results(), 0u);
  EXPECT_EQ(read_all(brokers, output(), 4, {{"isolation.level", "read_uncommitted"}}).size(), 20u) << "it is there";
  Status status = one->commit(first);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(committed_results(), 20u);
  EXPECT_EQ(one->panes()[0], std::vector<std::string>{"block"});
  const auto found = starts(*one);
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(raw(found.value().at(0).offset), 7);
  EXPECT_EQ(found.value().at(0).metadata, "first");
  EXPECT_TRUE(found.value().at(0).committed);
  EXPECT_FALSE(found.value().at(1).committed);
}

TEST_F(TransactionsTest, AbortLeavesNothing) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(10, "x")));
  ASSERT_TRUE(one->run(Instance::epoch(5, 3, "kept"), {{1, "kept"}}).ok());
  const Epoch second = Instance::epoch(20, 7, "aborted");
  ASSERT_TRUE(one->begin_and_write(second, {{1, "aborted"}}).ok());
  ASSERT_TRUE(one->session->wait_for_answers().ok());
  ASSERT_TRUE(one->session->send_offsets(second.offsets).ok());
  const Status status = one->sink->abort();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(committed_results(), 5u);
  EXPECT_EQ(one->panes()[1], std::vector<std::string>{"kept"});
  const auto found = starts(*one);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(raw(found.value().at(0).offset), 3);
  EXPECT_EQ(found.value().at(0).metadata, "kept");
  // And the session goes on.
  ASSERT_TRUE(one->run(Instance::epoch(1, 9, "after"), {{1, "after"}}).ok());
  EXPECT_EQ(committed_results(), 6u);
  EXPECT_EQ(one->panes()[1], (std::vector<std::string>{"kept", "after"}));
}

TEST_F(TransactionsTest, SecondSessionFencesTheFirstAndEndsWhatItLeftOpen) {
  const auto first = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(10, "x")));
  const Epoch e = Instance::epoch(10, 5, "of the first");
  ASSERT_TRUE(first->begin_and_write(e, {{0, "of the first"}}).ok());
  ASSERT_TRUE(first->session->wait_for_answers().ok());
  const auto second = opened();
  Status status = first->commit(e);
  EXPECT_EQ(status.code(), Code::kLost) << status.message();
  EXPECT_EQ(first->sink->abort().code(), Code::kLost) << "only acquire() can settle it";
  ASSERT_TRUE(second->run(Instance::epoch(3, 2, "of the second"), {{0, "of the second"}}).ok());
  EXPECT_EQ(committed_results(), 3u);
  EXPECT_EQ(second->panes()[0], std::vector<std::string>{"of the second"});
  EXPECT_EQ(starts(*second).value().at(0).metadata, "of the second");
  // Were the first to take it back, the second would be fenced.
  ASSERT_TRUE(first->sink->acquire().ok());
  EXPECT_EQ(second->run(Instance::epoch(1, 4)).code(), Code::kLost);
  EXPECT_TRUE(first->run(Instance::epoch(1, 4)).ok());
}

TEST_F(TransactionsTest, FencedWhileIdleIsToldByTheNextEpoch) {
  const auto first = opened();
  ASSERT_TRUE(first->run(Instance::epoch(1, 0)).ok());
  const auto second = opened();
  EXPECT_EQ(first->run(Instance::epoch(1, 0)).code(), Code::kLost);
  EXPECT_EQ(committed_results(), 1u);
}

TEST_F(TransactionsTest, StartsWaitForATransactionThatIsNotDecided) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(10, "x")));
  ASSERT_TRUE(one->run(Instance::epoch(0, 3, "before")).ok());
  const Epoch e = Instance::epoch(1, 8, "undecided");
  ASSERT_TRUE(one->begin_and_write(e).ok());
  ASSERT_TRUE(one->session->wait_for_answers().ok());
  ASSERT_TRUE(one->session->send_offsets(e.offsets).ok());
  // Somebody who only reads, as a second process does before it has acquired anything.
  Instance other(brokers, name);
  ASSERT_TRUE(other.source->open(1, other.stop).ok());
  auto asked = std::async(std::launch::async, [&] { return other.source->starts(); });
  EXPECT_TRUE(eventually([&] { return other.log.has("are held back by a transaction that has not ended"); }));
  ASSERT_TRUE(one->session->commit().ok());
  const auto found = asked.get();
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(raw(found.value().at(0).offset), 8);
  EXPECT_EQ(found.value().at(0).metadata, "undecided");
}

// A process that was stopped for longer than its transaction may last, and nobody took over.
TEST_F(TransactionsTest, TransactionThatTheBrokerHasEndedIsALostSession) {
  const auto one = opened({{"transaction.timeout.ms", "1000"}});
  const Epoch e = Instance::epoch(4, 0);
  ASSERT_TRUE(one->begin_and_write(e, {{0, "timed out"}}).ok());
  ASSERT_TRUE(one->session->wait_for_answers().ok());
  EXPECT_TRUE(eventually([&] {
    const std::int64_t stable = ends(pane_topic(), 0, "read_committed").second;
    return stable > 0 && stable == ends(pane_topic(), 0).second;
  })) << "the broker looks for them every ten seconds";
  const Status status = one->commit(e);
  EXPECT_EQ(status.code(), Code::kLost) << status.message();
  const Status again = one->sink->acquire();
  ASSERT_TRUE(again.ok()) << again.message();
  ASSERT_TRUE(one->run(e, {{0, "again"}}).ok());
  EXPECT_EQ(committed_results(), 4u);
  EXPECT_EQ(one->panes()[0], std::vector<std::string>{"again"});
}

TEST_F(TransactionsTest, TimeoutLongerThanTheBrokerAllowsSaysWhichSettings) {
  const auto one = instance({{"transaction.timeout.ms", "1000000"}});  // the broker: 15 minutes
  ASSERT_TRUE(one->sink->open(one->stop).ok());
  ASSERT_TRUE(one->source->open(1, one->stop).ok());
  const Status status = one->sink->acquire();
  EXPECT_EQ(status.code(), Code::kConfig);
  EXPECT_NE(status.message().find("transaction.max.timeout.ms"), std::string::npos) << status.message();
}

// The topic takes less than it did when it was asked: the broker refuses what was cut to fit.
TEST_F(TransactionsTest, LetterThatTheTopicNoLongerTakesArrivesWithItsHeadersOnly) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(10, "x")));
  configure(name + "-dead", "max.message.bytes", "2000");
  Epoch e = Instance::epoch(3, 4);
  LetterOut letter;
  letter.offset = Offset{2};
  letter.verdict = Verdict::kMalformed;
  for (int i = 0; i < 5'000; ++i) letter.value += static_cast<char>('!' + (i * i * 7 + i / 90) % 90);  // hardly packs
  e.letters = {letter};
  Status status = one->run(e);
  EXPECT_EQ(status.code(), Code::kAborted) << status.message();
  int tries = 1;
  for (; status.code() == Code::kAborted && tries < 4; ++tries) {
    ASSERT_TRUE(one->sink->abort().ok());
    EXPECT_EQ(committed_results(), 0u);
    status = one->run(e);
  }
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_LE(tries, 3) << "refused; a gap in the sequence, which is librdkafka's; through";
  EXPECT_EQ(committed_results(), 3u);
  const auto dead = read_all(brokers, name + "-dead", 4);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].value, std::nullopt);
  EXPECT_EQ(dead[0].header("marquee.truncated"), "5000");
  EXPECT_EQ(one->probe.letters_dropped.load(), 0u);
}

TEST_F(TransactionsTest, LetterThatTheTopicTakesInNoFormIsDroppedAndCounted) {
  const auto one = opened();
  configure(name + "-dead", "max.message.bytes", "80");
  Epoch e = Instance::epoch(3, 0);
  LetterOut letter;
  letter.offset = Offset{2};
  letter.verdict = Verdict::kMalformed;
  letter.value = "{bad";
  e.letters = {letter};
  Status status = one->run(e);
  int tries = 1;
  for (; status.code() == Code::kAborted && tries < 6; ++tries) {
    ASSERT_TRUE(one->sink->abort().ok());
    status = one->run(e);
  }
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_LE(tries, 4) << "refused whole; a gap; refused with its headers only; dropped";
  EXPECT_EQ(one->probe.letters_dropped.load(), 1u);
  EXPECT_EQ(committed_results(), 3u);
  EXPECT_EQ(read_all(brokers, name + "-dead", 4).size(), 0u);
}

TEST_F(TransactionsTest, ResultThatTheTopicNoLongerTakesIsFinal) {
  const auto one = opened();
  configure(output(), "max.message.bytes", "80");
  const Status status = one->run(Instance::epoch(1, 0));
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("max.message.bytes"), std::string::npos) << status.message();
  EXPECT_TRUE(one->sink->abort().ok());
  EXPECT_EQ(committed_results(), 0u);
}

TEST_F(TransactionsTest, StartsSayWhatTheLastEpochCommittedEachTime) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(200, "x")));
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(one->run(Instance::epoch(static_cast<std::size_t>(i % 3), i, std::to_string(i))).ok());
    if (i % 7 == 0) {
      const Epoch e = Instance::epoch(2, 199);
      ASSERT_TRUE(one->begin_and_write(e).ok());
      // While records are in flight, or not even that: librdkafka may end what the broker does not know to have begun.
      const Status status = one->sink->abort();
      ASSERT_TRUE(status.ok() || status.code() == Code::kLost) << status.message();
      if (!status.ok()) {
        ASSERT_TRUE(one->sink->acquire().ok());
      }
    }
    const auto found = starts(*one);
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(raw(found.value().at(0).offset), i);
    ASSERT_EQ(found.value().at(0).metadata, std::to_string(i));
  }
}

TEST_F(TransactionsTest, RetentionThatTookWhatWasNotReadStopsOrIsCounted) {
  const auto one = opened();
  produce(brokers, input(), 0, values(std::vector<std::string>(100, "x")));
  ASSERT_TRUE(one->run(Instance::epoch(0, 10, "at ten")).ok());
  delete_before(input(), 0, 60);
  Instance stops(brokers, name);
  ASSERT_TRUE(stops.source->open(1, stops.stop).ok());
  const auto refused = stops.source->starts();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kInternal);
  EXPECT_NE(refused.status().message().find("partition 0: offsets 10 to 59"), std::string::npos)
      << refused.status().message();
  KafkaSourceConfig c = stops.source_config;
  c.on_gap = KafkaOnGap::kContinue;
  KafkaSource goes_on(c, stops.log, stops.probe);
  ASSERT_TRUE(goes_on.open(1, stops.stop).ok());
  const auto found = goes_on.starts();
  ASSERT_TRUE(found.ok()) << found.status().message();
  EXPECT_EQ(raw(found.value().at(0).offset), 60);
  EXPECT_TRUE(found.value().at(0).gap);
  EXPECT_EQ(found.value().at(0).metadata, "at ten");
  EXPECT_EQ(stops.probe.gap_messages.load(), 50u);
}

// Kafka takes a transaction's offsets for a group that has members: only asking tells.
TEST_F(TransactionsTest, ConsumerThatSubscribesInTheGroupIsNoticedWhileWeRun) {
  const auto one = opened();
  ASSERT_TRUE(one->run(Instance::epoch(1, 0)).ok());
  const auto found = starts(*one);
  ASSERT_TRUE(found.ok() && one->source->seek(found.value()).ok());
  const Subscriber subscriber(brokers, name, input());
  Status status;
  EXPECT_TRUE(eventually([&] { return !(status = one->run(Instance::epoch(1, 0))).ok(); }));
  EXPECT_EQ(status.code(), Code::kConfig);
  EXPECT_NE(status.message().find("has 1 subscribed member(s)"), std::string::npos) << status.message();
  Instance other(brokers, name);
  EXPECT_EQ(other.source->open(1, other.stop).code(), Code::kConfig) << "and who starts is told at once";
}

}  // namespace
}  // namespace marquee::testing
