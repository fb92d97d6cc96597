// The one JSON document that marquee-gpu-bench writes.
#pragma once

#include <string>

#include "core/status.hpp"
#include "figures.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee::bench {

struct About {
  CudaDevice device;
  std::string runtime;
  std::string commit;
  bool quick = false;
  Status measured;  // where it is not ok, the figures are those measured before
};

std::string document(const About& about, const Figures& figures);

}  // namespace marquee::bench
