// The arena of the CUDA engine: blocks never overlap, and all of it comes back.
#include "kernels/buddy.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

TEST(BuddyArena, RandomBlocksNeverOverlapAndAllComesBack) {
  const std::uint64_t seed = seed_or(7);
  std::mt19937_64 random(seed);
  for (const std::size_t size : {std::size_t{2048}, std::size_t{1} << 20, (std::size_t{3} << 20) + 4096 + 17}) {
    BuddyArena arena(size);
    std::map<std::size_t, std::size_t> blocks;  // offset: bytes asked for
    for (int step = 0; step < 20'000; ++step) {
      if (random() % 2 == 0 || blocks.empty()) {
        const std::size_t bytes = 1 + random() % (random() % 50 == 0 ? size : 20'000);
        const auto at = arena.allocate(bytes);
        if (!at) continue;
        const std::size_t block = BuddyArena::block_bytes(bytes);
        ASSERT_EQ(*at % block, 0u) << "seed " << seed;
        ASSERT_LE(*at + block, size);
        const auto next = blocks.lower_bound(*at);
        if (next != blocks.end()) {
          ASSERT_LE(*at + block, next->first);
        }
        if (next != blocks.begin()) {
          const auto before = std::prev(next);
          ASSERT_LE(before->first + BuddyArena::block_bytes(before->second), *at);
        }
        blocks.emplace(*at, bytes);
      } else {
        auto victim = blocks.begin();
        std::advance(victim, static_cast<std::ptrdiff_t>(random() % blocks.size()));
        arena.release(victim->first, victim->second);
        blocks.erase(victim);
      }
    }
    for (const auto& [at, bytes] : blocks) arena.release(at, bytes);
    EXPECT_EQ(arena.used_bytes(), 0u);
    // Whole again: the largest block there can be is there.
    const std::size_t largest = std::bit_floor(size);
    EXPECT_TRUE(arena.allocate(largest).has_value());
  }
}

TEST(BuddyArena, WithoutRoomItSaysSo) {
  BuddyArena arena(8192);
  EXPECT_FALSE(arena.allocate(8193).has_value());
  const auto whole = arena.allocate(8192);
  ASSERT_TRUE(whole.has_value());
  EXPECT_FALSE(arena.allocate(1).has_value());
  arena.release(*whole, 8192);
  EXPECT_TRUE(arena.allocate(1).has_value());
}

}  // namespace
}  // namespace marquee::test
