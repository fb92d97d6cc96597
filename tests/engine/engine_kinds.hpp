// The engines that every engine test runs against.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "core/engine.hpp"

namespace marquee::test {

struct EngineKind {
  std::string name;  // letters and digits: part of the tests' names
  std::function<std::unique_ptr<Engine>(const EngineConfig&)> make;
};
inline std::ostream& operator<<(std::ostream& out, const EngineKind& kind) {
  return out << kind.name;
}

std::vector<EngineKind> engine_kinds();

}  // namespace marquee::test
