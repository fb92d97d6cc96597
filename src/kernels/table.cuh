// A table: what one pane of one leaderboard holds, or the sum over a run of panes. Insert-only; goes whole.
//
// One block of device memory, 32 bytes a slot, C = 2^bits slots, at most C/2 keys:
//
//   slots[C]          key and what the running epoch adds, 16 bytes: the one sector that an event touches
//   row_of[C]         the slot's row + 1; 0 while the key has never been folded
//   row_key[C/2]      rows, dense, in the order in which they were first folded: ranking reads nothing else
//   row_views[C/2]
//   row_watch_ms[C/2]
//
// Placed by the upper bits of entry_hash(), linear probing. The zeroed block is an empty table.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/entry_key.hpp"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

// Both measures of an epoch in one word, so that an event is one addition. Sound while the epoch's views, over all
// keys, stay below 2^kDeltaViewsBits and its watch time below 2^kDeltaWatchBits: the engine sees to it.
struct PackedDelta {
  static constexpr std::uint64_t kWatchMask = (std::uint64_t{1} << tuning::kDeltaWatchBits) - 1;
  SIMT_BOTH static constexpr std::uint64_t of(std::uint64_t views, std::uint64_t watch_ms) {
    return views << tuning::kDeltaWatchBits | watch_ms;
  }
  SIMT_BOTH static constexpr std::uint64_t views(std::uint64_t delta) { return delta >> tuning::kDeltaWatchBits; }
  SIMT_BOTH static constexpr std::uint64_t watch_ms(std::uint64_t delta) { return delta & kWatchMask; }
};

struct alignas(16) Slot {
  std::uint64_t key;  // stored_key(); 0: empty
  std::uint64_t delta;
};

// Zero must mean empty, and (0, 0) is an entry like any other: keys are stored inverted. No id is 2^32 - 1.
SIMT_BOTH constexpr std::uint64_t stored_key(std::uint64_t key) {
  return ~key;
}

// Which table, and where. Plain values; the engine's list of them is `tables`, by number.
struct TableRef {
  std::byte* base;
  std::uint32_t number;
  std::uint32_t bits;

  SIMT_BOTH std::size_t slot_count() const { return std::size_t{1} << bits; }
  SIMT_BOTH std::size_t rows_max() const { return slot_count() / 2; }
  SIMT_BOTH Slot* slots() const { return reinterpret_cast<Slot*>(base); }
  SIMT_BOTH std::uint32_t* row_of() const { return reinterpret_cast<std::uint32_t*>(base + 16 * slot_count()); }
  SIMT_BOTH std::uint64_t* row_key() const { return reinterpret_cast<std::uint64_t*>(base + 20 * slot_count()); }
  SIMT_BOTH std::uint64_t* row_views() const { return reinterpret_cast<std::uint64_t*>(base + 24 * slot_count()); }
  SIMT_BOTH std::uint64_t* row_watch_ms() const { return reinterpret_cast<std::uint64_t*>(base + 28 * slot_count()); }
};
static_assert(tuning::kTableSlotBytes == 32, "the five arrays of a table");

// log2 of the slots of a table that has room for `keys`.
constexpr std::uint32_t table_bits_for(std::uint64_t keys) {
  const std::uint64_t slots = std::bit_ceil(std::max<std::uint64_t>(2 * keys, 1u << tuning::kTableBitsMin));
  return static_cast<std::uint32_t>(std::bit_width(slots) - 1);
}

// What a table holds, in device memory, by number.
struct TableCounts {
  std::uint32_t keys;   // slots taken
  std::uint32_t rows;   // keys that were folded
  std::uint32_t items;  // rows that are no mark (group, 0): what the budget counts
  std::uint32_t unused;
};

SIMT_BOTH std::size_t home_slot(std::uint64_t key, std::uint32_t bits) {
  return static_cast<std::size_t>(entry_hash(key) >> (64 - bits));
}

// The slot of `key`, taken if it was not there; `inserted` says which. There is room: the engine sees to it.
SIMT_DEVICE std::size_t find_or_insert(const TableRef& table, std::uint64_t key, bool& inserted) {
  Slot* const slots = table.slots();
  const std::size_t mask = table.slot_count() - 1;
  const std::uint64_t wanted = stored_key(key);
  std::size_t at = home_slot(key, table.bits);
  inserted = false;
  while (true) {
    std::uint64_t there = simt::load(&slots[at].key);
    if (there == 0) {
      there = simt::global::compare_swap(&slots[at].key, 0, wanted);
      inserted = there == 0;
      if (inserted) return at;
    }
    if (there == wanted) return at;
    at = (at + 1) & mask;
  }
}

// The slot of a key that is there.
SIMT_DEVICE std::size_t find(const TableRef& table, std::uint64_t key) {
  const Slot* const slots = table.slots();
  const std::size_t mask = table.slot_count() - 1;
  const std::uint64_t wanted = stored_key(key);
  std::size_t at = home_slot(key, table.bits);
  while (simt::load(&slots[at].key) != wanted) at = (at + 1) & mask;
  return at;
}

}  // namespace marquee::gpu
