#include "app/engine_choice.hpp"

#include "cpu/cpu_engine.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee {

EngineFactory engine_factory(EngineKind kind, Log& log) {
  return [kind, &log](const EngineConfig& config, std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost != nullptr) {
      // Giving back what it has on the device could wait for ever: it is left, and the device is not asked again.
      (void)lost.release();
      return make_cpu_engine(config);
    }
    if (kind == EngineKind::kCpu) return make_cpu_engine(config);
    Result<std::unique_ptr<Engine>> cuda = make_cuda_engine(config);
    if (cuda.ok()) {
      log.info("the engine is cuda");
      return cuda;
    }
    const std::string& why = cuda.status().message();
    if (kind == EngineKind::kCuda) {
      return Status{cuda.status().code(), "engine.kind = \"cuda\", but " + why + "; \"auto\" would take the CPU then"};
    }
    log.info("no GPU, using the CPU: " + why);
    return make_cpu_engine(config);
  };
}

}  // namespace marquee
