// The CUDA engine over the host stand-in for a GPU: the same kernels and the same engine, compiled by g++.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/engine.hpp"

namespace marquee::test {

struct StandinOptions {
  std::uint64_t seed = 1;  // of the order of threads, blocks and streams
  std::size_t arena_bytes = std::size_t{512} << 20;
  std::size_t fold_rows_max = 1u << 16;
  std::chrono::milliseconds deadline{600'000};  // of the host's clock: a loaded machine is no lost device
  // The device meets its end in this call of the runtime; 0: never. See gpu::Fault.
  std::uint64_t fails_at_call = 0;
  enum class Failure : std::uint8_t { kError, kLate, kHang } failure = Failure::kError;
};

// What the engine has asked of its device so far; made by make_standin_engine().
struct StandinCosts {
  std::uint64_t calls = 0;  // of the runtime
  std::uint64_t launches = 0;
  std::uint64_t global_atomics = 0;
  std::uint64_t shared_atomics = 0;
  std::uint64_t bytes_to_device = 0;
  std::uint64_t bytes_from_device = 0;
};
StandinCosts costs_of(const Engine& standin);

Result<std::unique_ptr<Engine>> make_standin_engine(const EngineConfig& config, const StandinOptions& options);

}  // namespace marquee::test
