// The stand-in's simt: src/kernels/device/simt.cuh has the contract. Every thread of a block is a fiber (grid.cpp).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <source_location>

#define SIMT_DEVICE inline
#define SIMT_BOTH inline

namespace marquee::standin {

struct Place {
  unsigned thread = 0;
  unsigned threads = 0;
  unsigned block = 0;
  unsigned blocks = 0;
  unsigned row = 0;
};
inline constinit thread_local const Place* place = nullptr;  // of the thread that runs; null outside of kernels

enum class Warp : unsigned char { kBallot, kShuffle, kShuffleUp, kBarrier };
enum class Space : unsigned char { kAny, kGlobal, kShared };  // where an access goes; kAny: no atomic

void barrier(const std::source_location& where);
std::uint32_t warp(Warp what, std::uint32_t lanes, std::uint32_t value, unsigned argument,
                   const std::source_location& where);
// Before every access that is atomic: other threads may run first.
void touch(const void* at, std::size_t size, Space space, const std::source_location& where);

}  // namespace marquee::standin

namespace marquee::simt {

inline constexpr unsigned kWarp = 32;
inline constexpr std::uint32_t kAllLanes = 0xffffffffu;
using Where = std::source_location;

SIMT_DEVICE unsigned thread() {
  return standin::place->thread;
}
SIMT_DEVICE unsigned threads() {
  return standin::place->threads;
}
SIMT_DEVICE unsigned block() {
  return standin::place->block;
}
SIMT_DEVICE unsigned blocks() {
  return standin::place->blocks;
}
SIMT_DEVICE unsigned row() {
  return standin::place->row;
}
SIMT_DEVICE unsigned lane() {
  return standin::place->thread % kWarp;
}
SIMT_DEVICE unsigned warp() {
  return standin::place->thread / kWarp;
}

SIMT_DEVICE void barrier(const Where& where = Where::current()) {
  standin::barrier(where);
}

SIMT_DEVICE std::uint32_t ballot(std::uint32_t lanes, bool vote, const Where& where = Where::current()) {
  return standin::warp(standin::Warp::kBallot, lanes, vote ? 1 : 0, 0, where);
}
SIMT_DEVICE std::uint32_t shuffle(std::uint32_t lanes, std::uint32_t value, unsigned from_lane,
                                  const Where& where = Where::current()) {
  return standin::warp(standin::Warp::kShuffle, lanes, value, from_lane, where);
}
SIMT_DEVICE std::uint32_t shuffle_up(std::uint32_t lanes, std::uint32_t value, unsigned delta,
                                     const Where& where = Where::current()) {
  return standin::warp(standin::Warp::kShuffleUp, lanes, value, delta, where);
}
SIMT_DEVICE void warp_barrier(std::uint32_t lanes, const Where& where = Where::current()) {
  standin::warp(standin::Warp::kBarrier, lanes, 0, 0, where);
}

SIMT_DEVICE unsigned bits_set(std::uint32_t value) {
  return static_cast<unsigned>(std::popcount(value));
}
SIMT_DEVICE unsigned lowest_bit(std::uint32_t value) {
  return static_cast<unsigned>(std::countr_zero(value));
}
SIMT_DEVICE unsigned bit_width(std::uint64_t value) {
  return static_cast<unsigned>(std::bit_width(value));
}

template <class T>
SIMT_DEVICE T load(const T* from, const Where& where = Where::current()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  standin::touch(from, sizeof(T), standin::Space::kAny, where);
  T value;
  __atomic_load(from, &value, __ATOMIC_RELAXED);
  return value;
}
template <class T>
SIMT_DEVICE void store(T* to, T value, const Where& where = Where::current()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  standin::touch(to, sizeof(T), standin::Space::kAny, where);
  __atomic_store(to, &value, __ATOMIC_RELAXED);
}

template <class T>
SIMT_DEVICE T stream_load(const T* from) {
  return *from;
}

namespace global {
SIMT_DEVICE std::uint32_t fetch_add(std::uint32_t* to, std::uint32_t value, const Where& where = Where::current()) {
  standin::touch(to, sizeof *to, standin::Space::kGlobal, where);
  return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}
SIMT_DEVICE std::uint64_t fetch_add(std::uint64_t* to, std::uint64_t value, const Where& where = Where::current()) {
  standin::touch(to, sizeof *to, standin::Space::kGlobal, where);
  return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}
SIMT_DEVICE void add(std::uint64_t* to, std::uint64_t value, const Where& where = Where::current()) {
  (void)fetch_add(to, value, where);
}
SIMT_DEVICE void add(std::uint32_t* to, std::uint32_t value, const Where& where = Where::current()) {
  (void)fetch_add(to, value, where);
}
SIMT_DEVICE void max(std::uint64_t* to, std::uint64_t value, const Where& where = Where::current()) {
  standin::touch(to, sizeof *to, standin::Space::kGlobal, where);
  std::uint64_t seen = __atomic_load_n(to, __ATOMIC_RELAXED);
  while (seen < value && !__atomic_compare_exchange_n(to, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}
SIMT_DEVICE void bit_or(std::uint32_t* to, std::uint32_t value, const Where& where = Where::current()) {
  standin::touch(to, sizeof *to, standin::Space::kGlobal, where);
  (void)__atomic_fetch_or(to, value, __ATOMIC_RELAXED);
}
SIMT_DEVICE std::uint64_t compare_swap(std::uint64_t* at, std::uint64_t expected, std::uint64_t desired,
                                       const Where& where = Where::current()) {
  standin::touch(at, sizeof *at, standin::Space::kGlobal, where);
  __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
SIMT_DEVICE std::uint32_t compare_swap(std::uint32_t* at, std::uint32_t expected, std::uint32_t desired,
                                       const Where& where = Where::current()) {
  standin::touch(at, sizeof *at, standin::Space::kGlobal, where);
  __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
}  // namespace global

namespace shared {
SIMT_DEVICE std::uint32_t fetch_add(std::uint32_t* to, std::uint32_t value, const Where& where = Where::current()) {
  standin::touch(to, sizeof *to, standin::Space::kShared, where);
  return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}
SIMT_DEVICE void add(std::uint32_t* to, std::uint32_t value, const Where& where = Where::current()) {
  (void)fetch_add(to, value, where);
}
SIMT_DEVICE std::uint64_t compare_swap(std::uint64_t* at, std::uint64_t expected, std::uint64_t desired,
                                       const Where& where = Where::current()) {
  standin::touch(at, sizeof *at, standin::Space::kShared, where);
  __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
}  // namespace shared

}  // namespace marquee::simt
