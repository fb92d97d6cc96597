// LatenessJudge, carry_over, EngineFeed, Progress, CommitMetadata: the parts of the pipeline that need no thread.
#include <gtest/gtest.h>

#include <random>

#include "pipeline/engine_feed.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/lateness.hpp"
#include "pipeline/progress.hpp"

namespace marquee {
namespace {

JobSpec job_with(std::vector<WindowSpec> windows, std::int64_t disorder_ms, std::int64_t lateness_ms) {
  JobSpec job;
  job.time.disorder_ms = disorder_ms;
  job.time.lateness_ms = lateness_ms;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    LeaderboardSpec board;
    board.name = "b" + std::to_string(i);
    board.window = windows[i];
    job.leaderboards.push_back(board);
  }
  return job;
}

WindowSpec tumbling(std::int64_t size) {
  return {WindowKind::kTumbling, size, size, 0};
}

// A batch of one partition's events at these times, as a decoder leaves it.
void fill(Batch& batch, const std::vector<EventTimeMs>& times) {
  PartitionSpan span;
  span.next = Offset{static_cast<std::int64_t>(times.size())};
  batch.spans.push_back(span);
  for (std::size_t i = 0; i < times.size(); ++i) {
    batch.append("{}", 0, Offset{static_cast<std::int64_t>(i)}, -1);
    batch.records.push_back({batch.messages.back().begin, 2, static_cast<std::uint32_t>(i), Record::kOnly});
    batch.time_ms()[i] = times[i];
    batch.record()[i] = static_cast<std::uint32_t>(i);
  }
  batch.event_count = static_cast<std::uint32_t>(times.size());
}

std::vector<bool> late_flags(const JobSpec& job, const std::vector<EventTimeMs>& times) {
  Batch batch({1024, 1 << 16, static_cast<std::uint32_t>(job.leaderboards.size())});
  fill(batch, times);
  LatenessJudge judge(job);
  std::vector<EventTimeMs> highest = {kNoTime};
  judge.judge(batch, 0, highest, false);
  std::vector<bool> late;
  for (std::size_t i = 0; i < times.size(); ++i) late.push_back(batch.slot()[i] == 0);
  return late;
}

TEST(Lateness, EventIsLateExactlyWhenTheWatermarkHasReachedItsPanesEndPlusLateness) {
  const JobSpec job = job_with({tumbling(100)}, 10, 50);
  // After 159 the watermark is 149: pane [0,100) + 50 is not reached. After 160 it is 150: reached.
  EXPECT_EQ(late_flags(job, {159, 0}), (std::vector<bool>{false, false}));
  EXPECT_EQ(late_flags(job, {160, 0}), (std::vector<bool>{false, true}));
  EXPECT_EQ(late_flags(job, {160, 100}), (std::vector<bool>{false, false}));
}

TEST(Lateness, EventLateForOneLeaderboardCountsForAnother) {
  const JobSpec job = job_with({tumbling(100), tumbling(1000)}, 0, 0);
  Batch batch({16, 1 << 16, 2});
  fill(batch, {150, 50});
  LatenessJudge judge(job);
  std::vector<EventTimeMs> highest = {kNoTime};
  judge.judge(batch, 0, highest, false);
  EXPECT_EQ(batch.verdicts[Verdict::kCounted], 2u);
  EXPECT_EQ(batch.pane(batch.slot()[1], LeaderboardIndex{0}), kNoPane);
  EXPECT_EQ(raw(batch.pane(batch.slot()[1], LeaderboardIndex{1})), 0);
  EXPECT_EQ(highest[0], 150);
}

TEST(Lateness, LateEventsAreNotedAsLettersOnlyWhenAsked) {
  const JobSpec job = job_with({tumbling(10)}, 0, 0);
  for (const bool keep : {false, true}) {
    Batch batch({16, 1 << 16, 1});
    fill(batch, {100, 5});
    LatenessJudge judge(job);
    std::vector<EventTimeMs> highest = {kNoTime};
    judge.judge(batch, 0, highest, keep);
    EXPECT_EQ(batch.verdicts[Verdict::kLate], 1u);
    EXPECT_EQ(batch.letters.size(), keep ? 1u : 0u);
  }
}

TEST(Lateness, OneSlotPerRowOfPanesHoweverOftenTimeGoesBackAndForth) {
  const JobSpec job = job_with({tumbling(10)}, 1000, 0);
  Batch batch({1024, 1 << 16, 1});
  std::vector<EventTimeMs> times;
  for (int i = 0; i < 600; ++i) times.push_back((i * 37) % 300);
  fill(batch, times);
  LatenessJudge judge(job);
  std::vector<EventTimeMs> highest = {kNoTime};
  judge.judge(batch, 0, highest, false);
  EXPECT_EQ(batch.slot_count(), 31u);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(raw(batch.pane(batch.slot()[i], LeaderboardIndex{0})), times[i] / 10);
  }
}

TEST(Lateness, AsManySlotsAsThereAreRowsOfPanes) {
  const JobSpec job = job_with({tumbling(10), tumbling(15)}, 1'000'000, 0);
  Batch batch({16, 1 << 20, 2});
  std::vector<EventTimeMs> times;
  for (int i = 0; i < 20'000; ++i) times.push_back((i * 7919) % 20'000);
  batch.reserve_events(20'000);
  fill(batch, times);
  LatenessJudge judge(job);
  std::vector<EventTimeMs> highest = {kNoTime};
  judge.judge(batch, 0, highest, false);
  EXPECT_EQ(batch.slot_count(), 1u + 666 * 4 + 3);  // 30 ms have four, the last 20 three
  for (std::size_t i = 0; i < times.size(); ++i) {
    ASSERT_EQ(raw(batch.pane(batch.slot()[i], LeaderboardIndex{0})), times[i] / 10);
    ASSERT_EQ(raw(batch.pane(batch.slot()[i], LeaderboardIndex{1})), times[i] / 15);
  }
}

// Many events are judged by blocks, few one by one: where blocks begin changes nothing, nor where a batch ends.
TEST(Lateness, BlocksSayWhatSingleEventsSay) {
  std::mt19937_64 random(5);
  std::uint64_t late = 0;
  for (int round = 0; round < 300; ++round) {
    const JobSpec job = job_with({tumbling(1000), tumbling(2500)}, static_cast<std::int64_t>(random() % 300),
                                 static_cast<std::int64_t>(random() % 500));
    const std::size_t count = 1 + random() % 500;
    const auto step = static_cast<std::int64_t>(1 + random() % 40);
    const auto back = static_cast<std::int64_t>(1 + random() % 3000);
    std::vector<EventTimeMs> times;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t behind = random() % 50 == 0 ? static_cast<std::int64_t>(random()) % back : 0;
      times.push_back(static_cast<std::int64_t>(i) * step + std::abs(behind));
      if (random() % 50 == 0) times.back() = std::max<std::int64_t>(0, times.back() - 2 * std::abs(behind));
    }
    Batch whole({1024, 1 << 16, 2}), single({1024, 1 << 16, 2});
    fill(whole, times);
    fill(single, times);
    LatenessJudge judge_whole(job), judge_single(job);
    std::vector<EventTimeMs> highest_whole = {kNoTime}, highest_single = {kNoTime};
    judge_whole.judge(whole, 0, highest_whole, true);
    for (std::size_t i = 0; i < count; ++i) {
      single.event_count = static_cast<std::uint32_t>(i + 1);
      judge_single.judge(single, static_cast<std::uint32_t>(i), highest_single, true);
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (const LeaderboardIndex l : {LeaderboardIndex{0}, LeaderboardIndex{1}}) {
        ASSERT_EQ(whole.pane(whole.slot()[i], l), single.pane(single.slot()[i], l)) << "round " << round << ", " << i;
      }
    }
    EXPECT_EQ(highest_whole, highest_single);
    EXPECT_EQ(whole.spans[0].event_time_max, single.spans[0].event_time_max);
    EXPECT_EQ(whole.spans[0].first_event_time, single.spans[0].first_event_time);
    EXPECT_EQ(whole.verdicts[Verdict::kLate], single.verdicts[Verdict::kLate]);
    EXPECT_EQ(whole.letters.size(), single.letters.size());
    late += whole.verdicts[Verdict::kLate];
  }
  EXPECT_GT(late, 100u);
}

// A message's own bytes may begin before those of its first record.
TEST(CarryOver, MovesWholeMessagesWithTheirOffsetsAndEnvelopes) {
  Batch from({16, 1 << 12, 1});
  Batch to({16, 1 << 12, 1});
  PartitionSpan span;
  span.first = Offset{5};
  span.next = Offset{7};
  span.at_end = true;
  from.spans.push_back(span);
  from.append("one", 0, Offset{5}, 77);
  from.append("[ab,cd]", 0, Offset{6}, 78);
  from.envelopes = "keys";
  from.messages[1].envelope_begin = 1;
  from.messages[1].envelope_size = 3;
  from.records = {{0, 3, 0, Record::kOnly}, {5, 2, 1, 0}, {8, 2, 1, 1}};
  carry_over(from, 1, to);
  EXPECT_EQ(raw(from.spans[0].next), 6);
  EXPECT_FALSE(from.spans[0].at_end);
  EXPECT_EQ(from.messages.size(), 1u);
  EXPECT_EQ(std::string_view(from.arena(), from.arena_used), "one\n");
  ASSERT_EQ(to.records.size(), 2u);
  EXPECT_EQ(to.bytes(to.messages[0]), "[ab,cd]");
  EXPECT_EQ(to.bytes(to.records[1]), "cd");
  EXPECT_EQ(to.records[1].element, 1u);
  EXPECT_EQ(to.records[1].message, 0u);
  EXPECT_EQ(to.envelopes, "eys");
  EXPECT_EQ(to.messages[0].envelope_begin, 0u);
  EXPECT_EQ(raw(to.spans[0].first), 6);
  EXPECT_EQ(raw(to.spans[0].next), 7);
  EXPECT_TRUE(to.spans[0].at_end);
  EXPECT_EQ(to.messages[0].timestamp_ms, 78);
}

TEST(CarryOver, SpansOfPartitionsThatAllStayStay) {
  Batch from({16, 1 << 12, 1});
  Batch to({16, 1 << 12, 1});
  from.spans.push_back({PartitionIndex{3}, Offset{5}, Offset{6}});
  from.spans.push_back({PartitionIndex{8}, Offset{1}, Offset{2}});
  from.append("one", 0, Offset{5}, 77);
  from.append("two", 1, Offset{1}, 77);
  from.records = {{0, 3, 0, Record::kOnly}, {4, 3, 1, Record::kOnly}};
  carry_over(from, 1, to);
  EXPECT_EQ(to.bytes(to.records[0]), "two");
  ASSERT_EQ(to.spans.size(), 1u);
  EXPECT_EQ(to.spans[0].partition, PartitionIndex{8});
  EXPECT_EQ(raw(from.spans[0].next), 6);
  EXPECT_EQ(raw(from.spans[1].next), 1);
}

// Keeps what it was given, as an engine may, and what it has seen of it.
class SeeingEngine final : public Engine {
 public:
  struct Event {
    std::uint32_t item, combination, watch_ms;
    std::vector<PaneIndex> panes;
    friend bool operator==(const Event&, const Event&) = default;
  };
  static std::vector<Event> events_of(const Batch& batch) {
    std::vector<Event> events;
    for (std::uint32_t e = 0; e < batch.event_count; ++e) {
      Event& event = events.emplace_back(
          Event{raw(batch.item()[e]), raw(batch.combination()[e]), batch.watch_ms()[e], std::vector<PaneIndex>{}});
      for (std::uint32_t l = 0; l < batch.leaderboard_count(); ++l) {
        event.panes.push_back(batch.pane(batch.slot()[e], LeaderboardIndex{l}));
      }
    }
    return events;
  }

  Status submit(BatchPtr batch) override {
    sizes.push_back(batch->event_count);
    std::vector<std::uint32_t> slot_events(batch->slot_count());
    for (std::uint32_t e = 0; e < batch->event_count; ++e) ++slot_events[batch->slot()[e]];
    EXPECT_EQ(slot_events, batch->slot_events);
    slot_counts.push_back(batch->slot_count());
    for (Event& event : events_of(*batch)) seen.push_back(std::move(event));
    held.push_back(std::move(batch));
    if (held.size() > kEngineBatchesHeldMax) held.erase(held.begin());
    return status;
  }
  std::uint64_t epoch_rows() const override { return 0; }
  Result<const Partials*> end_epoch() override { return Status(Code::kInternal, "not asked for"); }
  void name_item(ItemId, std::string_view) override {}
  void map_combination(CombinationId, std::span<const GroupId>) override {}
  Status rank(const RankQuery&, Ranking&) override { return {}; }
  void drop(LeaderboardIndex, PaneIndex) override {}
  Status restore(const PanePartials&) override { return {}; }
  void clear() override {}
  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>&) override {
    return Status(Code::kInternal, "not asked for");
  }
  void mark_live(LiveIds&) override {}
  void forget_floors() override {}
  EngineStats stats() const override { return {}; }
  std::string_view name() const override { return "seeing"; }
  bool can_be_lost() const override { return false; }

  std::vector<std::uint32_t> sizes;  // of the batches
  std::vector<std::uint32_t> slot_counts;
  std::vector<Event> seen;
  std::vector<BatchPtr> held;
  Status status;
};

TEST(EngineFeed, LongBatchReachesTheEngineInPiecesThatHoldTheSameEvents) {
  for (const std::uint32_t events : {0u, 1u, 63u, 64u, 65u, 128u, 1'000u}) {
    BatchPool pool({64, 1 << 20, 2}, 1);
    EngineFeed feed(64, 2);
    SeeingEngine engine;  // gone before both: it holds batches
    BatchPtr batch = pool.acquire(std::chrono::milliseconds{0});
    batch->reserve_events(events);
    batch->event_count = events;
    for (std::uint32_t slot = 1; slot < 300; ++slot) {
      batch->slot_panes.insert(batch->slot_panes.end(), {PaneIndex{slot}, slot % 3 == 0 ? kNoPane : PaneIndex{slot}});
      batch->slot_events.push_back(0);
    }
    for (std::uint32_t e = 0; e < events; ++e) {
      batch->item()[e] = ItemId{e};
      batch->combination()[e] = CombinationId{e + 1};
      batch->watch_ms()[e] = e + 2;
      batch->slot()[e] = (e * e) % 300;
      ++batch->slot_events[batch->slot()[e]];
    }
    const std::vector<SeeingEngine::Event> expected = SeeingEngine::events_of(*batch);
    ASSERT_TRUE(feed.submit(std::move(batch), engine).ok());
    EXPECT_TRUE(engine.seen == expected);
    EXPECT_EQ(engine.sizes.size(), std::max(1u, (events + 63) / 64));
    EXPECT_TRUE(std::all_of(engine.sizes.begin(), engine.sizes.end(), [](std::uint32_t n) { return n <= 64; }));
    if (events <= 64) continue;
    EXPECT_LE(*std::max_element(engine.slot_counts.begin(), engine.slot_counts.end()), 65u);
    EXPECT_EQ(pool.free_count(), 1u) << "the long batch is home";
  }
}

TEST(EngineFeed, AnErrorOfTheEnginesEndsIt) {
  BatchPool pool({4, 1 << 12, 1}, 1);
  EngineFeed feed(4, 1);
  SeeingEngine engine;
  engine.status = {Code::kUnavailable, "lost"};
  BatchPtr batch = pool.acquire(std::chrono::milliseconds{0});
  batch->reserve_events(100);
  batch->event_count = 100;
  std::fill_n(batch->slot(), 100, 0u);
  EXPECT_EQ(feed.submit(std::move(batch), engine).message(), "lost");
  EXPECT_EQ(engine.sizes.size(), 1u);
}

TEST(CommitMetadata, RoundTripsAndIgnoresWhatIsNotOurs) {
  const CommitMetadata m{1, -2, kNoTime, 4, true, 99, 98, 7, "host:3"};
  const CommitMetadata back = CommitMetadata::parse(m.text()).value();
  EXPECT_EQ(back.partition_max, 1);
  EXPECT_EQ(back.job_watermark, -2);
  EXPECT_EQ(back.high, kNoTime);
  EXPECT_EQ(back.hole_until, 4);
  EXPECT_TRUE(back.hole_open);
  EXPECT_EQ(back.epoch, 99u);
  EXPECT_EQ(back.blocks, 98u);
  EXPECT_EQ(back.claim, 7u);
  EXPECT_EQ(back.by, "host:3");
  EXPECT_LT(m.text().size(), 4000u);
  EXPECT_FALSE(CommitMetadata::parse("flink checkpoint 7"));
  EXPECT_FALSE(CommitMetadata::parse(""));
}

class ProgressTest : public testing::Test {
 protected:
  // A batch that brings `highest` from partition `p` at offset `next - 1`, and maybe its end.
  void bring(std::uint32_t p, EventTimeMs highest, bool at_end = false) {
    Batch batch({16, 1 << 12, 1});
    PartitionSpan span;
    span.partition = PartitionIndex{p};
    span.first = Offset{next_[p]};
    span.next = highest == kNoTime ? span.first : Offset{++next_[p]};
    span.event_time_max = span.first_event_time = highest;
    span.at_end = at_end;
    batch.spans.push_back(span);
    progress_.consumed(batch);
  }
  void pass_ms(std::int64_t ms) {
    for (; ms > 0; ms -= 50) progress_.tick(now_ns_ += 50'000'000);
  }
  std::vector<PartitionStart> starts(std::size_t n, bool at_beginning = true) {
    std::vector<PartitionStart> s(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      s[i].partition = PartitionIndex{i};
      s[i].at_beginning = at_beginning;
    }
    return s;
  }

  JobSpec job_ = [] {
    JobSpec job = job_with({tumbling(1000)}, 10, 100);
    job.time.idle_after_ms = 500;
    return job;
  }();
  bool healthy_ = true;
  Progress progress_{job_, [this](PartitionIndex) { return healthy_; }};
  std::map<std::uint32_t, std::int64_t> next_;
  std::int64_t now_ns_ = 1;
};

TEST_F(ProgressTest, JobWatermarkIsTheMinimumAndWaitsForEveryPartition) {
  progress_.start(starts(2));
  bring(0, 5000);
  EXPECT_EQ(progress_.job_watermark(), kNoTime);
  bring(1, 3000);
  EXPECT_EQ(progress_.job_watermark(), 2990);
}

TEST_F(ProgressTest, PartitionIsIdleOnlyAfterItsEndWasReportedAndWhileFetchesSucceed) {
  progress_.start(starts(2));
  bring(0, 5000);
  bring(1, 3000);
  pass_ms(2000);
  EXPECT_EQ(progress_.job_watermark(), 2990);  // no end reported
  bring(1, kNoTime, true);
  healthy_ = false;
  pass_ms(2000);
  EXPECT_EQ(progress_.job_watermark(), 2990);  // broker stalled
  healthy_ = true;
  pass_ms(450);
  EXPECT_EQ(progress_.job_watermark(), 2990);
  pass_ms(100);
  EXPECT_EQ(progress_.job_watermark(), 4990);
}

TEST_F(ProgressTest, OneTickAddsAtMostAHundredMilliseconds) {
  progress_.start(starts(2));
  bring(0, 5000);
  bring(1, 3000, true);
  progress_.tick(now_ns_ += 50'000'000);
  progress_.tick(now_ns_ += 3'600'000'000'000);  // the process was stopped for an hour
  EXPECT_EQ(progress_.job_watermark(), 2990);
}

TEST_F(ProgressTest, WatermarkNeverFallsWhenAnIdlePartitionComesBack) {
  progress_.start(starts(2));
  bring(0, 9000);
  bring(1, 3000, true);
  pass_ms(700);
  EXPECT_EQ(progress_.job_watermark(), 8990);
  bring(1, 3500);
  EXPECT_EQ(progress_.job_watermark(), 8990);
}

TEST_F(ProgressTest, AllIdleGoesOnToTheEndOfTheLastWindowPlusLatenessAndStops) {
  progress_.start(starts(1));
  bring(0, 5500, true);
  EXPECT_EQ(progress_.job_watermark(), 5490);
  pass_ms(600);
  pass_ms(60'000);
  EXPECT_EQ(progress_.job_watermark(), 6100);
}

// What lies before the offset is in the pane log.
TEST_F(ProgressTest, GoingOnInTheMiddleIsNoHole) {
  std::vector<PartitionStart> s = starts(1, false);
  s[0].metadata = CommitMetadata{5000, 4990, 5000, kNoTime, false, 7, 7, 1, "a"}.text();
  progress_.start(s);
  EXPECT_EQ(progress_.job_watermark(), 4990);
  EXPECT_FALSE(progress_.in_hole(0));
  EXPECT_EQ(progress_.highest(), std::vector<EventTimeMs>{5000});
}

TEST_F(ProgressTest, AHoleThatNoEventHasPlacedYetIsStillOneAfterARestart) {
  std::vector<PartitionStart> s = starts(2, false);
  progress_.start(s);
  bring(1, 60'000);
  for (const OffsetOut& o : progress_.offsets({})) s[raw(o.partition)].metadata = o.metadata;
  Progress again(job_, [](PartitionIndex) { return true; });
  again.start(s);
  EXPECT_TRUE(again.in_hole(60'000));
  Batch batch({64, 1u << 16, 1});
  PartitionSpan span;
  span.partition = PartitionIndex{0};
  span.first = Offset{0};
  span.next = Offset{1};
  span.first_event_time = span.event_time_max = 80'000;
  batch.spans.push_back(span);
  again.consumed(batch);
  EXPECT_TRUE(again.in_hole(80'000));
  EXPECT_FALSE(again.in_hole(81'111));
}

TEST_F(ProgressTest, WhileAllAreIdleTheLimitIsTheSameAfterARestart) {
  std::vector<PartitionStart> s = starts(1);
  s[0].metadata = CommitMetadata{5500, 5490, 5500, kNoTime, false, 7, 7, 1, "a"}.text();
  progress_.start(s);
  bring(0, kNoTime, true);
  pass_ms(600);
  pass_ms(60'000);
  EXPECT_EQ(progress_.job_watermark(), 6100);
}

TEST_F(ProgressTest, StartAtLatestPlacesTheHoleByTheFirstEvent) {
  progress_.start(starts(1, false));
  bring(0, 8000);  // of the pane that ends at 9000: not late behind an event of up to 9000 + 100 + 10
  EXPECT_TRUE(progress_.in_hole(9110));
  EXPECT_FALSE(progress_.in_hole(9111));
}

// The first event read is a straggler of a pane that lateness keeps open; events of the next window were skipped.
TEST_F(ProgressTest, HoleBehindAStragglerReachesToTheEventsThatMayHaveComeBeforeIt) {
  progress_.start(starts(1, false));
  bring(0, 8001);
  bring(0, 9050);
  EXPECT_TRUE(progress_.in_hole(9000));
}

TEST_F(ProgressTest, RecordsThatRetentionTookMakeInexactWhatTheyMayHaveBelongedTo) {
  std::vector<PartitionStart> s = starts(2, false);
  for (PartitionStart& p : s) p.metadata = CommitMetadata{5000, 4990, 5000, kNoTime, false, 7, 7, 1, "a"}.text();
  s[0].gap = true;
  progress_.start(s);
  bring(1, 60'000);  // the other partition goes on without it
  EXPECT_TRUE(progress_.in_hole(60'000));
  bring(0, 80'000);  // what is left begins here
  EXPECT_TRUE(progress_.in_hole(80'000));
  EXPECT_FALSE(progress_.in_hole(81'111));
}

TEST_F(ProgressTest, PartitionFoundWithItsFirstRecordsRemovedIsAHole) {
  progress_.start(starts(1));
  bring(0, 8000);
  next_[1] = 5;
  bring(1, 8000);
  EXPECT_TRUE(progress_.in_hole(8000));
}

TEST_F(ProgressTest, StartAtTheBeginningHasNoHole) {
  progress_.start(starts(1));
  bring(0, 8000);
  EXPECT_FALSE(progress_.in_hole(0));
}

}  // namespace
}  // namespace marquee
