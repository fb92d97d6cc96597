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
  EXPECT_EQ(rows(*w.snapshots.get()->boards[0].begin()->current), "a:1 ");
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

// --- A process that goes on where another one was

// What every key ends with over all of them.
std::map<std::string, ResultRecord> last_of(const JobSpec& job, const std::vector<ResultRecord>& results) {
  std::map<std::string, ResultRecord> held;
  for (const ResultRecord& r : results) {
    std::string key;
    append_result_key(key, job, r);
    const auto it = held.find(key);
    if (it == held.end() || revision_of(r) > revision_of(it->second)) held[key] = r;
  }
  return held;
}

// Partitions of a stream, and a pane log, that outlive the worlds which read them one after the other.
struct Estate {
  std::vector<std::vector<FakeMessage>> partitions;
  FakePaneLog log{true, 2};
  std::vector<OffsetOut> offsets;
  std::vector<ResultRecord> results;

  // Runs until everything in `partitions` is committed, and leaves without settling it.
  Status go_on(JobSpec job, std::size_t base_bytes_besides = 1u << 20) {
    World w(std::move(job));
    w.options.base_bytes_besides = base_bytes_besides;
    w.options.instance = "heir-" + std::to_string(++heirs_);
    FakeSource source(partitions, heirs_, /*finite=*/false);
    source.gap = gap;
    for (const OffsetOut& o : offsets) source.start_at(raw(o.partition), o.next, o.metadata);
    w.sink.on_commit = [&](const Epoch& epoch) {
      bool all = epoch.offsets.size() == partitions.size();
      for (const OffsetOut& o : epoch.offsets)
        all = all && static_cast<std::size_t>(raw(o.next)) == partitions[raw(o.partition)].size();
      if (all) w.stop.store(true);
    };
    const PipelineParts parts{&source, &w.sink, &log, &w.clock, &w.quiet, &w.probe, &w.snapshots, w.engine};
    const Status status = Pipeline(w.job, w.options, parts).run(w.stop);
    results.insert(results.end(), w.sink.results().begin(), w.sink.results().end());
    if (!w.sink.offsets().empty()) offsets = w.sink.offsets();
    bases += w.probe.pane_log_bases.load();
    return status;
  }
  std::uint64_t bases = 0;
  bool gap = false;

 private:
  std::uint64_t heirs_ = 0;
};

TEST(Flow, WhoeverGoesOnKnowsWhatWasCounted) {
  Estate estate;
  estate.partitions = {{event("a", 1), event("b", 2), event("b", 3), event("q", 4, "show")}};
  ASSERT_TRUE(estate.go_on(base_job()).ok());
  estate.partitions[0].push_back(event("a", 5));
  estate.partitions[0].push_back(event("a", 6));
  estate.partitions[0].push_back(event("z", 2'000));
  ASSERT_TRUE(estate.go_on(base_job()).ok());
  const auto last = last_of(base_job(), estate.results);
  const ResultRecord& movies = last.at(R"(["trending",["movie"],0,1000])");
  EXPECT_EQ(rows(movies), "a:3 b:2 ");
  EXPECT_TRUE(movies.final);
  EXPECT_TRUE(movies.exact);
  EXPECT_EQ(rows(last.at(R"(["trending",["show"],0,1000])")), "q:1 ");
}

// In many steps, with bases in between, a late correction at the end: as if one process had done it all.
TEST(Flow, ManyHeirsSayWhatOneProcessSays) {
  JobSpec job = base_job();
  job.time.lateness_ms = 3'000;
  LeaderboardSpec hopping = job.leaderboards[0];
  hopping.name = "hopping";
  hopping.by = {};
  hopping.window = {WindowKind::kHopping, 3'000, 1'000, 0};
  job.leaderboards.push_back(hopping);
  std::mt19937_64 random(5);
  std::vector<std::vector<FakeMessage>> all(3);
  for (int i = 0; i < 3'000; ++i) {
    all[random() % 3].push_back(event("m-" + std::to_string(i / 200 * 5 + static_cast<int>(random() % 9)),
                                      i * 4 + static_cast<int>(random() % 2'000), random() % 2 == 0 ? "movie" : "show",
                                      static_cast<std::int64_t>(random() % 100)));
  }
  Estate once;
  once.partitions = all;
  ASSERT_TRUE(once.go_on(job).ok());
  Estate often;
  often.partitions.resize(3);
  for (std::size_t step = 1; step <= 10; ++step) {
    for (std::size_t p = 0; p < 3; ++p)
      often.partitions[p].assign(all[p].begin(),
                                 all[p].begin() + static_cast<std::ptrdiff_t>(all[p].size() * step / 10));
    ASSERT_TRUE(often.go_on(job, 2'000).ok());
  }
  EXPECT_GT(often.bases, 2u);
  const auto expected = last_of(job, once.results);
  const auto got = last_of(job, often.results);
  std::size_t finals = 0;
  for (const auto& [key, record] : expected) {
    if (!record.final) continue;
    ++finals;
    ASSERT_TRUE(got.contains(key)) << key;
    EXPECT_EQ(rows(got.at(key)), rows(record)) << key;
    EXPECT_EQ(revision_of(got.at(key)), revision_of(record)) << key;
  }
  EXPECT_GT(finals, 30u);
}

TEST(Flow, AnAddedLeaderboardIsInexactUntilAWholeWindowAndARemovedOneIsGone) {
  JobSpec job = base_job();
  Estate estate;
  estate.partitions = {{event("a", 100), event("b", 1'200)}};
  ASSERT_TRUE(estate.go_on(job).ok());
  JobSpec more = job;
  LeaderboardSpec all = job.leaderboards[0];
  all.name = "all";
  all.by = {};
  more.leaderboards.push_back(all);
  for (const std::int64_t time : {1'300, 2'100, 3'000, 9'000}) estate.partitions[0].push_back(event("c", time));
  ASSERT_TRUE(estate.go_on(more).ok());
  // A restart between does not make it forget.
  estate.partitions[0].push_back(event("c", 9'100));
  estate.partitions[0].push_back(event("c", 11'000));
  ASSERT_TRUE(estate.go_on(more).ok());
  auto last = last_of(more, estate.results);
  EXPECT_TRUE(last.at(R"(["trending",["movie"],1000,2000])").exact);
  EXPECT_EQ(last.at(R"(["trending",["movie"],1000,2000])").events, 2u);
  EXPECT_FALSE(last.at(R"(["all",[],1000,2000])").exact);
  EXPECT_EQ(last.at(R"(["all",[],1000,2000])").events, 1u);
  EXPECT_TRUE(last.at(R"(["all",[],2000,3000])").exact);
  EXPECT_TRUE(last.at(R"(["all",[],9000,10000])").exact);
  // Removed, and its name taken again.
  estate.partitions[0].push_back(event("d", 11'100));
  ASSERT_TRUE(estate.go_on(job).ok());
  const Status again = estate.go_on(more);
  EXPECT_EQ(again.code(), Code::kConfig);
  EXPECT_NE(again.message().find("\"all\" was removed"), std::string::npos) << again.message();
}

TEST(Flow, AChangedMeaningIsRefusedWithWhatItWas) {
  Estate estate;
  estate.partitions = {{event("a", 100)}};
  ASSERT_TRUE(estate.go_on(base_job()).ok());
  const auto refused = [&](const std::function<void(JobSpec&)>& change, const std::string& words) {
    JobSpec job = base_job();
    change(job);
    const Status status = estate.go_on(job);
    EXPECT_EQ(status.code(), Code::kConfig);
    EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
  };
  refused([](JobSpec& j) { j.leaderboards[0].top = 4; }, "top was \"3\" and is now \"4\"");
  refused([](JobSpec& j) { j.leaderboards[0].window.size_ms = 2000; }, "window.size_ms was \"1000\"");
  refused([](JobSpec& j) { j.leaderboards[0].measure = Measure::kWatchMs; }, "measure");
  refused([](JobSpec& j) { j.leaderboards[0].by = {}; }, "by=category");
  refused([](JobSpec& j) { j.time.lateness_ms = 5; }, "time.lateness_ms");
  refused([](JobSpec& j) { j.event.item.keys = {"id", "x"}; }, "event.item");
  JobSpec job = base_job();
  job.leaderboards[0].emit_every_ms = 77;
  job.budgets.items = 500;
  estate.partitions[0].push_back(event("a", 101));
  EXPECT_TRUE(estate.go_on(job).ok());
}

// A pane for which there was no room makes windows inexact, also for whoever goes on.
TEST(Flow, ARefusedPaneIsRememberedByTheHeir) {
  JobSpec job = base_job();
  job.budgets.open_panes = 1;
  job.time.lateness_ms = 60'000;
  Estate estate;
  estate.partitions = {{event("a", 100), event("a", 1'100), event("a", 101)}};
  ASSERT_TRUE(estate.go_on(job).ok());
  JobSpec roomy = job;
  roomy.budgets.open_panes = 10;
  estate.partitions[0].push_back(event("b", 1'200));
  estate.partitions[0].push_back(event("b", 5'000));
  ASSERT_TRUE(estate.go_on(roomy).ok());
  const auto last = last_of(job, estate.results);
  EXPECT_TRUE(last.at(R"(["trending",["movie"],0,1000])").exact);
  EXPECT_FALSE(last.at(R"(["trending",["movie"],1000,2000])").exact);
}

// What retention took may have been of a window that is final already and still takes late events.
TEST(Flow, AGapMakesFinalWindowsThatItMayBelongToInexact) {
  JobSpec job = base_job();
  job.time.lateness_ms = 5'000;
  Estate estate;
  estate.partitions = {{event("a", 100), event("a", 1'500)}};
  ASSERT_TRUE(estate.go_on(job).ok());
  EXPECT_TRUE(last_of(job, estate.results).at(R"(["trending",["movie"],0,1000])").exact);
  estate.gap = true;
  estate.partitions[0].push_back(event("z", 1'600));
  estate.partitions[0].push_back(event("z", 20'000));
  ASSERT_TRUE(estate.go_on(job).ok());
  const ResultRecord first = last_of(job, estate.results).at(R"(["trending",["movie"],0,1000])");
  EXPECT_TRUE(first.final);
  EXPECT_FALSE(first.exact);
}

// Though nothing of what was read since is in the pane log.
TEST(Flow, ARemovedLeaderboardIsRememberedWithoutAnyRow) {
  const JobSpec job = base_job();
  JobSpec more = job;
  LeaderboardSpec all = job.leaderboards[0];
  all.name = "all";
  all.by = {};
  all.window = {WindowKind::kTumbling, 10'000, 10'000, 0};
  more.leaderboards.push_back(all);
  Estate estate;
  estate.partitions = {{event("a", 100), event("b", 2'500)}};
  ASSERT_TRUE(estate.go_on(more).ok());
  estate.partitions[0].push_back(event("c", 500));  // late for the one that is left
  ASSERT_TRUE(estate.go_on(job).ok());
  estate.partitions[0].push_back(event("d", 11'000));
  EXPECT_EQ(estate.go_on(more).code(), Code::kConfig);
}

TEST(Flow, OffsetsThatSomebodyElseCommittedAreNoticed) {
  Estate estate;
  estate.partitions = {{event("a", 100), event("a", 1'200)}, {event("a", 150), event("a", 1'100)}};
  ASSERT_TRUE(estate.go_on(base_job()).ok());
  for (const std::int64_t time : {1'300, 1'400, 9'000}) {
    for (auto& partition : estate.partitions) partition.push_back(event("c", time));
  }
  estate.offsets[0].next = Offset{4};
  estate.offsets[0].metadata.clear();
  const Status status = estate.go_on(base_job());
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_NE(status.message().find("somebody else commits offsets"), std::string::npos) << status.message();
}

TEST(Flow, ADimensionThatRecordsMustHaveNowIsAnotherMeaning) {
  JobSpec more = base_job();
  more.event.dimensions.push_back({"country", {{"l"}}, std::nullopt});
  LeaderboardSpec countries = more.leaderboards[0];
  countries.name = "countries";
  countries.by = {1};
  more.leaderboards.push_back(countries);
  Estate estate;
  estate.partitions = {{event("a", 100), event("b", 200)}};
  ASSERT_TRUE(estate.go_on(base_job()).ok());
  EXPECT_EQ(estate.go_on(more).code(), Code::kConfig);
  more.event.dimensions[1].default_value = "zz";
  estate.partitions[0].push_back(event("c", 500));
  EXPECT_TRUE(estate.go_on(more).ok());
}

// A lane that waits for a second batch, of which there is none, does not keep a recovery from coming.
TEST(Flow, ARecoveryDoesNotWaitForALaneThatWaitsForABatch) {
  for (int round = 0; round < 20; ++round) {
    World w(base_job());
    w.options.batch_events = 16;
    w.options.epoch_rows_max = 16;
    w.options.retry_pause_ms = 0;
    std::vector<FakeMessage> messages;
    for (int i = 0; i < 3'000; ++i) messages.push_back(event("i" + std::to_string(i % 7), i / 100));
    FakeSource source({messages}, static_cast<std::uint64_t>(round));
    std::atomic<std::size_t> read{0};
    source.on_read = [&](const Batch& batch) { read.fetch_add(batch.messages.size()); };
    int writes = 0;
    w.sink.before_write = [&]() -> Status {
      if (++writes != 3) return {};
      while (read.load() < 100) std::this_thread::yield();  // by then all batches are somewhere
      return {Code::kAborted, "no"};
    };
    ASSERT_TRUE(w.run(source).ok());
    EXPECT_EQ(w.verdict(Verdict::kCounted), 3'000u);
  }
}

// A failed epoch, whichever and wherever it fails, changes nothing of what is held in the end.
TEST(Flow, AFailedEpochIsMadeAgain) {
  for (int fails_at = 1; fails_at < 12; ++fails_at) {
    World w(base_job());
    FakePaneLog durable(true, 2);
    std::vector<FakeMessage> messages;
    for (int i = 0; i < 400; ++i) messages.push_back(event("m-" + std::to_string(i % 7), i * 20));
    FakeSource source({messages, messages}, 3);
    w.options.lanes = 2;
    w.options.retry_pause_ms = 0;
    int writes = 0;
    w.sink.before_write = [&] {
      return ++writes == fails_at ? Status(Code::kAborted, "the broker says no") : Status{};
    };
    const PipelineParts parts{&source, &w.sink, &durable, &w.clock, &w.quiet, &w.probe, &w.snapshots, w.engine};
    const Status status = Pipeline(w.job, w.options, parts).run(w.stop);
    ASSERT_TRUE(status.ok()) << status.message();
    std::uint64_t events = 0;
    for (const auto& [key, r] : w.last()) {
      EXPECT_TRUE(r.final && r.exact) << key;
      events += r.events;
    }
    EXPECT_EQ(events, 800u) << fails_at;
    EXPECT_EQ(w.verdict(Verdict::kCounted), 800u);
    EXPECT_EQ(w.sink.aborts, writes >= fails_at ? 1 : 0);
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
