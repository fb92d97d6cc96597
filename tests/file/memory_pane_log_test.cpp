#include "file/memory_pane_log.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>

namespace marquee {
namespace {

using Key = std::tuple<std::uint32_t, std::int64_t, std::string, std::string, bool>;
using State = std::map<Key, std::pair<std::uint64_t, std::uint64_t>>;

State state_of(MemoryPaneLog& log) {
  State state;
  EXPECT_TRUE(log.read([&](const PartialBlock& block) {
                   for (const PartialBlock::Row& row : block.rows) {
                     const std::string group = row.group == PartialBlock::kNoGroup ? "(none)" : block.groups[row.group];
                     auto& sums = state[{row.leaderboard, row.pane, group,
                                         block.item_bytes.substr(row.item_begin, row.item_size), row.refused}];
                     sums.first += row.views;
                     sums.second += row.watch_ms;
                   }
                   return Status{};
                 })
                  .ok());
  return state;
}

TEST(MemoryPaneLog, HoldsExactlyTheOpenState) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random(seed);
    MemoryPaneLog log;
    State model;
    std::int64_t oldest = 0;
    for (int e = 0; e < 200; ++e) {
      Epoch epoch;
      auto block = std::make_shared<PartialBlock>();
      block->groups = {"x", std::to_string(random() % 3)};
      for (int i = 0; i < 2'000; ++i) {
        PartialBlock::Row row;
        row.leaderboard = static_cast<std::uint32_t>(random() % 2);
        row.pane = oldest + static_cast<std::int64_t>(random() % 4);
        row.refused = random() % 50 == 0;
        row.group =
            row.refused && random() % 2 == 0 ? PartialBlock::kNoGroup : static_cast<std::uint32_t>(random() % 2);
        const std::string item = row.refused ? "" : "item-" + std::to_string(random() % 500);
        row.item_begin = static_cast<std::uint32_t>(block->item_bytes.size());
        row.item_size = static_cast<std::uint32_t>(item.size());
        block->item_bytes += item;
        row.views = 1 + random() % 5;
        row.watch_ms = random() % 100;
        block->rows.push_back(row);
        const std::string group = row.group == PartialBlock::kNoGroup ? "(none)" : block->groups[row.group];
        auto& sums = model[{row.leaderboard, row.pane, group, item, row.refused}];
        sums.first += row.views;
        sums.second += row.watch_ms;
      }
      epoch.partials = block;
      if (e % 10 == 9) {
        for (const std::uint32_t board : {0u, 1u})
          epoch.dropped.emplace_back(LeaderboardIndex{board}, PaneIndex{oldest});
        std::erase_if(model, [&](const auto& entry) { return std::get<1>(entry.first) == oldest; });
        ++oldest;
      }
      ASSERT_TRUE(log.append(epoch).ok());
      EXPECT_LE(log.rows(), 2 * model.size() + 100'000u);
    }
    EXPECT_EQ(state_of(log), model) << "seed " << seed;
    EXPECT_EQ(log.rows(), model.size());
  }
}

TEST(MemoryPaneLog, IsNotDurableAndMayBeEmpty) {
  MemoryPaneLog log;
  EXPECT_FALSE(log.durable());
  EXPECT_TRUE(log.append({}).ok());
  EXPECT_TRUE(state_of(log).empty());
}

}  // namespace
}  // namespace marquee
