// An engine that is lost, whenever and in whichever call: what comes out is what would have come out without it.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <utility>

#include "file/memory_pane_log.hpp"
#include "pipeline/flow_world.hpp"

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
  bool died() const { return left_ == 0; }

 private:
  bool alive() {
    if (left_ > 0) --left_;
    return left_ > 0;
  }
  static Status gone() { return {Code::kUnavailable, "the device is lost"}; }

  std::unique_ptr<Engine> inner_;
  std::uint64_t left_;
};

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

// Four partitions of three seconds of windows, with late events and a few bad records. dies_at 0: never.
Outcome run(std::uint64_t seed, std::uint64_t dies_at, Emission emission) {
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
    for (std::int64_t i = 0; i < 600; ++i) {
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
  const DyingEngine* dying = nullptr;
  const EngineFactory factory = [&](const EngineConfig& config,
                                    std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
    if (lost != nullptr) lost_engines.push_back(std::move(lost));
    if (dies_at == 0 || !lost_engines.empty()) return make_cpu_engine(config);
    auto made = std::make_unique<DyingEngine>(config, dies_at);
    dying = made.get();
    return std::unique_ptr<Engine>(std::move(made));
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
  if (emission == Emission::kSettled) {  // each window once, however often the engine was lost
    EXPECT_EQ(world.sink.results().size(), out.last.size());
  }
  return out;
}

void expect_equal(const Outcome& got, const Outcome& expected) {
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

TEST(LostEngine, WhicheverCallItIsThatFailsTheResultsAreTheSame) {
  for (const Emission emission : {Emission::kSettled, Emission::kLive}) {
    const Outcome expected = run(3, 0, emission);
    EXPECT_EQ(expected.recoveries, 0u);
    std::uint64_t deaths = 0;
    for (std::uint64_t n = 1; n < 120; n += n < 20 ? 1 : 7) {
      const Outcome got = run(3, n, emission);
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
