#include "kernels/cuda_engine.hpp"

namespace marquee {

static Status built_without() {
  return {Code::kUnavailable, "this binary was built without CUDA"};
}

Result<std::vector<CudaDevice>> cuda_devices() {
  return built_without();
}
Result<std::unique_ptr<Engine>> make_cuda_engine(const EngineConfig&) {
  return built_without();
}

}  // namespace marquee
