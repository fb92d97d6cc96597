// Micro benchmarks of the CPU engine: aggregation by keys x skew x batch size, ranking by groups x K x floor.
//
// Events and rows are those of workload.hpp. An iteration of Aggregate is one epoch: every batch submitted, end_epoch()
// included, into a pane that holds the keys of the epochs before. Each benchmark checks its answer against the plain
// model before it measures, and fails if it is wrong.
#include <benchmark/benchmark.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "cpu/cpu_engine.hpp"
#include "workload.hpp"

namespace marquee::bench {
namespace {

struct Bench {
  explicit Bench(std::uint32_t top, std::uint32_t items = 0) : texts(items) {
    job.leaderboards.resize(1);
    job.leaderboards[0].top = top;
    job.budgets.entries = 100'000'000;
    engine = make_cpu_engine({&job, &texts, 1u << 16});
    map_combinations(*engine);
  }
  JobSpec job;
  ItemTexts texts;  // only Rank needs them
  std::unique_ptr<Engine> engine;
};

struct Prepared {
  std::vector<Sums> expected;
  std::unique_ptr<Batches> batches;
};

// Keeps the last events: generating takes longer than measuring.
Prepared& prepared(std::uint32_t keys, Skew skew, std::uint32_t batch_events, std::uint32_t count) {
  static Prepared last;
  static std::vector<std::uint64_t> made;
  const std::vector<std::uint64_t> wanted{keys, static_cast<std::uint64_t>(skew), batch_events, count};
  if (made != wanted) {
    last = Prepared();
    Events events = make_events(keys, skew, count);
    last.batches = std::make_unique<Batches>(events, batch_events);
    last.expected = std::move(events.expected);
    made = wanted;
  }
  return last;
}

// CPU time of this thread.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void Aggregate(benchmark::State& state) {
  const auto keys = static_cast<std::uint32_t>(state.range(0));
  const auto skew = static_cast<Skew>(state.range(1));
  const auto batch_events = static_cast<std::uint32_t>(state.range(2));
  const Prepared& events = prepared(keys, skew, batch_events, 8u << 20);
  Batches& batches = *events.batches;
  Bench bench(10);
  if (!batches.submit_all(*bench.engine).ok()) return state.SkipWithError("submit failed");
  const std::string wrong = difference(*bench.engine->end_epoch().value(), events.expected);
  if (!wrong.empty()) return state.SkipWithError(("wrong answer: " + wrong).c_str());
  double submit_ns = 0;
  double end_epoch_ns = 0;
  for (auto _ : state) {
    const double begin = cpu_ns();
    benchmark::DoNotOptimize(batches.submit_all(*bench.engine).ok());
    const double submitted = cpu_ns();
    benchmark::DoNotOptimize(bench.engine->end_epoch().value());
    submit_ns += submitted - begin;
    end_epoch_ns += cpu_ns() - submitted;
  }
  if (!batches.all_at_home()) return state.SkipWithError("a batch did not come home");
  const double count = static_cast<double>(batches.events()) * static_cast<double>(state.iterations());
  state.counters["events/s"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  state.counters["CPU-ns/event"] =
      benchmark::Counter(count / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["of-it-submit"] = submit_ns / count;
  state.counters["of-it-end_epoch"] = end_epoch_ns / count;
  state.counters["engine-MB"] = static_cast<double>(bench.engine->stats().memory_bytes) / 1e6;
  state.SetLabel(std::string(name_of(skew)));
}
BENCHMARK(Aggregate)
    ->ArgNames({"keys", "skew", "batch"})  // the label names the skew
    ->ArgsProduct({{10'000, 1'000'000, 10'000'000}, {0, 1, 2}, {4096, 16'384, 65'536}})
    ->Args({1'000'000, 3, 16'384})
    ->Unit(benchmark::kMillisecond);

// Rows with Zipf-like counts, spread over groups.
void Rank(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const auto groups = static_cast<std::uint32_t>(state.range(1));
  const auto top = static_cast<std::uint32_t>(state.range(2));
  const bool floor = state.range(3) != 0;
  Bench bench(top, count);
  PanePartials partials;
  partials.rows = make_rows(count, groups, Spread::kZipf);
  if (!bench.engine->restore(partials).ok()) return state.SkipWithError("restore failed");
  const RankQuery query{LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}, floor};
  Ranking ranking;
  if (!bench.engine->rank(query, ranking).ok()) return state.SkipWithError("rank failed");
  const std::string wrong = difference(ranking, best_rows(partials.rows, top, bench.texts));
  if (!wrong.empty()) return state.SkipWithError(("wrong answer: " + wrong).c_str());
  for (auto _ : state) benchmark::DoNotOptimize(bench.engine->rank(query, ranking).ok());
  state.counters["rows/s"] = benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()),
                                                benchmark::Counter::kIsRate);
}
BENCHMARK(Rank)
    ->ArgNames({"rows", "groups", "K", "floor"})
    ->ArgsProduct({{1'000'000}, {1, 8, 1000, 100'000}, {10, 100, 1000}, {0, 1}})
    ->ArgsProduct({{10'000'000}, {8}, {100}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace marquee::bench

BENCHMARK_MAIN();
