// What tests of the whole pipeline share: a job, an event as a message, and a World of fakes to run it in.
#pragma once

#include <map>
#include <string>

#include "cpu/cpu_engine.hpp"
#include "pipeline/fakes.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee::test {

inline JobSpec base_job() {
  JobSpec job;
  job.event.item.keys = {"id"};
  job.event.time.keys = {"t"};
  job.event.watch.keys = {"w"};
  job.event.dimensions = {{"category", {{"c"}}, std::nullopt}};
  job.time = {0, 0, std::nullopt, 300'000};
  LeaderboardSpec board;
  board.name = "trending";
  board.by = {0};
  board.window = {WindowKind::kTumbling, 1000, 1000, 0};
  board.top = 3;
  board.emit_every_ms = 0;
  job.leaderboards = {board};
  job.budgets = {10'000, 1'000, 1'000, 1'000'000, 1'000};
  return job;
}

inline FakeMessage event(std::string_view item, EventTimeMs time, std::string_view category = "movie",
                         std::int64_t watch = 5) {
  std::string s = R"({"id":")";
  s += item;
  s += R"(","c":")";
  s += category;
  s += R"(","t":)" + std::to_string(time) + R"(,"w":)" + std::to_string(watch) + "}";
  return {s, -1};
}

struct World {
  explicit World(JobSpec j) : job(std::move(j)) {
    options.batch_events = 64;
    options.batch_bytes = 256 << 10;
    options.linger_ms = 0;
    options.commit_every_ms = 0;
  }
  Status run(FakeSource& source) {
    const PipelineParts parts{&source, &sink, &log, &clock, &quiet, &probe, &snapshots, engine};
    Pipeline pipeline(job, options, parts);
    return pipeline.run(stop);
  }
  // The value each key ends with, by the consumer's rule: apply a record only if its revision is higher.
  std::map<std::string, ResultRecord> last() const {
    std::map<std::string, ResultRecord> held;
    for (const ResultRecord& r : sink.results()) {
      std::string key;
      append_result_key(key, job, r);
      const auto it = held.find(key);
      if (it == held.end() || revision_of(r) > revision_of(it->second)) held[key] = r;
    }
    return held;
  }
  std::uint64_t verdict(Verdict v) const { return probe.verdicts[static_cast<std::size_t>(v)].load(); }

  JobSpec job;
  PipelineOptions options;
  FakeClock clock;
  QuietLog quiet;
  FakeSink sink;
  FakePaneLog log;
  Probe probe;
  SnapshotBoard snapshots;
  EngineFactory engine = [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
    return make_cpu_engine(c);
  };
  std::atomic<bool> stop{false};
};

}  // namespace marquee::test
