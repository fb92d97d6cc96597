#include "serve/http_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "eventually.hpp"
#include "serving_test.hpp"

namespace marquee::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class HttpServerTest : public ServingTest {};

TEST_F(HttpServerTest, IndexListsEveryEndpoint) {
  const ClientReply reply = get("/api");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.field("content-type"), StartsWith("text/plain"));
  for (const char* path : {"/metrics", "/healthz", "/readyz", "/api/v1/top", "trending, local"}) {
    EXPECT_THAT(reply.body, HasSubstr(path));
  }
}

TEST_F(HttpServerTest, ThePageIsInTheBinaryUnderAStrictPolicy) {
  const ClientReply page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.field("content-security-policy"), StartsWith("default-src 'none'; script-src 'self';"));
  EXPECT_EQ(page.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(page.body.find("<script>"), std::string::npos);
  // Every file that the page names is there.
  std::size_t named = 0;
  for (std::size_t at = 0; (at = page.body.find("\"/assets/", at)) != std::string::npos; ++named) {
    const std::size_t end = page.body.find('"', at + 1);
    const ClientReply file = get(page.body.substr(at + 1, end - at - 1));
    EXPECT_EQ(file.status, 200) << page.body.substr(at + 1, end - at - 1);
    EXPECT_THAT(file.field("etag"), StartsWith("\""));
    at = end;
  }
  EXPECT_GE(named, 3u);
  EXPECT_EQ(get("/assets/page.js").field("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(get("/assets/page.css").field("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(get("/assets/icon.svg").field("content-type"), "image/svg+xml");
  EXPECT_EQ(get("/assets/").status, 404);
  EXPECT_EQ(get("/assets/..%2fpage.js").status, 404);
  const auto again =
      connect().get("/assets/page.js", "If-None-Match: " + get("/assets/page.js").field("etag") + "\r\n");
  EXPECT_EQ(again->status, 304);
}

TEST_F(HttpServerTest, MetricsAreTextFormat) {
  const ClientReply reply = get("/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(reply.body, HasSubstr("marquee_top_views{leaderboard=\"trending\",group=\"movie\",rank=\"1\"} 912\n"));
}

TEST_F(HttpServerTest, HealthzAnswersWhateverThePhase) {
  for (const Phase phase : {Phase::kStarting, Phase::kRunning, Phase::kFailed}) {
    probe.phase = phase;
    EXPECT_EQ(get("/healthz").status, 200);
  }
}

TEST_F(HttpServerTest, ReadyzSaysWhyNot) {
  EXPECT_EQ(get("/readyz").status, 200);
  EXPECT_EQ(get("/readyz").body, "{\"ready\":true,\"phase\":\"running\"}\n");
  probe.set_reason("broker \"b:9092\" does not answer");
  const ClientReply reply = get("/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body,
            "{\"ready\":false,\"phase\":\"running\",\"reason\":\"broker \\\"b:9092\\\" does not answer\"}\n");
  probe.set_reason("");
  probe.phase = Phase::kDraining;
  EXPECT_EQ(get("/readyz").status, 200);
  for (const Phase phase : {Phase::kStarting, Phase::kConnecting, Phase::kRestoring, Phase::kStopped, Phase::kFailed}) {
    probe.phase = phase;
    EXPECT_EQ(get("/readyz").status, 503);
  }
}

TEST_F(HttpServerTest, ReadyzSaysHowFarARestoreHasCome) {
  probe.phase = Phase::kRestoring;
  probe.set_reason("");
  probe.restore_records_total = 400;
  probe.restore_records_left = 280;
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/readyz").body,
            "{\"ready\":false,\"phase\":\"restoring\",\"reason\":\"restoring: 120 of 400 records of the pane log\"}\n");
  probe.set_reason("going back to the last commit");
  EXPECT_THAT(get("/readyz").body, HasSubstr("120 of 400 records of the pane log; going back to the last commit\""));
  probe.restore_records_left = 0;
  EXPECT_THAT(get("/readyz").body, HasSubstr("\"reason\":\"going back to the last commit\""));
}

TEST_F(HttpServerTest, TopEmbedsTheResultRecords) {
  const ClientReply reply = get("/api/v1/top");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("content-type"), "application/json");
  EXPECT_EQ(reply.body,
            "{\"schema\":1,\"epoch\":42,\"watermark\":1763800030000,\"published\":1763800035000,\"more\":false,"
            "\"results\":[" +
                json_of(0, 0) + ',' + json_of(0, 1) + ',' + json_of(1, 0) + ',' + json_of(1, 1) + "]}\n");
}

TEST_F(HttpServerTest, TopOfAnEmptySnapshot) {
  board.publish(std::make_shared<Snapshot>());
  EXPECT_EQ(get("/api/v1/top").body,
            "{\"schema\":1,\"epoch\":0,\"watermark\":null,\"published\":null,\"more\":false,\"results\":[]}\n");
}

TEST_F(HttpServerTest, TopFiltersByLeaderboardAndGroup) {
  const std::string end = "]}\n";
  EXPECT_THAT(get("/api/v1/top?leaderboard=trending").body, EndsWith("[" + json_of(0, 0) + ',' + json_of(0, 1) + end));
  EXPECT_THAT(get("/api/v1/top?leaderboard=trending&group=movie").body, EndsWith("[" + json_of(0, 1) + end));
  EXPECT_THAT(get("/api/v1/top?leaderboard=trending&group=%5B%22movie%22%5D").body,
              EndsWith("[" + json_of(0, 1) + end));
  EXPECT_THAT(get("/api/v1/top?group=[\"movie\",\"DE\"]").body, EndsWith("[" + json_of(1, 0) + end));
  EXPECT_THAT(get("/api/v1/top?group=%5b%22movie%22,%22a+%5C%22b%5C%22%5Cn%5C%5C%22%5D").body,
              EndsWith("[" + json_of(1, 1) + end));
  EXPECT_THAT(get("/api/v1/top?leaderboard=&group=").body, EndsWith(',' + json_of(1, 1) + end));
  EXPECT_THAT(get("/api/v1/top?leaderboard=trending&group=nothing").body, EndsWith("[]}\n"));
}

TEST_F(HttpServerTest, TopRefusesWrongParameters) {
  EXPECT_EQ(get("/api/v1/top?leaderboard=trendin").status, 404);
  EXPECT_EQ(get("/api/v1/top?leaderboard=trendin").body,
            "{\"error\":\"no leaderboard 'trendin'; there are: trending, local\"}\n");
  for (const char* query : {"group=[1]", "group=[", "grup=x", "leaderboard=trending&leaderboard=local", "group=%zz",
                            "leaderboard=local&group=movie", "group=[\"a\",\"b\",\"c\"]", "group=[]"}) {
    const ClientReply reply = get(std::string("/api/v1/top?") + query);
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_THAT(reply.body, StartsWith("{\"error\":\"")) << query;
  }
}

TEST_F(HttpServerTest, PathsArePercentDecoded) {
  EXPECT_EQ(get("/%6detrics").status, 200);
  EXPECT_EQ(get("/health%7a").status, 200);
  EXPECT_EQ(get("/%zz").status, 400);
}

TEST_F(HttpServerTest, UnknownPathsAre404) {
  for (const char* path : {"/nothing", "/metrics/", "//", "/api/v1", "/..%2f..%2fetc/passwd", "/%00", "/%ff%1b"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
}

TEST_F(HttpServerTest, OtherMethodsAre405AndSayWhatIsAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "FROB"}) {
    Client client = connect();
    client.send(std::string(method) + " /metrics HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    const auto reply = client.read();
    ASSERT_TRUE(reply) << method;
    EXPECT_EQ(reply->status, 405) << method;
    EXPECT_EQ(reply->field("allow"), "get, head");
  }
}

TEST_F(HttpServerTest, HeadHasTheHeaderOfGetAndNoBody) {
  for (const char* path : {"/", "/metrics", "/healthz", "/readyz", "/api/v1/top", "/nothing"}) {
    Client client = connect();
    client.send(std::string("HEAD ") + path + " HTTP/1.1\r\nHost: t\r\n\r\n");
    const auto head = client.read(/*head=*/true);
    ASSERT_TRUE(head) << path;
    const auto get = client.get("/healthz");  // would be misread if a body had come
    ASSERT_TRUE(get) << path;
    EXPECT_EQ(get->body, "{\"alive\":true}\n");
    EXPECT_NE(head->field("content-length"), "");
    EXPECT_NE(head->field("content-length"), "0");
  }
}

TEST_F(HttpServerTest, BrokenRequestsAre400AndClose) {
  for (const char* bad : {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                          "GET / HTTP/1.1\r\nno colon\r\n\r\n", "\x16\x03\x01\x02 tls hello\r\n\r\n",
                          "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"}) {
    Client client = connect();
    client.send(bad);
    const auto reply = client.read();
    ASSERT_TRUE(reply) << bad;
    EXPECT_EQ(reply->status, 400) << bad;
    EXPECT_TRUE(client.sees_close()) << bad;
  }
}

TEST_F(HttpServerTest, BodiesAre413) {
  for (const char* field : {"Content-Length: 3", "Transfer-Encoding: chunked", "Content-Length: 99999999999"}) {
    Client client = connect();
    client.send(std::string("GET /metrics HTTP/1.1\r\nHost: t\r\n") + field + "\r\n\r\nabc");
    const auto reply = client.read();
    ASSERT_TRUE(reply) << field;
    EXPECT_EQ(reply->status, 413) << field;
    EXPECT_TRUE(client.sees_close()) << field;
  }
}

TEST_F(HttpServerTest, LongHeadersAre431) {
  Client one_line = connect();
  one_line.send("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(one_line.read().value_or(ClientReply{}).status, 431);
  EXPECT_TRUE(one_line.sees_close());

  Client many_lines = connect();
  std::string request = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 2000; ++i) request += "X-Field-" + std::to_string(i) + ": value\r\n";
  many_lines.send(request + "\r\n");
  EXPECT_EQ(many_lines.read().value_or(ClientReply{}).status, 431);

  EXPECT_EQ(get("/?" + std::string(7'000, 'a')).status, 200);
}

TEST_F(HttpServerTest, KeepsConnectionsAliveUntilAskedToClose) {
  Client client = connect();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client.get("/healthz").value_or(ClientReply{}).status, 200);
  EXPECT_EQ(server().http_probe().connections, 1u);
  client.send("GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read().value_or(ClientReply{}).field("connection"), "close");
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerTest, OldClientsAreClosedAfterTheReply) {
  Client client = connect();
  client.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read().value_or(ClientReply{}).status, 200);
  EXPECT_TRUE(client.sees_close());
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Client client = connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    requests += i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n" : "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  client.send(requests);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.read().value_or(ClientReply{}).status, i % 2 == 0 ? 200 : 404) << i;
}

TEST_F(HttpServerTest, RequestsMayComeByteByByte) {
  Client client = connect();
  for (const char c : std::string_view("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")) client.send({&c, 1});
  EXPECT_EQ(client.read().value_or(ClientReply{}).status, 200);
}

TEST_F(HttpServerTest, SlowLorisIsCutOffWhileOthersAreServed) {
  config.limits.request_timeout = 100ms;
  std::vector<Client> lorises;
  for (int i = 0; i < 20; ++i) {
    lorises.push_back(connect());
    lorises.back().send("GET /metrics HTTP/1.1\r\nHost: ");
  }
  EXPECT_EQ(get("/metrics").status, 200);
  for (Client& loris : lorises) EXPECT_TRUE(loris.sees_close());
  EXPECT_TRUE(eventually([&] { return server().http_probe().timeouts == 20; }));
}

TEST_F(HttpServerTest, IdleConnectionsAreClosedAfterAWhile) {
  config.limits.idle_timeout = 50ms;
  Client silent = connect();
  Client once = connect();
  once.get("/healthz");
  EXPECT_TRUE(silent.sees_close());
  EXPECT_TRUE(once.sees_close());
}

TEST_F(HttpServerTest, ReadersThatDoNotReadAreCutOff) {
  config.limits.write_timeout = 100ms;
  job.leaderboards[0].top = 1000;
  auto snapshot = sample_snapshot();
  const std::vector<ResultRow> rows(1000, ResultRow{std::string(256, 'x'), 1, 1});
  BoardEntries::Run run;
  for (int i = 0; i < 60; ++i) {  // 18 MB: more than the kernel buffers
    run.push_back({sample_record(LeaderboardIndex{0}, {std::string("g") + std::to_string(i)}, rows), nullptr});
  }
  snapshot->boards[0] = {};
  snapshot->boards[0].add(std::make_shared<const BoardEntries::Run>(std::move(run)));
  board.publish(snapshot);
  Client client(server().port(), /*receive_buffer_bytes=*/4096);
  client.send("GET /api/v1/top HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return server().http_probe().timeouts == 1; }));
  EXPECT_FALSE(client.read());
}

TEST_F(HttpServerTest, WhatIsBeingWrittenIsBounded) {
  config.limits.response_bytes = 1000;
  const ClientReply reply = get("/metrics");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(get("/healthz").status, 200);
}

TEST_F(HttpServerTest, ScrapesAreServedBesideThreeHundredIdleConnections) {
  std::vector<Client> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(connect());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/metrics").status, 200);
  EXPECT_TRUE(eventually([&] { return server().http_probe().connections_open >= 300; }));
  for (Client& client : idle) EXPECT_TRUE(client.is_open_and_silent());
  for (Client& client : idle) EXPECT_EQ(client.get("/healthz").value_or(ClientReply{}).status, 200);
}

TEST_F(HttpServerTest, AtTheBoundTheLongestIdleConnectionMakesRoom) {
  config.limits.connections = 3;
  Client first = connect();
  Client second = connect();
  Client third = connect();
  for (Client* client : {&first, &second, &third})
    EXPECT_EQ(client->get("/healthz").value_or(ClientReply{}).status, 200);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_TRUE(first.sees_close());
  EXPECT_EQ(server().http_probe().evicted, 1u);
  EXPECT_EQ(third.get("/healthz").value_or(ClientReply{}).status, 200);
}

TEST_F(HttpServerTest, AtTheBoundWithNoneIdleNewConnectionsGet503) {
  config.limits.connections = 2;
  Client first = connect();
  Client second = connect();
  for (Client* client : {&first, &second}) {
    client->send("GET /healthz HTTP/1.1\r\nHost: t\r\n\r\nGET");  // the second request begun: not idle once the first
                                                                  // is answered
    EXPECT_EQ(client->read().value_or(ClientReply{}).status, 200);
  }
  Client third = connect();
  EXPECT_EQ(third.read().value_or(ClientReply{}).status, 503);
  EXPECT_TRUE(third.sees_close());
  second.send(" /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
  EXPECT_EQ(second.read().value_or(ClientReply{}).status, 200);
}

TEST_F(HttpServerTest, RequestsAreCountedByStatus) {
  get("/healthz"), get("/nothing"), get("/nothing");
  EXPECT_THAT(get("/metrics").body, ::testing::AllOf(HasSubstr("marquee_http_requests_total{code=\"200\"} 1\n"),
                                                     HasSubstr("marquee_http_requests_total{code=\"404\"} 2\n")));
}

TEST_F(HttpServerTest, PublishingWhileServing) {
  std::jthread publisher([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      board.publish(sample_snapshot());
      probe.set_reason("x");
      probe.set_reason("");
      probe.events_aggregated += 1;
      probe.fetch.observe_ns(1000);
    }
  });
  Client client = connect();
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(client.get("/metrics").value_or(ClientReply{}).status, 200);
    ASSERT_EQ(client.get("/api/v1/top").value_or(ClientReply{}).status, 200);
    ASSERT_TRUE(client.get("/readyz"));
  }
}

TEST_F(HttpServerTest, StopClosesEverythingAndMayBeRepeated) {
  Client idle = connect();
  Client half = connect();
  half.send("GET / HT");
  EXPECT_EQ(get("/healthz").status, 200);
  const std::uint16_t port = server().port();
  server().stop();
  server().stop();
  EXPECT_FALSE(Client(port).connected());
}

TEST_F(HttpServerTest, DestructionClosesConnections) {
  std::optional<Client> client;
  {
    HttpServer other(config, job, probe, board, log);
    ASSERT_TRUE(other.start().ok());
    client.emplace(other.port());
    ASSERT_EQ(client->get("/healthz").value_or(ClientReply{}).status, 200);
  }
  EXPECT_TRUE(client->sees_close());
}

TEST_F(HttpServerTest, NeverStartedIsFine) {
  HttpServer(config, job, probe, board, log).stop();
}

TEST_F(HttpServerTest, TakenPortIsUnavailableAndSaysWhatToDo) {
  ServeConfig taken;
  taken.listen = "127.0.0.1:" + std::to_string(server().port());
  HttpServer second(taken, job, probe, board, log);
  const Status status = second.start();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "cannot listen on " + taken.listen +
                                  " (http.listen): another program has this port; stop it or choose another port (0 "
                                  "takes any free one)");
}

TEST_F(HttpServerTest, WrongAddressesAreConfigurationErrors) {
  for (const char* bad :
       {"", "8080", "host", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x", "::1:80", "[]:80", "a:-1"}) {
    ServeConfig wrong;
    wrong.listen = bad;
    HttpServer broken(wrong, job, probe, board, log);
    const Status status = broken.start();
    EXPECT_EQ(status.code(), Code::kConfig) << bad;
    EXPECT_THAT(status.message(), HasSubstr("http.listen"));
  }
}

TEST_F(HttpServerTest, AddressesOfOtherMachinesAreUnavailable) {
  ServeConfig elsewhere;
  elsewhere.listen = "192.0.2.1:0";
  HttpServer broken(elsewhere, job, probe, board, log);
  EXPECT_EQ(broken.start().code(), Code::kUnavailable);
}

TEST_F(HttpServerTest, ListensOnEveryAddressAndByName) {
  for (const char* listen : {":0", "localhost:0"}) {
    ServeConfig all;
    all.listen = listen;
    HttpServer open(all, job, probe, board, log);
    const Status status = open.start();
    ASSERT_TRUE(status.ok()) << status.message();
    if (std::string_view(listen) == ":0") {
      EXPECT_EQ(Client(open.port()).get("/healthz").value_or(ClientReply{}).status, 200);
    }
  }
}

}  // namespace
}  // namespace marquee::test
