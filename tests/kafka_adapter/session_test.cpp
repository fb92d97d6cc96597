// ProducerSession on the embedded broker, which fails requests as it is told: which error is tried again, which aborts
// the epoch, which ends the session, which ends the process. The embedded broker's transactions are a façade, so
// nothing here proves exactly-once: it proves how errors are sorted. transactions_test.cpp has a real broker.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <future>

#include "kafka/producer_session.hpp"
#include "kafka/topics.hpp"
#include "kafka_adapter/world.hpp"

namespace marquee::testing {
namespace {

// Kafka's numbers of requests.
constexpr int kProduce = 0;
constexpr int kInitProducerId = 22;
constexpr int kAddPartitionsToTxn = 24;
constexpr int kAddOffsetsToTxn = 25;
constexpr int kEndTxn = 26;
constexpr int kTxnOffsetCommit = 28;

struct SessionTest : ::testing::Test {
  MemoryLog log;
  Probe probe;
  std::atomic<bool> stop{false};
  std::unique_ptr<EmbeddedBroker> broker = start_broker({{"events", 1}, {"out", 1}});
  std::unique_ptr<KafkaSource> source;
  std::unique_ptr<ProducerSession> session;

  void open(std::int64_t leave_within_ms = 4000) {
    KafkaSourceConfig of_source;
    of_source.brokers = broker->brokers();
    of_source.topics = {"events"};
    of_source.group = "test";
    of_source.leave_within_ms = leave_within_ms;
    source = std::make_unique<KafkaSource>(of_source, log, probe);
    ASSERT_TRUE(source->open(1, stop).ok());
    KafkaSinkConfig config;
    config.brokers = broker->brokers();
    config.group = "test";
    session = std::make_unique<ProducerSession>(config, *source, log, probe);
    session->add_topic("out", kTopicMessageBytesDefault, false);
  }
  void acquire() {
    open();
    const Status status = session->acquire(stop);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  Status produce_one() {
    OutRecord record;
    record.value = "value";
    if (Status s = session->produce("out", -1, record, {}); !s.ok()) return s;
    if (Status s = session->wait_for_answers(); !s.ok()) return s;
    const int error = session->sent().back().error;
    if (error == 0) return {};
    const Status why = session->failure();
    return why.ok() ? Status{Code::kAborted, rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(error))} : why;
  }
  // One epoch: a record, offsets, and the end.
  Status epoch() {
    if (Status s = session->begin(); !s.ok()) return s;
    if (Status s = produce_one(); !s.ok()) return s;
    if (Status s = session->send_offsets({{PartitionIndex{0}, Offset{0}, "m"}}); !s.ok()) return s;
    return session->commit();
  }
};

struct Injected {
  const char* name;
  int request;
  std::vector<int> errors;
  Code code;
  const char* sentence;  // part of it
};

void PrintTo(const Injected& injected, std::ostream* out) {
  *out << injected.name;
}

struct EpochErrorTest : SessionTest, ::testing::WithParamInterface<Injected> {};

// Whatever it is, it is said by the epoch that it happens in; and where the session lives on, abort() is ok and the
// next epoch too.
TEST_P(EpochErrorTest, IsSortedAndAnswered) {
  const Injected& injected = GetParam();
  acquire();
  broker->fail_next(injected.request, injected.errors);
  Status status = epoch();
  EXPECT_EQ(status.code(), injected.code) << status.message();
  EXPECT_NE(status.message().find(injected.sentence), std::string::npos) << status.message();
  if (!status.ok()) {
    status = session->abort();
    if (injected.code == Code::kLost) {
      EXPECT_EQ(status.code(), Code::kLost) << "only acquire() can settle it: " << status.message();
      ASSERT_TRUE(session->acquire(stop).ok());
    } else {
      EXPECT_TRUE(status.ok()) << status.message();
    }
  }
  status = epoch();
  EXPECT_TRUE(status.ok()) << status.message();
}

INSTANTIATE_TEST_SUITE_P(
    Injected, EpochErrorTest,
    ::testing::Values(
        // What passes is tried again, and nobody hears of it.
        Injected{"ProducePasses",
                 kProduce,
                 {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                  RD_KAFKA_RESP_ERR__TRANSPORT},
                 Code::kOk,
                 ""},
        Injected{"AddPartitionsPasses",
                 kAddPartitionsToTxn,
                 {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                  RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR__TRANSPORT},
                 Code::kOk,
                 ""},
        Injected{"AddOffsetsPasses",
                 kAddOffsetsToTxn,
                 {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                  RD_KAFKA_RESP_ERR__TRANSPORT},
                 Code::kOk,
                 ""},
        Injected{"OffsetCommitPasses",
                 kTxnOffsetCommit,
                 {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
                 Code::kOk,
                 ""},
        Injected{"OffsetCommitLosesItsConnection", kTxnOffsetCommit, {RD_KAFKA_RESP_ERR__TRANSPORT}, Code::kOk, ""},
        Injected{"EndTxnPasses",
                 kEndTxn,
                 {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                  RD_KAFKA_RESP_ERR__TRANSPORT},
                 Code::kOk,
                 ""},
        // What ends this transaction, and no more.
        Injected{"AddPartitionsMappingGone",
                 kAddPartitionsToTxn,
                 {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
                 Code::kAborted,
                 "does not let us"},
        Injected{"OffsetsTooLarge",
                 kTxnOffsetCommit,
                 {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE},
                 Code::kAborted,
                 "does not let us commit offsets of group test"},
        // A newer producer, or a transaction that the broker has ended by its time-out.
        Injected{"AddPartitionsFenced", kAddPartitionsToTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED}, Code::kLost, ""},
        Injected{"AddOffsetsFenced", kAddOffsetsToTxn, {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}, Code::kLost, ""},
        Injected{"OffsetCommitFenced", kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}, Code::kLost, ""},
        Injected{"EndTxnFenced", kEndTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED}, Code::kLost, ""},
        Injected{"EndTxnInvalidState", kEndTxn, {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}, Code::kLost, ""},
        // A subscribed consumer in the group.
        Injected{"GroupHasMembers",
                 kTxnOffsetCommit,
                 {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID},
                 Code::kConfig,
                 "set another source.group"},
        Injected{"GroupIsAtWork",
                 kTxnOffsetCommit,
                 {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION},
                 Code::kConfig,
                 "set another source.group"},
        // What this user may not do, said with what is missing.
        Injected{"TopicForbidden",
                 kAddPartitionsToTxn,
                 {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
                 Code::kUnavailable,
                 "Write and Describe on every topic"},
        Injected{"GroupForbidden",
                 kTxnOffsetCommit,
                 {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED},
                 Code::kUnavailable,
                 "Read on group test"},
        Injected{"GroupForbiddenAtOnce",
                 kAddOffsetsToTxn,
                 {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED},
                 Code::kUnavailable,
                 "Read on group test"}),
    [](const auto& of) { return std::string(of.param.name); });

struct AcquireErrorTest : SessionTest, ::testing::WithParamInterface<Injected> {};

TEST_P(AcquireErrorTest, IsSorted) {
  const Injected& injected = GetParam();
  open();
  broker->fail_next(injected.request, injected.errors);
  const Status status = session->acquire(stop);
  EXPECT_EQ(status.code(), injected.code) << status.message();
  EXPECT_NE(status.message().find(injected.sentence), std::string::npos) << status.message();
  if (!status.ok()) {
    const Status again = session->acquire(stop);
    EXPECT_TRUE(again.ok()) << "the error has passed: " << again.message();
  }
  const Status next = epoch();
  EXPECT_TRUE(next.ok()) << next.message();
}

INSTANTIATE_TEST_SUITE_P(
    Injected, AcquireErrorTest,
    ::testing::Values(Injected{"Passes",
                               kInitProducerId,
                               {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR__TRANSPORT},
                               Code::kOk,
                               ""},
                      Injected{"IdForbidden",
                               kInitProducerId,
                               {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
                               Code::kUnavailable,
                               "on the transactional id marquee-test"},
                      Injected{"ClusterForbidden",
                               kInitProducerId,
                               {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED},
                               Code::kUnavailable,
                               "IdempotentWrite"},
                      Injected{"TimeoutTooLong",
                               kInitProducerId,
                               {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT},
                               Code::kConfig,
                               "transaction.max.timeout.ms"}),
    [](const auto& of) { return std::string(of.param.name); });

TEST_F(SessionTest, AbortOfAnEpochThatNeverBeganIsOk) {
  acquire();
  EXPECT_TRUE(session->abort().ok());
  EXPECT_TRUE(epoch().ok());
}

TEST_F(SessionTest, AbortIsTriedAgainWhileTheCoordinatorMoves) {
  acquire();
  ASSERT_TRUE(session->begin().ok());
  ASSERT_TRUE(produce_one().ok());
  broker->fail_next(kEndTxn, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                              RD_KAFKA_RESP_ERR__TRANSPORT});
  const Status status = session->abort();
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(epoch().ok());
}

TEST_F(SessionTest, AbortThatFindsAnotherProducerIsALostSession) {
  acquire();
  ASSERT_TRUE(session->begin().ok());
  ASSERT_TRUE(produce_one().ok());
  broker->fail_next(kEndTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED});
  EXPECT_EQ(session->abort().code(), Code::kLost);
  ASSERT_TRUE(session->acquire(stop).ok());
  EXPECT_TRUE(epoch().ok());
}

// Whatever an epoch waits for: with the broker away and a stop, it is given up within leave_within_ms; then abort()
// too.
struct LeaveTest : SessionTest, ::testing::WithParamInterface<const char*> {};

TEST_P(LeaveTest, EndsTheWaitForABrokerThatIsAway) {
  const std::string at = GetParam();
  open(200);
  if (at == "acquire") {
    broker->take_down();
    auto acquired = std::async(std::launch::async, [&] { return session->acquire(stop); });
    EXPECT_TRUE(eventually([&] { return log.has("waiting for the transactional id marquee-test"); }));
    stop = true;
    EXPECT_EQ(acquired.get().code(), Code::kUnavailable);
    return;
  }
  ASSERT_TRUE(session->acquire(stop).ok());
  ASSERT_TRUE(session->begin().ok());
  ASSERT_TRUE(produce_one().ok());
  if (at == "commit") {
    ASSERT_TRUE(session->send_offsets({{PartitionIndex{0}, Offset{0}, ""}}).ok());
  }
  broker->take_down();
  auto waits = std::async(std::launch::async, [&]() -> Status {
    if (at == "flush") {
      OutRecord record;
      record.value = "value";
      if (Status s = session->produce("out", -1, record, {}); !s.ok()) return s;
      return session->wait_for_answers();
    }
    if (at == "offsets") return session->send_offsets({{PartitionIndex{0}, Offset{0}, ""}});
    if (at == "commit") return session->commit();
    return session->abort();
  });
  EXPECT_TRUE(eventually([&] { return !probe.reason().empty() && probe.reason() != "starting"; })) << "it says why";
  stop = true;
  const Status status = waits.get();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.message();
  EXPECT_NE(status.message().find("will be read again"), std::string::npos) << status.message();
  EXPECT_EQ(session->abort().code(), Code::kUnavailable) << "and so does what leaving does";
}

INSTANTIATE_TEST_SUITE_P(Waits, LeaveTest, ::testing::Values("acquire", "flush", "offsets", "commit", "abort"),
                         [](const auto& of) { return std::string(of.param); });

// The broker comes back: what waited goes on, as if nothing had been.
struct ReturnTest : LeaveTest {};

TEST_P(ReturnTest, EpochGoesOnWhereItWaited) {
  const std::string at = GetParam();
  acquire();
  ASSERT_TRUE(session->begin().ok());
  ASSERT_TRUE(produce_one().ok());
  if (at == "commit") {
    ASSERT_TRUE(session->send_offsets({{PartitionIndex{0}, Offset{0}, ""}}).ok());
  }
  broker->take_down();
  auto waits = std::async(std::launch::async, [&]() -> Status {
    if (at == "abort") return session->abort();
    if (at == "offsets") {
      if (Status s = session->send_offsets({{PartitionIndex{0}, Offset{0}, ""}}); !s.ok()) return s;
    }
    return session->commit();
  });
  EXPECT_TRUE(eventually([&] { return !probe.reason().empty() && probe.reason() != "starting"; }));
  broker->bring_up();
  const Status status = waits.get();
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(probe.reason(), "starting") << "as it was before";
  EXPECT_TRUE(epoch().ok());
}

INSTANTIATE_TEST_SUITE_P(Waits, ReturnTest, ::testing::Values("offsets", "commit", "abort"),
                         [](const auto& of) { return std::string(of.param); });

TEST_F(SessionTest, SettingsThatAreOursAreRefused) {
  open();
  KafkaSinkConfig config;
  config.brokers = broker->brokers();
  config.group = "test";
  for (const char* ours : {"transactional.id", "enable.idempotence", "acks", "message.timeout.ms"}) {
    config.extra = {{ours, "1"}};
    ProducerSession refused(config, *source, log, probe);
    refused.add_topic("out", kTopicMessageBytesDefault, false);
    const Status status = refused.acquire(stop);
    EXPECT_EQ(status.code(), Code::kConfig);
    EXPECT_NE(status.message().find(std::string("[sink.kafka] ") + ours), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace marquee::testing
