// ApiFeed: the boards of a running marquee, over its API. A thread of its own asks; look() shows what came last.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/config_values.hpp"
#include "app/http_get.hpp"
#include "app/remote_feed.hpp"

namespace marquee {

struct ApiFeedOptions {
  ListenAddress address;
  std::string token;        // empty: none
  std::string leaderboard;  // the one asked for first; empty: the first there is
  std::string group;        // a plain value or a JSON array; empty: all
  std::chrono::milliseconds interval{1'000};
};

class ApiFeed : public RemoteFeed {
 public:
  explicit ApiFeed(ApiFeedOptions options);

  BoardsLook look(const std::string& leaderboard, std::chrono::steady_clock::time_point now,
                  std::int64_t wall_ms) override;
  Status wait(const std::atomic<bool>& stop) override;
  Result<std::string> json() override;

 private:
  struct Leaderboard {
    std::string name, about;
  };
  // What was answered last.
  struct Asked {
    std::string path, etag;
    std::vector<ResultPtr> results;
    bool more = false;
  };
  void ask_on(const std::stop_token& stop);
  Status ask(const std::string& leaderboard);
  Status ask_leaderboards();
  Status ask_results(const std::string& path, Asked& asked);
  Status ask_status(BoardsLook& look);
  Result<HttpAnswer> get(const std::string& path, const std::string& etag);

  const ApiFeedOptions options_;
  // The asking thread's alone.
  std::vector<Leaderboard> leaderboards_;
  Asked top_, past_;
  // json()'s alone.
  std::string json_etag_, json_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  BoardsLook look_;                // the last one
  std::optional<Status> outcome_;  // of the last time it was asked; none: it was not yet
  std::string wanted_;             // leaderboard
  std::jthread thread_;            // last: it ends first
};

}  // namespace marquee
