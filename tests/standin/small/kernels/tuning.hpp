// src/kernels/tuning.hpp for a build with ThreadSanitizer, in which a barrier costs the threads of a block times all
// fibers there are: small blocks, and thresholds as much lower, so that small tests reach the far side of each. Which
// tests: tests/README.md. What bounds a sum or a layout is as it is there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace marquee::tuning {

inline constexpr unsigned kAggregateThreads = 64;  // two warps: one tells nothing about barriers between warps
inline constexpr unsigned kCacheSlots = 128;
inline constexpr unsigned kCacheProbes = 4;
inline constexpr unsigned kCacheVoteRounds = 2;
inline constexpr unsigned kCacheHitsMin = 4;
inline constexpr unsigned kBlocksPerMultiprocessor = 2;

inline constexpr unsigned kWalkThreads = 64;

inline constexpr unsigned kTableBitsMin = 6;
inline constexpr unsigned kTableBitsMax = 31;
inline constexpr std::size_t kTableSlotBytes = 32;
inline constexpr std::uint64_t kBatchesOfRoom = 16;

inline constexpr unsigned kFlights = 4;

inline constexpr unsigned kDeltaViewsBits = 23;
inline constexpr unsigned kDeltaWatchBits = 64 - kDeltaViewsBits;

inline constexpr unsigned kTextWords = 4;
inline constexpr unsigned kHistogramBins = 512;
inline constexpr std::uint32_t kHistogramGroupsMax = 1'024;
inline constexpr std::uint32_t kSelectRowsMin = 2'048;

}  // namespace marquee::tuning
