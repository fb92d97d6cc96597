// Auditor: what a read-committed consumer must hold in the end, computed by the oracle, against what it does hold; and
// who was allowed to commit what. Shares no code with the pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oracle/job_config.hpp"
#include "simulation/outside.hpp"

namespace simulation {

// A leaderboard that was not there all the time.
struct BoardLife {
  bool removed = false;                       // what is held of it stays as it was then
  bool added = false;                         // while others ran
  std::optional<std::int64_t> exact_from_ms;  // of an added one: windows that begin here or later hold everything
};

struct Expected {
  const oracle::JobConfig* config = nullptr;  // with every leaderboard there ever was
  std::map<std::string, BoardLife> lives;     // by leaderboard: those that changed
  bool has_room = false;                      // no budget can be hit: everything has to say that it is exact
  bool groups_have_room = false;              // those of groups, their combinations and open panes cannot
  // Windows that begin here or later lack nothing of what was removed before it could be read.
  std::optional<std::int64_t> whole_from_ms;
  // The input was read to its end, so every result must be there. Else only what is there is judged.
  bool all_read = false;
  std::size_t commits_judged = 0;  // so many: after them somebody has tampered with the offsets
};

// What is wrong, a sentence each; nothing where all is well.
std::vector<std::string> audit(const Outside& outside, const Expected& expected);

}  // namespace simulation
