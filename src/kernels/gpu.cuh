// Gpu: the device, its two streams, and how the host waits for it. What every part of the engine works on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "core/status.hpp"
#include "runtime.cuh"

namespace marquee::gpu {

// Bytes rounded up so that whatever follows is aligned for any type and any copy.
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + 255) / 256 * 256;
}

class Gpu {
 public:
  // A wait of the host's that lasts longer than `deadline` means that the device is lost.
  Gpu(Device taken, std::chrono::milliseconds deadline) : device(std::move(taken)), deadline_(deadline) {}
  Status open() {
    if (Status s = device.make(compute); !s.ok()) return s;
    if (Status s = device.make(copies); !s.ok()) return s;
    if (Status s = device.make(here_); !s.ok()) return s;
    open_ = true;
    return {};
  }

  Device device;
  Stream compute;  // all kernels, in order, and what goes with them
  Stream copies;   // batches on their way to the device

  // Until the device has passed the event.
  Status wait_for(const Event& event) const {
    const auto begin = std::chrono::steady_clock::now();
    while (true) {
      for (int i = 0; i < 64; ++i) {
        const Result<bool> passed = device.passed(event);
        if (!passed.ok()) return passed.status();
        if (passed.value()) return {};
      }
      if (std::chrono::steady_clock::now() - begin > deadline_) {
        const Result<bool> passed = device.passed(event);  // perhaps it was this process that stood still
        if (!passed.ok() || passed.value()) return passed.status();
        return {Code::kUnavailable,
                "the GPU is lost: it has not answered for " + std::to_string(deadline_.count()) + " ms"};
      }
      std::this_thread::yield();
    }
  }
  // Until everything put into `compute` so far is done; at once where open() never got there.
  Status sync() const {
    if (!open_) return {};
    if (Status s = device.record(here_, compute); !s.ok()) return s;
    return wait_for(here_);
  }

  // Blocks that walk `count` elements with `threads` each: enough to fill the device, none without work.
  unsigned blocks_for(std::uint64_t count, unsigned threads, unsigned per_multiprocessor = 8) const {
    const std::uint64_t needed = (count + threads - 1) / threads;
    const std::uint64_t full = std::uint64_t{device.multiprocessors()} * per_multiprocessor;
    return static_cast<unsigned>(needed < full ? needed : full);
  }

 private:
  Event here_;
  std::chrono::milliseconds deadline_;
  bool open_ = false;
};

// A piece of pinned host memory and one of the device's of the same size: how lists and answers cross. The engine fills
// it, sends it, and does not touch it again before the next sync().
class Exchange {
 public:
  Status open(const Gpu& gpu, std::size_t bytes) {
    if (Status s = gpu.device.allocate(host_, bytes); !s.ok()) return s;
    return gpu.device.allocate(device_, bytes);
  }
  std::size_t size() const { return device_.size(); }
  template <class T>
  std::size_t capacity() const {
    return size() / sizeof(T);
  }
  template <class T>
  T* host(std::size_t at = 0) const {
    return reinterpret_cast<T*>(host_.data() + at);
  }
  template <class T>
  T* on_device(std::size_t at = 0) const {
    return reinterpret_cast<T*>(device_.data() + at);
  }
  Status send(const Gpu& gpu, std::size_t bytes) const {
    return gpu.device.copy(gpu.compute, device_.data(), host_.data(), bytes);
  }

 private:
  PinnedMemory host_;
  DeviceMemory device_;
};

}  // namespace marquee::gpu
