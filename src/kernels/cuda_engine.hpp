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
  std::string compute_capability;  // "9.0"
  std::string driver;              // its version and the newest CUDA it knows: "580.65.06, CUDA 13.0"
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_free_bytes = 0;  // just now; 0 where the device is refused
  std::string refused;                  // why the engine will not have it, in a sentence; empty: it is fine
};

// The devices there are, those that are refused too; a Status that says why when there are none (no driver, a driver
// too old, no device, built without CUDA). Asks each device, which makes CUDA keep a few hundred MB on it until the
// process ends and takes some tenths of a second each: for people, not for start-up. Any thread.
Result<std::vector<CudaDevice>> cuda_devices();

// kUnavailable with the reason where there is no usable device. Any thread; the engine belongs to the caller's.
Result<std::unique_ptr<Engine>> make_cuda_engine(const EngineConfig& config);

}  // namespace marquee
