// BuddyArena: blocks of a power of two bytes out of one piece of memory that it never touches (Knuth, TAOCP 2.5,
// "buddy system"). So that device memory is taken once, at start, and a table comes and goes without the driver.
//
// Offsets, not pointers. allocate() and release() are O(log size) but for the free lists' sets. One owner thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "core/check.hpp"

namespace marquee {

class BuddyArena {
 public:
  static constexpr std::size_t kBlockBytesMin = 2048;

  BuddyArena() = default;
  // size: any; what does not fill blocks of the smallest size is left.
  explicit BuddyArena(std::size_t size) : free_(64) {
    std::size_t at = 0;
    while (size - at >= kBlockBytesMin) {
      // The largest block that fits and is aligned to its own size.
      std::size_t block = std::bit_floor(size - at);
      if (at != 0) block = std::min(block, at & (~at + 1));
      free_[order(block)].insert(at);
      at += block;
    }
  }

  // Bytes that a block for `bytes` takes.
  static std::size_t block_bytes(std::size_t bytes) {
    return std::bit_ceil(bytes < kBlockBytesMin ? kBlockBytesMin : bytes);
  }

  // A block of block_bytes(bytes), aligned to its size; none where there is no room.
  std::optional<std::size_t> allocate(std::size_t bytes) {
    const std::size_t wanted = order(block_bytes(bytes));
    std::size_t found = wanted;
    while (found < free_.size() && free_[found].empty()) ++found;
    if (found == free_.size()) return std::nullopt;
    const std::size_t at = *free_[found].begin();
    free_[found].erase(free_[found].begin());
    while (found > wanted) {
      --found;
      free_[found].insert(at + (std::size_t{1} << found));
    }
    used_ += std::size_t{1} << wanted;
    return at;
  }
  // What allocate(bytes) gave.
  void release(std::size_t at, std::size_t bytes) {
    std::size_t level = order(block_bytes(bytes));
    used_ -= std::size_t{1} << level;
    while (true) {
      const std::size_t buddy = at ^ (std::size_t{1} << level);
      const auto found = free_[level].find(buddy);
      if (found == free_[level].end()) break;
      free_[level].erase(found);
      at = std::min(at, buddy);
      ++level;
    }
    MARQUEE_CHECK(free_[level].insert(at).second);
  }

  std::size_t used_bytes() const { return used_; }

 private:
  static std::size_t order(std::size_t block) { return static_cast<std::size_t>(std::bit_width(block)) - 1; }

  std::vector<std::set<std::size_t>> free_;  // [log2 of the block's bytes]: offsets
  std::size_t used_ = 0;
};

}  // namespace marquee
