#include "pipeline/boards.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace marquee {
namespace {

JobSpec job(std::size_t leaderboards = 1) {
  JobSpec spec;
  spec.leaderboards.resize(leaderboards);
  for (LeaderboardSpec& board : spec.leaderboards) board.window.size_ms = 1000;
  spec.time.lateness_ms = 0;
  return spec;
}

ResultRecord result(const std::string& group, EventTimeMs start, bool final, std::uint64_t events = 1) {
  ResultRecord r;
  r.group = {group};
  r.window_start = start;
  r.window_end = start + 1000;
  r.final = final;
  r.events = events;
  r.rows = {{"item-" + group, events, 0}};
  return r;
}

std::vector<EventTimeMs> history_of(const Snapshot& s, const std::string& group) {
  const BoardEntry* entry = s.boards[0].find({group});
  std::vector<EventTimeMs> starts;
  if (entry != nullptr && entry->history != nullptr) {
    for (const ResultPtr& record : *entry->history) starts.push_back(record->window_start);
  }
  return starts;
}

TEST(BoardsTest, KeepsCurrentLastFinalAndHistoryWithCorrections) {
  const JobSpec spec = job();
  Boards boards(spec, {3, 1 << 20}, nullptr);
  boards.update({result("a", 0, true)}, 0);
  boards.update({result("a", 1000, false)}, 0);
  auto s = boards.snapshot(1, 0, 0);
  ASSERT_EQ(s->boards[0].size(), 1u);
  EXPECT_EQ(s->boards[0].begin()->current->window_start, 1000);
  EXPECT_EQ(s->boards[0].begin()->last_final->window_start, 0);
  boards.update({result("a", 0, true, 7)}, 0);  // late events
  for (EventTimeMs start = 1000; start <= 4000; start += 1000) boards.update({result("a", start, true)}, 0);
  const auto later = boards.snapshot(2, 0, 0);
  EXPECT_EQ(history_of(*later, "a"), (std::vector<EventTimeMs>{4000, 3000, 2000}));
  EXPECT_EQ(history_of(*s, "a"), (std::vector<EventTimeMs>{0}));  // as it was
  EXPECT_EQ(s->boards[0].find({"a"})->last_final->events, 1u);
}

TEST(BoardsTest, HistoryKeepsItsBoundInBytesAndTheOldestGo) {
  const JobSpec spec = job();
  const std::size_t limit = 20'000;
  Boards boards(spec, {1'000, limit}, nullptr);
  for (EventTimeMs start = 0; start < 500'000; start += 1000) {
    boards.update({result("a", start, true), result("b", start, true)}, kNoTime);
    ASSERT_LE(boards.history_bytes(), limit);
  }
  const auto s = boards.snapshot(1, kNoTime, 0);
  const std::vector<EventTimeMs> starts = history_of(*s, "a");
  ASSERT_GT(starts.size(), 10u);
  EXPECT_EQ(starts, history_of(*s, "b"));
  for (std::size_t i = 0; i < starts.size(); ++i) EXPECT_EQ(starts[i], 499'000 - static_cast<EventTimeMs>(i) * 1000);
  Boards none(spec, {0, limit}, nullptr);
  none.update({result("a", 0, true)}, kNoTime);
  EXPECT_TRUE(history_of(*none.snapshot(1, kNoTime, 0), "a").empty());
}

TEST(BoardsTest, GoesOnFromWhatWasShown) {
  const JobSpec spec = job();
  Boards first(spec, {10, 1 << 20}, nullptr);
  first.update({result("a", 0, true), result("b", 0, true)}, 0);
  const auto shown = first.snapshot(1, 0, 0);
  Boards second(spec, {10, 1 << 20}, shown.get());
  EXPECT_EQ(second.history_bytes(), first.history_bytes());
  second.update({result("a", 1000, true), result("aa", 0, true)}, 0);
  const auto s = second.snapshot(2, 0, 0);
  EXPECT_EQ(s->boards[0].size(), 3u);
  EXPECT_EQ(history_of(*s, "a"), (std::vector<EventTimeMs>{1000, 0}));
  EXPECT_EQ(history_of(*shown, "a"), (std::vector<EventTimeMs>{0}));
  EXPECT_EQ(shown->boards[0].size(), 2u);
}

TEST(BoardsTest, GroupsWhoseLastWindowSettledLongAgoAreForgottenWithTheirHistory) {
  const JobSpec spec = job();
  Boards boards(spec, {10, 1 << 20}, nullptr);
  boards.update({result("a", 0, true), result("b", 0, true)}, 0);
  boards.update({result("b", 10'000, true)}, 10'000);
  const auto s = boards.snapshot(1, 10'000, 0);
  ASSERT_EQ(s->boards[0].size(), 1u);
  EXPECT_EQ(s->boards[0].begin()->current->group[0], "b");
  boards.update({}, 50'000);
  EXPECT_EQ(boards.history_bytes(), 0u);
  EXPECT_TRUE(boards.snapshot(2, 50'000, 0)->boards[0].empty());
}

// Against the simplest thing that could be right, over many groups, so that runs are cut, copied and emptied.
TEST(BoardsTest, RunsHoldWhatASortedMapWould) {
  const JobSpec spec = job();
  Boards boards(spec, {2, 64u << 20}, nullptr);
  std::map<std::vector<std::string>, EventTimeMs> expected;
  std::mt19937 random(7);
  std::vector<std::shared_ptr<const Snapshot>> snapshots;
  std::vector<std::map<std::vector<std::string>, EventTimeMs>> then;
  for (EventTimeMs now = 0; now < 40'000; now += 1000) {
    std::vector<ResultRecord> results;
    for (int i = 0; i < 500; ++i) results.push_back(result("g" + std::to_string(random() % 5000), now, random() % 2));
    for (const ResultRecord& r : results) expected[r.group] = r.window_end;
    std::erase_if(expected, [&](const auto& e) { return e.second + 2000 < now; });
    boards.update(results, now);
    snapshots.push_back(boards.snapshot(static_cast<std::uint64_t>(now), now, 0));
    then.push_back(expected);
  }
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    const BoardEntries& entries = snapshots[i]->boards[0];
    ASSERT_EQ(entries.size(), then[i].size());
    auto at = then[i].begin();
    for (const BoardEntry& entry : entries) {
      ASSERT_EQ(entry.current->group, at->first);
      ASSERT_EQ(entry.current->window_end, at->second);
      ASSERT_EQ(entries.find(at->first), &entry);
      ++at;
    }
    EXPECT_EQ(entries.find({"nobody"}), nullptr);
    EXPECT_EQ(entries.find({}), nullptr);
  }
}

}  // namespace
}  // namespace marquee
