#include "kernels/trials/trials.cuh"

namespace marquee::gpu {

Result<std::unique_ptr<Trials>> Trials::open() {
  const Result<Device> device = Device::open();
  if (!device.ok()) return device.status();
  auto parts = std::make_unique<Parts>(device.value(), nullptr);
  MARQUEE_TRY(parts->open());
  return std::unique_ptr<Trials>(new Trials(std::move(parts)));
}

std::string Trials::runtime() {
  return "CUDA " + std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10);
}

}  // namespace marquee::gpu
