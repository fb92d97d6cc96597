// What `marquee top` shows, against a running server, and of the records of an output topic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "app/api_feed.hpp"
#include "app/topic_feed.hpp"
#include "eventually.hpp"
#include "serving_test.hpp"

namespace marquee::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ApiFeedTest : public ServingTest {
 protected:
  ApiFeedOptions options() {
    ApiFeedOptions asked;
    asked.address = {"127.0.0.1", server().port()};
    asked.interval = 10ms;
    return asked;
  }
  static BoardsLook look(ApiFeed& feed, const std::string& leaderboard = "") {
    return feed.look(leaderboard, std::chrono::steady_clock::now(), 0);
  }
  static ResultPtr record(EventTimeMs start, bool final, std::uint64_t views) {
    ResultRecord r;
    r.group = {"movie"};
    r.window_start = start;
    r.window_end = start + 60'000;
    r.final = final;
    r.events = views;
    r.rows = {{"m-1", views, 1}};
    return std::make_shared<const ResultRecord>(std::move(r));
  }
  const std::atomic<bool> never{false};
};

TEST_F(ApiFeedTest, ShowsWhatTheServerHas) {
  ApiFeed feed(options());
  ASSERT_TRUE(feed.wait(never).ok()) << feed.wait(never).message();
  const BoardsLook shown = look(feed);
  EXPECT_THAT(shown.leaderboards, ElementsAre("trending", "local"));
  EXPECT_EQ(shown.leaderboard, "trending");
  EXPECT_EQ(shown.about, "tumbling 1m, by views");
  ASSERT_EQ(shown.boards.size(), 2u);
  EXPECT_THAT(shown.boards[1].current->group, ElementsAre("movie"));
  EXPECT_EQ(shown.boards[1].current->rows.at(0).views, 912u);
  EXPECT_EQ(shown.boards[1].current->window_end, 1763800060000);
  EXPECT_EQ(shown.watermark, 1763800030000);
  EXPECT_EQ(shown.state, "running");
  EXPECT_TRUE(shown.ready);
  EXPECT_EQ(shown.figures.epochs, 42u);
}

TEST_F(ApiFeedTest, AnotherLeaderboardIsAskedForWhenItIsChosen) {
  ApiFeed feed(options());
  ASSERT_TRUE(feed.wait(never).ok());
  EXPECT_TRUE(eventually([&] { return look(feed, "local").leaderboard == "local"; }));
  ASSERT_EQ(look(feed, "local").boards.size(), 2u);
  EXPECT_THAT(look(feed, "local").boards[0].current->group, ElementsAre("movie", "DE"));
}

TEST_F(ApiFeedTest, NewBoardsAreSeenWithTheWindowsBefore) {
  ApiFeed feed(options());
  ASSERT_TRUE(feed.wait(never).ok());
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->epoch = 43;
  snapshot->boards.resize(2);
  const ResultPtr newer = record(60'000, true, 2), older = record(0, true, 1);
  snapshot->boards[0] = {{record(120'000, false, 3), newer,
                          std::make_shared<const std::vector<ResultPtr>>(std::vector<ResultPtr>{newer, older})}};
  board.publish(snapshot);
  ASSERT_TRUE(eventually([&] { return look(feed).figures.epochs == 43u; }));
  const BoardsLook shown = look(feed);
  ASSERT_EQ(shown.boards.size(), 1u);
  EXPECT_EQ(shown.boards[0].current->events, 3u);
  ASSERT_EQ(shown.boards[0].finals.size(), 2u);
  EXPECT_EQ(shown.boards[0].finals[0]->events, 2u);
  EXPECT_EQ(shown.boards[0].finals[1]->events, 1u);
}

TEST_F(ApiFeedTest, OneGroupAlone) {
  ApiFeedOptions asked = options();
  asked.group = "movie";
  ApiFeed feed(asked);
  ASSERT_TRUE(feed.wait(never).ok());
  ASSERT_EQ(look(feed).boards.size(), 1u);
  const Result<std::string> json = feed.json();
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json.value(), get("/api/v1/top?group=movie&limit=1000").body);
  EXPECT_EQ(feed.json().value(), json.value());  // that was a 304
}

TEST_F(ApiFeedTest, ATokenIsBorne) {
  config.token = "s3cret";
  ApiFeedOptions asked = options();
  ApiFeed without(asked);
  EXPECT_THAT(without.wait(never).message(), HasSubstr("--token-file"));
  asked.token = "s3cret";
  ApiFeed with(asked);
  EXPECT_TRUE(with.wait(never).ok());
}

TEST_F(ApiFeedTest, WhatIsWrongIsASentenceAndIsTriedAgain) {
  ApiFeedOptions asked = options();
  asked.leaderboard = "nix";
  ApiFeed unknown(asked);
  EXPECT_EQ(unknown.wait(never).code(), Code::kUsage);
  EXPECT_THAT(unknown.wait(never).message(), HasSubstr("no leaderboard 'nix'"));
  EXPECT_FALSE(look(unknown).ready);
  EXPECT_THAT(look(unknown).state, HasSubstr("trying again"));

  asked = options();
  asked.address.port = 1;
  ApiFeed nobody(asked);
  EXPECT_EQ(nobody.wait(never).code(), Code::kUnavailable);
  EXPECT_THAT(nobody.wait(never).message(), HasSubstr("nobody answers"));
}

std::string value(const std::string& group, EventTimeMs start, std::uint64_t revision, bool final,
                  const std::string& leaderboard = "trending") {
  return R"({"schema":1,"leaderboard":")" + leaderboard + R"(","group":{"category":")" + group +
         R"("},"window_start":)" + std::to_string(start) + R"(,"window_end":)" + std::to_string(start + 10) +
         R"(,"revision":)" + std::to_string(revision) + R"(,"final":)" + (final ? "true" : "false") +
         R"(,"exact":true,"events":)" + std::to_string(revision / 4) +
         R"(,"items":[{"rank":1,"item":"x","views":1,"watch_ms":2}]})";
}

TEST(TopicBoards, AHigherRevisionCountsAndALowerDoesNot) {
  TopicBoards boards(10);
  EXPECT_TRUE(boards.apply(value("movie", 0, 8, false)));
  EXPECT_TRUE(boards.apply(value("movie", 0, 4, false)));
  ASSERT_EQ(boards.boards("trending").size(), 1u);
  EXPECT_EQ(boards.boards("trending")[0].current->events, 2u);
  EXPECT_TRUE(boards.apply(value("movie", 0, 13, true)));
  EXPECT_EQ(boards.boards("trending")[0].current->events, 3u);
  EXPECT_EQ(boards.results(), 3u);
}

TEST(TopicBoards, TheCurrentWindowIsTheEarliestOpenOneBehindTheComplete) {
  TopicBoards boards(10);
  for (const EventTimeMs start : {0, 10, 20}) EXPECT_TRUE(boards.apply(value("movie", start, 5, true)));
  EXPECT_EQ(boards.boards("trending")[0].current->window_start, 20);
  EXPECT_TRUE(boards.apply(value("movie", 30, 4, false)));
  EXPECT_TRUE(boards.apply(value("movie", 40, 4, false)));
  const BoardsLook::Board board = boards.boards("trending")[0];
  EXPECT_EQ(board.current->window_start, 30);
  ASSERT_EQ(board.finals.size(), 1u);  // three windows are kept
  EXPECT_EQ(board.finals[0]->window_start, 20);
}

TEST(TopicBoards, GroupsOfTheNewestWindowComeFirst) {
  TopicBoards boards(10);
  EXPECT_TRUE(boards.apply(value("a", 0, 5, true)));
  EXPECT_TRUE(boards.apply(value("c", 10, 5, true)));
  EXPECT_TRUE(boards.apply(value("b", 10, 5, true)));
  EXPECT_TRUE(boards.apply(value("b", 10, 5, true, "other")));
  std::string order;
  for (const BoardsLook::Board& board : boards.boards("trending")) order += board.current->group.at(0);
  EXPECT_EQ(order, "bca");
  EXPECT_THAT(boards.leaderboards(), ElementsAre("other", "trending"));
  EXPECT_EQ(boards.json("other", {}), R"({"schema":1,"results":[)" + value("b", 10, 5, true, "other") + "]}\n");
}

TEST(TopicBoards, IsBoundedAndPassesStrangersOver) {
  TopicBoards boards(2);
  for (const char* group : {"a", "b", "c"}) EXPECT_TRUE(boards.apply(value(group, 0, 4, false)));
  EXPECT_EQ(boards.boards("trending").size(), 2u);
  EXPECT_EQ(boards.left_out(), 1u);
  EXPECT_TRUE(boards.apply(value("a", 0, 4, false, "one more")));  // a leaderboard is bounded by its groups
  EXPECT_THAT(boards.leaderboards(), ElementsAre("trending"));
  EXPECT_EQ(boards.json("", std::vector<std::string>{"b"}),
            R"({"schema":1,"results":[)" + value("b", 0, 4, false) + "]}\n");
  for (const char* stranger : {"", "{}", "no JSON", R"({"schema":2})", R"([1])"}) {
    EXPECT_FALSE(boards.apply(stranger)) << stranger;
  }
}

}  // namespace
}  // namespace marquee::test
