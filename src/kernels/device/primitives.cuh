// Device-wide primitives, from CUB. The tests' stand-in has the same declarations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cub/device/device_radix_sort.cuh>

#include "runtime.cuh"

namespace marquee::gpu {

// Device memory that sort_pairs() needs for n pairs.
inline std::size_t sort_scratch_bytes(std::size_t n) {
  std::size_t bytes = 0;
  cub::DoubleBuffer<std::uint64_t> keys;
  cub::DoubleBuffer<std::uint32_t> values;
  (void)cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, values, static_cast<int>(n));
  return bytes;
}

// Two arrays of which one holds the data; sorting moves between them.
template <class T>
struct Pair {
  T* current = nullptr;
  T* other = nullptr;
};

// Sorts n pairs by the key's bits [begin_bit, end_bit), ascending, stably. Asynchronous; n < 2^31.
inline Status sort_pairs(const Device&, const Stream& stream, void* scratch, std::size_t scratch_bytes,
                         Pair<std::uint64_t>& keys, Pair<std::uint32_t>& values, std::size_t n, int begin_bit,
                         int end_bit) {
  if (n < 2 || begin_bit >= end_bit) return {};
  cub::DoubleBuffer<std::uint64_t> k(keys.current, keys.other);
  cub::DoubleBuffer<std::uint32_t> v(values.current, values.other);
  const cudaError_t error = cub::DeviceRadixSort::SortPairs(scratch, scratch_bytes, k, v, static_cast<int>(n),
                                                            begin_bit, end_bit, stream.raw());
  keys = {k.Current(), k.Alternate()};
  values = {v.Current(), v.Alternate()};
  return to_status(error, "sorting");
}

}  // namespace marquee::gpu
