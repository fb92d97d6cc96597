// The 64-bit key of an entry, and its hash. Every table of an engine places by the same hash's upper bits, so
// walking one table in slot order visits any other nearly in order too: folding a delta streams.
#pragma once

#include <cstdint>

#include "core/ids.hpp"

namespace marquee {

// group in the upper half, item in the lower. 0 is no key: the entry (0, 0) stands beside the tables.
constexpr std::uint64_t entry_key(GroupId group, ItemId item) {
  return std::uint64_t{raw(group)} << 32 | raw(item);
}
constexpr GroupId group_of(std::uint64_t key) {
  return GroupId{static_cast<std::uint32_t>(key >> 32)};
}
constexpr ItemId item_of(std::uint64_t key) {
  return ItemId{static_cast<std::uint32_t>(key)};
}

// One multiplication (Knuth, TAOCP 6.4, Fibonacci hashing). Ids are dense, and the golden ratio spreads dense numbers
// more evenly than chance; the lower half shifts each group's items by 0.218 of the table, a number under which grids
// of items x groups stay apart too. At load 0.48 a lookup passes 0.00-0.44 other keys where a random hash has 0.46, and
// a probe that ends at once is a branch that is foreseen: README.md has the table. Ids are ours, not the sender's.
constexpr std::uint64_t entry_hash(std::uint64_t key) {
  return key * 0x9e3779b937e15163ULL;
}

}  // namespace marquee
