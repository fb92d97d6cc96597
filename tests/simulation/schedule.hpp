// Schedule: one seed is one world, its input, its job, and everything that happens to the processes in it. The same
// seed is the same schedule, step by step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulation {

// What happened, of one schedule or of many.
struct Counts {
  std::uint64_t steps = 0;
  std::uint64_t processes = 0;
  std::uint64_t kills = 0;
  std::uint64_t failed_calls = 0;  // answered by a recovery
  std::uint64_t takeovers = 0;
  std::uint64_t engines_lost = 0;
  std::uint64_t told_to_leave = 0;
  std::uint64_t bases = 0;
  std::uint64_t base_parts = 0;
  std::uint64_t jobs_changed = 0;       // a leaderboard added or removed
  std::uint64_t partitions_found = 0;   // while others were read
  std::uint64_t offsets_forgotten = 0;  // of partitions that nothing was read of
  std::uint64_t pane_logs_damaged = 0;  // something of it was lost on purpose
  std::uint64_t damages_refused = 0;    // and the process said so

  void operator+=(const Counts& other);
  std::vector<std::pair<std::string_view, std::uint64_t>> named() const;
};

struct Verdicts {
  std::vector<std::string> wrong;  // nothing where all is well
  Counts counts;
};

// `loud`: what the processes log goes to standard error.
Verdicts run_schedule(std::uint64_t seed, bool loud);

}  // namespace simulation
