// Which title an item has: a function of what was seen, whatever the order; bounded; gone with its pane.
#include "pipeline/title_book.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "pipeline/model_engine.hpp"

namespace marquee {
namespace {

constexpr std::size_t kRoom = std::size_t{1} << 30;
constexpr LeaderboardIndex kBoard{0};
constexpr GroupId kGroup{1};

std::string text_of(const TitleTable& table, std::uint64_t key) {
  const auto title = table.find(key);
  return title ? std::string(title->text) : "none";
}

TEST(TitleTable, TheHighestTimeWinsThenTheGreatestBytes) {
  TitleTable table;
  EXPECT_EQ(text_of(table, 1), "none");
  EXPECT_TRUE(table.raise(1, 10, "b", kRoom));
  EXPECT_TRUE(table.raise(1, 9, "z", kRoom));
  EXPECT_EQ(text_of(table, 1), "b");
  EXPECT_TRUE(table.raise(1, 10, "a", kRoom));
  EXPECT_EQ(text_of(table, 1), "b");
  EXPECT_TRUE(table.raise(1, 10, "\xc3\xa9", kRoom));  // bytes are not signed
  EXPECT_EQ(text_of(table, 1), "\xc3\xa9");
  EXPECT_TRUE(table.raise(1, 11, "a", kRoom));
  EXPECT_EQ(text_of(table, 1), "a");
  EXPECT_EQ(table.find(1)->time, 11);
  EXPECT_EQ(text_of(table, 2), "none");
}

// Against a map, in any order, through growing and tidying.
TEST(TitleTable, AgreesWithAMapWhateverTheOrder) {
  std::mt19937_64 random(7);
  struct Seen {
    std::uint64_t key;
    EventTimeMs time;
    std::string text;
  };
  std::vector<Seen> seen;
  std::map<std::uint64_t, std::pair<EventTimeMs, std::string>> expected;
  for (int i = 0; i < 20'000; ++i) {
    Seen& one = seen.emplace_back();
    one.key = entry_key(GroupId{static_cast<std::uint32_t>(random() % 8 + 1)},
                        ItemId{static_cast<std::uint32_t>(random() % 500 + 1)});
    one.time = static_cast<EventTimeMs>(random() % 50);
    one.text = std::string(random() % 40 + 1, static_cast<char>('a' + random() % 26));
    auto& best = expected[one.key];
    best = std::max(best, std::pair(one.time, one.text));
  }
  for (int round = 0; round < 3; ++round) {
    TitleTable table;
    for (const Seen& one : seen) ASSERT_TRUE(table.raise(one.key, one.time, one.text, kRoom));
    for (const auto& [key, best] : expected) {
      ASSERT_EQ(text_of(table, key), best.second);
      ASSERT_EQ(table.find(key)->time, best.first);
    }
    EXPECT_LT(table.bytes(), 1u << 20);  // what was replaced does not stay
    std::shuffle(seen.begin(), seen.end(), random);
  }
}

TEST(TitleTable, WhereThereIsNoRoomNothingChanges) {
  TitleTable table;
  EXPECT_FALSE(table.raise(1, 1, "a", 100));
  EXPECT_EQ(text_of(table, 1), "none");
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_TRUE(table.raise(1, 1, "a title", kRoom));
  EXPECT_FALSE(table.raise(1, 2, std::string(200, 'l'), 0));
  EXPECT_EQ(text_of(table, 1), "a title");
  EXPECT_TRUE(table.raise(1, 2, "shorter", 0));
  EXPECT_EQ(text_of(table, 1), "shorter");
}

class TitleBookTest : public ::testing::Test {
 protected:
  static JobSpec titled_job() {
    JobSpec job;
    job.event.displays = {{{"title"}}};
    job.leaderboards.resize(2);
    job.leaderboards[0].display = 0;  // the second displays nothing
    return job;
  }
  static PanePartials partials(std::int64_t pane, std::uint32_t item) {
    return {kBoard, PaneIndex{pane}, {{kGroup, ItemId{item}, 1, 0}}};
  }
  // One event of item 1 in the group of combination 1.
  void see(TitleBook& book, std::int64_t pane, EventTimeMs time, const std::string& title) {
    Batch batch(BatchShape{.events_max = 4, .arena_bytes = 4096, .leaderboard_count = 2});
    batch.event_count = 1;
    batch.item()[0] = ids.item("one", engine);
    batch.combination()[0] = CombinationId{0};
    batch.pending_combinations.push_back({0, ids.combinations().hash(""), ""});
    batch.time_ms()[0] = time;
    batch.slot()[0] = 1;
    batch.slot_panes.insert(batch.slot_panes.end(), {PaneIndex{pane}, PaneIndex{pane}});
    batch.slot_events.push_back(1);
    batch.titles = {title};
    ids.resolve(batch, engine);
    book.see(batch, ids);
  }

  JobSpec job = titled_job();
  IdKeeper ids{job, 1};
  test::ModelEngine engine{EngineConfig{&job, &ids, 16, 1000, {}}};
};

TEST_F(TitleBookTest, WhatTheEngineDidNotTakeIsForgotten) {
  TitleBook book(job);
  ASSERT_TRUE(book.is_used());
  see(book, 5, 100, "taken");
  book.fold({{partials(5, 1)}, 0});
  book.forget_seen();
  EXPECT_EQ(book.best(kBoard, {PaneIndex{5}, PaneIndex{5}}, kGroup, ItemId{1}), "taken");
  see(book, 6, 200, "refused");
  book.fold({{partials(6, 2)}, 0});  // an entry, but another's
  book.forget_seen();
  EXPECT_EQ(book.best(kBoard, {PaneIndex{6}, PaneIndex{6}}, kGroup, ItemId{1}), "");
}

TEST_F(TitleBookTest, TheLastPaneOfAWindowThatHasOneDecides) {
  TitleBook book(job);
  book.restore(kBoard, PaneIndex{1}, kGroup, ItemId{1}, 10, "old");
  book.restore(kBoard, PaneIndex{3}, kGroup, ItemId{1}, 30, "new");
  book.restore(kBoard, PaneIndex{4}, kGroup, ItemId{2}, 40, "another's");
  const auto best = [&](std::int64_t first, std::int64_t last) {
    return std::string(book.best(kBoard, {PaneIndex{first}, PaneIndex{last}}, kGroup, ItemId{1}));
  };
  EXPECT_EQ(best(0, 9), "new");
  EXPECT_EQ(best(0, 2), "old");
  EXPECT_EQ(best(2, 2), "");
  EXPECT_EQ(best(4, 9), "");
  EXPECT_GT(book.memory_bytes(), 0u);
  for (const std::int64_t pane : {1, 3, 4, 7}) book.drop(kBoard, PaneIndex{pane});
  EXPECT_EQ(best(0, 9), "");
  EXPECT_EQ(book.memory_bytes(), 0u);
}

TEST_F(TitleBookTest, IsBoundedAndCountsWhatItLeavesOut) {
  job.budgets.title_bytes = 4096;
  TitleBook book(job);
  for (std::uint32_t item = 1; item <= 1000; ++item) {
    book.restore(kBoard, PaneIndex{1}, kGroup, ItemId{item}, 1, "a title of some length " + std::to_string(item));
  }
  EXPECT_LE(book.memory_bytes(), 4096u);
  const std::uint64_t refused = book.take_refused();
  EXPECT_GT(refused, 800u);
  EXPECT_LT(refused, 1000u);
  EXPECT_EQ(book.take_refused(), 0u);
}

TEST_F(TitleBookTest, IsNotUsedWhereNoLeaderboardDisplaysAnything) {
  job.leaderboards[0].display.reset();
  TitleBook book(job);
  EXPECT_FALSE(book.is_used());
  book.restore(kBoard, PaneIndex{1}, kGroup, ItemId{1}, 1, "title");
  EXPECT_EQ(book.memory_bytes(), 0u);
}

}  // namespace
}  // namespace marquee
