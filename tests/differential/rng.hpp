// A small seeded generator (splitmix64, Steele, Lea and Flood 2014): the same numbers on every machine and library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace differential {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
  }

  // In [0, count), for count > 0; the bias of the remainder is of no matter here.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }

  // In [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % (static_cast<std::uint64_t>(high - low) + 1));
  }

  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  bool one_in(std::size_t count) { return below(count) == 0; }

  template <typename T>
  const T& pick(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::uint64_t state_;
};

// MARQUEE_SEED from the environment, else `otherwise`; MARQUEE_ROUNDS likewise. Tests print the seed they use.
std::uint64_t seed_from_environment(std::uint64_t otherwise);
std::size_t rounds_from_environment(std::size_t otherwise);

}  // namespace differential
