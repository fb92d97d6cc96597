#include "kernels/cuda_engine.hpp"
#include "runtime.cuh"

namespace marquee {

Result<std::vector<CudaDevice>> cuda_devices() {
  return gpu::Device::list();
}

Result<std::unique_ptr<Engine>> make_cuda_engine(const EngineConfig&) {
  const Result<gpu::Device> device = gpu::Device::open();
  if (!device.ok()) return device.status();
  return Status{Code::kUnavailable, "the CUDA engine is not finished"};
}

}  // namespace marquee
