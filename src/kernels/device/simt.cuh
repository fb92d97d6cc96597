// simt: everything a kernel body may ask of the machine. The one place where an architecture's tricks may stand.
//
// Kernel bodies include "simt.cuh" and nothing of CUDA. The build says which one they get: this file (nvcc), or the
// stand-in of the tests (g++), which runs every thread of a block as a fiber. So what is here is the dialect that
// README.md lists: position, block barriers, votes and shuffles whose named lanes all arrive, relaxed atomics. Nothing
// here waits for another thread but barrier() and the warp functions.
//
// Memory order: barrier() orders shared and global memory within the block; the end of a kernel orders everything.
// Atomics and load()/store() are relaxed. A location that two threads of a launch touch, one of them writing, with no
// barrier between, is only ever touched through them.
#pragma once

#include <cstdint>

#define SIMT_DEVICE __device__ __forceinline__
#define SIMT_BOTH __host__ __device__ __forceinline__

namespace marquee::simt {

inline constexpr unsigned kWarp = 32;
inline constexpr std::uint32_t kAllLanes = 0xffffffffu;

// --- Position. A grid is blocks() x rows(): x runs over the work, y over what is done to it (leaderboards, tables).
SIMT_DEVICE unsigned thread() {
  return threadIdx.x;
}
SIMT_DEVICE unsigned threads() {
  return blockDim.x;
}
SIMT_DEVICE unsigned block() {
  return blockIdx.x;
}
SIMT_DEVICE unsigned blocks() {
  return gridDim.x;
}
SIMT_DEVICE unsigned row() {
  return blockIdx.y;
}
SIMT_DEVICE unsigned lane() {
  return threadIdx.x % kWarp;
}
SIMT_DEVICE unsigned warp() {
  return threadIdx.x / kWarp;
}

// Every thread of the block arrives.
SIMT_DEVICE void barrier() {
  __syncthreads();
}

// --- Warps. Every lane named in `lanes` arrives, with the same `lanes`.
SIMT_DEVICE std::uint32_t ballot(std::uint32_t lanes, bool vote) {
  return __ballot_sync(lanes, vote);
}
SIMT_DEVICE std::uint32_t shuffle(std::uint32_t lanes, std::uint32_t value, unsigned from_lane) {
  return __shfl_sync(lanes, value, static_cast<int>(from_lane));
}
// The value of the lane `delta` below; a lane without one gets its own.
SIMT_DEVICE std::uint32_t shuffle_up(std::uint32_t lanes, std::uint32_t value, unsigned delta) {
  return __shfl_up_sync(lanes, value, delta);
}
// Orders memory among the named lanes.
SIMT_DEVICE void warp_barrier(std::uint32_t lanes) {
  __syncwarp(lanes);
}

SIMT_DEVICE unsigned bits_set(std::uint32_t value) {
  return static_cast<unsigned>(__popc(value));
}
// Position of the lowest set bit; value != 0.
SIMT_DEVICE unsigned lowest_bit(std::uint32_t value) {
  return static_cast<unsigned>(__ffs(static_cast<int>(value)) - 1);
}
// Number of bits needed to write value; 0 for 0.
SIMT_DEVICE unsigned bit_width(std::uint64_t value) {
  return 64u - static_cast<unsigned>(__clzll(static_cast<long long>(value)));
}

// --- Memory that other threads of the launch touch meanwhile. T: 32 or 64 bits, naturally aligned.
template <class T>
SIMT_DEVICE T load(const T* from) {
  return *static_cast<const volatile T*>(from);
}
template <class T>
SIMT_DEVICE void store(T* to, T value) {
  *static_cast<volatile T*>(to) = value;
}

// Columns that nobody writes during the launch and that this thread reads once: past the first-level cache.
template <class T>
SIMT_DEVICE T stream_load(const T* from) {
  return __ldcs(from);
}

// Global memory. add(): the result is not used, which costs least.
namespace global {
SIMT_DEVICE void add(std::uint64_t* to, std::uint64_t value) {
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}
SIMT_DEVICE void add(std::uint32_t* to, std::uint32_t value) {
  atomicAdd(to, value);
}
SIMT_DEVICE std::uint32_t fetch_add(std::uint32_t* to, std::uint32_t value) {
  return atomicAdd(to, value);
}
SIMT_DEVICE std::uint64_t fetch_add(std::uint64_t* to, std::uint64_t value) {
  return atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}
SIMT_DEVICE void max(std::uint64_t* to, std::uint64_t value) {
  atomicMax(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}
SIMT_DEVICE void bit_or(std::uint32_t* to, std::uint32_t value) {
  atomicOr(to, value);
}
// What stood there; `desired` stands there now if that was `expected`.
SIMT_DEVICE std::uint64_t compare_swap(std::uint64_t* at, std::uint64_t expected, std::uint64_t desired) {
  return atomicCAS(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(expected),
                   static_cast<unsigned long long>(desired));
}
SIMT_DEVICE std::uint32_t compare_swap(std::uint32_t* at, std::uint32_t expected, std::uint32_t desired) {
  return atomicCAS(at, expected, desired);
}
}  // namespace global

// Shared memory. 32-bit additions are native; a 64-bit one is a loop on sm_90, so there is none.
namespace shared {
SIMT_DEVICE void add(std::uint32_t* to, std::uint32_t value) {
  atomicAdd(to, value);
}
SIMT_DEVICE std::uint32_t fetch_add(std::uint32_t* to, std::uint32_t value) {
  return atomicAdd(to, value);
}
SIMT_DEVICE std::uint64_t compare_swap(std::uint64_t* at, std::uint64_t expected, std::uint64_t desired) {
  return atomicCAS(reinterpret_cast<unsigned long long*>(at), static_cast<unsigned long long>(expected),
                   static_cast<unsigned long long>(desired));
}
}  // namespace shared

}  // namespace marquee::simt
