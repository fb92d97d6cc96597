// Micro benchmark of the dictionary: batched lookup with prefetch, as the decoder does it, against one by one.
//
// Texts of 8 to 28 bytes ("title-<number>", a fifth with a longer tail), looked up Zipf-like. Checks every id first.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/dictionary.hpp"

namespace marquee {
namespace {

struct Lookups {
  explicit Lookups(std::uint32_t texts) : dictionary(texts, 42) {
    std::mt19937_64 random(7);
    for (std::uint32_t i = 0; i < texts; ++i) {
      text.push_back("title-" + std::to_string(i) + (i % 5 == 0 ? "-and-a-longer-tail" : ""));
      id.push_back(dictionary.find_or_give(text.back()));
    }
    // Half of the lookups go to a twentieth of the texts.
    for (std::size_t i = 0; i < 1u << 16; ++i) {
      const std::uint64_t among = random() % 2 == 0 ? texts : texts / 20;
      wanted.push_back(static_cast<std::uint32_t>(random() % among));
    }
  }
  Dictionary dictionary;
  std::vector<std::string> text;
  std::vector<std::uint32_t> id;
  std::vector<std::uint32_t> wanted;
};

void LookUp(benchmark::State& state) {
  Lookups lookups(static_cast<std::uint32_t>(state.range(0)));
  const auto ahead = static_cast<std::size_t>(state.range(1));
  const Dictionary::View view = lookups.dictionary.view();
  const std::size_t n = lookups.wanted.size();
  // Payload bytes stand in a row, as in an arena; so must these texts, or their own misses would be measured.
  std::string arena;
  std::vector<std::size_t> begin;
  for (const std::uint32_t i : lookups.wanted) {
    begin.push_back(arena.size());
    arena += lookups.text[i];
  }
  begin.push_back(arena.size());
  arena.append(kTextSlack, ' ');
  const auto text = [&](std::size_t i) { return std::string_view(arena).substr(begin[i], begin[i + 1] - begin[i]); };
  for (std::size_t i = 0; i < n; ++i) {
    if (view.find(text(i), view.hash(text(i))) != lookups.id[lookups.wanted[i]]) {
      return state.SkipWithError("wrong answer");
    }
  }
  std::vector<std::uint64_t> hashes(n);
  for (auto _ : state) {
    std::uint64_t sum = 0;
    const std::size_t block = std::max<std::size_t>(ahead, 1);
    for (std::size_t first = 0; first < n; first += block) {
      const std::size_t last = std::min(first + block, n);
      for (std::size_t i = first; i < last; ++i) {
        hashes[i] = view.hash(text(i));
        if (ahead > 0) view.prefetch(hashes[i]);
      }
      for (std::size_t i = first; i < last; ++i) sum += view.find(text(i), hashes[i]);
    }
    benchmark::DoNotOptimize(sum);
  }
  const double done = static_cast<double>(n) * static_cast<double>(state.iterations());
  state.counters["lookups/s"] = benchmark::Counter(done, benchmark::Counter::kIsRate);
  state.counters["CPU-ns/lookup"] =
      benchmark::Counter(done / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(LookUp)->ArgNames({"texts", "ahead"})->ArgsProduct({{100'000, 1'000'000}, {0, 16, 64}});

}  // namespace
}  // namespace marquee

BENCHMARK_MAIN();
