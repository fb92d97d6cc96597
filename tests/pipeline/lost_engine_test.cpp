// An engine that is lost, whenever and in whichever call: what comes out is what would have come out without it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "file/file_source.hpp"
#include "piped_stdin.hpp"
#include "pipeline/lost_engine_run.hpp"
#include "pipeline/model_engine.hpp"

namespace marquee::test {
namespace {

// Whose `dies_at`-th call that can fail does, and every one after it.
std::unique_ptr<Engine> dying_engine(const EngineConfig& config, std::uint64_t dies_at) {
  return std::make_unique<ModelEngine>(config, [left = dies_at](std::string_view) mutable {
    return --left > 0 ? Status() : Status(Code::kUnavailable, "the device is lost");
  });
}

TEST(LostEngine, WhicheverCallItIsThatFailsTheResultsAreTheSame) {
  for (const Emission emission : {Emission::kSettled, Emission::kLive}) {
    const Outcome expected = run_losing(3, 600, emission, make_cpu_engine);
    EXPECT_EQ(expected.recoveries, 0u);
    std::uint64_t deaths = 0;
    for (std::uint64_t n = 1; n < 120; n += n < 20 ? 1 : 7) {
      const Outcome got = run_losing(3, 600, emission, [n](const EngineConfig& config) {
        return Result<std::unique_ptr<Engine>>(dying_engine(config, n));
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

// --- What comes by a pipe cannot be read twice
// ------------------------------------------------------------------------

// Good events, late ones, broken ones, blank lines, and lines longer than a batch's arena.
std::string dribble_input(int events) {
  std::mt19937_64 random(3);
  std::string text;
  for (int i = 0; i < events; ++i) {
    if (random() % 20 == 0) text += "  \n";
    if (random() % 97 == 0) {
      text += "{broken\n";
      continue;
    }
    const std::int64_t back = random() % 50 == 0 ? static_cast<std::int64_t>(random() % 3000) : 0;
    text +=
        event("m-" + std::to_string(random() % 60), 1'000'000 + i * 5 + static_cast<std::int64_t>(random() % 40) - back,
              random() % 3 == 0 ? "show" : "movie", static_cast<std::int64_t>(random() % 5000))
            .value;
    if (random() % 400 == 0) {
      text.back() = ',';
      text += "\"pad\":\"" + std::string(300'000, 'p') + "\"}";
    }
    text += '\n';
  }
  return text;
}

// What a run of `text` by a pipe came to; `dies_at` 0: on the CPU engine.
Outcome run_dribbling(const std::string& text, std::uint64_t dies_at, std::size_t lanes, std::size_t held_bytes_max) {
  JobSpec job = base_job();
  job.time.disorder_ms = 50;
  job.time.lateness_ms = 400;
  World world(job);
  world.options.lanes = lanes;
  world.options.batches = lanes + 4;
  world.options.batch_bytes = 64 << 10;
  world.options.emission = Emission::kSettled;
  MemoryPaneLog log;
  FileSource source({"-"}, held_bytes_max);
  Outcome outcome;
  std::vector<std::unique_ptr<Engine>> lost_engines;
  const EngineFactory factory = [&](const EngineConfig& config,
                                    std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost == nullptr && dies_at > 0) {
      return dying_engine(config, dies_at);
    }
    outcome.died = lost != nullptr;
    if (lost != nullptr) lost_engines.push_back(std::move(lost));
    return make_cpu_engine(config);
  };
  const PipedStdin pipe;
  std::thread writer([&] {
    std::mt19937_64 random(dies_at);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = std::min<std::size_t>(text.size() - at, 1 + random() % 60'000);
      const ssize_t written = ::write(pipe.write_end(), text.data() + at, size);
      if (written <= 0) break;
      at += static_cast<std::size_t>(written);
    }
    ::close(pipe.write_end());
  });
  Pipeline pipeline(world.job, world.options,
                    {&source, &world.sink, &log, &world.clock, &world.quiet, &world.probe, &world.snapshots, factory});
  const Status status = pipeline.run(world.stop);
  EXPECT_TRUE(status.ok()) << status.message();
  writer.join();
  outcome.last = world.last();
  outcome.counted = world.verdict(Verdict::kCounted);
  outcome.late = world.verdict(Verdict::kLate);
  outcome.recoveries = world.probe.recoveries.load();
  return outcome;
}

TEST(LostEngine, APipeIsReadOnFromTheLastCommit) {
  const std::string text = dribble_input(3'000);
  const Outcome expected = run_dribbling(text, 0, 1, kHeldBytesMax);
  EXPECT_GT(expected.late, 5u);
  EXPECT_GT(expected.counted, 2'900u);
  std::uint64_t deaths = 0;
  for (const std::size_t lanes : {std::size_t{1}, std::size_t{3}}) {
    for (const std::size_t held : {kHeldBytesMax, std::size_t{100'000}}) {
      for (std::uint64_t n = 1; n < 200; n += n < 8 ? 1 : 31) {
        const Outcome got = run_dribbling(text, n, lanes, held);
        expect_equal(got, expected);
        deaths += got.died ? 1 : 0;
        if (HasFailure()) FAIL() << "the engine died in its call " << n << ", " << lanes << " lanes, held " << held;
      }
    }
  }
  EXPECT_GT(deaths, 15u);
}

TEST(LostEngine, WithoutAnotherEngineTheRunEndsAndSaysWhy) {
  World world(base_job());
  FakeSource source({{event("a", 1'000)}}, 1, true);
  const EngineFactory factory = [&](const EngineConfig& config,
                                    std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost != nullptr) return Status(Code::kUnavailable, "there is no other engine");
    return dying_engine(config, 1);
  };
  world.engine = factory;
  const Status status = world.run(source);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "there is no other engine");
}

}  // namespace
}  // namespace marquee::test
