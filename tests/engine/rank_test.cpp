// The order of ranks, ties, K, floors, windows of many panes.
#include <algorithm>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class RankTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(RankTest);

// Items 1 … n with texts, item i having views[i - 1] views.
void submit_views(World& world, const std::vector<std::uint32_t>& views, std::uint32_t combination = 1) {
  std::vector<Event> events;
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    events.insert(events.end(), views[i], {.item = i + 1, .combination = combination, .watch_ms = i});
  }
  world.submit(events);
}

TEST_P(RankTest, HigherMeasureFirstThenTheSmallerText) {
  World world(GetParam());
  world.set_top(4);
  world.texts = {"", "pear", "apple", "fig", "cherry", "banana"};
  world.start();
  submit_views(world, {2, 2, 5, 2, 2});
  world.end_epoch();
  world.rank(0, 0, 0);
  EXPECT_EQ(world.ranked_texts(1), (std::vector<std::string>{"fig", "apple", "banana", "cherry"}));
}

TEST_P(RankTest, TextsOrderAsUnsignedBytesAndAPrefixComesFirst) {
  World world(GetParam());
  world.set_top(1000);
  using namespace std::string_literals;
  world.texts = {"",          "z",       "\xc3\xa9", "a",    "a\0"s, "a\0\0"s, "abcdefgh", "abcdefgh\0"s,
                 "abcdefghi", "abcdefg", "A",        "\x7f", "\xff"};
  world.start();
  submit_views(world, std::vector<std::uint32_t>(12, 1));
  world.end_epoch();
  world.rank(0, 0, 0);
}

TEST_P(RankTest, TiesAtTheCutOrderTheSameWayForEveryK) {
  using namespace std::string_literals;
  for (std::uint32_t top = 1; top <= 13; ++top) {
    World world(GetParam());
    world.set_top(top);
    world.texts = {"",          "z",       "\xc3\xa9", "a",    "a\0"s, "a\0\0"s, "abcdefgh", "abcdefgh\0"s,
                   "abcdefghi", "abcdefg", "A",        "\x7f", "\xff"};
    world.start();
    submit_views(world, std::vector<std::uint32_t>(12, 3));
    world.end_epoch();
    world.rank(0, 0, 0);
  }
}

TEST_P(RankTest, WatchTimeRanksToo) {
  World world(GetParam());
  world.job.leaderboards[0].measure = Measure::kWatchMs;
  world.set_top(3);
  world.start();
  world.submit({{.item = 1, .watch_ms = 5},
                {.item = 1, .watch_ms = 6},
                {.item = 2, .watch_ms = 20},
                {.item = 3, .watch_ms = 0},
                {.item = 4, .watch_ms = 11},
                {.item = 5, .watch_ms = 0}});
  world.end_epoch();
  world.rank(0, 0, 0);
  EXPECT_EQ(world.ranked_texts(1), (std::vector<std::string>{"item-2", "item-1", "item-4"}));
}

TEST_P(RankTest, ItemsWithoutWatchTimeRankBehindByText) {
  World world(GetParam());
  world.job.leaderboards[0].measure = Measure::kWatchMs;
  world.set_top(40);
  world.start();
  std::vector<Event> events = distinct_items(100);
  for (Event& event : events) event.watch_ms = 0;
  world.submit(events);
  world.end_epoch();
  world.rank(0, 0, 0, true);
  world.rank(0, 0, 0, true);
}

TEST_P(RankTest, EveryKUpToAThousandCutsRight) {
  std::mt19937_64 random(4);
  std::vector<Event> events(many(60'000));
  for (Event& event : events) {
    const std::uint64_t r = random() % 3000;
    event.item = static_cast<std::uint32_t>(1 + r * r / 3000);
    event.combination = static_cast<std::uint32_t>(1 + event.item % 3);
  }
  for (const std::uint32_t top : {1u, 2u, 3u, 10u, 31u, 32u, 33u, 100u, 255u, 256u, 257u, 999u, 1000u}) {
    World world(GetParam());
    world.set_top(top);
    world.start();
    world.submit(events);
    world.end_epoch();
    world.rank(0, 0, 0);
    world.rank(0, 0, 0, true);
    world.rank(0, 0, 0, true);
  }
}

TEST_P(RankTest, FewerItemsThanKAreAllThere) {
  World world(GetParam());
  world.set_top(1000);
  world.start();
  world.submit(distinct_items(999));
  world.end_epoch();
  world.rank(0, 0, 0, true);
  world.submit(distinct_items(1, 5000));
  world.end_epoch();
  world.rank(0, 0, 0, true);
  world.submit(distinct_items(1, 5001));
  world.end_epoch();
  world.rank(0, 0, 0, true);
}

// Rows that come best last defeat every early threshold; best first, every late one.
TEST_P(RankTest, TheOrderOfArrivalDoesNotMatter) {
  for (const bool rising : {true, false}) {
    World world(GetParam());
    world.job.leaderboards[0].measure = Measure::kWatchMs;
    world.set_top(100);
    world.batch_events_max = many(1u << 15);
    world.start();
    std::vector<Event> events = distinct_items(many(120'000));
    for (std::uint32_t i = 0; i < events.size(); ++i) {
      events[i].combination = 1 + i % 2;
      events[i].watch_ms = rising ? i / 3 : many(120'000) - i / 3;
    }
    world.submit(events);
    world.end_epoch();
    world.rank(0, 0, 0);
  }
}

TEST_P(RankTest, AMillionWayTieIsSettledByTextWithoutReadingTextsManyTimes) {
  constexpr std::uint32_t kItems = many(1'000'000);
  World world(GetParam());
  world.set_top(100);
  world.batch_events_max = many(1u << 18);
  world.texts.resize(kItems + 1);
  for (std::uint32_t i = 1; i <= kItems; ++i)
    world.texts[i] = std::to_string(std::uint64_t{i} * 2654435761u % 1'000'003u);
  world.start();
  world.submit(distinct_items(kItems));
  world.end_epoch();
  const std::size_t before = world.texts_read();
  world.rank(0, 0, 0);
  EXPECT_LE(world.texts_read() - before, 8u * kItems);
}

TEST_P(RankTest, TiesThatAgreeInTheirFirst200BytesAreSettledBehindThem) {
  constexpr std::uint32_t kItems = many(20'000);
  World world(GetParam());
  world.set_top(50);
  world.texts.resize(kItems + 1);
  std::mt19937_64 random(5);
  for (std::uint32_t i = 1; i <= kItems; ++i) {
    world.texts[i] = std::string(200, 'x') + std::to_string(random() % 100'000'000) + "-" + std::to_string(i);
  }
  world.start();
  world.submit(distinct_items(kItems));
  world.end_epoch();
  world.rank(0, 0, 0);
}

TEST_P(RankTest, TiesOfGrowingPrefixesAreSettledRoundAfterRound) {
  World world(GetParam());
  world.texts = {""};
  for (std::size_t n = 1; n <= 256; ++n) world.texts.push_back(std::string(n, 'a'));
  for (std::size_t n = 0; n < 256; ++n) world.texts.push_back(std::string(n, 'a') + "b");
  std::shuffle(world.texts.begin() + 1, world.texts.end(), std::mt19937_64(6));
  for (const std::uint32_t top : {1u, 8u, 9u, 100u, 300u, 511u}) {
    World other(GetParam());
    other.texts = world.texts;
    other.set_top(top);
    other.start();
    other.submit(distinct_items(512));
    other.end_epoch();
    other.rank(0, 0, 0);
  }
}

TEST_P(RankTest, OneGiantGroupAmongTinyOnes) {
  World world(GetParam());
  world.batch_events_max = many(1u << 15);
  world.start();
  std::vector<Event> events = distinct_items(many(200'000));
  std::mt19937_64 random(7);
  for (Event& event : events)
    event.combination = random() % 1000 == 0 ? static_cast<std::uint32_t>(2 + random() % 60) : 1;
  world.submit(events);
  for (int i = 0; i < 3; ++i)
    world.submit(distinct_items(many(5000), 1 + static_cast<std::uint32_t>(random()) % many(100'000)));
  world.end_epoch();
  world.rank(0, 0, 0);
}

TEST_P(RankTest, AHundredThousandGroupsOfOneItem) {
  constexpr std::uint32_t kGroups = many(100'000);
  World world(GetParam());
  world.job.budgets.groups = kGroups;
  world.job.budgets.combinations = kGroups;
  world.set_top(3);
  world.batch_events_max = many(1u << 15);
  world.groups.assign(1, {0});
  for (std::uint32_t g = 1; g <= kGroups; ++g) world.groups.push_back({g});
  world.start();
  std::vector<Event> events = distinct_items(kGroups);
  for (std::uint32_t i = 0; i < kGroups; ++i) events[i].combination = kGroups - i;
  world.submit(events);
  world.end_epoch();
  world.rank(0, 0, 0, true);
  EXPECT_EQ(world.ranking().groups.size(), kGroups);
  world.rank(0, 0, 0, true);
}

// Group and measure do not fit 64 bits together.
TEST_P(RankTest, TheHighestGroupsRankByTheLongestSums) {
  World world(GetParam());
  world.add_leaderboard(Measure::kWatchMs, 3);
  world.start();
  const std::uint32_t last = world.job.budgets.groups;
  Entries entries;
  for (std::uint32_t item = 1; item <= 40; ++item) {
    for (const std::uint32_t group : {1u, last - 1, last}) {
      entries[{group, item}] = {item, (std::uint64_t{1} << 55) + item * item % 11};
    }
  }
  world.restore(1, 0, entries);
  world.rank(1, 0, 0);
  world.rank(1, 0, 0, true);
  world.rank(1, 0, 0, true);
}

TEST_P(RankTest, ARefusedItemCountsInItsGroupAndIsNeverRanked) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 0, .combination = 1}, {.item = 1, .combination = 1}, {.item = 0, .combination = 2}});
  world.end_epoch();
  world.rank(0, 0, 0);
  ASSERT_EQ(world.ranking().groups.size(), 2u);
  for (const RankedGroup& group : world.ranking().groups) EXPECT_TRUE(group.refused);
  EXPECT_FALSE(world.ranking().group_refused);
}

TEST_P(RankTest, ARefusedGroupMarksEveryWindowOverItsPane) {
  World world(GetParam());
  world.start();
  world.submit({{.item = 5, .combination = 0, .slot = 3}, {.item = 1, .slot = 1}});
  world.end_epoch();
  for (const bool hot : {false, true}) {
    world.rank(0, 0, 1, hot);
    EXPECT_FALSE(world.ranking().group_refused);
    world.rank(0, 0, 2, hot);
    EXPECT_TRUE(world.ranking().group_refused);
    world.rank(0, 2, 2, hot);
    EXPECT_TRUE(world.ranking().group_refused);
    EXPECT_TRUE(world.ranking().groups.empty());
  }
}

TEST_P(RankTest, AFloorNeverHidesAnItemThatOvertakes) {
  World world(GetParam());
  world.set_top(3);
  world.start();
  std::mt19937_64 random(8);
  for (int epoch = 0; epoch < rounds(100); ++epoch) {
    std::vector<Event> events(200);
    for (Event& event : events) {
      event.item = static_cast<std::uint32_t>(1 + random() % (10 + static_cast<std::uint64_t>(epoch)));
      event.combination = static_cast<std::uint32_t>(1 + random() % 4);
    }
    world.submit(events);
    world.end_epoch();
    world.rank(0, 0, 0, true);
  }
}

TEST_P(RankTest, AFloorEndsWithItsWindow) {
  World world(GetParam());
  world.set_top(2);
  world.start();
  submit_views(world, {50, 40, 30});
  world.submit({{.item = 1, .slot = 2}, {.item = 3, .slot = 2}, {.item = 4, .slot = 2}});
  world.end_epoch();
  world.rank(0, 0, 0, true);
  world.rank(0, 1, 1, true);
  world.rank(0, 0, 0, true);
  world.rank(0, 0, 1, true);
  world.rank(0, 1, 2, true);
}

TEST_P(RankTest, AFloorEndsWhenAPaneOfItsWindowIsDropped) {
  World world(GetParam());
  world.set_top(2);
  world.start();
  submit_views(world, {50, 40, 30});
  world.submit({{.item = 7, .slot = 2}, {.item = 8, .slot = 2}, {.item = 9, .slot = 2}});
  world.end_epoch();
  world.rank(0, 0, 1, true);
  world.drop(0, 0);
  world.rank(0, 0, 1, true);
}

TEST_P(RankTest, ForgottenFloorsAreFoundAgain) {
  World world(GetParam());
  world.set_top(2);
  world.start();
  submit_views(world, {50, 40, 30});
  world.end_epoch();
  world.rank(0, 0, 0, true);
  world.engine().forget_floors();
  world.rank(0, 0, 0, true);
  world.rank(0, 0, 0, true);
}

TEST_P(RankTest, HotAndColdAgreeWhileAHoppingWindowMovesOn) {
  World world(GetParam());
  world.set_top(5);
  world.start();
  std::mt19937_64 random(9);
  for (std::uint32_t now = 5; now < 30; ++now) {
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::vector<Event> events(300);
      for (Event& event : events) {
        event.item = static_cast<std::uint32_t>(1 + random() % 80);
        event.combination = static_cast<std::uint32_t>(random() % 4);
        event.slot = now - static_cast<std::uint32_t>(random() % 4);
        event.watch_ms = static_cast<std::uint32_t>(random() % 50);
      }
      world.submit(events);
      world.end_epoch();
      const std::int64_t last = now - 1;
      world.rank(0, last - 4, last, true);
      world.rank(0, last - 4, last, false);
      world.rank(0, last - 5, last - 1, false);
    }
    world.drop(0, static_cast<std::int64_t>(now) - 6);
  }
}

TEST_P(RankTest, ColdWindowsInARowNeedNoHotOne) {
  World world(GetParam());
  world.start();
  std::mt19937_64 random(10);
  std::vector<Event> events(20'000);
  for (Event& event : events) {
    event.item = static_cast<std::uint32_t>(1 + random() % 500);
    event.combination = static_cast<std::uint32_t>(1 + random() % 3);
    event.slot = static_cast<std::uint32_t>(1 + random() % 31);
  }
  world.submit(events);
  world.end_epoch();
  for (std::int64_t first = 0; first < 25; ++first) {
    world.rank(0, first, first + 6);
    world.drop(0, first);
    if (first % 5 == 0) {
      world.submit({{.item = 3, .slot = static_cast<std::uint32_t>(first) + 4},
                    {.item = 900, .slot = std::min(static_cast<std::uint32_t>(first) + 20, 31u)}});
      world.end_epoch();
    }
  }
  for (std::int64_t last = 25; last < 31; ++last) world.rank(0, 25, last);
  world.rank(0, 27, 28);
  world.rank(0, 25, 31);
}

TEST_P(RankTest, WindowsFarApartInTimeRankAlone) {
  World world(GetParam());
  world.slots = {{World::kNone}, {-4'000'000'000'000}, {0}, {4'000'000'000'000}};
  world.start();
  world.submit({{.item = 1, .slot = 1}, {.item = 2, .slot = 2}, {.item = 3, .slot = 3}});
  world.end_epoch();
  world.rank_all_panes();
  world.rank(0, -4'000'000'000'000, 0, true);
  world.rank(0, -4'000'000'000'000, 4'000'000'000'000, true);
  world.rank(0, 1, 4'000'000'000'000, true);
}

}  // namespace
}  // namespace marquee::test
