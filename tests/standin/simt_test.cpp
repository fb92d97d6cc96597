// How kernels run: threads, barriers, warps, atomics.
#include "simt.cuh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "runtime.cuh"
#include "standin/bench.hpp"

namespace marquee {
namespace {

using standin_test::Bench;
using testing::HasSubstr;

struct NoShared {};

struct AddVectors {
  using Shared = NoShared;
  struct Args {
    const std::uint32_t* a;
    const std::uint32_t* b;
    std::uint32_t* sum;
    std::uint32_t n;
  };
  static constexpr unsigned kThreads = 96;
  static void run(Shared&, const Args& args) {
    const unsigned stride = simt::blocks() * simt::threads();
    for (unsigned i = simt::block() * simt::threads() + simt::thread(); i < args.n; i += stride) {
      args.sum[simt::row() * args.n + i] = args.a[i] + args.b[i] * simt::row();
    }
  }
};

TEST(Simt, EveryThreadOfTheGridRunsOnce) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    std::vector<std::uint32_t> a(1000), b(1000);
    std::iota(a.begin(), a.end(), 1u);
    std::iota(b.begin(), b.end(), 500u);
    auto sum = bench.make<std::uint32_t>(3000);
    bench.launch<AddVectors>({5, 3}, {bench.put(a), bench.put(b), sum, 1000});
    const auto got = bench.get(sum, 3000);
    for (unsigned i = 0; i < 3000; ++i) ASSERT_EQ(got[i], a[i % 1000] + b[i % 1000] * (i / 1000)) << i;
    EXPECT_EQ(bench.world.counters().blocks, 15u);
  }
}

// A block's sum in the textbook's way; without its barriers the sum is wrong under some order.
template <bool kBarriers>
struct SumBlocks {
  static constexpr unsigned kThreads = 256;
  struct Shared {
    std::uint32_t part[kThreads];
  };
  struct Args {
    const std::uint32_t* in;
    std::uint32_t* sums;
  };
  static void run(Shared& shared, const Args& args) {
    const unsigned t = simt::thread();
    simt::store(&shared.part[t], args.in[simt::block() * kThreads + t]);
    for (unsigned half = kThreads / 2; half > 0; half /= 2) {
      if constexpr (kBarriers) simt::barrier();
      if (t < half) simt::store(&shared.part[t], simt::load(&shared.part[t]) + simt::load(&shared.part[t + half]));
    }
    if (t == 0) args.sums[simt::block()] = shared.part[0];
  }
};

template <bool kBarriers>
unsigned wrong_sums() {
  unsigned wrong = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    std::vector<std::uint32_t> in(7 * 256);
    std::iota(in.begin(), in.end(), 0u);
    auto sums = bench.make<std::uint32_t>(7);
    bench.launch<SumBlocks<kBarriers>>({7}, {bench.put(in), sums});
    const auto got = bench.get(sums, 7);
    for (unsigned i = 0; i < 7; ++i) {
      wrong += got[i] != std::accumulate(in.begin() + i * 256, in.begin() + i * 256 + 256, 0u);
    }
    EXPECT_EQ(bench.world.counters().barriers, kBarriers ? 7u * 8u : 0u);
  }
  return wrong;
}

TEST(Simt, BarriersMakeABlockSum) {
  EXPECT_EQ(wrong_sums<true>(), 0u);
}

TEST(Simt, MissingBarriersMakeItWrong) {
  EXPECT_GT(wrong_sums<false>(), 0u);
}

struct LeaveEarly {
  static constexpr unsigned kThreads = 70;
  struct Shared {
    std::uint32_t count;
  };
  struct Args {
    std::uint32_t* out;
  };
  static void run(Shared& shared, const Args& args) {
    if (simt::thread() == 0) shared.count = 0;
    simt::barrier();
    if (simt::thread() % 3 == 1) return;
    simt::shared::add(&shared.count, 1);
    simt::barrier();  // CUDA waits for those that have not returned
    if (simt::thread() == 0) args.out[simt::block()] = shared.count;
  }
};

TEST(Simt, ABarrierDoesNotWaitForThreadsThatReturned) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Bench bench(seed);
    auto out = bench.make<std::uint32_t>(3);
    bench.launch<LeaveEarly>({3}, {out});
    EXPECT_EQ(bench.get(out, 3), (std::vector<std::uint32_t>{47, 47, 47}));
  }
}

// Places of odd numbers by ballot, a running sum by shuffle_up, the sum of all by shuffle; in a last warp of 8 lanes.
struct WarpSums {
  static constexpr unsigned kThreads = 72;
  using Shared = NoShared;
  struct Args {
    const std::uint32_t* in;
    std::uint32_t* place;
    std::uint32_t* sum;
    std::uint32_t* total;
  };
  static void run(Shared&, const Args& args) {
    const unsigned t = simt::thread();
    const std::uint32_t lanes = t < 64 ? simt::kAllLanes : 0xffu;
    const std::uint32_t odd = simt::ballot(lanes, args.in[t] % 2 != 0);
    args.place[t] = simt::bits_set(odd & ((1u << simt::lane()) - 1));
    std::uint32_t sum = args.in[t];
    for (unsigned delta = 1; delta < simt::kWarp; delta *= 2) {
      const std::uint32_t below = simt::shuffle_up(lanes, sum, delta);
      if (simt::lane() >= delta) sum += below;
    }
    args.sum[t] = sum;
    args.total[t] = simt::shuffle(lanes, sum, simt::bit_width(lanes) - 1);
    // A split warp: each half talks among itself.
    if (simt::lane() % 2 == 0) {
      args.total[t] += simt::shuffle(lanes & 0x55555555u, simt::lane(), 2);
    } else {
      args.total[t] += simt::shuffle(lanes & 0xaaaaaaaau, simt::lane(), 3);
    }
  }
};

TEST(Simt, VotesAndShufflesGoAmongTheNamedLanes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    std::vector<std::uint32_t> in(72);
    for (unsigned i = 0; i < 72; ++i) in[i] = i * i % 11;
    auto place = bench.make<std::uint32_t>(72), sum = bench.make<std::uint32_t>(72);
    auto total = bench.make<std::uint32_t>(72);
    bench.launch<WarpSums>({1}, {bench.put(in), place, sum, total});
    const auto places = bench.get(place, 72), sums = bench.get(sum, 72), totals = bench.get(total, 72);
    std::uint32_t odd = 0, all = 0;
    for (unsigned i = 0; i < 72; ++i) {
      if (i % 32 == 0) odd = all = 0;
      all += in[i];
      ASSERT_EQ(places[i], odd);
      ASSERT_EQ(sums[i], all);
      ASSERT_EQ(totals[i], sums[i < 64 ? i / 32 * 32 + 31 : 71] + (i % 2 == 0 ? 2 : 3));
      odd += in[i] % 2;
    }
  }
}

// A set of keys by open addressing. With a plain store in place of compare_swap two threads take the same slot.
template <bool kAtomic>
struct InsertKeys {
  static constexpr unsigned kThreads = 64;
  static constexpr std::uint32_t kSlots = 1024;
  using Shared = NoShared;
  struct Args {
    const std::uint64_t* keys;
    std::uint64_t* table;
    std::uint32_t* inserted;
    std::uint32_t n;
  };
  static void run(Shared&, const Args& args) {
    const unsigned i = simt::block() * kThreads + simt::thread();
    if (i >= args.n) return;
    const std::uint64_t key = args.keys[i];
    for (std::uint64_t at = key % 8 * 64;; at = (at + 1) % kSlots) {
      std::uint64_t there = simt::load(&args.table[at]);
      if (there == 0) {
        if constexpr (kAtomic) {
          there = simt::global::compare_swap(&args.table[at], 0, key);
        } else {
          simt::store(&args.table[at], key);
        }
        if (there == 0) simt::global::add(args.inserted, 1u);
      }
      if (there == 0 || there == key) return;
    }
  }
};

template <bool kAtomic>
unsigned lost_keys(std::uint64_t seed) {
  Bench bench(seed);
  std::vector<std::uint64_t> keys(600);
  for (unsigned i = 0; i < 600; ++i) keys[i] = 1 + i % 300;
  auto table = bench.make<std::uint64_t>(1024);
  auto inserted = bench.make<std::uint32_t>(1);
  bench.zero(table, 1024);
  bench.zero(inserted, 1);
  bench.launch<InsertKeys<kAtomic>>({10}, {bench.put(keys), table, inserted, 600});
  std::set<std::uint64_t> found;
  for (const std::uint64_t key : bench.get(table, 1024)) {
    if (key != 0) {
      EXPECT_TRUE(found.insert(key).second || !kAtomic);
    }
  }
  if (kAtomic) {
    EXPECT_EQ(bench.get(inserted, 1)[0], 300u);
  }
  return 300 - static_cast<unsigned>(found.size());
}

TEST(Simt, CompareAndSwapInsertsEachKeyOnce) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) EXPECT_EQ(lost_keys<true>(seed), 0u) << seed;
}

TEST(Simt, LoadThenStoreLosesKeysUnderSomeSeed) {
  unsigned losing = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) losing += lost_keys<false>(seed) > 0;
  EXPECT_GT(losing, 0u);
}

struct Atomics {
  static constexpr unsigned kThreads = 64;
  struct Shared {
    std::uint32_t count;
    std::uint64_t owner;
  };
  struct Args {
    std::uint64_t* sum;
    std::uint64_t* most;
    std::uint32_t* bits;
    std::uint32_t* claimed;
    std::uint32_t* tickets;
  };
  static void run(Shared& shared, const Args& args) {
    const unsigned t = simt::thread();
    if (t == 0) shared = {};
    simt::barrier();
    simt::global::add(args.sum, std::uint64_t{t} << 32);
    simt::global::max(args.most, std::uint64_t{t} * 7 % 64);
    simt::global::bit_or(args.bits, 1u << t % 32);
    if (simt::global::compare_swap(args.claimed, 0u, t + 1) == 0) simt::global::add(args.sum, std::uint64_t{1});
    const std::uint32_t ticket = simt::shared::fetch_add(&shared.count, 1);
    simt::store(&args.tickets[simt::block() * 64 + ticket], 1u);
    if (simt::shared::compare_swap(&shared.owner, 0, t + 1) == 0) simt::global::add(args.sum, std::uint64_t{2});
  }
};

TEST(Simt, AtomicsOfGlobalAndSharedMemory) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    auto sum = bench.make<std::uint64_t>(2);
    auto bits = bench.make<std::uint32_t>(2 + 128);
    bench.zero(sum, 2);
    bench.zero(bits, 130);
    bench.launch<Atomics>({2}, {sum, sum + 1, bits, bits + 1, bits + 2});
    EXPECT_EQ(bench.get(sum, 2), (std::vector<std::uint64_t>{(std::uint64_t{2 * 2016} << 32) + 1 + 2 * 2, 63}));
    const auto words = bench.get(bits, 130);
    EXPECT_EQ(words[0], 0xffffffffu);
    EXPECT_NE(words[1], 0u);
    EXPECT_EQ(std::accumulate(words.begin() + 2, words.end(), 0u), 128u);
    const auto counters = bench.world.counters();
    EXPECT_EQ(counters.shared_atomics, 2u * 64 * 2);
    EXPECT_EQ(counters.global_atomics, 2u * 64 * 4 + 1 + 2);
    EXPECT_EQ(counters.loads_and_stores, 2u * 64);
  }
}

struct OrderOfArrival {
  static constexpr unsigned kThreads = 64;
  using Shared = NoShared;
  struct Args {
    std::uint32_t* next;
    std::uint32_t* order;
  };
  static void run(Shared&, const Args& args) {
    args.order[simt::global::fetch_add(args.next, 1u)] = simt::block() * kThreads + simt::thread();
  }
};

std::vector<std::uint32_t> order_of_arrival(std::uint64_t seed) {
  Bench bench(seed);
  auto memory = bench.make<std::uint32_t>(1 + 512);
  bench.zero(memory, 513);
  bench.launch<OrderOfArrival>({8}, {memory, memory + 1});
  return bench.get(memory + 1, 512);
}

TEST(Simt, ASeedGivesTheOrderOfThreadsAndBlocks) {
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto order = order_of_arrival(seed);
    EXPECT_EQ(order, order_of_arrival(seed));
    orders.insert(order);
    std::sort(order.begin(), order.end());
    for (unsigned i = 0; i < 512; ++i) ASSERT_EQ(order[i], i);
  }
  EXPECT_EQ(orders.size(), 20u);
}

struct ReadShared {
  static constexpr unsigned kThreads = 32;
  struct Shared {
    std::uint32_t words[32];
  };
  struct Args {
    std::uint32_t* out;
  };
  static void run(Shared& shared, const Args& args) {
    args.out[simt::block() * kThreads + simt::thread()] = shared.words[simt::thread()];
    shared.words[simt::thread()] = 1;
  }
};

TEST(Simt, SharedMemoryIsPoisonBeforeEachBlock) {
  Bench bench(1);
  auto out = bench.make<std::uint32_t>(32 * 20);
  bench.zero(out, 32 * 20);
  bench.launch<ReadShared>({20}, {out});
  EXPECT_EQ(bench.get(out, 32 * 20), std::vector<std::uint32_t>(32 * 20, 0xa5a5a5a5u));
}

// --- What is wrong is said, and where.

enum class Mistake {
  kLaneMissing,
  kBarrierInBranch,
  kOtherBarrier,
  kOtherMask,
  kNotNamed,
  kGlobalAsShared,
  kUnaligned,
  kSpin
};

template <Mistake kMistake>
struct Wrong {
  static constexpr unsigned kThreads = 64;
  struct Shared {
    std::uint32_t word;
  };
  struct Args {
    std::uint64_t* global;
  };
  static void run(Shared& shared, const Args& args) {
    const unsigned t = simt::thread();
    if constexpr (kMistake == Mistake::kLaneMissing) {
      if (t != 37) simt::ballot(simt::kAllLanes, true);
      simt::barrier();
    } else if constexpr (kMistake == Mistake::kBarrierInBranch) {
      if (t >= 32) simt::barrier();
      if (t < 32) simt::warp_barrier(t == 0 ? 3u : simt::kAllLanes);
    } else if constexpr (kMistake == Mistake::kOtherBarrier) {
      if (t < 32) {
        simt::barrier();
      } else {
        simt::barrier();
      }
    } else if constexpr (kMistake == Mistake::kOtherMask) {
      simt::shuffle(t < 16 ? 0x0001ffffu : simt::kAllLanes, t, 0);
    } else if constexpr (kMistake == Mistake::kNotNamed) {
      simt::ballot(0x7fffffffu, true);
    } else if constexpr (kMistake == Mistake::kGlobalAsShared) {
      simt::shared::add(reinterpret_cast<std::uint32_t*>(args.global), 1);
    } else if constexpr (kMistake == Mistake::kUnaligned) {
      simt::global::add(reinterpret_cast<std::uint64_t*>(reinterpret_cast<char*>(args.global) + 4), std::uint64_t{1});
    } else {
      if (t == 0) shared.word = 0;
      simt::barrier();
      while (t == 0 && simt::load(&shared.word) == 0) {
      }
      simt::barrier();
      if (t == 63) simt::store(&shared.word, 1u);
    }
  }
};

template <Mistake kMistake>
void make_mistake() {
  Bench bench(3);
  auto global = bench.make<std::uint64_t>(2);
  bench.launch<Wrong<kMistake>>({1}, {global});
  bench.wait();
}

TEST(SimtDeathTest, AMissingLaneIsNamed) {
  EXPECT_DEATH(make_mistake<Mistake::kLaneMissing>(),
               "no thread can go on: kernel .*Wrong.*, block 0 of row 0(.|\n)*"
               "warp 1, lanes 0-4: at ballot\\(0xffffffff\\) \\(.*simt_test.cpp:[0-9]+\\)\n.*"
               "warp 1, lanes 5-5: at barrier\\(\\)");
}

TEST(SimtDeathTest, ABarrierThatNotAllReachIsReported) {
  EXPECT_DEATH(make_mistake<Mistake::kBarrierInBranch>(),
               "no thread can go on(.|\n)*at warp_barrier\\(0x00000003\\)(.|\n)*warp 1, lanes 0-31: at barrier\\(\\)");
}

TEST(SimtDeathTest, BarriersOfTwoBranchesAreNotOne) {
  EXPECT_DEATH(make_mistake<Mistake::kOtherBarrier>(), "different barriers: kernel");
}

TEST(SimtDeathTest, LanesThatDisagreeAreReported) {
  EXPECT_DEATH(make_mistake<Mistake::kOtherMask>(), "with different masks: kernel");
}

TEST(SimtDeathTest, ALaneHasToNameItself) {
  EXPECT_DEATH(make_mistake<Mistake::kNotNamed>(), "lane 31 calls ballot\\(0x7fffffff\\), which does not name it");
}

TEST(SimtDeathTest, SharedAtomicsAreForSharedMemory) {
  EXPECT_DEATH(make_mistake<Mistake::kGlobalAsShared>(), "not in the block's shared memory");
}

TEST(SimtDeathTest, AtomicsAreAligned) {
  EXPECT_DEATH(make_mistake<Mistake::kUnaligned>(), "is not aligned");
}

TEST(SimtDeathTest, WaitingForAnotherThreadIsReported) {
  EXPECT_DEATH(make_mistake<Mistake::kSpin>(), "does it wait for another");
}

TEST(SimtDeathTest, OnlyKernelsCallSimt) {
  EXPECT_DEATH(simt::barrier(), "only a kernel may call this");
}

}  // namespace
}  // namespace marquee
