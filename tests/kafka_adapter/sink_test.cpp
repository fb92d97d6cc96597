// KafkaSink on the embedded broker, read back by a plain consumer. Topic creation and settings need a real broker, and
// so does everything about transactions: the embedded one's are a façade (offsets are not kept, what is aborted stays
// visible), so nothing here proves exactly-once; transactions_test.cpp does.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <future>
#include <thread>

#include "kafka/envelope.hpp"
#include "kafka/kafka_sink.hpp"
#include "kafka/topics.hpp"
#include "kafka_adapter/world.hpp"

namespace marquee::testing {
namespace {

struct SinkTest : ::testing::Test {
  MemoryLog log;
  Probe probe;
  std::atomic<bool> stop{false};
  JobSpec job;
  std::unique_ptr<EmbeddedBroker> broker;
  std::unique_ptr<KafkaSource> source;
  std::unique_ptr<ProducerSession> session;
  std::unique_ptr<KafkaSink> sink;

  SinkTest() {
    job.event.dimensions = {{"category", {{"category"}}, std::nullopt}};
    LeaderboardSpec board;
    board.name = "trending";
    board.by = {0};
    job.leaderboards = {board};
  }
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
    c.dead_letter_topic = "dead";
    c.late_topic = "late";
    c.ce_source = "/marquee/test";
    return c;
  }
  void open(std::int64_t leave_within_ms = 4000) {
    broker = start_broker({{"events", 1}, {"popularity", 2}, {"dead", 1}, {"late", 1}});
    produce(broker->brokers(), "events", 0, values(std::vector<std::string>(100, "x")));
    KafkaSourceConfig c = source_config();
    c.leave_within_ms = leave_within_ms;
    source = std::make_unique<KafkaSource>(c, log, probe);
    ASSERT_TRUE(source->open(1, stop).ok());
    make_sink(sink_config());
    Status status = sink->open(stop);
    ASSERT_TRUE(status.ok()) << status.message();
    status = sink->acquire();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void make_sink(const KafkaSinkConfig& c) {
    if (source == nullptr) source = std::make_unique<KafkaSource>(source_config(), log, probe);
    sink.reset();
    session = std::make_unique<ProducerSession>(c, *source, log, probe);
    sink = std::make_unique<KafkaSink>(c, job, *source, *session, log, probe);
  }
  static ResultRecord result(const std::string& group, std::uint64_t events) {
    ResultRecord r;
    r.group = {group};
    r.window_start = 60'000;
    r.window_end = 120'000;
    r.events = events;
    r.rows = {{"m-1", events, 10}};
    return r;
  }
  static LetterOut letter(Verdict verdict, std::int64_t offset, const std::string& value) {
    Envelope envelope;
    envelope.key = "viewer";
    envelope.headers = {{"trace", "abc"}};
    LetterOut l;
    l.offset = Offset{offset};
    l.verdict = verdict;
    l.value = value;
    append_envelope(l.envelope, envelope);
    return l;
  }
  static Epoch epoch(std::size_t results, std::int64_t next) {
    Epoch e;
    for (std::size_t i = 0; i < results; ++i)
      e.results.push_back(result(std::string("g").append(std::to_string(i)), i + 1));
    e.offsets = {{PartitionIndex{0}, Offset{next}, "epoch"}};
    return e;
  }
  Acknowledged acknowledged;  // over all epochs of the test
  static constexpr int kProduce = 0;

  // As the pipeline does: what was aborted is made again. A partition that has refused a record has a gap in
  // librdkafka's sequence numbers, which aborts the next epoch that writes there too.
  Status run_again(const Epoch& e) {
    Status status;
    for (int tries = 0; tries < 2; ++tries) {
      acknowledged = {};
      if (status = run(e); status.code() != Code::kAborted) return status;
      if (Status aborted = sink->abort(); !aborted.ok()) return aborted;
    }
    acknowledged = {};
    return run(e);
  }
  Status run(const Epoch& e) {
    if (Status s = sink->begin(e); !s.ok()) return s;
    if (Status s = sink->write(e); !s.ok()) return s;
    return sink->commit(e, acknowledged);
  }
};

TEST_F(SinkTest, ResultsAreReadBackWithKeyValueAndHeaders) {
  open();
  const Epoch e = epoch(50, 42);
  const Status status = run(e);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto records = read_all(broker->brokers(), "popularity", 2);
  ASSERT_EQ(records.size(), 50u);
  std::map<std::string, const PlainRecord*> by_key;
  for (const auto& r : records) by_key[*r.key] = &r;
  ASSERT_EQ(by_key.size(), 50u);
  for (const ResultRecord& r : e.results) {
    std::string key;
    std::string value;
    append_result_key(key, job, r);
    append_result_json(value, job, r);
    ASSERT_EQ(by_key.count(key), 1u);
    EXPECT_EQ(by_key[key]->value, value);
    EXPECT_EQ(by_key[key]->header("ce_id"), std::string(key).append("#").append(std::to_string(revision_of(r))));
    EXPECT_EQ(by_key[key]->header("ce_source"), "/marquee/test");
    EXPECT_EQ(by_key[key]->header("content-type"), "application/json");
    // As Java's default partitioner places it.
    EXPECT_EQ(by_key[key]->partition,
              rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), 2, nullptr, nullptr));
  }
  EXPECT_EQ(acknowledged.results, 50u);
}

TEST_F(SinkTest, LettersGoToTheirTopicsWithWhatTheyCameWith) {
  open();
  Epoch e = epoch(0, 3);
  e.letters = {letter(Verdict::kMalformed, 1, "{bad"), letter(Verdict::kLate, 2, "{late}")};
  e.letters[0].element = 5;
  ASSERT_TRUE(run(e).ok());
  const auto dead = read_all(broker->brokers(), "dead", 1);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].key, "viewer");
  EXPECT_EQ(dead[0].value, "{bad");
  EXPECT_EQ(dead[0].header("trace"), "abc");
  EXPECT_EQ(dead[0].header("__connect.errors.topic"), "events");
  EXPECT_EQ(dead[0].header("__connect.errors.offset"), "1");
  EXPECT_EQ(dead[0].header("__connect.errors.exception.class.name"), "malformed");
  EXPECT_EQ(dead[0].header("marquee.element"), "5");
  const auto late = read_all(broker->brokers(), "late", 1);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].value, "{late}");
  EXPECT_EQ(late[0].header("__connect.errors.exception.class.name"), "late");
  EXPECT_EQ(acknowledged.letters_dead, 1u);
  EXPECT_EQ(acknowledged.letters_late, 1u);
}

TEST_F(SinkTest, LetterLargerThanItsTopicTakesIsCut) {
  open();
  Epoch e = epoch(0, 3);
  e.letters = {letter(Verdict::kMalformed, 1, std::string(2'000'000, 'x'))};
  ASSERT_TRUE(run(e).ok());
  const auto dead = read_all(broker->brokers(), "dead", 1);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_GT(dead[0].value->size(), 1'000'000u);
  EXPECT_LT(dead[0].value->size(), kTopicMessageBytesDefault);
  EXPECT_EQ(dead[0].header("marquee.truncated"), "2000000");
}

TEST_F(SinkTest, OversizedResultIsFinal) {
  open();
  Epoch e = epoch(1, 9);
  e.results[0].rows.assign(1, {std::string(1'100'000, 'i'), 1, 1});
  const Status status = run(e);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("max.message.bytes"), std::string::npos) << status.message();
  EXPECT_TRUE(sink->abort().ok());
  EXPECT_EQ(acknowledged.results, 0u);
}

TEST_F(SinkTest, BrokerAwayInTheMiddleOfACommitIsWaitedFor) {
  open();
  const Epoch first = epoch(1, 1);
  ASSERT_TRUE(run(first).ok());
  const Epoch e = epoch(200, 77);
  broker->take_down();
  ASSERT_TRUE(sink->begin(e).ok());
  ASSERT_TRUE(sink->write(e).ok());
  auto done = std::async(std::launch::async, [&] { return sink->commit(e, acknowledged); });
  EXPECT_TRUE(eventually([&] { return log.has("not acknowledged yet"); })) << "after two seconds without it";
  broker->bring_up();
  const Status status = done.get();
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_all(broker->brokers(), "popularity", 2).size(), 201u);
  EXPECT_EQ(acknowledged.results, 201u);
}

TEST_F(SinkTest, StopEndsTheWaitForAnAbsentBroker) {
  open(500);
  const Epoch e = epoch(10, 5);
  broker->take_down();
  ASSERT_TRUE(sink->begin(e).ok());
  ASSERT_TRUE(sink->write(e).ok());
  stop = true;
  const Status status = sink->commit(e, acknowledged);  // without a stop it waits as long as the broker is away
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(acknowledged.results, 0u);
}

TEST_F(SinkTest, ProduceErrorsThatPassAreRetried) {
  open();
  broker->fail_next(0, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__TRANSPORT});
  const Epoch e = epoch(100, 10);
  const Status status = run(e);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_GE(read_all(broker->brokers(), "popularity", 2).size(), 100u);
  EXPECT_EQ(acknowledged.results, 100u);
}

TEST_F(SinkTest, RefusedLetterIsTriedWithItsHeadersOnlyThenDropped) {
  open();
  Epoch e = epoch(0, 3);
  e.letters = {letter(Verdict::kMalformed, 1, "{bad")};
  // The first try: refused for its content, which aborts the epoch.
  broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  Status status = run(e);
  EXPECT_EQ(status.code(), Code::kAborted) << status.message();
  EXPECT_TRUE(log.has("the letter then has its headers only"));
  EXPECT_TRUE(sink->abort().ok());
  // The second is written with its headers only, and may arrive.
  status = run_again(e);
  ASSERT_TRUE(status.ok()) << status.message();
  auto dead = read_all(broker->brokers(), "dead", 1);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].value, std::nullopt);
  EXPECT_EQ(dead[0].header("marquee.truncated"), "4");
  EXPECT_EQ(dead[0].header("__connect.errors.offset"), "1");
  EXPECT_EQ(acknowledged.letters_dead, 1u);
  EXPECT_EQ(probe.letters_dropped.load(), 0u);

  // What has committed is forgotten: the same letter comes whole again.
  status = run(e);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_all(broker->brokers(), "dead", 1).back().value, "{bad");
}

TEST_F(SinkTest, LetterRefusedInBothFormsIsDroppedAndCounted) {
  open();
  Epoch e = epoch(0, 3);
  e.letters = {letter(Verdict::kMalformed, 1, "{bad")};
  // Each refusal is one of the letter's two; what else is aborted between them is not.
  for (int tries = 0; tries < 5 && probe.letters_dropped.load() == 0; ++tries) {
    broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    EXPECT_EQ(run(e).code(), Code::kAborted);
    EXPECT_TRUE(sink->abort().ok());
    if (tries == 0) {
      EXPECT_EQ(probe.letters_dropped.load(), 0u);
    }
  }
  EXPECT_EQ(probe.letters_dropped.load(), 1u);
  EXPECT_TRUE(log.has("with its headers only; dropped"));
  acknowledged = {};
  const Status status = run(e);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_all(broker->brokers(), "dead", 1).size(), 0u);
  EXPECT_EQ(acknowledged.letters_dead, 0u);
  EXPECT_EQ(probe.letters_dropped.load(), 1u) << "counted once";
}

TEST_F(SinkTest, RefusedLateLetterIsTreatedAlike) {
  open();
  Epoch e = epoch(0, 3);
  e.letters = {letter(Verdict::kLate, 1, "{late}")};
  broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_INVALID_RECORD});
  EXPECT_EQ(run(e).code(), Code::kAborted);
  EXPECT_TRUE(sink->abort().ok());
  const Status status = run_again(e);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto late = read_all(broker->brokers(), "late", 1);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].value, std::nullopt);
}

TEST_F(SinkTest, RefusedResultIsFinal) {
  open();
  broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  const Status status = run(epoch(1, 9));
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("the result [\"trending\""), std::string::npos) << status.message();
}

// librdkafka only says that it gave the records up.
TEST_F(SinkTest, EpochThatMayNotBeWrittenSaysWhichPermissionIsMissing) {
  open();
  constexpr int kAddPartitionsToTxn = 24;
  broker->fail_next(kAddPartitionsToTxn, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  const Status status = run(epoch(5, 9));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("Write and Describe on every topic"), std::string::npos) << status.message();
}

TEST_F(SinkTest, EpochAfterAFailedOneStartsClean) {
  open();
  broker->fail_next(kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
  ASSERT_FALSE(run(epoch(1, 9)).ok());
  ASSERT_TRUE(sink->abort().ok());
  const Status status = run_again(epoch(20, 12));
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(acknowledged.results, 20u);
}

TEST_F(SinkTest, MissingBrokerAtOpenSetsTheReasonUntilStop) {
  broker = start_broker({{"events", 1}});
  KafkaSinkConfig c = sink_config();
  c.brokers = "127.0.0.1:1";
  make_sink(c);
  auto opened = std::async(std::launch::async, [&] { return sink->open(stop); });
  EXPECT_TRUE(eventually([&] { return probe.reason().find("127.0.0.1:1 does not answer") != std::string::npos; }));
  stop = true;
  EXPECT_EQ(opened.get().code(), Code::kUnavailable);
}

TEST_F(SinkTest, MissingTopicSaysTheCommandThatMakesIt) {
  broker = start_broker({{"events", 1}});
  make_sink(sink_config());
  auto opened = std::async(std::launch::async, [&] { return sink->open(stop); });
  EXPECT_TRUE(eventually([&] {
    return log.has("kafka-topics.sh --bootstrap-server " + broker->brokers() +
                   " --create --topic popularity --partitions 4 --config cleanup.policy=compact,delete");
  }));
  for (const char* topic : {"popularity", "dead", "late"}) ASSERT_TRUE(broker->create_topic(topic, 1).ok());
  const Status status = opened.get();
  EXPECT_TRUE(status.ok()) << status.message();
}

}  // namespace
}  // namespace marquee::testing
