// Trials::open() of the host stand-in: the very same jobs, on a simulated GPU.
#pragma once

#include "runtime.cuh"

namespace marquee::test {

// Of the device that the next Trials::open() makes; 4 at first.
void set_multiprocessors(unsigned count);
// The one that the last Trials::open() made, while those Trials live.
gpu::World& newest_world();

}  // namespace marquee::test
