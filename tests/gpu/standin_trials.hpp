// Trials::open() of the host stand-in: the very same jobs, on a simulated GPU.
#pragma once

#include "runtime.cuh"

namespace marquee::test {

// The one that the last Trials::open() made, while those Trials live.
gpu::World& newest_world();

}  // namespace marquee::test
