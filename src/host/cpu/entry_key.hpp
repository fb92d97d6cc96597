// The 64-bit key of an entry, and its hash. Every table of the CPU engine places by the same hash's upper bits, so
// walking one table in slot order visits any other nearly in order too: folding a delta streams.
#pragma once

#include <cstdint>

#include "core/ids.hpp"

namespace marquee {

// group in the upper half, item in the lower. 0 is no key: the entry (0, 0) stands beside the tables.
constexpr std::uint64_t entry_key(GroupId group, ItemId item) {
  return std::uint64_t{raw(group)} << 32 | raw(item);
}
constexpr GroupId group_of(std::uint64_t key) { return GroupId{static_cast<std::uint32_t>(key >> 32)}; }
constexpr ItemId item_of(std::uint64_t key) { return ItemId{static_cast<std::uint32_t>(key)}; }

// Two multiplications, as in MurmurHash3's finaliser (Appleby, public domain): all bits of the key reach the upper half.
// Dense ids of many groups form a lattice; one multiplication can map its short vectors onto one spot.
constexpr std::uint64_t entry_hash(std::uint64_t key) {
  std::uint64_t h = key * 0x9e3779b97f4a7c15ULL;
  h ^= h >> 32;
  return h * 0xd6e8feb86659fd93ULL;
}

}  // namespace marquee
