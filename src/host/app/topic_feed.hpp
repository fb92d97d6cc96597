// TopicFeed: the boards of an output topic, read from its beginning. A thread of its own reads; look() shows what came.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/remote_feed.hpp"
#include "app/result_json.hpp"
#include "kafka/topic_tail.hpp"
#include "pipeline/log.hpp"

namespace marquee {

// The newest windows of every group, by the contract of the output topic: a record counts if its revision is higher
// than that of the one before it for the same key. Bounded: groups beyond `groups_max` are left out. One thread.
class TopicBoards {
 public:
  explicit TopicBoards(std::size_t groups_max) : groups_max_(groups_max) {}

  // `value`: a record's. False: it is no result.
  bool apply(std::string_view value);

  // Of a leaderboard, those whose newest window is the newest first, then by group; and the names of all leaderboards.
  std::vector<BoardsLook::Board> boards(const std::string& leaderboard) const;
  std::vector<std::string> leaderboards() const;
  // The current record of every group as it was written; of one leaderboard, or of all (empty), and likewise groups.
  std::string json(const std::string& leaderboard, const std::optional<std::vector<std::string>>& group) const;

  std::uint64_t results() const { return results_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  struct Window {
    std::uint64_t revision = 0;
    ResultPtr record;
    std::string value;
  };
  using Windows = std::map<EventTimeMs, Window>;  // by window end
  static const Window& current(const Windows& windows);

  std::size_t groups_max_;
  simdjson::dom::parser parser_;
  std::map<std::string, std::map<std::vector<std::string>, Windows>> windows_;  // leaderboard -> group
  std::size_t groups_ = 0;
  std::uint64_t results_ = 0, left_out_ = 0;
};

class TopicFeed : public RemoteFeed {
 public:
  // `leaderboard`, `group`: only these; empty, none: all. `log` outlives it.
  TopicFeed(TopicTailConfig topic, std::string leaderboard, std::optional<std::vector<std::string>> group, Log& log);

  BoardsLook look(const std::string& leaderboard, std::chrono::steady_clock::time_point now,
                  std::int64_t wall_ms) override;
  Status wait(const std::atomic<bool>& stop) override;
  Result<std::string> json() override;

 private:
  void read_on(const std::stop_token& stop);
  Status follow(const std::stop_token& stop);

  const TopicTailConfig topic_;
  const std::string only_leaderboard_;
  const std::optional<std::vector<std::string>> only_group_;
  Log& log_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  TopicBoards boards_;
  bool whole_ = false;             // the end has been met
  std::uint64_t strangers_ = 0;    // records that are no results
  std::optional<Status> outcome_;  // what went wrong last; ok: everything there is has been read once
  std::jthread thread_;            // last: it ends first
};

}  // namespace marquee
