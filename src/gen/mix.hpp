// The generator's only source of randomness: a hash of where one is, never a state that runs along.
#pragma once

#include <cstdint>

namespace marquee::gen {

/// A bijection of 64-bit words whose output bits each depend on every input bit (the finaliser of SplitMix64:
/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). About 1 ns. The same on
/// every machine: only unsigned integers.
constexpr uint64_t mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// The `n`-th word of the stream named by `key`. Any word costs the same, in any order.
constexpr uint64_t draw(uint64_t key, uint64_t n) {
  return mix64(key + (n + 1) * 0x9e3779b97f4a7c15ULL);
}

/// A number in [0, bound) from the upper 32 bits of `word`; `bound` at most 2^32.
constexpr uint64_t below(uint64_t word, uint64_t bound) {
  return ((word >> 32) * bound) >> 32;
}

}  // namespace marquee::gen
