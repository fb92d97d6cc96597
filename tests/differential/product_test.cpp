// Product and oracle side by side on random jobs: the bytes of `replay`, the verdicts, and, over several partitions,
// the last revision of every key. MARQUEE_SEED chooses the first seed, MARQUEE_ROUNDS how many.
#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>

#include "app/config.hpp"
#include "cpu/cpu_engine.hpp"
#include "differential/random_job.hpp"
#include "file/file_source.hpp"
#include "file/memory_pane_log.hpp"
#include "file/stdout_sink.hpp"
#include "pipeline/fakes.hpp"
#include "pipeline/pipeline.hpp"
#include "temporary.hpp"

namespace marquee::test {
namespace {

using differential::JobForm;
using differential::RandomJob;

constexpr std::uint64_t kFirstSeed = 20'000;
constexpr std::uint64_t kRounds = 150;

JobSpec job_of(const RandomJob& random) {
  ConfigOutcome outcome = parse_config(random.toml, "random.toml", {});
  EXPECT_TRUE(outcome.problems.empty()) << (outcome.problems.empty() ? "" : outcome.problems[0]) << "\n" << random.toml;
  return outcome.config.job;
}

// Runs the product once, from source to sink, and says how it judged.
void run_product(const JobSpec& job, const PipelineOptions& options, Source& source, Sink& sink, PaneLog& log,
                 Probe& probe) {
  FakeClock clock;
  QuietLog quiet;
  SnapshotBoard board;
  const auto engine = [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
    return make_cpu_engine(c);
  };
  const std::atomic<bool> stop{false};
  Pipeline pipeline(job, options, {&source, &sink, &log, &clock, &quiet, &probe, &board, engine});
  const Status status = pipeline.run(stop);
  ASSERT_TRUE(status.ok()) << status.message();
}

// Calls `test` with each random job and its seed, until one fails.
void for_each_job(JobForm form, const std::function<void(const RandomJob&, std::uint64_t seed)>& test) {
  const std::uint64_t first = differential::seed_from_environment(kFirstSeed);
  const std::uint64_t rounds = differential::rounds_from_environment(kRounds);
  for (std::uint64_t seed = first; seed < first + rounds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed) + " MARQUEE_ROUNDS=1");
    test(differential::make_random_job(seed, form), seed);
  }
}

void expect_same_verdicts(const oracle::Counts& expected, const Probe& probe) {
  const auto got = [&](Verdict v) {
    return static_cast<std::int64_t>(probe.verdicts[static_cast<std::size_t>(v)].load());
  };
  EXPECT_EQ(got(Verdict::kCounted), expected.counted);
  EXPECT_EQ(got(Verdict::kFiltered), expected.filtered);
  EXPECT_EQ(got(Verdict::kLate), expected.late);
  for (auto v = static_cast<std::size_t>(kFirstInvalid); v < kVerdictCount; ++v) {
    const std::string reason(kVerdictNames[v]);
    const auto it = expected.invalid.find(reason);
    EXPECT_EQ(got(static_cast<Verdict>(v)), it == expected.invalid.end() ? 0 : it->second) << reason;
  }
}

TEST(Differential, ReplayPrintsTheOraclesBytesForAnyBatchSizeAndThreadCount) {
  for_each_job(JobForm::kFile, [](const RandomJob& random, std::uint64_t seed) {
    const oracle::Oracle oracle = random.judged();
    const JobSpec job = job_of(random);
    const TempFile input;
    input.write(random.file);
    differential::Rng rng(seed ^ 0xabcdef);
    for (const std::size_t lanes : {1u, 3u}) {
      PipelineOptions options;
      options.lanes = lanes;
      options.batch_events = 1 + static_cast<std::uint32_t>(rng.next() % 300);
      options.batch_bytes = 256 + rng.next() % 50'000;
      options.emission = Emission::kSettled;
      options.commit_every_ms = rng.next() % 2 == 0 ? 0 : 1000;
      const TempFile output;
      const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(output.path().c_str(), "w"),
                                                                   &std::fclose);
      FileSource source({input.path()});
      StdoutSink sink(job, ::fileno(opened.get()), "test output");
      MemoryPaneLog log;
      Probe probe;
      ASSERT_NO_FATAL_FAILURE(run_product(job, options, source, sink, log, probe));
      EXPECT_EQ(output.read(), oracle.replay_output()) << random.toml;
      expect_same_verdicts(oracle.counts(), probe);
      EXPECT_EQ(probe.refused.load(), 0u);
      EXPECT_EQ(probe.titles_refused.load(), 0u);
      EXPECT_EQ(probe.expired.load(), 0u);
    }
  });
}

TEST(Differential, LastRevisionOfEveryKeyOverSeveralPartitionsIsTheOracles) {
  for_each_job(JobForm::kKafka, [](const RandomJob& random, std::uint64_t seed) {
    const oracle::Oracle oracle = random.judged();
    const JobSpec job = job_of(random);
    std::vector<std::vector<FakeMessage>> partitions;
    for (const auto& messages : random.partitions) {
      auto& p = partitions.emplace_back();
      for (const oracle::Message& m : messages) p.push_back({m.value, m.timestamp_ms.value_or(-1)});
    }
    differential::Rng rng(seed ^ 0x123456);
    PipelineOptions options;
    options.lanes = 1 + rng.next() % 3;
    options.batch_events = 1 + static_cast<std::uint32_t>(rng.next() % 200);
    options.batch_bytes = 4096;
    options.batches = rng.next() % 2 == 0 ? 0 : 8;  // the smallest pool there may be, or one with room
    options.linger_ms = 0;
    options.commit_every_ms = 0;
    FakeSource source(partitions, seed);
    FakeSink sink;
    FakePaneLog log;
    Probe probe;
    ASSERT_NO_FATAL_FAILURE(run_product(job, options, source, sink, log, probe));
    expect_same_verdicts(oracle.counts(), probe);

    std::map<std::string, const ResultRecord*> held;
    for (const ResultRecord& r : sink.results()) {
      std::string key;
      append_result_key(key, job, r);
      const ResultRecord*& h = held[key];
      if (h != nullptr) {
        EXPECT_GT(revision_of(r), revision_of(*h)) << key;
      }
      h = &r;
    }
    const std::vector<oracle::Result> expected = oracle.results();
    EXPECT_EQ(held.size(), expected.size());
    for (const oracle::Result& e : expected) {
      const auto it = held.find(oracle::kafka_key(e));
      ASSERT_NE(it, held.end()) << oracle::kafka_key(e) << "\n" << random.toml;
      std::string json;
      append_result_json(json, job, *it->second);
      EXPECT_EQ(json, oracle::result_json(e)) << random.toml;
    }
  });
}

}  // namespace
}  // namespace marquee::test
