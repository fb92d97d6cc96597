// Aggregate: adds the events of a batch to the tables of their panes. The kernel that every event goes through.
//
// A grid's row is a leaderboard. Each round, a thread takes one event: four coalesced loads, the table of its slot, the
// group of its combination, then the block's cache or, past it, one probe and one addition in global memory.
#pragma once

#include <cstdint>

#include "kernels/block_cache.cuh"
#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

inline constexpr std::uint32_t kNoTable = 0xffffffffu;

struct Aggregate {
  static constexpr unsigned kThreads = tuning::kAggregateThreads;
  using Cache = BlockCache<tuning::kCacheSlots, tuning::kCacheProbes>;
  // Slots and groups that fit the key of the cache: 8 and 24 bits beside the item's 32. What does not goes past it.
  static constexpr std::uint32_t kSlotsCached = 255;
  static constexpr std::uint32_t kGroupsCached = 1u << 24;

  struct Args {
    const std::uint32_t* item;         // [end]
    const std::uint32_t* combination;  // [end]
    const std::uint32_t* slot;         // [end]
    const std::uint32_t* watch_ms;     // [end]
    std::uint32_t begin;               // events [begin, end)
    std::uint32_t end;
    const std::uint32_t* table_of;  // [slot * leaderboards + leaderboard]; kNoTable: the event does not count there
    std::uint32_t leaderboards;
    const std::uint32_t* group_of;  // [leaderboard * combinations + combination]
    std::uint32_t combinations;
    const TableRef* tables;  // by number
    TableCounts* counts;     // by number
  };

  struct Shared {
    Cache::Shared cache;
    std::uint32_t inserted[kSlotsCached];  // keys that this block has added to the table of a slot
    std::uint32_t hits;
    std::uint32_t seen;
  };

  SIMT_DEVICE static void add_to_table(Shared& shared, const Args& args, std::uint32_t slot, std::uint32_t number,
                                       std::uint64_t key, std::uint64_t delta) {
    const TableRef table = args.tables[number];
    bool inserted;
    const std::size_t at = find_or_insert(table, key, inserted);
    if (inserted) {
      if (slot < kSlotsCached) {
        simt::shared::add(&shared.inserted[slot], 1);
      } else {
        simt::global::add(&args.counts[number].keys, 1);
      }
    }
    simt::global::add(&table.slots()[at].delta, delta);
  }

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const std::uint32_t board = simt::row();
    Cache::clear(shared.cache);
    for (unsigned i = simt::thread(); i < kSlotsCached; i += kThreads) shared.inserted[i] = 0;
    if (simt::thread() == 0) shared.hits = shared.seen = 0;
    simt::barrier();

    bool cached = true;  // the same in all threads of the block
    std::uint32_t hits = 0;
    std::uint32_t seen = 0;
    std::uint32_t round = 0;
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = args.begin + std::uint64_t{kThreads} * simt::block(); first < args.end;
         first += stride) {
      const std::uint64_t i = first + simt::thread();
      if (i < args.end) {
        const std::uint32_t slot = simt::stream_load(&args.slot[i]);
        const std::uint32_t item = simt::stream_load(&args.item[i]);
        const std::uint32_t combination = simt::stream_load(&args.combination[i]);
        const std::uint32_t watch_ms = simt::stream_load(&args.watch_ms[i]);
        const std::uint32_t number = args.table_of[std::uint64_t{slot} * args.leaderboards + board];
        if (number != kNoTable) {
          const std::uint32_t group = args.group_of[std::uint64_t{board} * args.combinations + combination];
          const std::uint64_t key = group == 0 ? 0 : entry_key(GroupId{group}, ItemId{item});
          Cache::Outcome outcome = Cache::Outcome::kFull;
          if (cached && slot < kSlotsCached && group < kGroupsCached) {
            const std::uint64_t cache_key = stored_key(std::uint64_t{slot} << 56 | key);
            outcome = Cache::add(shared.cache, cache_key, entry_hash(cache_key), 1, watch_ms);
            ++seen;
            hits += outcome == Cache::Outcome::kHit ? 1 : 0;
          }
          if (outcome == Cache::Outcome::kFull) {
            add_to_table(shared, args, slot, number, key, PackedDelta::of(1, watch_ms));
          }
        }
      }
      if (cached && ++round % tuning::kCacheVoteRounds == 0) {
        simt::shared::add(&shared.hits, hits);
        simt::shared::add(&shared.seen, seen);
        simt::barrier();
        cached = std::uint64_t{simt::load(&shared.hits)} * tuning::kCacheHitsMin >= simt::load(&shared.seen);
        simt::barrier();
        if (simt::thread() == 0) shared.hits = shared.seen = 0;
        hits = seen = 0;
        simt::barrier();
      }
    }
    simt::barrier();
    Cache::drain(shared.cache, [&](std::uint64_t cache_key, std::uint32_t views, std::uint64_t watch_ms) {
      const std::uint64_t both = stored_key(cache_key);
      const auto slot = static_cast<std::uint32_t>(both >> 56);
      const std::uint32_t number = args.table_of[std::uint64_t{slot} * args.leaderboards + board];
      add_to_table(shared, args, slot, number, both << 8 >> 8, PackedDelta::of(views, watch_ms));
    });
    simt::barrier();
    for (unsigned slot = simt::thread(); slot < kSlotsCached; slot += kThreads) {
      if (shared.inserted[slot] == 0) continue;
      simt::global::add(&args.counts[args.table_of[std::uint64_t{slot} * args.leaderboards + board]].keys,
                        shared.inserted[slot]);
    }
  }
};

}  // namespace marquee::gpu
