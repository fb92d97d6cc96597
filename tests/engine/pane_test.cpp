// Panes come and go: drop, restore, clear, live ids, what memory is reported.
#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class PaneTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(PaneTest);

void submit_some(World& world, std::uint64_t seed, std::size_t count = 5000) {
  std::mt19937_64 random(seed);
  std::vector<Event> events(count);
  for (Event& event : events) {
    event.item = static_cast<std::uint32_t>(random() % 700);
    event.combination = static_cast<std::uint32_t>(random() % 20);
    event.slot = static_cast<std::uint32_t>(1 + random() % 6);
    event.watch_ms = static_cast<std::uint32_t>(random() % 10'000);
  }
  world.submit(events);
}

TEST_P(PaneTest, ADroppedPaneIsGoneAndItsNeighboursAreNot) {
  World world(GetParam());
  world.start();
  submit_some(world, 1);
  world.end_epoch();
  EXPECT_EQ(world.engine().stats().open_panes, 6u);
  world.drop(0, 2);
  EXPECT_EQ(world.engine().stats().open_panes, 5u);
  world.rank_all_panes();
  world.rank(0, 0, 5);
  world.rank(0, 2, 2);
  EXPECT_TRUE(world.ranking().groups.empty());
}

TEST_P(PaneTest, DroppingAPaneWithoutATableIsFine) {
  World world(GetParam());
  world.start();
  world.drop(0, 17);
  submit_some(world, 2);
  world.end_epoch();
  world.drop(0, -1);
  world.drop(0, 3);
  world.drop(0, 3);
  world.rank_all_panes();
}

TEST_P(PaneTest, ADroppedPaneMayComeAgainEmpty) {
  World world(GetParam());
  world.start();
  submit_some(world, 3);
  world.end_epoch();
  world.rank(0, 0, 5, true);
  world.drop(0, 0);
  submit_some(world, 4);
  world.end_epoch();
  world.rank(0, 0, 5, true);
  world.rank_all_panes();
}

TEST_P(PaneTest, DroppingEveryPaneLeavesNoEntries) {
  World world(GetParam());
  world.start();
  submit_some(world, 5);
  world.end_epoch();
  for (std::int64_t pane = 0; pane < 6; ++pane) world.drop(0, pane);
  EXPECT_EQ(world.engine().stats().entries, 0u);
  EXPECT_EQ(world.engine().stats().open_panes, 0u);
  world.rank(0, 0, 5);
}

TEST_P(PaneTest, ARestoredEngineRanksAsTheOldOne) {
  World world(GetParam());
  world.add_leaderboard(Measure::kWatchMs, 7);
  World other(GetParam());
  other.add_leaderboard(Measure::kWatchMs, 7);
  world.start();
  other.start();
  submit_some(world, 6);
  world.end_epoch();
  world.restore_copy_into(other);
  EXPECT_EQ(other.engine().stats().entries, world.engine().stats().entries);
  other.rank_all_panes();
  other.rank(1, 0, 5, true);
  submit_some(other, 7);
  other.end_epoch();
  other.rank_all_panes();
  other.rank(1, 0, 5, true);
}

TEST_P(PaneTest, RestoringAddsToWhatIsThere) {
  World world(GetParam());
  World other(GetParam());
  world.start();
  other.start();
  submit_some(world, 8);
  world.end_epoch();
  submit_some(other, 9);
  other.end_epoch();
  other.rank(0, 0, 5, true);
  world.restore_copy_into(other);
  world.restore_copy_into(other);
  other.rank(0, 0, 5, true);
  other.rank_all_panes();
}

TEST_P(PaneTest, AClearedEngineKnowsNothing) {
  World world(GetParam());
  world.start();
  submit_some(world, 10);
  world.end_epoch();
  world.rank(0, 0, 5, true);
  submit_some(world, 11);
  world.clear();
  EXPECT_EQ(world.engine().stats().entries, 0u);
  EXPECT_EQ(world.engine().epoch_rows(), 0u);
  world.end_epoch();
  world.rank(0, 0, 5, true);
  EXPECT_TRUE(world.ranking().groups.empty());
  submit_some(world, 12, 100);
  world.end_epoch();
  world.rank(0, 0, 5, true);
  world.rank_all_panes();
}

TEST_P(PaneTest, LiveIdsAreThoseOfOpenPanes) {
  World world(GetParam());
  world.add_leaderboard(Measure::kWatchMs, 7);
  for (std::uint32_t c = 1; c < world.groups.size(); ++c) world.groups[c][1] = c % 4;
  world.start();
  submit_some(world, 13, 400);
  world.end_epoch();
  world.expect_live_ids();
  for (std::int64_t pane = 0; pane < 6; ++pane) {
    world.rank(0, 0, 5, true);
    world.drop(0, pane);
    world.drop(1, pane);
    world.expect_live_ids();
  }
}

TEST_P(PaneTest, AnIdThatIsReusedStartsFromNothing) {
  World world(GetParam());
  world.set_top(2);
  world.start();
  world.submit(std::vector<Event>(100, {.item = 1}));
  world.submit(std::vector<Event>(90, {.item = 2}));
  world.end_epoch();
  world.rank(0, 0, 3, true);
  world.drop(0, 0);
  world.engine().forget_floors();
  world.submit({{.item = 1, .slot = 2}, {.item = 3, .slot = 2}});
  world.end_epoch();
  world.rank(0, 0, 3, true);
  world.rank(0, 1, 4, true);
}

TEST_P(PaneTest, MemoryIsReportedAndGivenBack) {
  World world(GetParam());
  world.batch_events_max = many(1u << 16);
  world.start();
  const std::size_t empty = world.engine().stats().memory_bytes;  // some engines take what they need at start
  world.submit(distinct_items(many(200'000)));
  world.end_epoch();
  const std::size_t full = world.engine().stats().memory_bytes;
  EXPECT_GE(full - empty, many(200'000) * 24u);
  world.clear();
  EXPECT_LT(world.engine().stats().memory_bytes - empty, (full - empty) / 4);
}

}  // namespace
}  // namespace marquee::test
