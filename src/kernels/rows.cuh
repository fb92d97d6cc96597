// Rows into a table: what restoring and windows of many panes are made of. Place makes sure that every key has a row,
// AddRows then adds (or takes off). Two kernels, as a row's number is not known to the threads that meet its key while
// it is being given.
//
// A source says which rows: ListRows, those of a list that are meant for the table; TableRows, all rows of another.
#pragma once

#include <cstdint>

#include "core/engine.hpp"
#include "kernels/block_scan.cuh"
#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

struct ListRows {
  const PartialRow* rows;          // [count]
  const std::uint32_t* run;        // [count]: the run a row comes from; null: all belong to the table
  const std::uint32_t* target_of;  // [run]: the number of the table it is meant for
  std::uint32_t target;
  std::uint32_t count;

  SIMT_DEVICE bool get(std::uint64_t i, std::uint64_t& key) const {
    if (i >= count || (run != nullptr && target_of[run[i]] != target)) return false;
    key = entry_key(rows[i].group, rows[i].item);
    return true;
  }
  SIMT_DEVICE std::uint64_t views(std::uint64_t i) const { return rows[i].views; }
  SIMT_DEVICE std::uint64_t watch_ms(std::uint64_t i) const { return rows[i].watch_ms; }
};

struct TableRows {
  TableRef table;
  std::uint32_t count;

  SIMT_DEVICE bool get(std::uint64_t i, std::uint64_t& key) const {
    if (i >= count) return false;
    key = table.row_key()[i];
    return true;
  }
  SIMT_DEVICE std::uint64_t views(std::uint64_t i) const { return table.row_views()[i]; }
  SIMT_DEVICE std::uint64_t watch_ms(std::uint64_t i) const { return table.row_watch_ms()[i]; }
};

template <class Source>
struct Place {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Claim = BlockClaim<kThreads, 3>;
  static constexpr std::uint32_t kBeingGiven = 0xffffffffu;

  struct Args {
    Source source;
    TableRef table;
    TableCounts* counts;
  };
  struct Shared {
    Claim::Shared claim;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    TableCounts& counts = args.counts[args.table.number];
    std::uint32_t* const counters[3] = {&counts.keys, &counts.rows, &counts.items};
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = std::uint64_t{kThreads} * simt::block(); first < args.source.count; first += stride) {
      std::uint64_t key = 0;
      std::size_t at = 0;
      bool inserted = false;
      bool gives = false;
      if (args.source.get(first + simt::thread(), key)) {
        at = find_or_insert(args.table, key, inserted);
        gives = simt::load(&args.table.row_of()[at]) == 0 &&
                simt::global::compare_swap(&args.table.row_of()[at], 0, kBeingGiven) == 0;
      }
      const bool is_item = gives && key >> 32 << 32 != key;
      std::uint32_t place[3];
      Claim::claim(shared.claim, counters, (inserted ? 1u : 0u) | (gives ? 2u : 0u) | (is_item ? 4u : 0u), place);
      if (!gives) continue;
      args.table.row_key()[place[1]] = key;
      args.table.row_views()[place[1]] = 0;
      args.table.row_watch_ms()[place[1]] = 0;
      simt::store(&args.table.row_of()[at], place[1] + 1);
    }
  }
};

template <class Source>
struct AddRows {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    Source source;
    TableRef table;
    bool subtract;
  };
  struct Shared {};

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t i = std::uint64_t{kThreads} * simt::block() + simt::thread(); i < args.source.count;
         i += stride) {
      std::uint64_t key;
      if (!args.source.get(i, key)) continue;
      const std::uint32_t row = args.table.row_of()[find(args.table, key)] - 1;
      const std::uint64_t views = args.source.views(i);
      const std::uint64_t watch_ms = args.source.watch_ms(i);
      simt::global::add(&args.table.row_views()[row], args.subtract ? 0 - views : views);
      simt::global::add(&args.table.row_watch_ms()[row], args.subtract ? 0 - watch_ms : watch_ms);
    }
  }
};

// Whether each row of a list has a row in the table: known[i] is 1 or 0. For restoring close to the entries budget.
struct Known {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    const PartialRow* rows;  // [count]
    std::uint32_t count;
    TableRef table;
    std::uint32_t* known;  // [count]
  };
  struct Shared {};

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const Slot* const slots = args.table.slots();
    const std::size_t mask = args.table.slot_count() - 1;
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t i = std::uint64_t{kThreads} * simt::block() + simt::thread(); i < args.count; i += stride) {
      const std::uint64_t key = entry_key(args.rows[i].group, args.rows[i].item);
      const std::uint64_t wanted = stored_key(key);
      std::size_t at = home_slot(key, args.table.bits);
      while (slots[at].key != 0 && slots[at].key != wanted) at = (at + 1) & mask;
      args.known[i] = slots[at].key == wanted && args.table.row_of()[at] != 0 ? 1 : 0;
    }
  }
};

}  // namespace marquee::gpu
