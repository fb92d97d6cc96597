// Grow: the slots of a table into a larger, empty one. Keys that hold nothing (refused in some epoch, never folded)
// stay behind. Rows keep their numbers; the engine copies them.
#pragma once

#include <cstdint>

#include "kernels/block_scan.cuh"
#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

struct Grow {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Claim = BlockClaim<kThreads, 1>;

  struct Args {
    TableRef from;
    TableRef to;          // zeroed
    std::uint32_t* keys;  // of `to`; zero before
  };
  struct Shared {
    Claim::Shared claim;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const Slot* const slots = args.from.slots();
    const std::uint64_t count = args.from.slot_count();
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = std::uint64_t{kThreads} * simt::block(); first < count; first += stride) {
      const std::uint64_t at = first + simt::thread();
      bool moved = false;
      if (at < count && slots[at].key != 0) {
        const std::uint64_t delta = slots[at].delta;
        const std::uint32_t row = args.from.row_of()[at];
        moved = delta != 0 || row != 0;
        if (moved) {
          bool inserted;
          const std::size_t to = find_or_insert(args.to, stored_key(slots[at].key), inserted);
          args.to.slots()[to].delta = delta;
          args.to.row_of()[to] = row;
        }
      }
      std::uint32_t* const counters[1] = {args.keys};
      std::uint32_t place[1];
      Claim::claim(shared.claim, counters, moved ? 1 : 0, place);
    }
  }
};

}  // namespace marquee::gpu
