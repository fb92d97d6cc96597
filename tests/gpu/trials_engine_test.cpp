// Trials of the engine's own kernels against the plain model, and what a device refuses without being lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/trials/trials.hpp"
#include "workload.hpp"

namespace marquee::test {
namespace {

using bench::Events;
using bench::Skew;
using gpu::Trials;

std::unique_ptr<Trials> opened() {
  Result<std::unique_ptr<Trials>> trials = Trials::open();
  if (!trials.ok()) throw std::runtime_error(trials.status().message());  // GoogleTest tells it
  return std::move(trials.value());
}

std::string difference(const Result<std::vector<PartialRow>>& got, const Events& events) {
  return got.ok() ? bench::difference(got.value(), events.expected) : got.status().message();
}

TEST(TrialsOfTheEngine, AggregationIsThePlainSum) {
  const auto trials = opened();
  std::vector<std::uint32_t> group_of{0};
  for (std::uint32_t c = 1; c <= bench::kCombinations; ++c) group_of.push_back(raw(bench::group_of_combination(c)));
  for (const std::uint32_t n : {1u, 31u, 32u, 33u, 511u, 512u, 513u, 20'000u}) {
    for (const std::uint32_t keys : {1u, 700u, 5'000u}) {
      for (const Skew skew : {Skew::kUniform, Skew::kZipf, Skew::kHot30, Skew::kHot100}) {
        SCOPED_TRACE(testing::Message() << n << " events of " << keys << " keys, " << name_of(skew));
        const Events events = bench::make_events(keys, skew, n);
        ASSERT_TRUE(trials->load_events({events.item, events.combination, events.watch_ms}, keys, group_of).ok());
        for (const std::uint32_t batch : {n, n / 3 + 1}) {
          ASSERT_TRUE(trials->aggregate(batch).ok());
          ASSERT_EQ(difference(trials->aggregated(), events), "");
        }
        ASSERT_TRUE(trials->sort_and_reduce().ok());
        ASSERT_EQ(difference(trials->reduced(), events), "");
      }
    }
  }
}

TEST(TrialsOfTheEngine, ASortOfRowsIsByGroupThenViews) {
  const auto trials = opened();
  for (const std::uint32_t n : {1u, 2u, 257u, 20'000u}) {
    for (const bench::Spread spread : {bench::Spread::kZipf, bench::Spread::kTied}) {
      const std::vector<PartialRow> rows = bench::make_rows(n, 7, spread);
      std::uint64_t views_max = 0;
      for (const PartialRow& row : rows) views_max = std::max(views_max, row.views);
      ASSERT_TRUE(trials->load_rows(rows).ok());
      ASSERT_TRUE(trials->sort_rows(8, views_max).ok());
      const auto order = trials->sorted_rows();
      ASSERT_TRUE(order.ok());
      std::vector<std::uint32_t> all = order.value();
      EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [&](std::uint32_t a, std::uint32_t b) {
        return rows[a].group != rows[b].group ? rows[a].group < rows[b].group : rows[a].views > rows[b].views;
      }));
      std::sort(all.begin(), all.end());
      for (std::uint32_t i = 0; i < n; ++i) ASSERT_EQ(all[i], i);
    }
  }
}

// An engine over one leaderboard, and 3,000 events for it.
struct Small {
  explicit Small(std::uint64_t entries) : events(bench::make_events(100, Skew::kZipf, 3'000)), batches(events, 1'000) {
    job.leaderboards.resize(1);
    job.budgets = {1'000, bench::kCombinations, bench::kGroups, entries, 4};
    config.job = &job;
    config.texts = &texts;
    config.batch_events_max = 1'000;
    config.epoch_rows_max = 10'000;
    config.batch_columns = batches.columns();
  }
  Status open(Trials& trials) {
    Result<std::unique_ptr<Engine>> made = trials.make_engine(config);
    if (!made.ok()) return made.status();
    engine = std::move(made.value());
    bench::map_combinations(*engine);
    return {};
  }
  // Empty where an epoch comes out as it must.
  std::string run() {
    if (const Status s = batches.submit_all(*engine); !s.ok()) return s.message();
    const Result<const Partials*> ended = engine->end_epoch();
    if (!ended.ok()) return ended.status().message();
    return bench::difference(*ended.value(), events.expected);
  }
  Events events;
  bench::Batches batches;
  JobSpec job;
  bench::ItemTexts texts{0};
  EngineConfig config;
  std::unique_ptr<Engine> engine;
};

TEST(Refused, AnEngineThatTheDeviceHasNoRoomForSaysSoAndTakesNothing) {
  const auto trials = opened();
  Small large(std::uint64_t{1} << 40);
  const Status refused = large.open(*trials);
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find("lower limits.entries"), std::string::npos) << refused.message();
  Small small(1'000);
  ASSERT_TRUE(small.open(*trials).ok());
  EXPECT_EQ(small.run(), "");
}

// What was free when the device was opened is not free any more: an allocation fails half way.
TEST(Refused, ASecondEngineOfMoreThanIsLeftIsNoHarmToTheFirst) {
  const auto trials = opened();
  std::uint64_t entries = 1u << 20;
  while (true) {
    Small larger(2 * entries);
    if (!larger.open(*trials).ok()) break;
    entries *= 2;
  }
  Small first(entries);
  ASSERT_TRUE(first.open(*trials).ok());
  std::vector<std::unique_ptr<Small>> more;  // as many as fit
  Status refused;
  while (refused.ok() && more.size() < 16) {
    more.push_back(std::make_unique<Small>(entries));
    refused = more.back()->open(*trials);
  }
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find("allocating"), std::string::npos) << refused.message();
  EXPECT_EQ(first.run(), "");
  more.clear();
  EXPECT_EQ(first.run(), "");
}

TEST(Refused, BatchesThatAnotherEngineHasPinnedAreNoHarmToIt) {
  const auto trials = opened();
  Small first(1'000);
  ASSERT_TRUE(first.open(*trials).ok());
  EXPECT_EQ(first.run(), "");
  Small second(1'000);
  second.config.batch_columns = first.batches.columns();
  const Status refused = second.open(*trials);
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_NE(refused.message().find("pinning"), std::string::npos) << refused.message();
  EXPECT_EQ(first.run(), "");
}

}  // namespace
}  // namespace marquee::test
