#include "gpu/standin_trials.hpp"

#include "kernels/trials/trials.cuh"

namespace marquee::gpu {
namespace {

World* newest = nullptr;
WorldOptions options{.memory_bytes = std::uint64_t{1} << 31};

}  // namespace

Result<std::unique_ptr<Trials>> Trials::open() {
  const auto world = std::make_shared<World>(options);
  newest = world.get();
  auto parts = std::make_unique<Parts>(world->device(), world);
  MARQUEE_TRY(parts->open());
  return std::unique_ptr<Trials>(new Trials(std::move(parts)));
}

std::string Trials::runtime() {
  return "none";
}

}  // namespace marquee::gpu

namespace marquee::test {

void set_multiprocessors(unsigned count) {
  gpu::options.multiprocessors = count;
}

gpu::World& newest_world() {
  return *gpu::newest;
}

}  // namespace marquee::test
