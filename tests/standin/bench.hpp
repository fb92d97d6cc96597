// A World, a stream and memory that lives as long: what most tests of the stand-in need.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "runtime.cuh"

namespace marquee::standin_test {

class Bench {
 public:
  explicit Bench(std::uint64_t seed) : world({.seed = seed}), device(world.device()) {
    EXPECT_TRUE(device.make(stream).ok());
  }

  gpu::World world;
  gpu::Device device;
  gpu::Stream stream;

  template <class T>
  T* make(std::size_t n) {
    EXPECT_TRUE(device.allocate(memory_.emplace_back(), n * sizeof(T)).ok());
    return reinterpret_cast<T*>(memory_.back().data());
  }
  template <class T>
  T* make_pinned(std::size_t n) {
    EXPECT_TRUE(device.allocate(pinned_.emplace_back(), n * sizeof(T)).ok());
    return reinterpret_cast<T*>(pinned_.back().data());
  }
  // A copy on the device.
  template <class T>
  T* put(const std::vector<T>& values) {
    T* from = make_pinned<T>(values.size());
    std::memcpy(from, values.data(), values.size() * sizeof(T));
    T* to = make<T>(values.size());
    EXPECT_TRUE(device.copy(stream, to, from, values.size() * sizeof(T)).ok());
    return to;
  }
  template <class T>
  void zero(T* data, std::size_t n) {
    EXPECT_TRUE(device.zero(stream, data, n * sizeof(T)).ok());
  }
  template <class K>
  void launch(gpu::Grid grid, const typename K::Args& args) {
    EXPECT_TRUE(device.launch<K>(stream, grid, args).ok());
  }
  // What is there once the stream has come so far.
  template <class T>
  std::vector<T> get(const T* data, std::size_t n) {
    T* to = make_pinned<T>(n);
    EXPECT_TRUE(device.copy(stream, to, data, n * sizeof(T)).ok());
    wait();
    return std::vector<T>(to, to + n);
  }
  void wait() {
    gpu::Event event;
    EXPECT_TRUE(device.make(event).ok());
    EXPECT_TRUE(device.record(event, stream).ok());
    while (!device.passed(event).value()) {
    }
  }

 private:
  std::deque<gpu::DeviceMemory> memory_;
  std::deque<gpu::PinnedMemory> pinned_;
};

}  // namespace marquee::standin_test
