// The end of an epoch, on the tables that it touched.
//
// Refuse: only where the entries budget may not hold: moves what a new key has gathered to its group's mark, once the
// room is used up. Fold: adds each slot's delta to its row, gives rows to new keys, and lists what was added.
#pragma once

#include <cstdint>

#include "core/engine.hpp"
#include "kernels/block_scan.cuh"
#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

// A run of a table's slots: the work of the blocks of one row of a grid.
struct SlotRun {
  TableRef table;
  std::uint32_t first;  // slots [first, last)
  std::uint32_t last;
};

// The refused item's entry in the group of `key`.
SIMT_BOTH constexpr std::uint64_t mark_key(std::uint64_t key) {
  return key >> 32 << 32;
}

struct Refuse {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Claim = BlockClaim<kThreads, 1>;

  struct Args {
    const SlotRun* runs;  // [grid rows]
    TableCounts* counts;
    std::uint32_t* used;     // of `room`, by all blocks
    std::uint32_t room;      // new items that the budget still holds
    std::uint64_t* refused;  // events moved to marks
  };
  struct Shared {
    Claim::Shared claim;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const SlotRun work = args.runs[simt::row()];
    Slot* const slots = work.table.slots();
    const std::uint32_t stride = kThreads * simt::blocks();
    for (std::uint64_t first = work.first + kThreads * simt::block(); first < work.last; first += stride) {
      const std::uint64_t at = first + simt::thread();
      std::uint64_t key = 0;
      std::uint64_t delta = 0;
      bool is_new = false;
      if (at < work.last) {
        const std::uint64_t stored = simt::load(&slots[at].key);  // marks are taken meanwhile
        if (stored != 0) {
          key = stored_key(stored);
          if (key != mark_key(key)) {
            delta = slots[at].delta;
            is_new = delta != 0 && work.table.row_of()[at] == 0;
          }
        }
      }
      std::uint32_t* const counters[1] = {args.used};
      std::uint32_t place[1];
      Claim::claim(shared.claim, counters, is_new ? 1 : 0, place);
      if (!is_new || place[0] < args.room) continue;
      bool inserted;
      const std::size_t mark = find_or_insert(work.table, mark_key(key), inserted);
      if (inserted) simt::global::add(&args.counts[work.table.number].keys, 1);
      simt::global::add(&slots[mark].delta, delta);
      slots[at].delta = 0;
      simt::global::add(args.refused, PackedDelta::views(delta));
    }
  }
};

struct Fold {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Claim = BlockClaim<kThreads, 3>;

  struct Args {
    const SlotRun* runs;  // [grid rows]
    TableCounts* counts;
    std::uint32_t* out_count;
    PartialRow* out;         // in no order; there is room for every slot of the runs
    std::uint32_t* out_run;  // beside it: which run the row comes from
  };
  struct Shared {
    Claim::Shared claim;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const SlotRun work = args.runs[simt::row()];
    Slot* const slots = work.table.slots();
    std::uint32_t* const row_of = work.table.row_of();
    TableCounts& counts = args.counts[work.table.number];
    std::uint32_t* const counters[3] = {args.out_count, &counts.rows, &counts.items};
    const std::uint32_t stride = kThreads * simt::blocks();
    for (std::uint64_t first = work.first + kThreads * simt::block(); first < work.last; first += stride) {
      const std::uint64_t at = first + simt::thread();
      std::uint64_t key = 0;
      std::uint64_t delta = 0;
      std::uint32_t row = 0;
      if (at < work.last) {
        delta = slots[at].delta;
        if (delta != 0) {
          key = stored_key(slots[at].key);
          row = row_of[at];
        }
      }
      const bool touched = delta != 0;
      const bool is_new = touched && row == 0;
      const bool is_item = is_new && key != mark_key(key);
      std::uint32_t place[3];
      Claim::claim(shared.claim, counters, (touched ? 1u : 0u) | (is_new ? 2u : 0u) | (is_item ? 4u : 0u), place);
      if (!touched) continue;
      const std::uint64_t views = PackedDelta::views(delta);
      const std::uint64_t watch_ms = PackedDelta::watch_ms(delta);
      if (is_new) {
        row = place[1] + 1;
        row_of[at] = row;
        work.table.row_key()[row - 1] = key;
        work.table.row_views()[row - 1] = views;
        work.table.row_watch_ms()[row - 1] = watch_ms;
      } else {
        work.table.row_views()[row - 1] += views;
        work.table.row_watch_ms()[row - 1] += watch_ms;
      }
      slots[at].delta = 0;
      args.out[place[0]] = {group_of(key), item_of(key), views, watch_ms};
      args.out_run[place[0]] = simt::row();
    }
  }
};

}  // namespace marquee::gpu
