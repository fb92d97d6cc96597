// The entries budget: what has no room goes to (group, 0), is counted as refused, and nothing else changes.
#include <algorithm>
#include <map>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class BudgetTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(BudgetTest);

std::map<std::uint32_t, std::uint64_t> events_by_group(const Ranking& ranking) {
  std::map<std::uint32_t, std::uint64_t> out;
  for (const RankedGroup& group : ranking.groups) out[raw(group.group)] = group.events;
  return out;
}

// The engine alone, without the model: which keys are refused is the engine's choice.
struct Budgeted {
  Budgeted(const EngineKind& kind, std::uint64_t entries, std::uint32_t batch_events_max = 1u << 14) : world(kind) {
    world.job.budgets.entries = entries;
    world.set_top(1000);
    world.batch_events_max = batch_events_max;
    world.start();
  }
  const Partials& run(const std::vector<Event>& events) {
    EXPECT_TRUE(world.engine().submit(world.batch_of(events)).ok());
    partials = world.engine().end_epoch().value();
    return *partials;
  }
  const Ranking& rank(std::int64_t first, std::int64_t last) {
    EXPECT_TRUE(world.engine().rank({LeaderboardIndex{0}, {PaneIndex{first}, PaneIndex{last}}, true}, ranking).ok());
    return ranking;
  }
  World world;
  const Partials* partials = nullptr;
  Ranking ranking;
};

TEST_P(BudgetTest, WithinTheBudgetNothingIsRefused) {
  Budgeted b(GetParam(), 100);
  EXPECT_EQ(b.run(distinct_items(100)).refused_events, 0u);
  EXPECT_EQ(b.run(distinct_items(100)).refused_events, 0u);
  EXPECT_EQ(b.world.engine().stats().entries, 100u);
  EXPECT_FALSE(b.rank(0, 0).groups[0].refused);
}

TEST_P(BudgetTest, NewItemsBeyondTheBudgetCountInTheirGroupAsRefused) {
  Budgeted b(GetParam(), 100);
  std::vector<Event> events = distinct_items(130);
  for (std::uint32_t i = 0; i < events.size(); ++i) events[i].combination = 1 + i % 3;
  const Partials& partials = b.run(events);
  EXPECT_EQ(partials.refused_events, 30u);
  EXPECT_EQ(b.world.engine().stats().entries, 100u);
  ASSERT_EQ(partials.panes.size(), 1u);
  std::uint64_t views = 0;
  std::uint64_t refused = 0;
  std::uint64_t watch_ms = 0;
  std::map<Key, int> keys;
  for (const PartialRow& row : partials.panes[0].rows) {
    EXPECT_EQ(++keys[Key(raw(row.group), raw(row.item))], 1);
    views += row.views;
    watch_ms += row.watch_ms;
    if (row.item == kRefusedItem) refused += row.views;
  }
  EXPECT_EQ(views, 130u);
  EXPECT_EQ(watch_ms, 129u * 130u / 2);
  EXPECT_EQ(refused, 30u);
  const Ranking& ranking = b.rank(0, 0);
  EXPECT_EQ(events_by_group(ranking), (std::map<std::uint32_t, std::uint64_t>{{1, 44}, {2, 43}, {3, 43}}));
  EXPECT_EQ(ranking.rows.size(), 100u);
  EXPECT_TRUE(std::any_of(ranking.groups.begin(), ranking.groups.end(), [](const auto& g) { return g.refused; }));
}

TEST_P(BudgetTest, EntriesThatAreThereGrowOnAtTheBudget) {
  Budgeted b(GetParam(), 50);
  b.run(distinct_items(50));
  std::vector<Event> events = distinct_items(60);
  EXPECT_EQ(b.run(events).refused_events, 10u);
  const Ranking& ranking = b.rank(0, 0);
  ASSERT_EQ(ranking.groups.size(), 1u);
  EXPECT_EQ(ranking.groups[0].events, 110u);
  EXPECT_EQ(ranking.groups[0].row_count, 50u);
  for (const RankedRow& row : ranking.rows) EXPECT_EQ(row.views, 2u);
}

TEST_P(BudgetTest, MarksNeedNoRoom) {
  Budgeted b(GetParam(), 1);
  std::vector<Event> events = {{.item = 1, .combination = 1}};
  for (std::uint32_t group = 1; group <= 20; ++group) events.push_back({.item = 0, .combination = group});
  events.push_back({.item = 9, .combination = 0});
  EXPECT_EQ(b.run(events).refused_events, 0u);
  EXPECT_EQ(b.run({{.item = 0, .combination = 30}, {.item = 2, .combination = 31}}).refused_events, 1u);
  EXPECT_EQ(b.world.engine().stats().entries, 1u);
  const Ranking& ranking = b.rank(0, 0);
  EXPECT_EQ(ranking.groups.size(), 22u);
  EXPECT_TRUE(ranking.group_refused);
}

TEST_P(BudgetTest, RefusedItemsOfBothKindsMeetInOneMark) {
  Budgeted b(GetParam(), 1);
  const Partials& partials = b.run(
      {{.item = 1}, {.item = 1}, {.item = 0, .watch_ms = 3}, {.item = 2, .watch_ms = 4}, {.item = 3, .watch_ms = 5}});
  EXPECT_EQ(partials.panes[0].rows.size(), 2u);
  const Ranking& ranking = b.rank(0, 0);
  EXPECT_EQ(ranking.groups[0].events, 5u);
  EXPECT_EQ(ranking.rows.size(), 1u);
}

TEST_P(BudgetTest, ADroppedPanesRoomIsFreeAgain) {
  Budgeted b(GetParam(), 100);
  std::vector<Event> events = distinct_items(80);
  EXPECT_EQ(b.run(events).refused_events, 0u);
  for (Event& event : events) event.slot = 2;
  EXPECT_EQ(b.run(events).refused_events, 60u);
  b.world.engine().drop(LeaderboardIndex{0}, PaneIndex{0});
  EXPECT_EQ(b.world.engine().stats().entries, 20u);
  EXPECT_EQ(b.run(events).refused_events, 0u);
  EXPECT_EQ(b.world.engine().stats().entries, 80u);
  const Ranking& ranking = b.rank(0, 1);
  EXPECT_EQ(ranking.groups[0].events, 160u);
  EXPECT_TRUE(ranking.groups[0].refused);
}

TEST_P(BudgetTest, WhatIsRefusedEpochAfterEpochTakesNoRoom) {
  Budgeted b(GetParam(), 10);
  b.run(distinct_items(10));
  std::size_t memory_bytes = 0;
  for (std::uint32_t epoch = 0; epoch < 5; ++epoch) {
    std::vector<Event> events = distinct_items(3000, 11 + 3000 * epoch);
    events.push_back({.item = 1});
    EXPECT_EQ(b.run(events).refused_events, 3000u);
    if (epoch == 1) memory_bytes = b.world.engine().stats().memory_bytes;
  }
  EXPECT_EQ(b.world.engine().stats().entries, 10u);
  EXPECT_LE(b.world.engine().stats().memory_bytes, memory_bytes);
  const Ranking& ranking = b.rank(0, 0);
  EXPECT_EQ(events_by_group(ranking), (std::map<std::uint32_t, std::uint64_t>{{1, 15'015}}));
  ASSERT_EQ(ranking.rows.size(), 10u);
  EXPECT_EQ(ranking.rows[0].views, 6u);
}

// More rows than an engine takes at once.
// So long watch times that a GPU aggregates a batch in pieces with a fold between, which leaves tables no larger than
// what the budget let in.
TEST_P(BudgetTest, ABatchInPiecesFindsRoomForEach) {
  Budgeted b(GetParam(), 100, 1u << 15);
  std::vector<Event> events = distinct_items(30'000);
  for (Event& event : events) event.watch_ms = static_cast<std::uint32_t>(kWatchMsMax);
  EXPECT_EQ(b.run(events).refused_events, 29'900u);
  EXPECT_EQ(b.world.engine().stats().entries, 100u);
}

TEST_P(BudgetTest, RestoringBeyondTheBudgetRefusesWhatIsNew) {
  const std::uint32_t there = many(100'000);
  const std::uint32_t restored = many(250'000);
  const std::uint32_t budget = many(150'000);
  Budgeted b(GetParam(), budget);
  std::vector<Event> events = distinct_items(there);
  for (std::size_t i = 0; i < events.size(); i += b.world.batch_events_max) {
    const std::size_t n = std::min<std::size_t>(b.world.batch_events_max, events.size() - i);
    b.run(std::vector<Event>(events.begin() + static_cast<std::ptrdiff_t>(i),
                             events.begin() + static_cast<std::ptrdiff_t>(i + n)));
  }
  PanePartials partials{.leaderboard = LeaderboardIndex{0}, .pane = PaneIndex{0}, .rows = {}};
  for (std::uint32_t item = restored; item > 0; --item) {
    b.world.name(item);
    partials.rows.push_back({GroupId{1}, ItemId{item}, 2, item});
  }
  ASSERT_TRUE(b.world.engine().restore(partials).ok());
  EXPECT_EQ(b.world.engine().stats().entries, budget);
  const Ranking& ranking = b.rank(0, 0);
  ASSERT_EQ(ranking.groups.size(), 1u);
  EXPECT_EQ(ranking.groups[0].events, std::uint64_t{there} + 2 * restored);
  EXPECT_TRUE(ranking.groups[0].refused);
  EXPECT_EQ(ranking.groups[0].row_count, 1000u);
  for (const RankedRow& row : ranking.rows) EXPECT_EQ(row.views, 3u) << "those that were there grow on";
}

TEST_P(BudgetTest, WindowsOfManyPanesCarryTheMarksOfEach) {
  Budgeted b(GetParam(), 10);
  std::vector<Event> events = distinct_items(10);
  for (Event& event : events) event.slot = 1;
  b.run(events);
  b.rank(0, 1);
  b.run({{.item = 100, .combination = 7, .slot = 2}});
  const Ranking& ranking = b.rank(0, 1);
  EXPECT_EQ(events_by_group(ranking), (std::map<std::uint32_t, std::uint64_t>{{1, 10}, {7, 1}}));
  for (const RankedGroup& group : ranking.groups) EXPECT_EQ(group.refused, raw(group.group) == 7);
}

}  // namespace
}  // namespace marquee::test
