#include <utility>

#include "kernels/cuda_engine.hpp"
#include "kernels/gpu_engine.cuh"
#include "runtime.cuh"

namespace marquee {

Result<std::vector<CudaDevice>> cuda_devices() {
  return gpu::Device::list();
}

Result<std::unique_ptr<Engine>> make_cuda_engine(const EngineConfig& config) {
  Result<gpu::Device> device = gpu::Device::open();
  if (!device.ok()) return device.status();
  return gpu::GpuEngine::make(std::move(device.value()), config, {});
}

}  // namespace marquee
