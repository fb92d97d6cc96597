// The CUDA engine over the host stand-in for a GPU: the same kernels and the same engine, compiled by g++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/engine.hpp"

namespace marquee::test {

struct StandinOptions {
  std::uint64_t seed = 1;  // of the order of threads, blocks and streams
  std::size_t arena_bytes = std::size_t{512} << 20;
  std::size_t fold_rows_max = 1u << 16;
};

Result<std::unique_ptr<Engine>> make_standin_engine(const EngineConfig& config, const StandinOptions& options);

}  // namespace marquee::test
