// Random streams over random configurations, against the model. MARQUEE_SEED repeats one, MARQUEE_ROUNDS does more.
#include <algorithm>
#include <cstdio>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

class RandomTest : public EngineTest {};
MARQUEE_ENGINE_SUITE(RandomTest);

void one_round(const EngineKind& kind, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&random](std::uint64_t n) { return random() % n; };
  World world(kind);
  const std::uint32_t tops[] = {1, 2, 5, 33, 200, 1000};
  world.set_top(tops[below(6)]);
  const std::uint64_t more = below(4);
  for (std::uint64_t i = 0; i < more; ++i) {
    world.add_leaderboard(below(2) == 0 ? Measure::kViews : Measure::kWatchMs, tops[below(6)]);
  }
  const auto boards = static_cast<std::uint32_t>(world.job.leaderboards.size());
  std::vector<std::uint64_t> group_counts(boards);
  for (std::uint64_t& count : group_counts) count = 1 + below(below(2) == 0 ? 4 : 100);
  for (std::size_t c = 1; c < world.groups.size(); ++c) {
    for (std::uint32_t b = 0; b < boards; ++b) {
      world.groups[c][b] = below(20) == 0 ? 0 : static_cast<std::uint32_t>(1 + below(group_counts[b]));
    }
  }
  world.batch_events_max = static_cast<std::uint32_t>(1 + below(3000));
  const std::uint32_t items = static_cast<std::uint32_t>(1 + below(below(2) == 0 ? 50 : 5000));
  world.texts.resize(items + 1);
  const std::string shared(below(2) == 0 ? 0 : below(230), 'p');
  for (std::uint32_t i = 1; i <= items; ++i) {
    world.texts[i] = shared + std::to_string(below(1000)) + std::string(below(3), static_cast<char>(below(256))) + "#" +
                     std::to_string(i);
  }
  std::vector<std::uint32_t> panes_back(boards);
  for (std::uint32_t& back : panes_back) back = static_cast<std::uint32_t>(below(6));
  // Time moves on: slot s is pane s / (b + 1) of leaderboard b.
  for (std::uint32_t s = 1; s < world.slots.size(); ++s) {
    for (std::uint32_t b = 0; b < boards; ++b) {
      world.slots[s][b] = below(30) == 0 ? World::kNone : static_cast<std::int64_t>(s / (b + 1)) - 3;
    }
  }
  world.start();

  std::vector<std::int64_t> dropped_to(boards, -1000);
  for (std::uint32_t now = 3; now + 1 < world.slots.size(); now += static_cast<std::uint32_t>(below(3))) {
    const std::uint64_t submissions = below(4);
    for (std::uint64_t i = 0; i < submissions; ++i) {
      std::vector<Event> events(below(below(4) == 0 ? 9000 : 300));
      for (Event& event : events) {
        const std::uint64_t r = below(items) + 1;
        event.item = below(50) == 0 ? 0 : static_cast<std::uint32_t>(1 + r * r / (items + 1));
        event.item = std::min(event.item, items);
        event.combination = static_cast<std::uint32_t>(below(world.groups.size()));
        event.slot = below(40) == 0 ? 0 : now - static_cast<std::uint32_t>(below(3));
        event.watch_ms = static_cast<std::uint32_t>(below(3) == 0 ? 0 : below(below(2) == 0 ? 5 : 86'400'001));
      }
      world.submit(events);
    }
    world.end_epoch();
    for (std::uint32_t b = 0; b < boards; ++b) {
      const std::int64_t last = now / (b + 1) - 3;
      if (below(3) != 0) world.rank(b, last - panes_back[b], last, true);
      if (below(3) == 0)
        world.rank(b, last - static_cast<std::int64_t>(below(8)), last - static_cast<std::int64_t>(below(3)));
      if (below(3) == 0) {
        dropped_to[b] = std::max(dropped_to[b], last - 6);
        world.drop(b, dropped_to[b]++);
      }
    }
    if (below(12) == 0) world.engine().forget_floors();
    if (below(12) == 0) world.expect_live_ids();
    if (below(6) == 0) {
      World::Wanted wanted = world.every_group();
      for (std::vector<std::uint8_t>& wanted_groups : wanted) {
        for (std::uint8_t& group : wanted_groups) group = below(3) == 0 ? 0 : 1;
      }
      world.expect_state(wanted);
    }
    if (below(40) == 0) world.clear();
    if (testing::Test::HasFailure()) return;
  }
  world.rank_all_panes();
}

TEST_P(RandomTest, RandomStreamsRankAsTheModelDoes) {
  const std::uint64_t seed = seed_or(std::random_device()());
  // Every thread of a kernel is a fiber on the stand-in; the model is in no hurry either.
  const bool slow = GetParam().name == "Standin" || GetParam().name == "Model";
  const int n = rounds_or(rounds(slow ? 8 : 40));
  for (int round = 0; round < n; ++round) {
    const std::uint64_t round_seed = seed + static_cast<std::uint64_t>(round);
    one_round(GetParam(), round_seed);
    if (HasFailure()) FAIL() << "repeat with MARQUEE_SEED=" << round_seed << " MARQUEE_ROUNDS=1";
  }
  std::printf("seed %llu, %d rounds\n", static_cast<unsigned long long>(seed), n);
}

}  // namespace
}  // namespace marquee::test
