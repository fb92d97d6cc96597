// The whole pipeline on fake source, sink, pane log and clock, with the real decoder and CPU engine.
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "eventually.hpp"
#include "pipeline/flow_world.hpp"
#include "pipeline/ids.hpp"
#include "pipeline/partial_block.hpp"

namespace marquee::test {
namespace {

std::string rows(const ResultRecord& r) {
  std::string s;
  for (const ResultRow& row : r.rows) s += row.item + ":" + std::to_string(row.views) + " ";
  return s;
}

TEST(Flow, RanksEveryGroupOfEveryWindowOnceTheInputHasEnded) {
  World w(base_job());
  FakeSource source({{event("a", 10), event("b", 20), event("b", 30), event("z", 40, "show"), event("a", 1500)}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  const auto held = w.last();
  ASSERT_EQ(held.size(), 3u);
  EXPECT_EQ(rows(held.at(R"(["trending",["movie"],0,1000])")), "b:2 a:1 ");
  EXPECT_EQ(rows(held.at(R"(["trending",["show"],0,1000])")), "z:1 ");
  EXPECT_EQ(rows(held.at(R"(["trending",["movie"],1000,2000])")), "a:1 ");
  for (const auto& [key, r] : held) {
    EXPECT_TRUE(r.final) << key;
    EXPECT_TRUE(r.exact) << key;
  }
  EXPECT_EQ(w.verdict(Verdict::kCounted), 5u);
}

TEST(Flow, RevisionsOfAKeyOnlyRiseAndLateEventReopensFinalWindowWithNextRevision) {
  JobSpec job = base_job();
  job.time.lateness_ms = 5000;
  World w(job);
  FakeSource source({{event("a", 10), event("a", 2500)}}, 1, false);
  std::thread runner([&] { EXPECT_TRUE(w.run(source).ok()); });
  w.sink.wait_for([](const FakeSink& s) {
    return std::any_of(s.results().begin(), s.results().end(), [](const auto& r) { return r.final; });
  });
  source.add(0, event("late", 500));
  source.finish();
  runner.join();
  std::map<std::string, std::uint64_t> revision;
  std::size_t finals_of_first = 0;
  for (const ResultRecord& r : w.sink.results()) {
    std::string key;
    append_result_key(key, w.job, r);
    EXPECT_GT(revision_of(r), revision[key]) << key;
    revision[key] = revision_of(r);
    finals_of_first += r.final && r.window_start == 0;
  }
  EXPECT_EQ(finals_of_first, 2u);
  EXPECT_EQ(rows(w.last().at(R"(["trending",["movie"],0,1000])")), "a:1 late:1 ");
}

TEST(Flow, ProvisionalResultsAreOfTheEarliestIncompleteWindow) {
  JobSpec job = base_job();
  job.time.disorder_ms = 10'000;
  World w(job);
  FakeSource source({{event("a", 10), event("b", 1500)}}, 1, false);
  std::thread runner([&] { EXPECT_TRUE(w.run(source).ok()); });
  w.sink.wait_for([](const FakeSink& s) { return !s.results().empty(); });
  w.stop.store(true);
  runner.join();
  ASSERT_FALSE(w.sink.results().empty());
  for (const ResultRecord& r : w.sink.results()) {
    EXPECT_FALSE(r.final);
    EXPECT_EQ(r.window_start, 0);
  }
  ASSERT_EQ(w.snapshots.get()->boards[0].size(), 1u);
  EXPECT_EQ(rows(*w.snapshots.get()->boards[0][0].current), "a:1 ");
}

TEST(Flow, BadRecordsAmongGoodOnesBecomeLettersWithTheirOwnBytes) {
  World w(base_job());
  w.options.keep_dead_letters = true;
  w.options.keep_late_letters = true;
  FakeSource source({{event("a", 1500),
                      {R"({"id":1.5,"t":1})", -1},
                      event("old", 10),
                      {"[" + event("b", 1600).value + ",7," + event("c", 1600).value + "]", -1}}},
                    1);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_EQ(w.verdict(Verdict::kCounted), 3u);
  EXPECT_EQ(w.verdict(Verdict::kLate), 1u);
  EXPECT_EQ(w.verdict(Verdict::kItemType), 1u);
  EXPECT_EQ(w.verdict(Verdict::kNotObject), 1u);
  ASSERT_EQ(w.sink.letters().size(), 3u);
  std::map<std::int64_t, LetterOut> by_offset;
  for (const LetterOut& l : w.sink.letters()) by_offset[raw(l.offset)] = l;
  EXPECT_EQ(by_offset[1].value, R"({"id":1.5,"t":1})");
  EXPECT_EQ(by_offset[2].verdict, Verdict::kLate);
  EXPECT_EQ(by_offset[3].value, "7");
  EXPECT_EQ(by_offset[3].element, 1u);
}

TEST(Flow, LateLettersHaveTheirEnvelopeWithoutADeadLetterTopicToo) {
  World w(base_job());
  w.options.keep_late_letters = true;
  FakeSource source({{event("a", 1500), {"no JSON", -1}, event("old", 10)}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  ASSERT_EQ(w.sink.letters().size(), 1u);
  EXPECT_EQ(w.sink.letters()[0].verdict, Verdict::kLate);
  EXPECT_EQ(w.sink.letters()[0].envelope, "key 2");
}

TEST(Flow, EpochNeverEndsInsideAMessage) {
  World w(base_job());
  w.options.batch_events = 16;
  std::string packed;
  for (int i = 0; i < 500; ++i) packed += event("i" + std::to_string(i % 7), 10 + i).value + "\n";
  FakeSource source({{{packed, -1}, event("x", 600)}}, 3);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_EQ(w.verdict(Verdict::kCounted), 501u);
  EXPECT_EQ(w.probe.messages_read.load(), 2u);
  EXPECT_EQ(w.probe.bytes_read.load(), packed.size() + 1 + event("x", 600).value.size() + 1);
  for (const ResultRecord& r : w.sink.results()) EXPECT_GE(r.events, 500u);
}

// While one lane is inside a long message, batches of another arrive that end where a message ends.
TEST(Flow, EpochNeverEndsInsideAMessageOfAnotherLane) {
  JobSpec job = base_job();
  job.leaderboards[0].window = {WindowKind::kTumbling, 1'000'000, 1'000'000, 0};
  World w(job);
  w.options.batch_events = 16;
  w.options.lanes = 2;
  std::vector<FakeMessage> packed, single;
  for (int m = 0; m < 30; ++m) {
    std::string s;
    for (int i = 0; i < 100; ++i) s += event("i" + std::to_string(i % 7), 10 + i, "packed").value + "\n";
    packed.push_back({s, -1});
  }
  for (int i = 0; i < 500; ++i) single.push_back(event("x", 600, "single"));
  FakeSource source({packed, single}, 3);
  ASSERT_TRUE(w.run(source).ok());
  for (const ResultRecord& r : w.sink.results()) {
    EXPECT_TRUE(r.group[0] != "packed" || r.events % 100 == 0) << r.events;
  }
  EXPECT_EQ(w.verdict(Verdict::kCounted), 3'500u);
}

TEST(Flow, EveryCommitNamesEveryPartition) {
  World w(base_job());
  FakeSource source({{event("a", 10)}, {}, {event("b", 20), event("c", 30)}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  ASSERT_EQ(w.sink.offsets().size(), 3u);
  EXPECT_EQ(raw(w.sink.offsets()[0].next), 1);
  EXPECT_EQ(raw(w.sink.offsets()[1].next), 0);
  EXPECT_EQ(raw(w.sink.offsets()[2].next), 2);
}

TEST(Flow, ReadErrorAndSinkErrorEndTheRunWithTheirStatus) {
  {
    World w(base_job());
    FakeSource source({{event("a", 10)}}, 1);
    source.fail_reads({Code::kUnavailable, "disk gone"});
    EXPECT_EQ(w.run(source).message(), "disk gone");
  }
  {
    World w(base_job());
    w.sink.write_status = {Code::kInternal, "refused"};
    FakeSource source({{event("a", 10)}}, 1);
    EXPECT_EQ(w.run(source).code(), Code::kInternal);
  }
}

TEST(Flow, FailedCommitEndsTheRunThoughNothingMoreComesIn) {
  World w(base_job());
  w.options.commit_every_ms = 1'000;  // the clock stands: no epoch but the first ends by itself
  w.sink.write_status = {Code::kUnavailable, "the topic is gone"};
  FakeSource source({{event("a", 10)}}, 1, false);
  auto run = std::async(std::launch::async, [&] { return w.run(source); });
  const bool ended = run.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(ended);
  w.stop.store(true);
  EXPECT_EQ(run.get().message(), "the topic is gone");
}

TEST(Flow, IdlePartitionThatComesBackWithEventsForASettledPaneIsCountedAsExpired) {
  JobSpec job = base_job();
  job.time.idle_after_ms = 100;
  World w(job);
  FakeSource source({{event("a", 10), event("a", 5000)}, {}}, 1, false);
  std::thread runner([&] { EXPECT_TRUE(w.run(source).ok()); });
  while (!w.probe.watermark_known.load() || w.probe.watermark_ms.load() < 5000) {
    w.clock.advance_ms(60);
    std::this_thread::yield();
  }
  source.add(1, event("slow", 20));
  source.finish();
  runner.join();
  EXPECT_EQ(w.probe.expired.load(), 1u);
  EXPECT_EQ(w.verdict(Verdict::kCounted), 3u);
  EXPECT_EQ(rows(w.last().at(R"(["trending",["movie"],0,1000])")), "a:1 ");
}

TEST(Flow, IdlePartitionsAndTheWatermarkAreShownBetweenEpochs) {
  JobSpec job = base_job();
  job.time.idle_after_ms = 100;
  World w(job);
  w.options.commit_every_ms = 3'600'000;
  FakeSource source({{event("a", 10), event("a", 5000)}, {}}, 1, false);
  std::thread runner([&] { EXPECT_TRUE(w.run(source).ok()); });
  std::int64_t passed_ms = 0;
  const auto shown = [&] {
    w.clock.advance_ms(1);
    return ++passed_ms == w.options.commit_every_ms - 1 ||
           (w.probe.partitions_idle.load() >= 1 && w.probe.watermark_known.load() &&
            w.probe.watermark_ms.load() >= 5000);
  };
  EXPECT_TRUE(eventually(shown));
  EXPECT_LT(passed_ms, w.options.commit_every_ms - 1);  // or an epoch could have shown it
  source.finish();
  runner.join();
}

TEST(Flow, ItemBudgetHitCountsEventsAndSaysInexact) {
  JobSpec job = base_job();
  job.budgets.items = 2;
  World w(job);
  FakeSource source({{event("a", 1), event("b", 2), event("c", 3), event("a", 4)}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  const ResultRecord r = w.last().at(R"(["trending",["movie"],0,1000])");
  EXPECT_FALSE(r.exact);
  EXPECT_EQ(r.events, 4u);
  EXPECT_EQ(rows(r), "a:2 b:1 ");
  EXPECT_EQ(w.probe.refused.load(), 1u);
}

TEST(Flow, GroupBudgetHitMakesTheWholePaneInexact) {
  JobSpec job = base_job();
  job.budgets.groups = 1;
  World w(job);
  FakeSource source({{event("a", 1, "movie"), event("b", 2, "show"), event("c", 1003, "movie")}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_FALSE(w.last().at(R"(["trending",["movie"],0,1000])").exact);
  EXPECT_TRUE(w.last().at(R"(["trending",["movie"],1000,2000])").exact);
  EXPECT_FALSE(w.last().contains(R"(["trending",["show"],0,1000])"));
}

TEST(Flow, OpenPaneBudgetHitMakesWindowsOverRefusedPanesInexact) {
  JobSpec job = base_job();
  job.budgets.open_panes = 1;
  job.time.disorder_ms = 1'000'000;
  World w(job);
  FakeSource source({{event("a", 1), event("b", 5000), event("c", 2)}}, 1);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_TRUE(w.last().at(R"(["trending",["movie"],0,1000])").exact);
  EXPECT_EQ(w.last().size(), 1u);
  EXPECT_EQ(w.probe.refused.load(), 1u);
}

TEST(Flow, PaneRefusedBehindAFinalResultTakesBackThatItWasExact) {
  JobSpec job = base_job();
  job.leaderboards[0].window = {WindowKind::kHopping, 2000, 1000, 0};
  job.time.lateness_ms = 100'000;
  job.budgets.open_panes = 2;
  World w(job);
  FakeSource source({{event("a", 10), event("b", 5000)}}, 1, false);
  std::thread runner([&] { EXPECT_TRUE(w.run(source).ok()); });
  const std::string key = R"(["trending",["movie"],0,2000])";
  w.sink.wait_for([](const FakeSink& s) {
    return std::any_of(s.results().begin(), s.results().end(),
                       [](const auto& r) { return r.final && r.exact && r.window_start == 0; });
  });
  source.add(0, event("c", 1500));  // accepted, but there is no room for its pane
  source.finish();
  runner.join();
  EXPECT_EQ(w.probe.refused.load(), 1u);
  EXPECT_FALSE(w.last().at(key).exact);
  EXPECT_TRUE(w.last().at(key).final);
}

// Items come and go for a long time under a budget that holds only those of a few windows: ids must be given back and
// reused, and nothing may ever be refused or mixed up.
TEST(Flow, IdsOfDroppedPanesAreReusedUnderChurn) {
  JobSpec job = base_job();
  job.budgets.items = 9'000;
  World w(job);
  w.options.batch_events = 512;
  std::vector<FakeMessage> messages;
  for (int window = 0; window < 60; ++window) {
    for (int i = 0; i < 1500; ++i) {
      const std::string item = "w" + std::to_string(window) + "-" + std::to_string(i);
      messages.push_back(event(item, window * 1000 + i / 2));
      if (i % 500 == 7) messages.push_back(event(item, window * 1000 + i / 2));
    }
  }
  FakeSource source({messages}, 5);
  ASSERT_TRUE(w.run(source).ok());
  EXPECT_EQ(w.probe.refused.load(), 0u);
  const auto held = w.last();
  ASSERT_EQ(held.size(), 60u);
  for (const auto& [key, r] : held) {
    EXPECT_TRUE(r.exact);
    EXPECT_EQ(r.events, 1503u);
    const std::string p = "w" + std::to_string(r.window_start / 1000) + "-";
    EXPECT_EQ(rows(r), p + "1007:2 " + p + "507:2 " + p + "7:2 ");
  }
}

TEST(Flow, StateRestoredFromThePaneLogRanksLikeTheOriginal) {
  JobSpec job = base_job();
  World w(job);
  FakePaneLog durable(true);
  FakeSource source({{event("a", 1), event("b", 2), event("b", 3), event("q", 4, "show")}}, 1);
  PipelineParts parts{&source,
                      &w.sink,
                      &durable,
                      &w.clock,
                      &w.quiet,
                      &w.probe,
                      &w.snapshots,
                      [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
                        return make_cpu_engine(c);
                      }};
  ASSERT_TRUE(Pipeline(job, w.options, parts).run(w.stop).ok());

  IdKeeper ids(job, 99);
  const std::unique_ptr<Engine> engine = make_cpu_engine({&job, &ids, 64});
  ids.attach(*engine);
  ASSERT_TRUE(durable.read([&](const PartialBlock& b) { return restore_block(b, ids, *engine); }).ok());
  Ranking ranking;
  ASSERT_TRUE(engine->rank({LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}, false}, ranking).ok());
  ASSERT_EQ(ranking.groups.size(), 2u);
  for (const RankedGroup& g : ranking.groups) {
    const bool movie = ids.group_key(LeaderboardIndex{0}, g.group).ends_with("movie");
    EXPECT_EQ(g.events, movie ? 3u : 1u);
    EXPECT_EQ(ids.item_text(ranking.rows[g.first_row].item), movie ? "b" : "q");
  }
}

TEST(Flow, SameInputGivesTheSameLastResultsForAnyBatchSizeLanesAndCutIntoReads) {
  std::mt19937_64 random(7);
  std::vector<std::vector<FakeMessage>> partitions(4);
  for (int i = 0; i < 4000; ++i) {
    const auto p = random() % 4;
    partitions[p].push_back(event("i" + std::to_string(random() % 50), i * 3 + static_cast<int>(random() % 400),
                                  random() % 3 == 0 ? "show" : "movie", static_cast<std::int64_t>(random() % 100)));
  }
  std::string expected;
  for (const std::size_t lanes : {1u, 2u, 4u}) {
    for (const std::uint32_t batch : {7u, 64u, 1000u}) {
      JobSpec job = base_job();
      job.time.disorder_ms = 200;
      job.time.lateness_ms = 100;
      World w(job);
      w.options.lanes = lanes;
      w.options.batch_events = batch;
      FakeSource source(partitions, lanes * 31 + batch);
      ASSERT_TRUE(w.run(source).ok());
      std::string all;
      for (const auto& [key, r] : w.last()) append_result_json(all, job, r);
      if (expected.empty()) expected = all;
      EXPECT_EQ(all, expected) << lanes << " lanes, batches of " << batch;
    }
  }
}

}  // namespace
}  // namespace marquee::test
