// The stand-in's device-wide primitives: src/kernels/device/primitives.cuh has the contract.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime.cuh"

namespace marquee::gpu {

inline std::size_t sort_scratch_bytes(std::size_t n) {
  return 512 + n;
}

template <class T>
struct Pair {
  T* current = nullptr;
  T* other = nullptr;
};

// Where the result lands the seed says; what is in the other arrays and in the scratch after is poison.
inline Status sort_pairs(const Device& device, const Stream& stream, void* scratch, std::size_t scratch_bytes,
                         Pair<std::uint64_t>& keys, Pair<std::uint32_t>& values, std::size_t n, int begin_bit,
                         int end_bit) {
  if (n < 2 || begin_bit >= end_bit) return {};
  std::uint64_t* const k[2] = {keys.current, keys.other};
  std::uint32_t* const v[2] = {values.current, values.other};
  bool flip = false;
  Status s = device.sort(stream, scratch, scratch_bytes, k, v, n, begin_bit, end_bit, flip);
  keys = {k[flip], k[!flip]};
  values = {v[flip], v[!flip]};
  return s;
}

}  // namespace marquee::gpu
