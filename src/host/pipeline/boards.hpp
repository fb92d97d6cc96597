// Boards: keeps what is shown of every (leaderboard, group) and makes snapshots of it. Engine thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/job.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

// How much of the past is kept, in memory alone: it begins anew with the process.
struct HistoryLimits {
  std::size_t windows = 60;       // complete windows of a group
  std::size_t bytes = 64u << 20;  // of all their records together; the oldest windows go first
};

class Boards {
 public:
  // `shown`: where to go on, so that a recovery forgets nothing of what has committed; may be null.
  Boards(const JobSpec& job, const HistoryLimits& limits, const Snapshot* shown);

  // Takes over an epoch's results and forgets groups whose last window settled long before `watermark`.
  void update(const std::vector<ResultRecord>& results, EventTimeMs watermark);

  // Costs what has changed since the last one, and a pointer for each run of groups.
  std::shared_ptr<const Snapshot> snapshot(std::uint64_t epoch, EventTimeMs watermark, std::int64_t wall_ms);

  std::size_t history_bytes() const { return history_bytes_; }

 private:
  struct Run {
    std::shared_ptr<BoardEntries::Run> entries;  // never empty
    bool shown = false;                          // a snapshot may hold it: it is copied before it changes
    EventTimeMs oldest_end = 0;                  // no entry's current window ends before
  };
  struct Board {
    std::vector<Run> runs;
  };
  BoardEntry& entry_of(Board& board, const std::vector<std::string>& group);
  static Run& own(Run& run);
  void remember(BoardEntry& entry, const ResultPtr& record);
  void shrink_history();
  void forget_settled(std::size_t leaderboard, EventTimeMs watermark);

  const JobSpec& job_;
  HistoryLimits limits_;
  std::vector<Board> boards_;
  std::size_t history_bytes_ = 0;
};

}  // namespace marquee
