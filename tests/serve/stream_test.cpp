#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "eventually.hpp"
#include "serving_test.hpp"

namespace marquee::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class StreamTest : public ServingTest {
 protected:
  Client watch(const std::string& query = "", int receive_buffer_bytes = 0) {
    Client client(server().port(), receive_buffer_bytes);
    client.send("GET /api/v1/stream" + query + " HTTP/1.1\r\nHost: t\r\n\r\n");
    return client;
  }
  // The next `top` event: its data.
  static std::string top(Client& client) {
    client.read_past("event: top\n");
    return client.read_past("\n\n");
  }
  void publish(std::uint64_t epoch, std::vector<std::pair<std::string, std::uint64_t>> groups) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->epoch = epoch;
    snapshot->boards.resize(2);
    for (const auto& [group, events] : groups) {
      ResultPtr& record = records_[{group, events}];
      if (record == nullptr) record = sample_record(LeaderboardIndex{0}, {group}, {{"item", events, 1}});
      snapshot->boards[0].add(std::make_shared<const BoardEntries::Run>(BoardEntries::Run{{record, nullptr}}));
    }
    board.publish(snapshot);
  }

 private:
  std::map<std::pair<std::string, std::uint64_t>, ResultPtr> records_;  // the same while it does not change
};

TEST_F(StreamTest, BeginsWithTheWholeAndGoesOnWithWhatChanges) {
  publish(1, {{"live", 1}, {"movie", 2}});
  Client client = watch();
  EXPECT_THAT(client.read_past("retry: 1000\n\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/event-stream\r\n"),
                    Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(top(client), AllOf(StartsWith("id: 1\ndata: {\"schema\":1,\"epoch\":1,"), HasSubstr("\"whole\":true,"),
                                 HasSubstr("\"live\""), HasSubstr("\"movie\"")));
  publish(2, {{"live", 1}, {"movie", 3}});
  EXPECT_THAT(top(client), AllOf(StartsWith("id: 2\n"), HasSubstr("\"whole\":false,"), Not(HasSubstr("\"live\"")),
                                 HasSubstr("\"movie\""), HasSubstr("\"views\":3")));
  publish(3, {{"live", 1}, {"movie", 3}, {"show", 1}});
  EXPECT_THAT(top(client), AllOf(StartsWith("id: 3\n"), HasSubstr("\"whole\":false,"), HasSubstr("\"show\""),
                                 Not(HasSubstr("\"movie\""))));
  publish(4, {{"movie", 3}, {"show", 1}});  // what is gone only the whole can tell
  EXPECT_THAT(top(client), AllOf(StartsWith("id: 4\n"), HasSubstr("\"whole\":true,"), Not(HasSubstr("\"live\"")),
                                 HasSubstr("\"movie\"")));
  publish(5, {{"movie", 3}, {"show", 1}});  // nothing changed: nothing is sent
  publish(6, {{"movie", 4}, {"show", 1}});
  EXPECT_THAT(top(client), HasSubstr("\"views\":4"));
}

TEST_F(StreamTest, SaysHowTheProcessIsAboutOnceASecond) {
  Client client = watch();
  for (int i = 0; i < 2; ++i) {
    client.read_past("event: status\n");
    EXPECT_THAT(client.read_past("\n\n"), StartsWith("data: {\"schema\":1,\"version\":"));
  }
}

TEST_F(StreamTest, KeepsToItsQuery) {
  publish(1, {{"live", 1}, {"movie", 2}});
  Client client = watch("?leaderboard=trending&group=movie");
  EXPECT_THAT(top(client), AllOf(HasSubstr("\"movie\""), Not(HasSubstr("\"live\""))));
  publish(2, {{"live", 5}, {"movie", 2}});
  publish(3, {{"live", 5}, {"movie", 7}});
  EXPECT_THAT(top(client), AllOf(HasSubstr("\"views\":7"), Not(HasSubstr("\"live\""))));
}

TEST_F(StreamTest, RefusesWhatItCannotShow) {
  EXPECT_EQ(get("/api/v1/stream?window=final").status, 400);
  EXPECT_EQ(get("/api/v1/stream?leaderboard=none").status, 404);
  EXPECT_EQ(get("/api/v1/stream?nothing=1").status, 400);
  Client client = connect();
  client.send("HEAD /api/v1/stream HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(client.read(/*head=*/true)->field("content-type"), "text/event-stream");
}

TEST_F(StreamTest, HalfOfTheConnectionsMayBeStreams) {
  config.limits.connections = 4;
  Client first = watch();
  Client second = watch();
  first.read_past("retry");
  second.read_past("retry");
  EXPECT_EQ(get("/api/v1/stream").status, 503);
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(StreamTest, ThoseWhoHaveGoneAreForgotten) {
  {
    std::vector<Client> viewers;
    for (int i = 0; i < 20; ++i) viewers.push_back(watch());
    ASSERT_TRUE(eventually([&] { return server().http_probe().streams_open == 20; }));
  }
  EXPECT_TRUE(eventually([&] { return server().http_probe().streams_open == 0; }));
}

// A board far longer than the kernel's buffers, changed all the while: who does not read holds one frame and no more,
// and when it reads again it is sent the newest state.
TEST_F(StreamTest, ASlowReaderIsSentTheNewestWhenItIsReadyAndNothingIsQueued) {
  config.limits.response_bytes = 256u << 20;
  job.leaderboards[0].top = 1000;
  const auto publish_long = [&](std::uint64_t epoch) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->epoch = epoch;
    snapshot->boards.resize(2);
    std::vector<ResultRow> rows(1000, ResultRow{std::string(200, 'x'), epoch, 1});
    BoardEntries::Run run;
    for (int i = 100; i < 160; ++i) {
      run.push_back({sample_record(LeaderboardIndex{0}, {"g" + std::to_string(i)}, rows), nullptr});
    }
    snapshot->boards[0].add(std::make_shared<const BoardEntries::Run>(std::move(run)));
    board.publish(snapshot);
  };
  publish_long(1);
  Client slow = watch("", 4096);
  Client fast = watch();
  EXPECT_THAT(top(fast).substr(0, 40), StartsWith("id: 1\n"));
  for (std::uint64_t epoch = 2; epoch <= 6; ++epoch) {
    publish_long(epoch);
    EXPECT_THAT(top(fast).substr(0, 40), StartsWith("id: " + std::to_string(epoch) + "\n"));
  }
  EXPECT_THAT(top(slow).substr(0, 40), StartsWith("id: 1\n"));
  const std::string next = top(slow);
  EXPECT_THAT(next.substr(0, 40), StartsWith("id: 6\n"));
  EXPECT_THAT(next.substr(0, 200), HasSubstr("\"whole\":true"));
}

TEST_F(StreamTest, AReaderThatNeverReadsIsCutOff) {
  config.limits.write_timeout = 200ms;
  job.leaderboards[0].top = 1000;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->epoch = 1;
  snapshot->boards.resize(2);
  std::vector<ResultRow> rows(1000, ResultRow{std::string(256, 'x'), 1, 1});
  BoardEntries::Run run;
  for (int i = 100; i < 160; ++i) {
    run.push_back({sample_record(LeaderboardIndex{0}, {"g" + std::to_string(i)}, rows), nullptr});
  }
  snapshot->boards[0].add(std::make_shared<const BoardEntries::Run>(std::move(run)));
  board.publish(snapshot);
  Client client = watch("", 4096);
  EXPECT_TRUE(eventually([&] { return server().http_probe().timeouts == 1; }));
  EXPECT_TRUE(eventually([&] { return server().http_probe().streams_open == 0; }));
}

TEST_F(StreamTest, AllowedOriginsMayWatch) {
  config.cors_origins = {"*"};
  Client client = connect();
  client.send("GET /api/v1/stream HTTP/1.1\r\nHost: t\r\nOrigin: https://a.example\r\n\r\n");
  EXPECT_THAT(client.read_past("\r\n\r\n"), HasSubstr("Access-Control-Allow-Origin: *\r\n"));
}

}  // namespace
}  // namespace marquee::test
