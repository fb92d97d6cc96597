// A whole run on an engine that may get lost on the way, and what came out of it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "file/memory_pane_log.hpp"
#include "pipeline/flow_world.hpp"

namespace marquee::test {

struct Outcome {
  std::map<std::string, ResultRecord> last;
  std::uint64_t counted = 0;
  std::uint64_t late = 0;
  std::vector<std::pair<std::uint32_t, std::int64_t>> offsets;
  std::size_t letters = 0;
  std::uint64_t recoveries = 0;
  bool died = false;
  bool degraded = false;
};

using FirstEngine = std::function<Result<std::unique_ptr<Engine>>(const EngineConfig&)>;

// Four partitions of `events` each, 5 ms apart, with late ones and a few bad records. Runs on what `first` makes, and
// on the CPU once that is lost, or could not be made.
inline Outcome run_losing(std::uint64_t seed, std::int64_t events, Emission emission, const FirstEngine& first) {
  JobSpec job = base_job();
  job.time.disorder_ms = 50;
  job.time.lateness_ms = 400;
  LeaderboardSpec hopping = job.leaderboards[0];
  hopping.name = "hopping";
  hopping.by = {};
  hopping.measure = Measure::kWatchMs;
  hopping.window = {WindowKind::kHopping, 1000, 200, 0};
  job.leaderboards.push_back(hopping);
  World world(job);
  world.options.lanes = 2;
  world.options.batches = 6;
  world.options.keep_dead_letters = true;
  world.options.keep_late_letters = true;
  world.options.emission = emission;

  std::mt19937_64 random(seed);
  std::vector<std::vector<FakeMessage>> partitions(4);
  for (std::size_t p = 0; p < 4; ++p) {
    for (std::int64_t i = 0; i < events; ++i) {
      const std::int64_t time = 1'000'000 + i * 5 + static_cast<std::int64_t>(random() % 40) -
                                (random() % 50 == 0 ? static_cast<std::int64_t>(random() % 3000) : 0);
      if (random() % 97 == 0) {
        partitions[p].push_back({"{broken", -1});
      } else {
        partitions[p].push_back(event("m-" + std::to_string(random() % 60), time, random() % 3 == 0 ? "show" : "movie",
                                      static_cast<std::int64_t>(random() % 5000)));
      }
    }
  }
  FakeSource source(partitions, seed, /*finite=*/true);
  MemoryPaneLog log;
  std::vector<std::unique_ptr<Engine>> lost_engines;
  std::string_view running = "cpu";
  const EngineFactory factory = [&](const EngineConfig& config,
                                    std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost != nullptr) {
      lost_engines.push_back(std::move(lost));
      running = "cpu";
      return make_cpu_engine(config);
    }
    Result<std::unique_ptr<Engine>> made = first(config);
    if (!made.ok()) return make_cpu_engine(config);
    running = made.value()->name();
    return made;
  };
  Pipeline pipeline(world.job, world.options,
                    {&source, &world.sink, &log, &world.clock, &world.quiet, &world.probe, &world.snapshots, factory});
  const Status status = pipeline.run(world.stop);
  EXPECT_TRUE(status.ok()) << status.message();
  Outcome out;
  out.last = world.last();
  out.counted = world.verdict(Verdict::kCounted);
  out.late = world.verdict(Verdict::kLate);
  for (const OffsetOut& offset : world.sink.offsets()) {
    out.offsets.emplace_back(raw(offset.partition), raw(offset.next));
  }
  out.letters = world.sink.letters().size();
  out.recoveries = world.probe.recoveries.load();
  out.died = !lost_engines.empty();
  out.degraded = world.probe.degraded.load();
  EXPECT_STREQ(world.probe.engine.load(), running.data());
  if (emission == Emission::kSettled) {  // each window once, however often the engine was lost
    EXPECT_EQ(world.sink.results().size(), out.last.size());
  }
  return out;
}

inline void expect_equal(const Outcome& got, const Outcome& expected) {
  EXPECT_EQ(got.counted, expected.counted);
  EXPECT_EQ(got.late, expected.late);
  EXPECT_EQ(got.offsets, expected.offsets);
  EXPECT_EQ(got.letters, expected.letters);
  ASSERT_EQ(got.last.size(), expected.last.size());
  for (const auto& [key, record] : expected.last) {
    const auto found = got.last.find(key);
    ASSERT_NE(found, got.last.end()) << key;
    EXPECT_EQ(revision_of(found->second), revision_of(record)) << key;
    EXPECT_EQ(found->second.events, record.events) << key;
    ASSERT_EQ(found->second.rows.size(), record.rows.size()) << key;
    for (std::size_t i = 0; i < record.rows.size(); ++i) {
      EXPECT_EQ(found->second.rows[i].item, record.rows[i].item) << key;
      EXPECT_EQ(found->second.rows[i].views, record.rows[i].views) << key;
      EXPECT_EQ(found->second.rows[i].watch_ms, record.rows[i].watch_ms) << key;
    }
  }
}

}  // namespace marquee::test
