// Micro benchmarks of the CPU engine: aggregation by keys x skew x batch size, ranking by groups x K x floor.
//
// Event profile: one leaderboard over one open pane; 8 groups, an item belongs to one; ids in the order of first
// appearance, as the dictionary gives them; watch time 0 … 60 s. An iteration of Aggregate is one epoch: every batch
// submitted, end_epoch() included, into a pane that holds the keys of the epochs before. Each benchmark checks its
// answer against a plain count before it measures, and fails if it is wrong.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "cpu/cpu_engine.hpp"

namespace marquee {
namespace {

constexpr std::uint32_t kGroups = 8;
constexpr std::uint32_t kCombinations = 64;

enum Skew : std::int64_t { kUniform, kZipf, kHot30, kHot100 };
const char* const kSkewNames[] = {"uniform", "zipf-1.0", "hot-30%", "hot-100%"};

// Walker's alias method: one draw from any distribution in constant time.
class Alias {
 public:
  explicit Alias(const std::vector<double>& weights) : threshold_(weights.size()), other_(weights.size()) {
    double sum = 0;
    for (const double w : weights) sum += w;
    std::vector<std::uint32_t> low, high;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      threshold_[i] = weights[i] / sum * static_cast<double>(weights.size());
      other_[i] = i;
      (threshold_[i] < 1 ? low : high).push_back(i);
    }
    while (!low.empty() && !high.empty()) {
      const std::uint32_t l = low.back();
      const std::uint32_t h = high.back();
      low.pop_back();
      other_[l] = h;
      threshold_[h] -= 1 - threshold_[l];
      if (threshold_[h] < 1) {
        high.pop_back();
        low.push_back(h);
      }
    }
  }
  std::uint32_t operator()(std::mt19937_64& random) const {
    const auto i = static_cast<std::uint32_t>(random() % threshold_.size());
    return static_cast<double>(random() >> 11) * 0x1p-53 < threshold_[i] ? i : other_[i];
  }

 private:
  std::vector<double> threshold_;
  std::vector<std::uint32_t> other_;
};

// Events of one epoch in batches that come back to it.
class Stream final : public BatchHome {
 public:
  Stream(std::uint32_t keys, Skew skew, std::uint32_t batch_events, std::uint32_t events) : counts_(keys + 1, 0) {
    std::mt19937_64 random(7);
    std::vector<double> weights(keys);
    for (std::uint32_t i = 0; i < keys; ++i) weights[i] = skew == kZipf ? 1.0 / (i + 1) : 1.0;
    const Alias draw(weights);
    std::vector<std::uint32_t> ids(keys, 0);
    std::uint32_t next_id = 1;
    for (std::uint32_t done = 0; done < events;) {
      batches_.push_back(std::make_unique<Batch>(BatchShape{batch_events, 4096, 1}));
      Batch& batch = *batches_.back();
      batch.slot_panes.push_back(PaneIndex{1});
      batch.event_count = std::min(batch_events, events - done);
      batch.slot_events.push_back(batch.event_count);
      for (std::uint32_t i = 0; i < batch.event_count; ++i) {
        std::uint32_t key = draw(random);
        if (skew == kHot100 || (skew == kHot30 && random() % 10 < 3)) key = 0;
        if (ids[key] == 0) ids[key] = next_id++;
        const std::uint32_t id = ids[key];
        batch.item()[i] = ItemId{id};
        batch.combination()[i] = CombinationId{
            1 + id % kGroups + kGroups * static_cast<std::uint32_t>(random() % (kCombinations / kGroups))};
        batch.slot()[i] = 1;
        batch.watch_ms()[i] = static_cast<std::uint32_t>(random() % 60'000);
        ++counts_[id];
      }
      done += batch.event_count;
    }
    at_home_ = batches_.size();
    events_ = events;
  }
  void take_back(Batch*) noexcept override { ++at_home_; }
  void submit_to(Engine& engine) {
    for (const auto& batch : batches_) {
      --at_home_;
      benchmark::DoNotOptimize(engine.submit(BatchPtr(batch.get(), SendHome{this})).ok());
    }
  }
  bool all_at_home() const { return at_home_ == batches_.size(); }
  std::uint64_t events() const { return events_; }
  const std::vector<std::uint32_t>& counts() const { return counts_; }

 private:
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<std::uint32_t> counts_;  // by id
  std::size_t at_home_ = 0;
  std::uint64_t events_ = 0;
};

struct Bench final : Texts {
  explicit Bench(std::uint32_t top) {
    job.leaderboards.resize(1);
    job.leaderboards[0].top = top;
    job.budgets.entries = 100'000'000;
    engine = make_cpu_engine({&job, this, 1u << 16});
    for (std::uint32_t c = 1; c <= kCombinations; ++c) {
      const GroupId group{1 + c % kGroups};
      engine->map_combination(CombinationId{c}, {&group, 1});
    }
  }
  std::string_view item_text(ItemId item) const override { return texts[raw(item)]; }
  JobSpec job;
  std::unique_ptr<Engine> engine;
  std::vector<std::string> texts;  // by id; only Rank needs them
};

bool right(const Partials& partials, const std::vector<std::uint32_t>& counts) {
  if (partials.panes.size() != 1) return false;
  std::uint64_t keys = 0;
  for (const std::uint32_t n : counts) keys += n > 0 ? 1 : 0;
  for (const PartialRow& row : partials.panes[0].rows) {
    if (row.views != counts[raw(row.item)] || raw(row.group) != 1 + (1 + raw(row.item) % kGroups) % kGroups)
      return false;
  }
  return keys == partials.panes[0].rows.size();
}

// Keeps the last stream: generating takes longer than measuring.
Stream& stream_of(std::uint32_t keys, Skew skew, std::uint32_t batch_events, std::uint32_t events) {
  static std::unique_ptr<Stream> stream;
  static std::vector<std::int64_t> made;
  const std::vector<std::int64_t> wanted{keys, skew, batch_events, events};
  if (made != wanted) {
    stream.reset();
    stream = std::make_unique<Stream>(keys, skew, batch_events, events);
    made = wanted;
  }
  return *stream;
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
  Stream& stream = stream_of(keys, skew, batch_events, 8u << 20);
  Bench bench(10);
  stream.submit_to(*bench.engine);
  if (!right(*bench.engine->end_epoch().value(), stream.counts())) return state.SkipWithError("wrong answer");
  double submit_ns = 0;
  double end_epoch_ns = 0;
  for (auto _ : state) {
    const double begin = cpu_ns();
    stream.submit_to(*bench.engine);
    const double submitted = cpu_ns();
    benchmark::DoNotOptimize(bench.engine->end_epoch().value());
    submit_ns += submitted - begin;
    end_epoch_ns += cpu_ns() - submitted;
  }
  if (!stream.all_at_home()) return state.SkipWithError("a batch did not come home");
  const double events = static_cast<double>(stream.events()) * static_cast<double>(state.iterations());
  state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
  state.counters["CPU-ns/event"] =
      benchmark::Counter(events / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["of-it-submit"] = submit_ns / events;
  state.counters["of-it-end_epoch"] = end_epoch_ns / events;
  state.counters["engine-MB"] = static_cast<double>(bench.engine->stats().memory_bytes) / 1e6;
  state.SetLabel(kSkewNames[skew]);
}
BENCHMARK(Aggregate)
    ->ArgNames({"keys", "skew", "batch"})
    ->ArgsProduct({{10'000, 1'000'000, 10'000'000}, {kUniform, kZipf, kHot30}, {4096, 16'384, 65'536}})
    ->Args({1'000'000, kHot100, 16'384})
    ->Unit(benchmark::kMillisecond);

// Rows with Zipf-like counts, spread over groups.
void Rank(benchmark::State& state) {
  const auto rows = static_cast<std::uint32_t>(state.range(0));
  const auto groups = static_cast<std::uint32_t>(state.range(1));
  const auto top = static_cast<std::uint32_t>(state.range(2));
  const bool floor = state.range(3) != 0;
  Bench bench(top);
  for (std::uint32_t i = 0; i <= rows; ++i) bench.texts.push_back("item-" + std::to_string(i));
  PanePartials partials;
  std::mt19937_64 random(7);
  std::uint64_t best = 0;
  std::uint64_t views = 0;
  for (std::uint32_t i = 1; i <= rows; ++i) {
    const std::uint64_t n = 1 + rows / (1 + random() % rows);
    partials.rows.push_back({GroupId{1 + static_cast<std::uint32_t>(random() % groups)}, ItemId{i}, n, n * 1000});
    best = std::max(best, n);
    views += n;
  }
  if (!bench.engine->restore(partials).ok()) return state.SkipWithError("restore failed");
  const RankQuery query{LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}, floor};
  Ranking ranking;
  if (!bench.engine->rank(query, ranking).ok()) return state.SkipWithError("rank failed");
  std::uint64_t best_ranked = 0;
  std::uint64_t events = 0;
  for (const RankedRow& row : ranking.rows) best_ranked = std::max(best_ranked, row.views);
  for (const RankedGroup& group : ranking.groups) events += group.events;
  if (best_ranked != best || events != views) return state.SkipWithError("wrong answer");
  for (auto _ : state) benchmark::DoNotOptimize(bench.engine->rank(query, ranking).ok());
  state.counters["rows/s"] = benchmark::Counter(static_cast<double>(rows) * static_cast<double>(state.iterations()),
                                                benchmark::Counter::kIsRate);
}
BENCHMARK(Rank)
    ->ArgNames({"rows", "groups", "K", "floor"})
    ->ArgsProduct({{1'000'000}, {1, 8, 1000, 100'000}, {10, 100, 1000}, {0, 1}})
    ->ArgsProduct({{10'000'000}, {8}, {100}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace marquee

BENCHMARK_MAIN();
