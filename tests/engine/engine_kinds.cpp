#include "engine/engine_kinds.hpp"

#include "cpu/cpu_engine.hpp"

namespace marquee::test {

std::vector<EngineKind> engine_kinds() {
  return {{"Cpu", make_cpu_engine}};
}

}  // namespace marquee::test
