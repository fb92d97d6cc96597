// A server over the sample job and snapshot, and clients of it.
#pragma once

#include <gtest/gtest.h>

#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "http_client.hpp"
#include "serve/http_server.hpp"
#include "serve_fixture.hpp"

namespace marquee::test {

class ServingTest : public ::testing::Test {
 protected:
  ServingTest() {
    config.listen = "127.0.0.1:0";
    board.publish(sample_snapshot());
    probe.phase = Phase::kRunning;
    probe.set_reason("");
  }
  // Starts the server with what `config` says by then.
  HttpServer& server() {
    if (!server_) {
      server_ = std::make_unique<HttpServer>(config, job, probe, board, log);
      const Status status = server_->start();
      EXPECT_TRUE(status.ok()) << status.message();
    }
    return *server_;
  }
  Client connect() {
    Client client(server().port());
    EXPECT_TRUE(client.connected());
    return client;
  }
  ClientReply get(const std::string& target) {
    const std::optional<ClientReply> reply = connect().get(target);
    EXPECT_TRUE(reply) << target;
    return reply.value_or(ClientReply{});
  }
  std::string json_of(std::size_t leaderboard, std::size_t group) {
    std::string text;
    const std::shared_ptr<const Snapshot> snapshot = board.get();
    append_result_json(text, job, *std::next(snapshot->boards[leaderboard].begin(), static_cast<int>(group))->current);
    return text;
  }

  JobSpec job = sample_job();
  Probe probe;
  SnapshotBoard board;
  SilentLog log;
  ServeConfig config;

 private:
  std::unique_ptr<HttpServer> server_;
};

}  // namespace marquee::test
