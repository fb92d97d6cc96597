// The CUDA engine behind a header with no CUDA type in it. CMake chooses what implements it: cuda_engine.cu, or a stub
// that answers "built without CUDA".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/status.hpp"

namespace marquee {

struct CudaDevice {
  std::string name;
  std::string driver;
  std::uint64_t memory_bytes = 0;
};

// The devices there are; a Status that says why when there are none (no driver, no device, built without CUDA).
Result<std::vector<CudaDevice>> cuda_devices();

// kUnavailable with the reason where there is no usable device. Any thread; the engine belongs to the caller's.
Result<std::unique_ptr<Engine>> make_cuda_engine(const EngineConfig& config);

}  // namespace marquee
