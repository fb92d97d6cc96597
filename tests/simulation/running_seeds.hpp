// RunningSeeds: which schedules run now, so that a crash, a CHECK, a sanitizer's report or an interrupt names its seed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simulation {

// Says on standard error which seed crashed, and on SIGINT or SIGTERM which were running; then what would have happened
// happens. Once, before the first thread.
void name_seed_of_crash();

// The calling thread runs this seed, until it is gone.
class RunningSeed {
 public:
  explicit RunningSeed(std::uint64_t seed);
  ~RunningSeed();
  RunningSeed(const RunningSeed&) = delete;
  RunningSeed& operator=(const RunningSeed&) = delete;

 private:
  std::size_t place_;
};

}  // namespace simulation
