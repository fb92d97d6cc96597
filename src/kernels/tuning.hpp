// Launch constants and sizes, in one place. What was measured is in README.md; what was not says so there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace marquee::tuning {

// --- Aggregation.
inline constexpr unsigned kAggregateThreads = 512;
inline constexpr unsigned kCacheSlots = 2048;     // of a block's cache: 20 bytes each
inline constexpr unsigned kCacheProbes = 4;       // positions looked at before an event goes past the cache
inline constexpr unsigned kCacheVoteRounds = 16;  // after as many rounds of the block's threads it is asked ...
inline constexpr unsigned kCacheHitsMin = 4;      // ... whether one event in this many was a hit; if not, bypass
inline constexpr unsigned kBlocksPerMultiprocessor = 4;

// --- Everything that walks a table or a list of rows.
inline constexpr unsigned kWalkThreads = 256;

// --- Tables. Slots are a power of two; at most half of them hold a key.
inline constexpr unsigned kTableBitsMin = 6;
inline constexpr unsigned kTableBitsMax = 31;
inline constexpr std::size_t kTableSlotBytes = 32;  // all that a table has, by the slot: see table.cuh
// A table that must grow gets room for this many batches like the one that made it.
inline constexpr std::uint64_t kBatchesOfRoom = 16;

// --- Batches in flight: the copy of one, the kernels of another, one to be filled in between, one to spare.
inline constexpr unsigned kFlights = 4;

// --- Epochs. A key's views and watch time of an epoch share a word (PackedDelta), so an epoch is folded before its
// sums, over all keys, could reach either bound.
inline constexpr unsigned kDeltaViewsBits = 23;
inline constexpr unsigned kDeltaWatchBits = 64 - kDeltaViewsBits;

// --- Ranking.
inline constexpr unsigned kTextWords = 4;        // of eight bytes of an item's text, kept on the device
inline constexpr unsigned kHistogramBins = 512;  // see histogram_bin()
inline constexpr std::uint32_t kHistogramGroupsMax = 32'768;
inline constexpr std::uint32_t kSelectRowsMin = 65'536;  // fewer rows are sorted outright

}  // namespace marquee::tuning
