// What submit() and end_epoch() add up: sizes around the edges of blocks and batches, hot keys, growth, leaderboards.
#include <algorithm>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class AggregateTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(AggregateTest);

TEST_P(AggregateTest, AnEpochWithoutEventsHasNoPartials) {
  World world(GetParam());
  world.start();
  world.end_epoch();
  EXPECT_TRUE(world.partials().panes.empty());
  EXPECT_EQ(world.engine().stats().entries, 0u);
  world.rank(0, 0, 0);
  world.rank(0, 5, 4);
  EXPECT_TRUE(world.ranking().groups.empty());
}

TEST_P(AggregateTest, AnEmptyBatchGoesHomeAndAddsNothing) {
  World world(GetParam());
  world.start();
  world.submit({});
  world.end_epoch();
  EXPECT_TRUE(world.partials().panes.empty());
}

TEST_P(AggregateTest, OneEventIsOneEntry) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 7, .combination = 3, .slot = 1, .watch_ms = 42}});
  EXPECT_GE(world.engine().epoch_rows(), 1u);
  world.end_epoch();
  EXPECT_EQ(world.engine().stats().entries, 1u);
  EXPECT_EQ(world.engine().stats().open_panes, 1u);
  world.rank(0, 0, 0);
}

TEST_P(AggregateTest, EveryCountAroundAWarpsEdgeAddsUp) {
  for (const std::uint32_t n : {2u, 7u, 15u, 16u, 17u, 31u, 32u, 33u, 63u, 64u, 65u, 255u, 256u, 257u}) {
    World world(GetParam());
    world.start();
    world.submit(distinct_items(n));
    world.submit(distinct_items(n, n / 2));
    world.end_epoch();
    world.rank_all_panes();
  }
}

TEST_P(AggregateTest, EveryCountAroundABatchsEdgeAddsUp) {
  for (const std::uint32_t n : {1023u, 1024u, 1025u, 2047u, 2048u, 2049u}) {
    World world(GetParam());
    world.start();
    world.submit(distinct_items(n));
    world.end_epoch();
    world.rank_all_panes();
  }
}

TEST_P(AggregateTest, OneHotKeyWithTheLongestWatchTimesDoesNotOverflow) {
  World world(GetParam());
  world.batch_events_max = std::max(many(16'384), 2048u);  // tables have room for many such
  world.start();
  for (int epoch = 0; epoch < 2; ++epoch) {
    world.submit(std::vector<Event>(60'000, {.item = 9, .watch_ms = static_cast<std::uint32_t>(kWatchMsMax)}));
    world.submit({{.item = 10, .watch_ms = 1}});
    world.end_epoch();
    world.rank_all_panes();
  }
}

// More than 2^41 ms: an engine that packs both sums into a word may have to add such a batch piece by piece.
TEST_P(AggregateTest, OneBatchMayHoldNineCenturiesOfWatchTime) {
  World world(GetParam());
  world.batch_events_max = 1u << 16;
  world.start();
  std::vector<Event> events(60'000, {.watch_ms = static_cast<std::uint32_t>(kWatchMsMax)});
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    events[i].item = 1 + i % 7;
    events[i].slot = 1 + i % 3;
  }
  world.submit(events);
  world.submit({{.item = 3, .watch_ms = 1}});
  world.end_epoch();
  world.rank_all_panes();
}

TEST_P(AggregateTest, ABatchMayHaveHundredsOfSlots) {
  World world(GetParam());
  for (std::int64_t pane = 32; pane < 400; ++pane) world.slots.push_back({pane});
  world.start();
  std::vector<Event> events;
  for (std::uint32_t slot = 1; slot <= 400; ++slot) {
    events.push_back({.item = slot, .slot = slot, .watch_ms = slot});
    events.push_back({.item = 1, .slot = slot});
  }
  world.submit(events);
  world.end_epoch();
  world.rank_all_panes();
  world.rank(0, 0, 399);
}

// A packed sum has to move on somewhere; the counts just before, at and behind any power of two are where it would go
// wrong.
TEST_P(AggregateTest, AKeysCountMayEndOnAnyPowerOfTwo) {
  World world(GetParam());
  world.batch_events_max = std::max(many(16'384), 2048u);  // tables have room for many such
  world.start();
  std::uint32_t item = 1;
  for (const std::uint32_t power : {4096u, 8192u, 16'384u, 32'768u}) {
    for (const std::uint32_t n : {power - 1, power, power + 1}) {
      world.submit(std::vector<Event>(n, {.item = item++, .watch_ms = static_cast<std::uint32_t>(kWatchMsMax)}));
    }
  }
  world.end_epoch();
  world.rank_all_panes();
}

TEST_P(AggregateTest, ARefusedItemMayBeHotToo) {
  World world(GetParam());
  world.start();
  world.submit(std::vector<Event>(20'000, {.item = 0, .combination = 2, .watch_ms = 5}));
  world.submit(std::vector<Event>(20'000, {.item = 3, .combination = 0, .watch_ms = 5}));
  world.end_epoch();
  world.rank_all_panes();
  EXPECT_TRUE(world.ranking().group_refused);
}

TEST_P(AggregateTest, ThirtyPercentOnOneKeyAmongManyAddsUp) {
  World world(GetParam());
  world.batch_events_max = std::max(many(4096), 2048u);
  world.start();
  std::mt19937_64 random(1);
  std::vector<Event> events(many(200'000));
  for (Event& event : events) {
    event.item = random() % 10 < 3 ? 1 : static_cast<std::uint32_t>(2 + random() % many(50'000));
    event.combination = event.item % 8 + 1;
    event.watch_ms = static_cast<std::uint32_t>(random() % 1000);
  }
  world.submit(events);
  world.end_epoch();
  world.rank_all_panes();
}

TEST_P(AggregateTest, ATableGrowsWithinABatchAndBetweenEpochs) {
  World world(GetParam());
  world.batch_events_max = many(1u << 16);
  world.start();
  world.submit(distinct_items(many(150'000)));
  world.end_epoch();
  world.submit(distinct_items(many(300'000), many(100'000)));
  world.end_epoch();
  world.submit(distinct_items(10, many(400'000) - 5));
  world.end_epoch();
  EXPECT_EQ(world.engine().stats().entries, many(400'000) + 4);
  world.rank_all_panes();
}

TEST_P(AggregateTest, KeysOfManyGroupsAndDenseItemsStayApart) {
  World world(GetParam());
  world.start();
  std::vector<Event> events;
  for (std::uint32_t group = 1; group <= 64; ++group) {
    for (std::uint32_t item = 1; item <= 500; ++item)
      events.push_back({.item = item, .combination = group, .watch_ms = item});
  }
  world.submit(events);
  world.end_epoch();
  EXPECT_EQ(world.engine().stats().entries, 32'000u);
  world.rank_all_panes();
}

TEST_P(AggregateTest, TheLastIdsOfTheBudgetsAreKeysLikeOthers) {
  World world(GetParam());
  const std::uint32_t last = world.job.budgets.items;
  world.groups[2] = {world.job.budgets.groups};
  world.start();
  world.submit({{.item = last}, {.item = last - 1, .combination = 2}, {.item = last}, {.item = 1, .combination = 2}});
  world.end_epoch();
  world.rank(0, 0, 0);
}

TEST_P(AggregateTest, LeaderboardsGroupTheSameEventsEachInItsOwnWay) {
  World world(GetParam());
  world.add_leaderboard(Measure::kWatchMs, 3);
  world.add_leaderboard(Measure::kViews, 1000);
  for (std::uint32_t c = 1; c < world.groups.size(); ++c) {
    world.groups[c][1] = 1;                       // all in one
    world.groups[c][2] = c % 5 == 0 ? 0 : c % 5;  // a fifth refused
  }
  for (std::size_t s = 1; s < world.slots.size(); ++s) {
    world.slots[s][1] = static_cast<std::int64_t>(s) / 4;
    world.slots[s][2] = s % 3 == 0 ? World::kNone : -static_cast<std::int64_t>(s);
  }
  world.start();
  std::mt19937_64 random(2);
  std::vector<Event> events(30'000);
  for (Event& event : events) {
    event.item = static_cast<std::uint32_t>(random() % 300);
    event.combination = static_cast<std::uint32_t>(random() % 65);
    event.slot = static_cast<std::uint32_t>(random() % world.slots.size());
    event.watch_ms = static_cast<std::uint32_t>(random() % 100'000);
  }
  world.submit(events);
  world.end_epoch();
  world.rank_all_panes();
  world.rank(0, 0, 31);
  world.rank(1, 0, 31);
  world.rank(2, -32, -1);
}

TEST_P(AggregateTest, EventsWithoutAPaneCountNowhere) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 1, .slot = 0}, {.item = 2, .slot = 1}, {.item = 3, .slot = 0}});
  world.submit({{.item = 1, .slot = 0}, {.item = 3, .slot = 0}});
  world.end_epoch();
  EXPECT_EQ(world.engine().stats().entries, 1u);
  world.rank_all_panes();
}

TEST_P(AggregateTest, ACombinationThatIsGivenAgainMayMeanAnotherGroup) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 1, .combination = 5}});
  world.end_epoch();
  world.groups[5][0] = 17;
  const GroupId group{17};
  world.engine().map_combination(CombinationId{5}, {&group, 1});
  world.submit({{.item = 1, .combination = 5}});
  world.end_epoch();
  world.rank(0, 0, 0);
}

TEST_P(AggregateTest, EpochRowsBoundWhatAnEpochCanTouch) {
  World world(GetParam());
  world.add_leaderboard(Measure::kViews, 10);
  world.start();
  world.submit(distinct_items(100));
  EXPECT_GE(world.engine().epoch_rows(), 200u);
  world.submit(distinct_items(100));
  EXPECT_GE(world.engine().epoch_rows(), 400u);
  world.end_epoch();
  EXPECT_EQ(world.engine().epoch_rows(), 0u);
}

TEST_P(AggregateTest, ManyEpochsAddUpToTheirSum) {
  World world(GetParam());
  world.start();
  std::mt19937_64 random(3);
  for (int epoch = 0; epoch < rounds(60); ++epoch) {
    std::vector<Event> events(random() % 3000);
    for (Event& event : events) {
      event.item = static_cast<std::uint32_t>(1 + random() % 2000);
      event.slot = static_cast<std::uint32_t>(1 + static_cast<std::uint64_t>(epoch) * 6 / rounds(60) + random() % 2);
      event.watch_ms = static_cast<std::uint32_t>(random() % 9);
    }
    world.submit(events);
    world.end_epoch();
    world.rank_all_panes();
  }
}

}  // namespace
}  // namespace marquee::test
