// Which engine: the one configured; `auto` takes CUDA where there is a device, else the CPU, and says why.
#pragma once

#include "app/config.hpp"
#include "pipeline/log.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee {

// `log` outlives the factory. The factory's answer to a lost CUDA engine under `auto` is the CPU engine.
EngineFactory engine_factory(EngineKind kind, Log& log);

}  // namespace marquee
