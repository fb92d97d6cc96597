// An engine that is lost, whenever and in whichever call: what comes out is what would have come out without it.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "pipeline/lost_engine_run.hpp"

namespace marquee::test {
namespace {

// The CPU engine on a device that dies: its n-th call that can fail does, and every one after it.
class DyingEngine final : public Engine {
 public:
  DyingEngine(const EngineConfig& config, std::uint64_t dies_at) : inner_(make_cpu_engine(config)), left_(dies_at) {}

  Status submit(BatchPtr batch) override { return alive() ? inner_->submit(std::move(batch)) : gone(); }
  Result<const Partials*> end_epoch() override {
    if (!alive()) return gone();
    return inner_->end_epoch();
  }
  Status rank(const RankQuery& query, Ranking& out) override { return alive() ? inner_->rank(query, out) : gone(); }
  Status restore(const PanePartials& partials) override { return alive() ? inner_->restore(partials) : gone(); }
  std::uint64_t epoch_rows() const override { return inner_->epoch_rows(); }
  void map_combination(CombinationId combination, std::span<const GroupId> groups) override {
    inner_->map_combination(combination, groups);
  }
  void name_item(ItemId item, std::string_view text) override { inner_->name_item(item, text); }
  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override { inner_->drop(leaderboard, pane); }
  void clear() override { inner_->clear(); }
  void mark_live(LiveIds& live) const override { inner_->mark_live(live); }
  void forget_floors() override { inner_->forget_floors(); }
  EngineStats stats() const override { return inner_->stats(); }
  std::string_view name() const override { return "dying"; }
  bool can_be_lost() const override { return true; }

 private:
  bool alive() {
    if (left_ > 0) --left_;
    return left_ > 0;
  }
  static Status gone() { return {Code::kUnavailable, "the device is lost"}; }

  std::unique_ptr<Engine> inner_;
  std::uint64_t left_;
};

TEST(LostEngine, WhicheverCallItIsThatFailsTheResultsAreTheSame) {
  for (const Emission emission : {Emission::kSettled, Emission::kLive}) {
    const Outcome expected = run_losing(3, 600, emission, make_cpu_engine);
    EXPECT_EQ(expected.recoveries, 0u);
    std::uint64_t deaths = 0;
    for (std::uint64_t n = 1; n < 120; n += n < 20 ? 1 : 7) {
      const Outcome got = run_losing(3, 600, emission, [n](const EngineConfig& config) {
        return Result<std::unique_ptr<Engine>>(std::make_unique<DyingEngine>(config, n));
      });
      EXPECT_EQ(got.recoveries, got.died ? 1u : 0u);
      EXPECT_EQ(got.degraded, got.died);
      expect_equal(got, expected);
      deaths += got.died ? 1 : 0;
      if (HasFailure()) FAIL() << "the engine died in its call " << n;
    }
    EXPECT_GT(deaths, 20u);
  }
}

TEST(LostEngine, WithoutAnotherEngineTheRunEndsAndSaysWhy) {
  World world(base_job());
  FakeSource source({{event("a", 1'000)}}, 1, true);
  const EngineFactory factory = [&](const EngineConfig& config,
                                    std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost != nullptr) return Status(Code::kUnavailable, "there is no other engine");
    return std::unique_ptr<Engine>(std::make_unique<DyingEngine>(config, 1));
  };
  world.engine = factory;
  const Status status = world.run(source);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "there is no other engine");
}

}  // namespace
}  // namespace marquee::test
