// BlockCache: a small hash table in a block's shared memory, in front of one in global memory. Keys that come often are
// added up here and cost one global addition a block; keys that find no place go past it. Nothing is ever evicted: a
// hot key comes early.
//
// A sum is two native 32-bit words with a carry between, as 64-bit additions in shared memory are a loop on sm_90, and
// a 32-bit count. Sound while fewer than 2^32 additions come between clear() and drain().
#pragma once

#include <cstdint>

#include "simt.cuh"

namespace marquee::gpu {

template <unsigned kSlots, unsigned kProbes>
struct BlockCache {
  static_assert(kSlots >= 2 && (kSlots & (kSlots - 1)) == 0);

  struct Shared {
    std::uint64_t key[kSlots];  // 0: free
    std::uint32_t count[kSlots];
    std::uint32_t low[kSlots];
    std::uint32_t high[kSlots];
  };
  enum class Outcome : std::uint8_t { kHit, kTaken, kFull };

  // Every thread takes part; a barrier must follow.
  SIMT_DEVICE static void clear(Shared& shared) {
    for (unsigned i = simt::thread(); i < kSlots; i += simt::threads()) {
      shared.key[i] = 0;
      shared.count[i] = 0;
      shared.low[i] = 0;
      shared.high[i] = 0;
    }
  }

  // Adds (count, value) to a key that is not 0, or says kFull. `hash`: its upper bits choose.
  SIMT_DEVICE static Outcome add(Shared& shared, std::uint64_t key, std::uint64_t hash, std::uint32_t count,
                                 std::uint32_t value) {
    unsigned at = static_cast<unsigned>(hash / (~std::uint64_t{0} / kSlots + 1));  // its upper bits
    for (unsigned probe = 0; probe < kProbes; ++probe) {
      std::uint64_t there = simt::load(&shared.key[at]);
      Outcome outcome = Outcome::kHit;
      if (there == 0) {
        there = simt::shared::compare_swap(&shared.key[at], 0, key);
        if (there == 0) {
          there = key;
          outcome = Outcome::kTaken;
        }
      }
      if (there == key) {
        if (count != 0) simt::shared::add(&shared.count[at], count);
        if (value != 0) {
          const std::uint32_t before = simt::shared::fetch_add(&shared.low[at], value);
          if (before + value < before) simt::shared::add(&shared.high[at], 1);
        }
        return outcome;
      }
      at = (at + 1) & (kSlots - 1);
    }
    return Outcome::kFull;
  }

  // Hands every key with its sums to `flush(key, count, sum)`. Every thread takes part; after a barrier.
  template <class Flush>
  SIMT_DEVICE static void drain(const Shared& shared, const Flush& flush) {
    for (unsigned i = simt::thread(); i < kSlots; i += simt::threads()) {
      const std::uint64_t key = shared.key[i];
      if (key != 0) flush(key, shared.count[i], std::uint64_t{shared.high[i]} << 32 | shared.low[i]);
    }
  }
};

}  // namespace marquee::gpu
