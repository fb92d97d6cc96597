// One launch: every thread of a block a fiber, some blocks at a time, in an order that a seed gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace marquee::standin {

// A bug in a kernel, or in how the runtime is used: says so and aborts.
[[noreturn]] [[gnu::format(printf, 1, 2)]] void die(const char* format, ...);

std::string readable(const char* mangled);  // a type's name

struct Counters {
  std::uint64_t launches = 0;
  std::uint64_t blocks = 0;
  std::uint64_t barriers = 0;        // passed, a block each
  std::uint64_t warp_functions = 0;  // a lane each
  std::uint64_t global_atomics = 0;  // a thread each, as are those below
  std::uint64_t shared_atomics = 0;
  std::uint64_t loads_and_stores = 0;  // through simt::load and simt::store

  Counters& operator+=(const Counters& other);
};

struct Kernel {
  const char* name = nullptr;  // its type's, mangled
  unsigned threads = 0;
  std::size_t shared_bytes = 0;
  void (*run)(void* shared, const void* args) = nullptr;
};

// Runs it to its end.
Counters run_grid(const Kernel& kernel, unsigned blocks, unsigned rows, const void* args, std::uint64_t seed);

}  // namespace marquee::standin
