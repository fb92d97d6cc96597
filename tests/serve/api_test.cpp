#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <sstream>

#include "serving_test.hpp"

namespace marquee::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Windows of a minute: the current one of each group, and a past of them.
class ApiTest : public ServingTest {
 protected:
  static ResultPtr record(const std::string& group, EventTimeMs start, bool final, std::uint64_t events) {
    ResultRecord r;
    r.group = {group};
    r.window_start = start;
    r.window_end = start + 60'000;
    r.final = final;
    r.events = events;
    r.rows = {{"first", events, 2}, {"second", 1, 1}, {"third", 1, 0}};
    return std::make_shared<const ResultRecord>(std::move(r));
  }
  static std::shared_ptr<const std::vector<ResultPtr>> past(std::vector<ResultPtr> records) {
    return std::make_shared<const std::vector<ResultPtr>>(std::move(records));
  }
  void publish_past() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->epoch = 7;
    snapshot->boards.resize(2);
    const ResultPtr live0 = record("live", 0, true, 3);
    const ResultPtr live1 = record("live", 60'000, true, 4);
    const ResultPtr movie1 = record("movie", 60'000, true, 9);
    snapshot->boards[0] = {{record("live", 120'000, false, 5), live1, past({live1, live0})},
                           {record("movie", 120'000, false, 6), movie1, past({movie1})},
                           {record("show", 120'000, false, 1), nullptr}};
    board.publish(snapshot);
  }
  // The (group, window start) of each result, in order.
  static std::string places(const std::string& body) {
    std::string out;
    for (std::size_t at = 0; (at = body.find("\"category\":\"", at)) != std::string::npos;) {
      at += 12;
      out += body.substr(at, body.find('"', at) - at) + ' ';
      const std::size_t start = body.find("\"window_start\":", at) + 15;
      out += body.substr(start, body.find(',', start) - start) + "; ";
    }
    return out;
  }
};

TEST_F(ApiTest, TheOpenApiDocumentNamesEveryPathOfTheApi) {
  const ClientReply document = get("/api/v1/openapi.json");
  EXPECT_EQ(document.status, 200);
  EXPECT_THAT(document.field("content-type"), HasSubstr("application/json"));
  std::istringstream index(get("/api").body);
  std::size_t paths = 0;
  for (std::string path; index >> path; index.ignore(1000, '\n')) {
    if (path.find("/api/v1/") != 0 || path == "/api/v1/openapi.json") continue;
    EXPECT_THAT(document.body, HasSubstr('"' + path + '"'));
    ++paths;
  }
  EXPECT_EQ(paths, 5U);
}

TEST_F(ApiTest, LeaderboardsSayWhatThereIsToAskFor) {
  publish_past();
  EXPECT_EQ(
      get("/api/v1/leaderboards").body,
      R"({"schema":1,"epoch":7,"leaderboards":[{"name":"trending","by":["category"],)"
      R"("window":{"text":"tumbling 1m","kind":"tumbling","size_ms":60000,"step_ms":60000,"offset_ms":0},)"
      R"("measure":"views","top":3,"emit_every_ms":1000,"titles":false,"group_count":3,"groups":[["movie"],["live"],["show"]]},)"
      R"({"name":"local","by":["category","country"],)"
      R"("window":{"text":"tumbling 1m","kind":"tumbling","size_ms":60000,"step_ms":60000,"offset_ms":0},)"
      R"("measure":"views","top":2,"emit_every_ms":1000,"titles":false,"group_count":0,"groups":[]}]})"
      "\n");
  EXPECT_THAT(get("/api/v1/leaderboards?leaderboard=trending&limit=1").body,
              HasSubstr(R"("group_count":3,"groups":[["movie"]]}]})"));
  EXPECT_THAT(get("/api/v1/leaderboards?leaderboard=trending&match=OVI").body,
              HasSubstr(R"("group_count":1,"groups":[["movie"]]}]})"));
  EXPECT_EQ(get("/api/v1/leaderboards?limit=1001").status, 400);
  EXPECT_EQ(get("/api/v1/leaderboards?leaderboard=x").status, 404);
}

TEST_F(ApiTest, TopOfAWindowThatIsKept) {
  publish_past();
  EXPECT_EQ(places(get("/api/v1/top").body), "live 120000; movie 120000; show 120000; ");
  EXPECT_EQ(places(get("/api/v1/top?window=current").body), "live 120000; movie 120000; show 120000; ");
  EXPECT_EQ(places(get("/api/v1/top?window=final").body), "live 60000; movie 60000; ");
  EXPECT_EQ(places(get("/api/v1/top?window=0").body), "live 0; ");
  EXPECT_EQ(places(get("/api/v1/top?window=60000&group=movie").body), "movie 60000; ");
  EXPECT_EQ(places(get("/api/v1/top?window=-60000").body), "");
  for (const char* wrong : {"window=now", "window=1x", "window=99999999999999999999"}) {
    EXPECT_EQ(get(std::string("/api/v1/top?") + wrong).status, 400) << wrong;
  }
}

TEST_F(ApiTest, TopKeepsToItsLimitsAndSaysThatThereIsMore) {
  publish_past();
  EXPECT_EQ(places(get("/api/v1/top?limit=2").body), "live 120000; movie 120000; ");
  EXPECT_THAT(get("/api/v1/top?limit=2").body, HasSubstr("\"more\":true,"));
  EXPECT_THAT(get("/api/v1/top?limit=3").body, HasSubstr("\"more\":false,"));
  EXPECT_EQ(places(get("/api/v1/top?order=events").body), "movie 120000; live 120000; show 120000; ");
  EXPECT_EQ(places(get("/api/v1/top?order=events&limit=1").body), "movie 120000; ");
  EXPECT_THAT(get("/api/v1/top?order=events&limit=1").body, HasSubstr("\"more\":true,"));
  const std::string one = get("/api/v1/top?k=1&group=show").body;
  EXPECT_THAT(one, HasSubstr("\"item\":\"first\""));
  EXPECT_THAT(one, Not(HasSubstr("\"item\":\"second\"")));
  for (const char* wrong :
       {"k=0", "k=1001", "k=-1", "k=1.5", "k=", "limit=0", "limit=1001", "order=views", "limit=1&limit=1"}) {
    EXPECT_EQ(get(std::string("/api/v1/top?") + wrong).status, 400) << wrong;
  }
}

TEST_F(ApiTest, HistoryIsTheNewestWindowFirst) {
  publish_past();
  EXPECT_EQ(places(get("/api/v1/history?leaderboard=trending").body),
            "live 120000; movie 120000; show 120000; live 60000; movie 60000; live 0; ");
  EXPECT_EQ(places(get("/api/v1/history?leaderboard=trending&group=live").body), "live 120000; live 60000; live 0; ");
  EXPECT_EQ(places(get("/api/v1/history?leaderboard=trending&windows=2").body),
            "live 120000; movie 120000; show 120000; live 60000; movie 60000; ");
  EXPECT_THAT(get("/api/v1/history?leaderboard=trending&windows=2").body, HasSubstr("\"more\":true,"));
  EXPECT_EQ(places(get("/api/v1/history?leaderboard=trending&limit=4&k=1").body),
            "live 120000; movie 120000; show 120000; live 60000; ");
  EXPECT_THAT(get("/api/v1/history?leaderboard=trending").body, HasSubstr("\"more\":false,"));
  EXPECT_EQ(get("/api/v1/history").status, 400);
  EXPECT_EQ(get("/api/v1/history?leaderboard=none").status, 404);
  EXPECT_EQ(get("/api/v1/history?leaderboard=trending&windows=0").status, 400);
  EXPECT_EQ(get("/api/v1/history?leaderboard=local&group=live").status, 400);
}

TEST_F(ApiTest, StatusSaysHowTheProcessIs) {
  config.about = {"my-group", "host:1", 250};
  probe.verdicts[static_cast<std::size_t>(Verdict::kCounted)] = 10;
  probe.verdicts[static_cast<std::size_t>(Verdict::kLate)] = 2;
  probe.verdicts[static_cast<std::size_t>(Verdict::kMalformed)] = 1;
  probe.lag_messages = 4;
  const ClientReply reply = get("/api/v1/status");
  EXPECT_THAT(reply.body, StartsWith(R"({"schema":1,"version":")"));
  for (const char* part :
       {R"("group":"my-group","instance":"host:1","phase":"running","ready":true,"reason":null,"engine":"none")",
        R"("epoch":42,"watermark":1763800030000,"published":1763800035000,"now":)", R"("events_read":13,)",
        R"("lag_messages":4,"watermark_delay_ms":null,)",
        R"("verdicts":{"counted":10,"filtered":0,"late":2,"invalid":1},)", R"("commit_every_ms":250})"}) {
    EXPECT_THAT(reply.body, HasSubstr(part));
  }
  EXPECT_EQ(reply.field("cache-control"), "no-store");
  EXPECT_EQ(get("/api/v1/status?x=1").status, 400);
  probe.set_reason("broker away");
  EXPECT_THAT(get("/api/v1/status").body, HasSubstr(R"("ready":false,"reason":"broker away")"));
}

TEST_F(ApiTest, AnswersHaveTagsAndAreNotSentTwice) {
  const ClientReply first = get("/api/v1/top");
  const std::string tag = first.field("etag");
  ASSERT_THAT(tag, StartsWith("\""));
  EXPECT_EQ(first.field("cache-control"), "no-cache");
  for (const std::string& asked : {tag, "\"other\", " + tag, "W/" + tag, std::string("*")}) {
    Client client = connect();
    const auto again = client.get("/api/v1/top", "If-None-Match: " + asked + "\r\n");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->status, 304) << asked;
    EXPECT_EQ(again->field("etag"), tag);
    EXPECT_EQ(again->body, "");
    EXPECT_EQ(again->field("content-length"), "");
    EXPECT_EQ(client.get("/healthz")->body, "{\"alive\":true}\n");  // nothing came besides
  }
  auto next = sample_snapshot();
  next->epoch = 43;
  board.publish(next);
  const auto changed = connect().get("/api/v1/top", "If-None-Match: " + tag + "\r\n");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->status, 200);
  EXPECT_NE(changed->field("etag"), tag);
  EXPECT_THAT(changed->body, StartsWith(R"({"schema":1,"epoch":43,)"));
}

std::string unpacked(const std::string& bytes) {
  std::string out(1 << 20, '\0');
  z_stream z{};
  EXPECT_EQ(::inflateInit2(&z, 15 + 16), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  ::inflateEnd(&z);
  return out;
}

TEST_F(ApiTest, LongAnswersArePackedForWhoTakesThat) {
  publish_past();
  const ClientReply plain = get("/api/v1/top");
  ASSERT_GT(plain.body.size(), 1'000u);
  EXPECT_EQ(plain.field("content-encoding"), "");
  EXPECT_EQ(plain.field("vary"), "accept-encoding");
  for (const char* accepts : {"gzip", "deflate, gzip;q=0.5, br", "*"}) {
    const auto packed = connect().get("/api/v1/top", std::string("Accept-Encoding: ") + accepts + "\r\n");
    ASSERT_TRUE(packed);
    EXPECT_EQ(packed->field("content-encoding"), "gzip") << accepts;
    EXPECT_LT(packed->body.size(), plain.body.size());
    EXPECT_EQ(unpacked(packed->body), plain.body);
    EXPECT_NE(packed->field("etag"), plain.field("etag"));
  }
  for (const char* accepts : {"identity", "gzip;q=0", "br, gzip;q=0.0", "gzipped"}) {
    const auto other = connect().get("/api/v1/top", std::string("Accept-Encoding: ") + accepts + "\r\n");
    ASSERT_TRUE(other);
    EXPECT_EQ(other->body, plain.body) << accepts;
  }
}

TEST_F(ApiTest, WhatDoesNotFitTheCacheIsAnsweredAllTheSame) {
  config.limits.cache_bytes = 10;
  const ClientReply first = get("/api/v1/top");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(get("/api/v1/top").body, first.body);
}

TEST_F(ApiTest, TheTokenIsAskedForEverywhereButWhereItMayNotBe) {
  config.token = "s3cret";
  for (const char* path : {"/", "/assets/page.js", "/api/v1/openapi.json", "/healthz", "/readyz"})
    EXPECT_EQ(get(path).status, 200) << path;
  for (const char* path :
       {"/metrics", "/api", "/api/v1/top", "/api/v1/status", "/api/v1/stream", "/api/v1/history?x", "/nothing"}) {
    const ClientReply refused = get(path);
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_EQ(refused.field("www-authenticate"), "bearer") << path;
    for (const char* wrong : {"Bearer s3cre", "Bearer s3crets", "Bearer ", "s3cret", "Basic s3cret", "Bearer S3CRET"}) {
      EXPECT_EQ(connect().get(path, std::string("Authorization: ") + wrong + "\r\n")->status, 401) << path << wrong;
    }
  }
  for (const char* right : {"Bearer s3cret", "bearer s3cret"}) {
    EXPECT_EQ(connect().get("/api/v1/top", std::string("Authorization: ") + right + "\r\n")->status, 200) << right;
  }
}

TEST_F(ApiTest, OtherOriginsReadNothingUnlessToldTo) {
  const std::string origin = "Origin: https://a.example\r\n";
  EXPECT_EQ(connect().get("/api/v1/top", origin)->field("access-control-allow-origin"), "");
}

TEST_F(ApiTest, OriginsThatAreAllowed) {
  config.cors_origins = {"https://a.example"};
  config.token = "t";
  const std::string bears = "Authorization: Bearer t\r\n";
  const auto allowed = connect().get("/api/v1/top", "Origin: https://a.example\r\n" + bears);
  EXPECT_EQ(allowed->field("access-control-allow-origin"), "https://a.example");
  EXPECT_THAT(allowed->header, HasSubstr("vary: origin"));
  for (const char* other : {"https://b.example", "https://a.example.evil", "http://a.example", "null"}) {
    const auto reply = connect().get("/api/v1/top", std::string("Origin: ") + other + "\r\n" + bears);
    EXPECT_EQ(reply->field("access-control-allow-origin"), "") << other;
  }
  Client client = connect();
  client.send(
      "OPTIONS /api/v1/top HTTP/1.1\r\nHost: t\r\nOrigin: https://a.example\r\n"
      "Access-Control-Request-Method: GET\r\n\r\n");
  const auto preflight = client.read(/*head=*/true);
  ASSERT_TRUE(preflight);
  EXPECT_EQ(preflight->status, 204);
  EXPECT_EQ(preflight->field("content-length"), "");
  EXPECT_THAT(preflight->field("access-control-allow-headers"), HasSubstr("authorization"));
}

TEST_F(ApiTest, TheIndexNamesEveryPath) {
  const std::string index = get("/api").body;
  for (const char* path :
       {"/api/v1/leaderboards", "/api/v1/top", "/api/v1/history", "/api/v1/stream", "/api/v1/status"}) {
    EXPECT_THAT(index, HasSubstr(path));
  }
  EXPECT_THAT(index, EndsWith("leaderboards: trending, local\n"));
}

}  // namespace
}  // namespace marquee::test
