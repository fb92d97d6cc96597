// Boards: keeps the latest result of every (leaderboard, group) and makes snapshots of them. Engine thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/job.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

class Boards {
 public:
  explicit Boards(const JobSpec& job) : job_(job), boards_(job.leaderboards.size()) {}

  // Takes over an epoch's results and forgets groups whose last window settled long before `watermark`.
  void update(const std::vector<ResultRecord>& results, EventTimeMs watermark) {
    for (const ResultRecord& r : results) {
      auto record = std::make_shared<const ResultRecord>(r);
      BoardEntry& entry = boards_[raw(r.leaderboard)][r.group];
      if (entry.current == nullptr || entry.current->window_end <= r.window_end) entry.current = record;
      if (r.final && (entry.last_final == nullptr || entry.last_final->window_end <= r.window_end)) {
        entry.last_final = std::move(record);
      }
    }
    for (std::size_t l = 0; l < boards_.size(); ++l) {
      const std::int64_t keep_ms = 2 * job_.leaderboards[l].window.size_ms + job_.time.lateness_ms;
      std::erase_if(boards_[l], [&](const auto& entry) {
        return watermark != kNoTime && watermark != kEndOfTime &&
               entry.second.current->window_end + keep_ms < watermark;
      });
    }
  }

  std::shared_ptr<const Snapshot> snapshot(std::uint64_t epoch, EventTimeMs watermark, std::int64_t wall_ms) const {
    auto s = std::make_shared<Snapshot>();
    s->epoch = epoch;
    s->watermark = watermark;
    s->published_wall_ms = wall_ms;
    s->boards.resize(boards_.size());
    for (std::size_t l = 0; l < boards_.size(); ++l) {
      for (const auto& [group, entry] : boards_[l]) s->boards[l].push_back(entry);
    }
    return s;
  }

 private:
  const JobSpec& job_;
  std::vector<std::map<std::vector<std::string>, BoardEntry>> boards_;
};

}  // namespace marquee
