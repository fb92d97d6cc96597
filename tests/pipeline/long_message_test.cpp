// Messages with more events than a batch holds, and than the whole pool holds: one batch, one cut, for any number of
// lanes, with the smallest pool and an engine that keeps batches for as long as it may.
#include <gtest/gtest.h>

#include <set>

#include "pipeline/flow_world.hpp"
#include "pipeline/holding_engine.hpp"

namespace marquee::test {
namespace {

constexpr std::uint32_t kBatchEvents = 16;

std::string partition_name(std::size_t p) {
  return "p" + std::to_string(p);
}

// A message of `events` events of the partition's own group, with a bad record in its middle.
FakeMessage packed(std::size_t partition, std::size_t events, bool array) {
  std::string s = array ? " [" : "";
  const char* const between = array ? ",\n" : "\n";
  for (std::size_t i = 0; i < events; ++i) {
    if (i > 0) s += between;
    if (i == events / 2) s += std::string("{\"id\":1.5,\"at\":") + std::to_string(partition) + "}" + between;
    s += event("i" + std::to_string(i * i % 23), static_cast<EventTimeMs>(10 + i % 900), partition_name(partition))
             .value;
  }
  return {s + (array ? "]" : ""), -1};
}

// One window that stays open, so that every epoch brings each group's events so far.
JobSpec one_window_job() {
  JobSpec job = base_job();
  job.leaderboards[0].window = {WindowKind::kTumbling, 1'000'000, 1'000'000, 0};
  return job;
}

struct LongWorld : World {
  explicit LongWorld(std::size_t lanes, bool holding, JobSpec j = one_window_job()) : World(std::move(j)) {
    options.lanes = lanes;
    options.batches = 0;  // the smallest pool there may be
    options.batch_events = kBatchEvents;
    options.batch_bytes = 4096;
    options.keep_dead_letters = true;
    if (holding) {
      engine = [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
        return std::unique_ptr<Engine>(std::make_unique<HoldingEngine>(c));
      };
    }
  }
  std::size_t pool_events() const { return batches_min(options.lanes) * options.batch_events; }
};

class LongMessage : public testing::TestWithParam<std::tuple<std::size_t, bool>> {
 protected:
  std::size_t lanes() const { return std::get<0>(GetParam()); }
  bool holding() const { return std::get<1>(GetParam()); }
};

// Every epoch is due at once: so one ends as soon as it can, between any two batches.
TEST_P(LongMessage, EveryEpochIsACutOfWholeMessagesOnEveryPartition) {
  LongWorld w(lanes(), holding());
  const std::size_t events = 5 * w.pool_events() + 3;
  constexpr std::size_t kMessages = 4;
  std::vector<std::vector<FakeMessage>> partitions(3);
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    for (std::size_t m = 0; m < kMessages; ++m) partitions[p].push_back(packed(p, events, m % 2 == 1));
  }
  std::size_t checked = 0;
  w.sink.on_commit = [&](const Epoch& epoch) {
    for (const ResultRecord& r : epoch.results) {
      for (const OffsetOut& o : epoch.offsets) {
        if (r.group[0] != partition_name(raw(o.partition))) continue;
        EXPECT_EQ(r.events, static_cast<std::uint64_t>(raw(o.next)) * events);
        ++checked;
      }
    }
    std::set<std::pair<std::uint32_t, std::int64_t>> letters;
    for (const LetterOut& l : epoch.letters) {
      EXPECT_EQ(l.value, "{\"id\":1.5,\"at\":" + std::to_string(raw(l.partition)) + "}");
      EXPECT_EQ(l.element, events / 2);
      EXPECT_EQ(l.envelope, "key " + std::to_string(raw(l.offset)));
      EXPECT_TRUE(letters.insert({raw(l.partition), raw(l.offset)}).second);
    }
  };
  FakeSource source(partitions, 11);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_GE(checked, partitions.size());
  EXPECT_EQ(w.verdict(Verdict::kCounted), partitions.size() * kMessages * events);
  EXPECT_EQ(w.verdict(Verdict::kItemType), partitions.size() * kMessages);
  EXPECT_EQ(w.sink.letters().size(), partitions.size() * kMessages);
  EXPECT_EQ(w.probe.messages_read.load(), partitions.size() * kMessages);
  for (const OffsetOut& o : w.sink.offsets()) EXPECT_EQ(raw(o.next), kMessages);
}

TEST_P(LongMessage, SameResultsAsWithBatchesThatHoldThemAll) {
  std::vector<std::vector<FakeMessage>> partitions(4);
  std::mt19937_64 random(5);
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::vector<FakeMessage>& p = partitions[random() % partitions.size()];
    if (random() % 4 != 0) {
      p.push_back(event("i" + std::to_string(random() % 20), static_cast<EventTimeMs>(i * 40 + random() % 300)));
      continue;
    }
    // Late ones, some for a pane that the same message has just closed, and times all over.
    std::string s;
    for (std::size_t n = random() % 200 + 1; n > 0; --n) {
      s += event("i" + std::to_string(random() % 20), static_cast<EventTimeMs>(i * 40 + random() % 3000),
                 random() % 2 == 0 ? "movie" : "show")
               .value +
           "\n";
    }
    p.push_back({s, -1});
  }
  JobSpec job = base_job();
  job.time.disorder_ms = 200;
  job.time.lateness_ms = 100;
  const auto run = [&](LongWorld& w, std::uint64_t seed) {
    FakeSource source(partitions, seed);
    EXPECT_TRUE(w.run(source).ok());
    EXPECT_GT(w.verdict(Verdict::kLate), 0u);
    std::string all = std::to_string(w.verdict(Verdict::kLate)) + "\n";
    for (const auto& [key, r] : w.last()) append_result_json(all, w.job, r);
    return all;
  };
  LongWorld whole(1, false, job);
  whole.options.batch_events = 100'000;
  whole.options.batch_bytes = 64 << 20;
  const std::string expected = run(whole, 1);
  for (const std::uint32_t batch_events : {1u, 7u, 64u}) {
    LongWorld w(lanes(), holding(), job);
    w.options.batch_events = batch_events;
    EXPECT_EQ(run(w, batch_events), expected) << "batches of " << batch_events;
  }
}

// The signal comes when the message is in the lane's hands and nothing of it is decoded.
TEST_P(LongMessage, StopInsideAMessageTakesItWholeAndCommitsIt) {
  LongWorld w(lanes(), holding());
  w.options.commit_every_ms = 1'000;  // the clock stands: nothing but the stop ends an epoch
  const std::size_t events = 5 * w.pool_events();
  std::vector<std::vector<FakeMessage>> partitions(3);
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    for (int m = 0; m < 50; ++m) partitions[p].push_back(packed(p, events, false));
  }
  FakeSource source(partitions, 3, false);
  source.on_read = [&w](const Batch& batch) {
    if (!batch.messages.empty()) w.stop.store(true);
  };
  ASSERT_TRUE(w.run(source).ok());
  std::uint64_t messages = 0;
  for (const OffsetOut& o : w.sink.offsets()) messages += static_cast<std::uint64_t>(raw(o.next));
  EXPECT_GE(messages, 1u);
  EXPECT_EQ(w.verdict(Verdict::kCounted), messages * events);
  EXPECT_EQ(w.probe.messages_read.load(), messages) << "everything read is committed";
}

TEST_P(LongMessage, FailureWhileEveryBatchIsTakenEndsTheRun) {
  LongWorld w(lanes(), holding());
  w.sink.write_status = {Code::kInternal, "refused"};
  std::vector<std::vector<FakeMessage>> partitions(3);
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    for (int m = 0; m < 20; ++m) partitions[p].push_back(packed(p, 2 * w.pool_events(), false));
  }
  FakeSource source(partitions, 3, false);
  EXPECT_EQ(w.run(source).message(), "refused");
}

INSTANTIATE_TEST_SUITE_P(LanesAndEngines, LongMessage, testing::Combine(testing::Values(1u, 3u), testing::Bool()),
                         [](const auto& made) {
                           return std::to_string(std::get<0>(made.param)) + "lanes" +
                                  (std::get<1>(made.param) ? "Holding" : "Cpu");
                         });

}  // namespace
}  // namespace marquee::test
