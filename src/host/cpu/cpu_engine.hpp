// The CPU engine: open addressing, cache-line-conscious, batched with prefetch. See core/engine.hpp for the contract.
#pragma once

#include <memory>

#include "core/engine.hpp"

namespace marquee {

std::unique_ptr<Engine> make_cpu_engine(const EngineConfig& config);

}  // namespace marquee
