// SnapshotFeed: the boards of this process, from what the pipeline publishes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include "app/boards_feed.hpp"
#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

// Looks at job, probe and board, which must outlive it. One thread.
class SnapshotFeed : public BoardsFeed {
 public:
  SnapshotFeed(const JobSpec& job, const Probe& probe, const SnapshotBoard& board)
      : job_(job), probe_(probe), board_(board) {}

  BoardsLook look(const std::string& leaderboard, std::chrono::steady_clock::time_point now,
                  std::int64_t wall_ms) override;

 private:
  double rate(std::chrono::steady_clock::time_point now);

  const JobSpec& job_;
  const Probe& probe_;
  const SnapshotBoard& board_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> samples_;  // events read by then
};

}  // namespace marquee
