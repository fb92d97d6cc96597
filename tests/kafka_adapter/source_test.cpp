// KafkaSource on the embedded broker. Partitions added while running, a missing topic and group membership need a real
// broker (the embedded one makes any topic it is asked about, and cannot grow one): tests/kafka has them. So do offsets
// that a transaction has committed (the embedded one forgets them): transactions_test.cpp.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <future>
#include <set>
#include <thread>

#include "kafka/kafka_source.hpp"
#include "kafka_adapter/world.hpp"

namespace marquee::testing {
namespace {

struct SourceTest : ::testing::Test {
  MemoryLog log;
  Probe probe;
  std::atomic<bool> stop{false};

  KafkaSourceConfig config(const std::string& brokers, std::vector<std::string> topics = {"events"}) {
    KafkaSourceConfig c;
    c.brokers = brokers;
    c.topics = std::move(topics);
    c.group = "test";
    c.metadata_every_ms = 500;
    return c;
  }
  std::vector<PartitionStart> open(KafkaSource& source, std::size_t lanes = 1) {
    const Status opened = source.open(lanes, stop);
    EXPECT_TRUE(opened.ok()) << opened.message();
    if (!opened.ok()) return {};
    Result<std::vector<PartitionStart>> starts = source.starts();
    EXPECT_TRUE(starts.ok()) << starts.status().message();
    if (!starts.ok()) return {};
    const Status status = source.seek(starts.value());
    EXPECT_TRUE(status.ok()) << status.message();
    return starts.value();
  }
  // What starts() says where it should not be ok.
  Status refusal(KafkaSource& source) {
    if (Status s = source.open(1, stop); !s.ok()) return s;
    return source.starts().status();
  }
  static std::string value(std::int64_t i) { return std::string("value-").append(std::to_string(i)); }
  static std::vector<PlainRecord> numbered(int from, int to) {
    std::vector<PlainRecord> records;
    for (int i = from; i < to; ++i) records.push_back({0, std::nullopt, value(i), {}});
    return records;
  }
};

TEST_F(SourceTest, EachPartitionIsReadInOrderOnOneLane) {
  const auto broker = start_broker({{"events", 4}, {"more", 1}});
  for (int p = 0; p < 4; ++p) produce(broker->brokers(), "events", p, numbered(0, 5000));
  produce(broker->brokers(), "more", 0, numbered(0, 10));
  KafkaSource source(config(broker->brokers(), {"events", "more"}), log, probe);
  const auto starts = open(source, 3);
  ASSERT_EQ(starts.size(), 5u);
  EXPECT_EQ(starts[4].topic, "more");
  for (const auto& start : starts) {
    EXPECT_TRUE(start.at_beginning);
    EXPECT_EQ(raw(start.offset), 0);
  }
  std::vector<Collected> lanes(3);
  std::vector<std::thread> threads;
  std::atomic<std::size_t> total{0};
  for (std::size_t l = 0; l < 3; ++l) {
    threads.emplace_back([&, l] {
      std::size_t counted = 0;
      EXPECT_TRUE(eventually([&] {
        read_once(source.lane(l), lanes[l], {}, 64 << 10);
        total += lanes[l].count() - counted;
        counted = lanes[l].count();
        return total >= 20'010;
      }));
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(total, 20'010u);
  std::set<std::uint32_t> seen;
  for (const Collected& lane : lanes) {
    for (const auto& [partition, messages] : lane.messages) {
      EXPECT_TRUE(seen.insert(partition).second) << "on two lanes";
      std::int64_t offset = 0;
      for (const auto& m : messages) {
        EXPECT_EQ(m.offset, offset);
        EXPECT_EQ(m.value, value(offset));
        EXPECT_GT(m.timestamp_ms, 1'600'000'000'000);
        ++offset;
      }
    }
  }
  EXPECT_EQ(seen.size(), 5u);
}

// What carry_over() leaves in a fresh batch are spans in an order of its own.
TEST_F(SourceTest, BatchBegunWithSpansOfAnotherOrderKeepsOneSpanAPartition) {
  const auto broker = start_broker({{"events", 2}});
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(0, 10));
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  const auto read_until = [&](Batch& batch, std::size_t messages) {
    return eventually([&] {
      const auto read = source.lane(0).read(batch, 1 << 20, std::chrono::milliseconds(50));
      return !read.ok() || batch.messages.size() >= messages;
    });
  };
  Batch first({});
  ASSERT_TRUE(read_until(first, 20));
  ASSERT_EQ(first.spans.size(), 2u);
  Batch second({});
  for (std::size_t i = 2; i-- > 0;) {
    PartitionSpan span;
    span.partition = first.spans[i].partition;
    span.first = span.next = first.spans[i].next;
    second.spans.push_back(span);
  }
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(10, 15));
  ASSERT_TRUE(read_until(second, 10));
  ASSERT_EQ(second.spans.size(), 2u);
  for (const PartitionSpan& span : second.spans) EXPECT_EQ(raw(span.next), 15);
}

TEST_F(SourceTest, RestartGoesOnAtTheCommittedOffsetWithItsMetadata) {
  const auto broker = start_broker({{"events", 2}});
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(0, 100));
  commit_plainly(broker->brokers(), "events", 0, 40, "w=1763800000000");
  commit_plainly(broker->brokers(), "events", 1, 100, "");
  KafkaSource source(config(broker->brokers()), log, probe);
  const auto starts = open(source);
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(raw(starts[0].offset), 40);
  EXPECT_EQ(starts[0].metadata, "w=1763800000000");
  EXPECT_FALSE(starts[0].at_beginning);
  EXPECT_TRUE(starts[0].committed && starts[1].committed);
  EXPECT_FALSE(starts[0].gap || starts[1].gap);
  EXPECT_EQ(raw(starts[1].offset), 100);
  EXPECT_EQ(starts[1].metadata, "");
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.at_end[0] && got.at_end[1];
  }));
  ASSERT_EQ(got.messages[0].size(), 60u);
  EXPECT_EQ(got.messages[0][0].offset, 40);
  EXPECT_TRUE(got.messages[1].empty());
  EXPECT_EQ(got.next[1], 100);
}

TEST_F(SourceTest, LatestStartsAtTheEndUntilThatIsCommitted) {
  const auto broker = start_broker({{"events", 2}});
  produce(broker->brokers(), "events", 0, numbered(0, 100));
  KafkaSourceConfig latest = config(broker->brokers());
  latest.start = KafkaStart::kLatest;
  {
    KafkaSource source(latest, log, probe);
    const auto starts = open(source);
    EXPECT_EQ(raw(starts.at(0).offset), 100);
    EXPECT_FALSE(starts.at(0).at_beginning);
    EXPECT_FALSE(starts.at(0).committed);
    EXPECT_TRUE(starts.at(1).at_beginning) << "its end is its beginning";
  }
  commit_plainly(broker->brokers(), "events", 0, 100, "");
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(100, 103));
  KafkaSource source(latest, log, probe);
  const auto starts = open(source);
  EXPECT_EQ(raw(starts.at(0).offset), 100) << "records that came while we were away would be lost";
  EXPECT_TRUE(starts.at(0).committed);
  EXPECT_EQ(raw(starts.at(1).offset), 0) << "new to a group that has read its topic: from its beginning";
  EXPECT_FALSE(starts.at(1).committed);
}

TEST_F(SourceTest, StartsMayBeAskedAgainAndSayWhatIsCommittedNow) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, numbered(0, 10));
  KafkaSource source(config(broker->brokers()), log, probe);
  EXPECT_FALSE(open(source).at(0).committed);
  commit_plainly(broker->brokers(), "events", 0, 4, "second");
  const auto starts = source.starts();
  ASSERT_TRUE(starts.ok()) << starts.status().message();
  EXPECT_EQ(raw(starts.value().at(0).offset), 4);
  EXPECT_EQ(starts.value().at(0).metadata, "second");
  ASSERT_TRUE(source.seek(starts.value()).ok());
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.at_end[0];
  }));
  ASSERT_EQ(got.messages[0].size(), 6u);
  EXPECT_EQ(got.messages[0][0].offset, 4);
}

TEST_F(SourceTest, EndIsToldUntilMoreRecordsCome) {
  const auto broker = start_broker({{"events", 1}});
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.at_end[0];
  }));
  EXPECT_EQ(got.next[0], 0);
  EXPECT_TRUE(source.healthy(PartitionIndex{0}));
  produce(broker->brokers(), "events", 0, numbered(0, 3));
  Batch batch(BatchShape{});  // one batch over many reads: the end behind the records stands last
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(source.lane(0).read(batch, 1 << 20, std::chrono::milliseconds(20)).ok());
    return batch.spans.size() == 1 && batch.spans[0].next == Offset{3} && batch.spans[0].at_end;
  }));
  produce(broker->brokers(), "events", 0, numbered(3, 4));
  std::int64_t next = 3;
  EXPECT_TRUE(eventually([&] {
    const bool was_at_end = batch.spans[0].at_end;
    EXPECT_TRUE(source.lane(0).read(batch, 1, std::chrono::milliseconds(20)).ok());
    if (raw(batch.spans[0].next) != next) {
      next = raw(batch.spans[0].next);
      EXPECT_TRUE(was_at_end);
      EXPECT_FALSE(batch.spans[0].at_end) << "a record came behind the end";
    }
    return next == 4;
  }));
}

TEST_F(SourceTest, FullArenaKeepsTheRestForTheNextBatch) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, numbered(0, 2000));
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  BatchShape small;
  small.arena_bytes = 256;
  Collected got;
  bool was_full = false;
  EXPECT_TRUE(eventually([&] {
    was_full |= read_once(source.lane(0), got, small) == ReadOutcome::kFull;
    return got.count() >= 2000;
  }));
  EXPECT_TRUE(was_full);
  for (std::size_t i = 0; i < got.messages[0].size(); ++i) {
    EXPECT_EQ(got.messages[0][i].offset, static_cast<std::int64_t>(i));
  }
}

TEST_F(SourceTest, BytesMaxEndsARead) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, numbered(0, 1000));
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  Collected got;
  EXPECT_TRUE(eventually([&] {
    const std::size_t before = got.count();
    read_once(source.lane(0), got, {}, 50);
    EXPECT_LE(got.count() - before, 7u);
    return got.count() == 1000;
  }));
}

TEST_F(SourceTest, HugeMessageNullAndEmptyValuesArrive) {
  const auto broker = start_broker({{"events", 1}});
  const std::string huge(900'000, 'x');
  produce(broker->brokers(), "events", 0,
          {{0, std::nullopt, huge, {}}, {0, "key", std::nullopt, {}}, {0, std::nullopt, "", {}}});
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  BatchShape small;
  small.arena_bytes = 4096;
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got, small);
    return got.count() == 3;
  }));
  EXPECT_EQ(got.messages[0][0].value, huge);
  EXPECT_EQ(got.messages[0][1].value, "");
  EXPECT_EQ(got.messages[0][2].value, "");
}

TEST_F(SourceTest, KeyAndHeadersAreKeptWhereLettersGoSomewhere) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, {{0, "k", "v", {{"trace", "abc"}, {"null", std::nullopt}}}});
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got, {}, 1 << 20, true);
    return got.count() == 1;
  }));
  const Envelope envelope = decode_envelope(got.messages[0][0].envelope);
  EXPECT_EQ(envelope.key, "k");
  ASSERT_EQ(envelope.headers.size(), 2u);
  EXPECT_EQ(envelope.headers[0].name, "trace");
  EXPECT_EQ(envelope.headers[0].value, "abc");
  EXPECT_EQ(envelope.headers[1].value, std::nullopt);
}

TEST_F(SourceTest, EveryCompressionIsRead) {
  for (const std::string codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    SCOPED_TRACE(codec);
    const auto broker = start_broker({{"events", 1}});
    produce(broker->brokers(), "events", 0, numbered(0, 500), {{"compression.type", codec}, {"linger.ms", "50"}});
    KafkaSource source(config(broker->brokers()), log, probe);
    open(source);
    Collected got;
    EXPECT_TRUE(eventually([&] {
      read_once(source.lane(0), got);
      return got.count() == 500;
    }));
    EXPECT_EQ(got.messages[0].back().value, "value-499");
  }
}

TEST_F(SourceTest, SeekGoesBackAndForthAndDropsWhatWasQueued) {
  const auto broker = start_broker({{"events", 2}});
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(0, 3000));
  KafkaSource source(config(broker->brokers()), log, probe);
  auto starts = open(source);
  for (const std::int64_t target : {0, 1234, 7, 2999, 0}) {
    SCOPED_TRACE(target);
    Collected before;
    EXPECT_TRUE(eventually([&] {
      read_once(source.lane(0), before, {}, 1000);
      return before.count() > 0;
    }));
    for (auto& start : starts) start.offset = Offset{target};
    ASSERT_TRUE(source.seek(starts).ok());
    Collected after;
    EXPECT_TRUE(eventually([&] {
      read_once(source.lane(0), after);
      return after.at_end[0] && after.at_end[1];
    }));
    for (const std::uint32_t p : {0u, 1u}) {
      ASSERT_EQ(after.messages[p].size(), static_cast<std::size_t>(3000 - target));
      std::int64_t offset = target;
      for (const auto& m : after.messages[p]) EXPECT_EQ(m.offset, offset++);
    }
    for (auto& start : starts) start.offset = Offset{0};
    ASSERT_TRUE(source.seek(starts).ok());
  }
}

// It keeps 5 MiB a partition: what was committed, 0, is below the beginning then.
std::unique_ptr<EmbeddedBroker> broker_with_a_gap() {
  auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, values({"first"}));
  commit_plainly(broker->brokers(), "events", 0, 0, "meta");
  produce(broker->brokers(), "events", 0,
          std::vector<PlainRecord>(80, {0, std::nullopt, std::string(100'000, 'x'), {}}));
  return broker;
}

TEST_F(SourceTest, CommittedOffsetBelowTheBeginningStopsUs) {
  const auto broker = broker_with_a_gap();
  KafkaSource source(config(broker->brokers()), log, probe);
  const Status status = refusal(source);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("topic events, partition 0: offsets 0 to "), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("source.on_gap = \"continue\""), std::string::npos) << status.message();
  EXPECT_EQ(probe.gap_messages.load(), 0u);
}

TEST_F(SourceTest, CommittedOffsetBelowTheBeginningIsAGapToGoOnBehind) {
  const auto broker = broker_with_a_gap();
  KafkaSourceConfig c = config(broker->brokers());
  c.on_gap = KafkaOnGap::kContinue;
  KafkaSource source(c, log, probe);
  const auto starts = open(source);
  EXPECT_GT(raw(starts.at(0).offset), 0);
  EXPECT_FALSE(starts.at(0).at_beginning);
  EXPECT_TRUE(starts.at(0).gap);
  EXPECT_TRUE(starts.at(0).committed);
  EXPECT_EQ(starts.at(0).metadata, "meta");
  EXPECT_TRUE(log.has("retention has removed records that were not read"));
  EXPECT_EQ(probe.gap_messages.load(), static_cast<std::uint64_t>(raw(starts[0].offset)));
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.at_end[0];
  }));
  EXPECT_EQ(got.messages[0].at(0).offset, raw(starts[0].offset));
  EXPECT_EQ(got.next[0], 81);
}

TEST_F(SourceTest, CommittedOffsetAboveTheEndIsAnError) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, numbered(0, 1));
  commit_plainly(broker->brokers(), "events", 0, 1000, "");
  KafkaSource source(config(broker->brokers()), log, probe);
  const Status status = refusal(source);
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("Set another source.group"), std::string::npos) << status.message();
}

TEST_F(SourceTest, MissingBrokerSetsTheReasonUntilStop) {
  KafkaSource source(config("127.0.0.1:1"), log, probe);
  auto opened = std::async(std::launch::async, [&] { return source.open(1, stop); });
  EXPECT_TRUE(eventually([&] { return probe.reason().find("127.0.0.1:1 does not answer") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return log.has("is it running"); }));
  stop = true;
  EXPECT_EQ(opened.get().code(), Code::kUnavailable);
}

TEST_F(SourceTest, BrokerThatComesLaterIsFound) {
  const auto broker = start_broker({{"events", 1}});
  produce(broker->brokers(), "events", 0, numbered(0, 1));
  broker->take_down();
  probe.set_reason("");
  KafkaSource source(config(broker->brokers()), log, probe);
  auto opened = std::async(std::launch::async, [&] { return source.open(1, stop); });
  EXPECT_TRUE(eventually([&] { return !probe.reason().empty(); }));
  broker->bring_up();
  ASSERT_TRUE(opened.get().ok());
  EXPECT_EQ(probe.reason(), "");
  const auto starts = source.starts();
  ASSERT_TRUE(starts.ok() && source.seek(starts.value()).ok());
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.count() == 1;
  }));
}

TEST_F(SourceTest, LostBrokerMakesItsPartitionsUnhealthyUntilItIsBack) {
  const auto broker = start_broker({{"events", 1}});
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  Collected got;
  const auto healthy = [&] {
    read_once(source.lane(0), got);
    return source.healthy(PartitionIndex{0});
  };
  EXPECT_TRUE(eventually([&] { return healthy() && got.at_end[0]; }));
  broker->take_down();
  EXPECT_TRUE(eventually([&] { return !healthy(); }));
  broker->bring_up();
  EXPECT_TRUE(eventually(healthy)) << "an empty partition is well again without a record";
}

TEST_F(SourceTest, StalledBrokerMakesItsPartitionsUnhealthy) {
  const auto broker = start_broker({{"events", 1}});
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.at_end[0] && source.healthy(PartitionIndex{0});
  }));
  broker->set_round_trip_ms(60'000);  // connected, but silent
  EXPECT_TRUE(eventually([&] { return !source.healthy(PartitionIndex{0}); }));
}

TEST_F(SourceTest, LagIsMeasured) {
  const auto broker = start_broker({{"events", 2}});
  for (int p = 0; p < 2; ++p) produce(broker->brokers(), "events", p, numbered(0, 50));
  KafkaSource source(config(broker->brokers()), log, probe);
  open(source);
  EXPECT_TRUE(eventually([&] { return probe.lag_messages.load() == 100; }));
  Collected got;
  EXPECT_TRUE(eventually([&] {
    read_once(source.lane(0), got);
    return got.count() == 100;
  }));
  EXPECT_TRUE(eventually([&] { return probe.lag_messages.load() == 0; }));
}

TEST_F(SourceTest, StopEndsTheWaitForCommittedOffsets) {
  const auto broker = start_broker({{"events", 1}});
  KafkaSource source(config(broker->brokers()), log, probe);
  ASSERT_TRUE(source.open(1, stop).ok());
  broker->take_down();
  auto asked = std::async(std::launch::async, [&] { return source.starts().status(); });
  EXPECT_TRUE(eventually([&] { return probe.reason().find("committed offsets of group test") != std::string::npos; }));
  stop = true;
  EXPECT_EQ(asked.get().code(), Code::kUnavailable);
}

TEST_F(SourceTest, SettingsThatAreOursOrUnknownAreRefusedWithoutSecrets) {
  KafkaSourceConfig c = config("127.0.0.1:1");
  c.extra = {{"enable.auto.commit", "true"}};
  const Status ours = KafkaSource(c, log, probe).open(1, stop);
  EXPECT_EQ(ours.code(), Code::kConfig);
  EXPECT_NE(ours.message().find("[source.kafka] enable.auto.commit"), std::string::npos) << ours.message();
  c.extra = {{"fetch.wait.max.milliseconds", "1"}};
  const Status unknown = KafkaSource(c, log, probe).open(1, stop);
  EXPECT_EQ(unknown.code(), Code::kConfig);
  EXPECT_NE(unknown.message().find("fetch.wait.max.milliseconds"), std::string::npos) << unknown.message();
  c.extra = {{"ssl.key.pem", "hunter2"}, {"security.protocol", "ssl"}};
  const Status secret = KafkaSource(c, log, probe).open(1, stop);
  EXPECT_FALSE(secret.ok());
  EXPECT_EQ(secret.message().find("hunter2"), std::string::npos) << secret.message();
}

}  // namespace
}  // namespace marquee::testing
