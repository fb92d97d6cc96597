// BoardsFeed: where a view gets its boards from, as plain values: the process it runs in, a server, or a topic.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "app/board_frame.hpp"
#include "core/ids.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

struct BoardsLook {
  // One group. Its newest window, and of those that are complete the newest first, at least two where there are.
  struct Board {
    ResultPtr current;
    std::vector<ResultPtr> finals;
  };
  std::vector<std::string> leaderboards;  // names of all there are
  std::string leaderboard;                // the one shown; empty: there is none yet
  std::string about;                      // its window and measure, as far as known
  std::vector<Board> boards;
  EventTimeMs watermark = kNoTime;

  std::string state;  // phase, and why not ready
  bool ready = true;
  Figures figures;
};

class BoardsFeed {
 public:
  virtual ~BoardsFeed() = default;
  // As of now; never blocks for long. `leaderboard`: by name; empty, or none there is: the first.
  virtual BoardsLook look(const std::string& leaderboard, std::chrono::steady_clock::time_point now,
                          std::int64_t wall_ms) = 0;
};

}  // namespace marquee
