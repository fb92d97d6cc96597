// What this process costs right now, from /proc/self and getrusage(2). Linux.
#pragma once

#include <cstdint>

namespace marquee {

struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_s = 0;  // user and system, all threads
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  double start_time_s = 0;  // Unix time
};

// Any thread. Reads a few small files; a figure that cannot be had is 0.
ProcessUsage process_usage();
std::uint64_t resident_bytes();

}  // namespace marquee
