#include "engine/engine_kinds.hpp"

#include "cpu/cpu_engine.hpp"
#include "engine/engine_world.hpp"
#include "engine/standin_engine.hpp"
#include "pipeline/model_engine.hpp"

namespace marquee::test {
namespace {

std::unique_ptr<Engine> make_standin(const EngineConfig& config) {
  static std::uint64_t made = 0;
  StandinOptions options;
  options.seed = seed_or(1) + made++;
  options.fold_rows_max = many(1u << 16);  // so that large tables take several rounds
  return std::move(make_standin_engine(config, options).value());
}

std::unique_ptr<Engine> make_model(const EngineConfig& config) {
  return std::make_unique<ModelEngine>(config);
}

}  // namespace

std::vector<EngineKind> engine_kinds() {
  return {{"Cpu", make_cpu_engine}, {"Standin", make_standin}, {"Model", make_model}};
}

}  // namespace marquee::test
