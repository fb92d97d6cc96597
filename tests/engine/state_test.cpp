// What an engine says that it holds: the sum of all it was given, group by group, in panes still open.
#include <algorithm>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class StateTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(StateTest);

// Events of six panes and both kinds of marks: some items are refused, and one combination in twenty.
std::vector<Event> some_events(std::uint64_t seed, std::size_t count = 4000) {
  std::mt19937_64 random(seed);
  std::vector<Event> events(count);
  for (Event& event : events) {
    event.item = static_cast<std::uint32_t>(random() % 700);
    event.combination = static_cast<std::uint32_t>(random() % 20);
    event.slot = static_cast<std::uint32_t>(1 + random() % 6);
    event.watch_ms = static_cast<std::uint32_t>(random() % 10'000);
  }
  return events;
}

// A second leaderboard, of four groups and panes twice as long.
void add_coarse_leaderboard(World& world) {
  world.add_leaderboard(Measure::kWatchMs, 7);
  for (std::uint32_t c = 1; c < world.groups.size(); ++c) world.groups[c][1] = c % 5;
  for (std::uint32_t s = 1; s < world.slots.size(); ++s) world.slots[s][1] = (s - 1) / 2;
}

TEST_P(StateTest, IsTheSumOfAllEpochsAndOfWhatWasRestored) {
  World world(GetParam());
  add_coarse_leaderboard(world);
  world.start();
  for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
    world.submit(some_events(epoch));
    world.end_epoch();
    world.rank(0, 0, 5, true);
    world.expect_state();
  }
  world.restore(0, 3, {{{1, 5}, {2, 9}}, {{64, 9'000}, {1, 0}}, {{7, 0}, {4, 4}}, {{0, 0}, {5, 5}}});
  world.restore(0, 20, {{{2, 5}, {1, 1}}});
  world.expect_state();
  world.submit(some_events(9));
  world.end_epoch();
  world.expect_state();
}

TEST_P(StateTest, HoldsTheGroupsThatAreWantedAndNoOther) {
  World world(GetParam());
  add_coarse_leaderboard(world);
  world.start();
  world.submit(some_events(1));
  world.end_epoch();
  const World::Wanted all = world.every_group();
  World::Wanted wanted = all;
  for (std::size_t b = 0; b < wanted.size(); ++b) {
    for (std::size_t group = 0; group < wanted[b].size(); ++group) wanted[b][group] = (group + b) % 3 == 0 ? 1 : 0;
  }
  world.expect_state(wanted);
  wanted = all;
  for (std::vector<std::uint8_t>& groups : wanted) groups[0] = 0;
  world.expect_state(wanted);
  for (std::vector<std::uint8_t>& groups : wanted) std::ranges::fill(groups, std::uint8_t{0});
  world.expect_state(wanted);
  wanted[1][0] = 1;
  world.expect_state(wanted);
  wanted[0][3] = 255;
  world.expect_state(wanted);
}

TEST_P(StateTest, MarksComeBackAsRows) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 0, .combination = 7, .watch_ms = 3}, {.item = 9, .combination = 0, .watch_ms = 4}});
  world.end_epoch();
  const Result<const Partials*> state = world.engine().state(world.every_group());
  ASSERT_TRUE(state.ok());
  ASSERT_EQ(state.value()->panes.size(), 1u);
  EXPECT_EQ(state.value()->panes[0].rows.size(), 2u);
  world.expect_state();
}

TEST_P(StateTest, AnEngineWithoutPanesHoldsNothing) {
  World world(GetParam());
  world.start();
  world.expect_state();
  world.end_epoch();
  world.expect_state();
  world.submit(some_events(2));
  world.end_epoch();
  world.clear();
  world.expect_state();
}

TEST_P(StateTest, WhatWasDroppedIsGone) {
  World world(GetParam());
  add_coarse_leaderboard(world);
  world.start();
  world.submit(some_events(3));
  world.end_epoch();
  world.rank(0, 0, 5, true);
  world.drop(0, 2);
  world.drop(1, 0);
  world.expect_state();
  world.submit(some_events(4));
  world.end_epoch();
  world.expect_state();
  for (std::int64_t pane = 0; pane < 6; ++pane) {
    world.drop(0, pane);
    world.drop(1, pane);
  }
  world.expect_state();
}

TEST_P(StateTest, AnEngineRestoredFromItRanksTheSame) {
  World world(GetParam());
  World other(GetParam());
  add_coarse_leaderboard(world);
  add_coarse_leaderboard(other);
  world.start();
  other.start();
  for (std::uint64_t epoch = 10; epoch < 13; ++epoch) {
    world.submit(some_events(epoch));
    world.end_epoch();
  }
  world.drop(0, 0);
  world.restore_state_into(other);
  EXPECT_EQ(other.engine().stats().entries, world.engine().stats().entries);
  EXPECT_EQ(other.engine().stats().open_panes, world.engine().stats().open_panes);
  for (World* each : {&world, &other}) {
    each->expect_state();
    each->rank_all_panes();
    each->submit(some_events(13));
    each->end_epoch();
    each->rank_all_panes();
    each->rank(0, 1, 5, true);
    each->rank(1, 0, 2, true);
    each->expect_state();
  }
}

TEST_P(StateTest, ItHoldsAsManyRowsAsThereAre) {
  // Warps, blocks, and what an engine fetches at a time.
  const std::uint32_t piece = many(1u << 16);
  for (const std::uint32_t n : {1u, 31u, 32u, 33u, 255u, 256u, 257u, piece - 1, piece, piece + 1, many(250'000)}) {
    SCOPED_TRACE(n);
    World world(GetParam());
    world.batch_events_max = piece;
    world.start();
    std::vector<Event> events = distinct_items(n);
    for (std::uint32_t i = 0; i < n; ++i) events[i].combination = 1 + i % 3;
    world.submit(events);
    world.end_epoch();
    world.expect_state();
    World::Wanted wanted = world.every_group();
    wanted[0][2] = 0;
    world.expect_state(wanted);
  }
}

TEST_P(StateTest, AskingChangesNothing) {
  World world(GetParam());
  world.start();
  world.submit(some_events(20));
  world.end_epoch();
  world.rank(0, 0, 5, true);
  std::vector<std::vector<PartialRow>> before;
  for (const PanePartials& pane : world.partials().panes) before.push_back(pane.rows);
  world.expect_state();
  world.expect_state();
  ASSERT_EQ(world.partials().panes.size(), before.size()) << "the epoch's partials are valid until the next batch";
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(world.partials().panes[i].rows, before[i], [](const auto& a, const auto& b) {
      return a.group == b.group && a.item == b.item && a.views == b.views && a.watch_ms == b.watch_ms;
    }));
  }
  world.rank(0, 0, 5, true);
  world.submit(some_events(21));
  world.end_epoch();
  world.rank(0, 0, 5, true);
  world.rank_all_panes();
}

TEST_P(StateTest, AtTheBudgetItIsStillTheSumOfAllPartials) {
  World world(GetParam());
  world.job.budgets.entries = 300;
  world.batch_events_max = 4096;
  world.start();
  std::map<std::pair<std::int64_t, Key>, Sums> expected;
  std::uint64_t refused = 0;
  for (std::uint64_t epoch = 30; epoch < 33; ++epoch) {
    ASSERT_TRUE(world.engine().submit(world.batch_of(some_events(epoch))).ok());
    const Partials& partials = *world.engine().end_epoch().value();
    refused += partials.refused_events;
    for (const PanePartials& pane : partials.panes) {
      for (const PartialRow& row : pane.rows) {
        Sums& sums = expected[{raw(pane.pane), {raw(row.group), raw(row.item)}}];
        sums.views += row.views;
        sums.watch_ms += row.watch_ms;
      }
    }
  }
  EXPECT_GT(refused, 1000u);
  std::map<std::pair<std::int64_t, Key>, Sums> got;
  const Result<const Partials*> state = world.engine().state(world.every_group());
  ASSERT_TRUE(state.ok());
  for (const PanePartials& pane : state.value()->panes) {
    for (const PartialRow& row : pane.rows) {
      got[{raw(pane.pane), {raw(row.group), raw(row.item)}}] = {row.views, row.watch_ms};
    }
  }
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace marquee::test
