// BlockScan: sums over the threads of a block, exclusive, in thread order. One barrier; every thread arrives.
#pragma once

#include <cstdint>

#include "simt.cuh"

namespace marquee::gpu {

template <unsigned kThreads>
struct BlockScan {
  static_assert(kThreads % simt::kWarp == 0 && kThreads <= 1024);
  static constexpr unsigned kWarps = kThreads / simt::kWarp;

  struct Shared {
    std::uint32_t warp_sum[kWarps];
  };

  // The sum of `value` over the threads before this one; `total` is that over all. The next use of `shared` comes after
  // a barrier.
  SIMT_DEVICE static std::uint32_t exclusive(Shared& shared, std::uint32_t value, std::uint32_t& total) {
    std::uint32_t sum = value;
    for (unsigned delta = 1; delta < simt::kWarp; delta *= 2) {
      const std::uint32_t below = simt::shuffle_up(simt::kAllLanes, sum, delta);
      if (simt::lane() >= delta) sum += below;
    }
    if (simt::lane() == simt::kWarp - 1) shared.warp_sum[simt::warp()] = sum;
    simt::barrier();
    std::uint32_t before = 0;
    total = 0;
    for (unsigned w = 0; w < kWarps; ++w) {
      if (w < simt::warp()) before += shared.warp_sum[w];
      total += shared.warp_sum[w];
    }
    return before + sum - value;
  }
};

// BlockClaim: a place for each thread that wants one, in lists that all blocks of a launch append to: one global
// addition a block and list. Two barriers; every thread arrives. The next claim may follow at once: it writes warp_sum,
// which this one last read before its second barrier, and, behind its own first, base.
template <unsigned kThreads, unsigned kLists>
struct BlockClaim {
  static_assert(kLists >= 1 && kLists <= 3, "ten bits a list");
  using Scan = BlockScan<kThreads>;
  struct Shared {
    typename Scan::Shared scan;
    std::uint32_t base[kLists];
  };

  // counters[i]: how long list i is. wants: bit i for list i. place[i]: where this thread's element goes.
  SIMT_DEVICE static void claim(Shared& shared, std::uint32_t* const (&counters)[kLists], std::uint32_t wants,
                                std::uint32_t (&place)[kLists]) {
    // Counts of up to three lists share a word.
    constexpr unsigned kShift = kLists == 3 ? 10 : 16;
    static_assert(kThreads < (1u << kShift), "a block's count fits its part of the word");
    std::uint32_t packed = 0;
    for (unsigned i = 0; i < kLists; ++i) packed |= (wants >> i & 1u) << (kShift * i);
    std::uint32_t total;
    const std::uint32_t before = Scan::exclusive(shared.scan, packed, total);
    constexpr std::uint32_t kMask = (1u << kShift) - 1;
    for (unsigned i = 0; i < kLists; ++i) {  // unrolled: an array indexed by the thread would live in local memory
      if (simt::thread() != i) continue;
      const std::uint32_t count = total >> (kShift * i) & kMask;
      shared.base[i] = count == 0 ? 0 : simt::global::fetch_add(counters[i], count);
    }
    simt::barrier();
    for (unsigned i = 0; i < kLists; ++i) place[i] = shared.base[i] + (before >> (kShift * i) & kMask);
  }
};

}  // namespace marquee::gpu
