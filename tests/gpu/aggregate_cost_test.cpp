// What decides how fast Aggregate is on an H100, counted on the stand-in with as many multiprocessors: the figures of
// src/kernels/README.md. The bounds are what was counted when they were written, and a tenth.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "gpu/standin_trials.hpp"
#include "kernels/trials/trials.hpp"
#include "workload.hpp"

namespace marquee::test {
namespace {

struct Cost {  // atomics an event
  double global = 0;
  double shared = 0;
};

// 16 M events in batches of 4 M, into an empty table.
Cost cost_of(std::uint32_t keys) {
  set_multiprocessors(132);
  const std::unique_ptr<gpu::Trials> trials = std::move(gpu::Trials::open().value());
  const bench::Events events = bench::make_events(keys, bench::Skew::kZipf, 1u << 24);
  std::vector<std::uint32_t> group_of{0};
  for (std::uint32_t c = 1; c <= bench::kCombinations; ++c) group_of.push_back(raw(bench::group_of_combination(c)));
  EXPECT_TRUE(trials->load_events({events.item, events.combination, events.watch_ms}, keys, group_of).ok());
  EXPECT_TRUE(trials->aggregate(1u << 22).ok());
  const gpu::Counters counters = newest_world().counters();
  EXPECT_EQ(counters.launches, 4u);
  EXPECT_EQ(bench::difference(trials->aggregated().value(), events.expected), "");
  const Cost cost{static_cast<double>(counters.global_atomics) / events.size(),
                  static_cast<double>(counters.shared_atomics) / events.size()};
  std::printf("%u keys: %.3f global and %.3f shared atomics an event\n", keys, cost.global, cost.shared);
  return cost;
}

TEST(AggregateCost, OfFewKeys) {
  const Cost cost = cost_of(10'000);
  EXPECT_LT(cost.global, 0.35);
  EXPECT_LT(cost.shared, 2.35);
}

TEST(AggregateCost, OfManyKeys) {
  const Cost cost = cost_of(1'000'000);
  EXPECT_LT(cost.global, 0.70);
  EXPECT_LT(cost.shared, 1.91);
}

}  // namespace
}  // namespace marquee::test
