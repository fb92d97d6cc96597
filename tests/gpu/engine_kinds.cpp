#include "engine/engine_kinds.hpp"

#include <stdexcept>

#include "kernels/cuda_engine.hpp"
#include "kernels/trials/trials.hpp"

namespace marquee::test {

std::vector<EngineKind> engine_kinds() {
  // main() has found a GPU: one that cannot be opened again is a failure, not a machine without.
  if (const auto trials = gpu::Trials::open(); !trials.ok()) throw std::runtime_error(trials.status().message());
  return {{"Cuda", [](const EngineConfig& config) {
             Result<std::unique_ptr<Engine>> engine = make_cuda_engine(config);
             if (!engine.ok()) throw std::runtime_error(engine.status().message());  // GoogleTest tells it
             return std::move(engine.value());
           }}};
}

}  // namespace marquee::test
