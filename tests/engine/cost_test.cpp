// What decides the CUDA engine's speed, counted on the stand-in: a regression here is seen on a machine with no GPU.
// The bounds are what was counted when they were written, and a tenth.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "engine/engine_world.hpp"
#include "engine/standin_engine.hpp"

namespace marquee::test {
namespace {

struct Cost {
  double global_atomics = 0;  // an event
  double bytes_to_device = 0;
  double launches = 0;  // a batch
};

constexpr std::uint32_t kBatch = 1u << 16;
constexpr std::uint32_t kBatches = 3;

// Of kBatches batches after one to warm up, without the end of the epoch.
Cost cost_of(const std::function<std::uint32_t(std::mt19937_64&)>& draw) {
  World world({"Standin", [](const EngineConfig& config) {
                 StandinOptions options;
                 options.fold_rows_max = 1u << 22;  // every table in one launch
                 return std::move(make_standin_engine(config, options).value());
               }});
  world.batch_events_max = kBatch;
  world.start();
  std::mt19937_64 random(1);
  const auto batch = [&] {
    std::vector<Event> events(kBatch);
    for (Event& event : events) {
      event.item = draw(random);
      event.combination = 1 + event.item % 8;
      event.watch_ms = 30'000;
    }
    return events;
  };
  world.submit(batch());
  world.end_epoch();
  const StandinCosts before = costs_of(world.engine());
  for (std::uint32_t i = 0; i < kBatches; ++i) world.submit(batch());
  EXPECT_TRUE(world.engine().end_epoch().ok());
  const StandinCosts after = costs_of(world.engine());
  const double events = double{kBatch} * kBatches;
  Cost cost;
  cost.global_atomics = static_cast<double>(after.global_atomics - before.global_atomics) / events;
  cost.bytes_to_device = static_cast<double>(after.bytes_to_device - before.bytes_to_device) / events;
  cost.launches = static_cast<double>(after.launches - before.launches) / kBatches;
  std::printf("%.3f global atomics and %.1f bytes an event, %.1f launches a batch, the fold included\n",
              cost.global_atomics, cost.bytes_to_device, cost.launches);
  return cost;
}

std::function<std::uint32_t(std::mt19937_64&)> zipf(std::uint32_t keys) {
  std::vector<double> cumulative(keys);
  double sum = 0;
  for (std::uint32_t i = 0; i < keys; ++i) cumulative[i] = sum += 1.0 / (i + 1.0);
  return [cumulative, sum](std::mt19937_64& random) {
    const double at = std::uniform_real_distribution<double>(0, sum)(random);
    return static_cast<std::uint32_t>(
        1 + (std::lower_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin()));
  };
}

TEST(CostTest, HotKeysAreAddedUpBeforeTheyReachGlobalMemory) {
  const Cost cost = cost_of(zipf(10'000));
  EXPECT_LT(cost.global_atomics, 0.54);
  EXPECT_LT(cost.bytes_to_device, 18.0);
  EXPECT_LE(cost.launches, 4.0);
}

TEST(CostTest, OneKeyCostsAlmostNothing) {
  EXPECT_LT(cost_of([](std::mt19937_64&) { return 7u; }).global_atomics, 0.002);
}

TEST(CostTest, AThirdOnOneKeyCostsNoMoreThanNone) {
  const auto uniform = [](std::mt19937_64& random) { return static_cast<std::uint32_t>(1 + random() % 300'000); };
  const auto skewed = [uniform](std::mt19937_64& random) { return random() % 10 < 3 ? 1u : uniform(random); };
  const double without = cost_of(uniform).global_atomics;
  EXPECT_LT(without, 2.35);
  EXPECT_LT(cost_of(skewed).global_atomics, without);
}

// Many panes, each of which got a batch once and holds few keys: the arena that the formula asks for has room for what
// the budgets let in, though not for a batch more in every pane.
TEST(ArenaCost, TheFormulaHoldsTheBudgetsInHoweverManyPanes) {
  World world({"Standin", [](const EngineConfig& config) {
                 StandinOptions options;
                 options.arena_bytes = 0;
                 return std::move(make_standin_engine(config, options).value());
               }});
  world.job.budgets.items = 10'000;
  world.job.budgets.entries = 100'000;
  world.epoch_rows_max = 1u << 16;
  constexpr std::uint32_t kPanes = 160, kItems = 600;
  world.slots = {{World::kNone}};
  for (std::int64_t pane = 0; pane < kPanes; ++pane) world.slots.push_back({pane});
  world.start();
  for (std::uint32_t pane = 0; pane < kPanes; ++pane) {
    std::vector<Event> events = distinct_items(kItems);
    for (std::uint32_t i = 0; i < 1'024; ++i) events.push_back(events[i % kItems]);
    for (Event& event : events) event.slot = pane + 1;
    world.submit(events);
    world.end_epoch();
    ASSERT_FALSE(testing::Test::HasFailure()) << "pane " << pane;
  }
  EXPECT_EQ(world.engine().stats().entries, std::uint64_t{kPanes} * kItems);
  world.rank(0, 0, 0);
  world.rank(0, kPanes - 1, kPanes - 1);
}

}  // namespace
}  // namespace marquee::test
