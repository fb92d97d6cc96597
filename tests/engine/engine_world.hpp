// World: an engine and, beside it, a model of ordered maps that is fed the same and asked the same. The model is
// written from the contract (core/engine.hpp) and shares nothing with any engine.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/engine.hpp"
#include "engine/engine_kinds.hpp"
#include "kernels/tuning.hpp"

namespace marquee::test {

struct Event {
  std::uint32_t item = 1;
  std::uint32_t combination = 1;
  std::uint32_t slot = 1;
  std::uint32_t watch_ms = 0;
};

struct Sums {
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
  bool operator==(const Sums&) const = default;
};
inline void PrintTo(const Sums& s, std::ostream* out) {
  *out << s.views << " views, " << s.watch_ms << " ms";
}

using Key = std::pair<std::uint32_t, std::uint32_t>;  // group, item
using Entries = std::map<Key, Sums>;

class World final : private Texts, private BatchHome {
 public:
  // One leaderboard of K = 10 by views; combinations 1 … 64 are groups 1 … 64; slot 1 is pane 0, slot s pane s - 1.
  explicit World(const EngineKind& kind);
  ~World();

  // --- Before start().
  JobSpec job;
  std::uint32_t batch_events_max = 1024;
  std::uint64_t epoch_rows_max = 1u << 20;
  std::vector<std::vector<std::int64_t>> slots;    // [slot][leaderboard]: the pane; kNone: not for this leaderboard
  std::vector<std::vector<std::uint32_t>> groups;  // [combination][leaderboard]
  static constexpr std::int64_t kNone = raw(kNoPane);
  // Text of item i; item 0 has none. Items beyond get "item-<i>".
  std::vector<std::string> texts;
  void set_top(std::uint32_t top) { job.leaderboards[0].top = top; }
  // A further leaderboard, with the group and the panes of the first one until changed.
  void add_leaderboard(Measure measure, std::uint32_t top);
  void start();
  // Tells the engine an item's text, once; submit() does it by itself.
  void name(std::uint32_t item);

  // --- Then. Each does it to both and expects what they say to be equal.
  void submit(const std::vector<Event>& events);  // in batches of batch_events_max
  // A batch with these events, for what goes past the model; at most batch_events_max.
  BatchPtr batch_of(std::span<const Event> events);
  void end_epoch();
  void rank(std::uint32_t leaderboard, std::int64_t first, std::int64_t last, bool hot = false);
  void rank_all_panes(bool hot = false);  // one by one, every leaderboard
  void drop(std::uint32_t leaderboard, std::int64_t pane);
  void restore(std::uint32_t leaderboard, std::int64_t pane, const Entries& entries);
  void restore_copy_into(World& other);  // everything this one holds
  void clear();
  void expect_live_ids();
  using Wanted = std::vector<std::vector<std::uint8_t>>;  // [leaderboard][group]
  void expect_state(const Wanted& wanted);
  void expect_state() { expect_state(every_group()); }
  Wanted every_group() const;
  void restore_state_into(World& other);  // what the engine says that it holds

  Engine& engine() { return *engine_; }
  const Ranking& ranking() const { return ranking_; }
  const Partials& partials() const { return *partials_; }
  std::vector<std::string> ranked_texts(std::uint32_t group) const;
  std::size_t batches_out() const { return batches_.size() - pool_.size(); }
  std::size_t texts_read() const { return texts_read_; }

 private:
  std::string_view item_text(ItemId item) const override;
  void take_back(Batch* batch) noexcept override;
  void map_combinations();
  void count(Entries& into, const Event& event, std::uint32_t leaderboard) const;

  EngineKind kind_;
  std::unique_ptr<Engine> engine_;
  using PaneKey = std::pair<std::uint32_t, std::int64_t>;
  std::map<PaneKey, Entries> state_;
  std::map<PaneKey, Entries> epoch_;
  Ranking ranking_;
  const Partials* partials_ = nullptr;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<Batch*> pool_;  // those at home
  mutable std::size_t texts_read_ = 0;
  mutable std::map<std::uint32_t, std::string> more_texts_;
  std::vector<bool> named_;  // [item]
};

// Sizes and rounds of tests, less where ThreadSanitizer watches every thread of a kernel: there the kernels' thresholds
// are as much lower (tests/standin/small), so `many(n)` is on the same side of them in either build.
constexpr std::uint32_t many(std::uint32_t n) {
  return n / (65'536 / tuning::kSelectRowsMin);
}
constexpr int rounds(int n) {
  return tuning::kSelectRowsMin < 65'536 ? n / 4 : n;
}

// `n` events, each of another item from `first` on.
std::vector<Event> distinct_items(std::uint32_t n, std::uint32_t first = 1);

// A random test's seed: MARQUEE_SEED, or `fallback`. Rounds: MARQUEE_ROUNDS, or `fallback`.
std::uint64_t seed_or(std::uint64_t fallback);
int rounds_or(int fallback);

class EngineTest : public testing::TestWithParam<EngineKind> {};

}  // namespace marquee::test

#define MARQUEE_ENGINE_SUITE(suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(Engines, suite, testing::ValuesIn(::marquee::test::engine_kinds()), \
                           [](const auto& kind) { return kind.param.name; })
