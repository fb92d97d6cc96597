#include "engine/standin_engine.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "kernels/gpu_engine.cuh"

namespace marquee::test {
namespace {

// The engine and the GPU that it runs on.
class StandinEngine final : public Engine {
 public:
  explicit StandinEngine(std::unique_ptr<gpu::World> world) : world_(std::move(world)) {}
  Status open(const EngineConfig& config, const gpu::GpuEngineOptions& options) {
    Result<std::unique_ptr<Engine>> made = gpu::GpuEngine::make(world_->device(), config, options);
    if (!made.ok()) return made.status();
    inner_ = std::move(made.value());
    return {};
  }

  void map_combination(CombinationId combination, std::span<const GroupId> groups) override {
    inner_->map_combination(combination, groups);
  }
  void name_item(ItemId item, std::string_view text) override { inner_->name_item(item, text); }
  Status submit(BatchPtr batch) override { return inner_->submit(std::move(batch)); }
  std::uint64_t epoch_rows() const override { return inner_->epoch_rows(); }
  Result<const Partials*> end_epoch() override { return inner_->end_epoch(); }
  Status rank(const RankQuery& query, Ranking& out) override { return inner_->rank(query, out); }
  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override { inner_->drop(leaderboard, pane); }
  Status restore(const PanePartials& partials) override { return inner_->restore(partials); }
  void clear() override { inner_->clear(); }
  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) override {
    return inner_->state(wanted);
  }
  void mark_live(LiveIds& live) override { inner_->mark_live(live); }
  void forget_floors() override { inner_->forget_floors(); }
  EngineStats stats() const override { return inner_->stats(); }
  std::string_view name() const override { return inner_->name(); }
  bool can_be_lost() const override { return true; }
  const gpu::World& gpu() const { return *world_; }

  ~StandinEngine() override {
    inner_.reset();
    EXPECT_EQ(world_->frees_that_block(), 0u);  // the process would never end
  }

 private:
  std::unique_ptr<gpu::World> world_;
  std::unique_ptr<Engine> inner_;
};

gpu::Fault fault_of(StandinOptions::Failure failure) {
  switch (failure) {
    case StandinOptions::Failure::kLate:
      return gpu::Fault::kLate;
    case StandinOptions::Failure::kHang:
      return gpu::Fault::kHang;
    case StandinOptions::Failure::kError:
      break;
  }
  return gpu::Fault::kError;
}

}  // namespace

StandinCosts costs_of(const Engine& standin) {
  const gpu::World& gpu = dynamic_cast<const StandinEngine&>(standin).gpu();
  const gpu::Counters counters = gpu.counters();
  return {gpu.calls(),
          counters.launches,
          counters.global_atomics,
          counters.shared_atomics,
          gpu.copied().to_device,
          gpu.copied().from_device};
}

Result<std::unique_ptr<Engine>> make_standin_engine(const EngineConfig& config, const StandinOptions& options) {
  gpu::WorldOptions world;
  world.seed = options.seed;
  world.memory_bytes = std::uint64_t{1} << 32;
  world.late_answers = true;
  auto gpu = std::make_unique<gpu::World>(world);
  if (options.fails_at_call != 0) gpu->fail_at_call(options.fails_at_call, fault_of(options.failure));
  auto engine = std::make_unique<StandinEngine>(std::move(gpu));
  gpu::GpuEngineOptions engine_options;
  engine_options.arena_bytes = options.arena_bytes;
  engine_options.fold_rows_max = options.fold_rows_max;
  engine_options.deadline = options.deadline;
  if (Status s = engine->open(config, engine_options); !s.ok()) return s;
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace marquee::test
