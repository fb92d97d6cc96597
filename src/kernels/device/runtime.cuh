// gpu: everything the engine asks of the CUDA runtime. The tests' stand-in has the same declarations over host memory:
// streams that are delayed and interleaved by a seed, any call able to fail.
//
// Every call returns a Status; the first that is not ok means that the device is lost for this process (CUDA's sticky
// errors cannot be cleared). Calls that take a stream are asynchronous and do not wait for the device, unless said
// otherwise. One owner thread for all objects of a Device.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/status.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee::gpu {

// A call that fails leaves its error with the runtime too, for cudaGetLastError(): it is taken from there, so that it
// is not told again of a later launch (pinning memory twice fails and breaks nothing).
inline Status to_status(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  return {Code::kUnavailable, std::string("the GPU failed: ") + what + ": " + cudaGetErrorString(error)};
}

// The grid of a launch: blocks x rows, K::kThreads threads a block.
struct Grid {
  unsigned blocks = 1;
  unsigned rows = 1;
};

template <class K>
__global__ void __launch_bounds__(K::kThreads) kernel_entry(const __grid_constant__ typename K::Args args) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  K::run(*reinterpret_cast<typename K::Shared*>(shared_memory), args);
}

// Set once the device was left: owners keep from then on what they have, as giving it back can wait for ever on a
// device that does not answer.
inline std::atomic<bool> device_left{false};

// Owns one; made by Device, destroyed before it.
class Stream {
 public:
  Stream() = default;
  Stream(Stream&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Stream() {
    if (raw_ != nullptr && !device_left) (void)cudaStreamDestroy(raw_);
  }
  cudaStream_t raw() const { return raw_; }

 private:
  friend class Device;
  cudaStream_t raw_ = nullptr;
};

// A point in a stream.
class Event {
 public:
  Event() = default;
  Event(Event&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Event() {
    if (raw_ != nullptr && !device_left) (void)cudaEventDestroy(raw_);
  }

 private:
  friend class Device;
  cudaEvent_t raw_ = nullptr;
};

// Device memory, owned. Not initialised.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~DeviceMemory() {
    if (data_ != nullptr && !device_left) (void)cudaFree(data_);
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  friend class Device;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Page-locked host memory, owned; zeroed.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  PinnedMemory(PinnedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~PinnedMemory() {
    if (data_ != nullptr && !device_left) (void)cudaFreeHost(data_);
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  friend class Device;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

class Device {
 public:
  // Takes device 0. Fails where there is no driver or no device; then nothing was taken.
  static Result<Device> open();
  // The devices there are, or why there are none.
  static Result<std::vector<CudaDevice>> list();
  // The device is given up for the rest of the process: nothing is freed from now on.
  void leave() const { device_left = true; }

  std::uint64_t memory_free() const { return memory_free_; }  // at open()
  unsigned multiprocessors() const { return multiprocessors_; }

  Status make(Stream& out) const {
    return to_status(cudaStreamCreateWithFlags(&out.raw_, cudaStreamNonBlocking), "creating a stream");
  }
  Status make(Event& out) const {
    return to_status(cudaEventCreateWithFlags(&out.raw_, cudaEventDisableTiming), "creating an event");
  }
  // An event that keeps the time at which it was passed, for seconds_between(): recording it costs the stream more.
  Status make_timed(Event& out) const {
    return to_status(cudaEventCreateWithFlags(&out.raw_, cudaEventDefault), "creating an event");
  }
  Status allocate(DeviceMemory& out, std::size_t size) const {
    const Status s = to_status(cudaMalloc(reinterpret_cast<void**>(&out.data_), size), "allocating device memory");
    if (s.ok()) out.size_ = size;
    return s;
  }
  Status allocate(PinnedMemory& out, std::size_t size) const;
  // Pins memory of the host's that outlives the Device, or is unpinned before it goes.
  Status pin(void* data, std::size_t size) const {
    return to_status(cudaHostRegister(data, size, cudaHostRegisterDefault), "pinning host memory");
  }
  Status unpin(void* data) const { return to_status(cudaHostUnregister(data), "unpinning host memory"); }

  // Copies between pinned host memory and the device, or within the device. size may be 0.
  Status copy(const Stream& stream, void* to, const void* from, std::size_t size) const {
    if (size == 0) return {};
    return to_status(cudaMemcpyAsync(to, from, size, cudaMemcpyDefault, stream.raw()), "copying");
  }
  // `rows` runs of `width` bytes, each `to_pitch` and `from_pitch` behind the one before.
  Status copy_runs(const Stream& stream, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                   std::size_t width, std::size_t rows) const {
    if (width == 0 || rows == 0) return {};
    return to_status(cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, rows, cudaMemcpyDefault, stream.raw()),
                     "copying");
  }
  Status zero(const Stream& stream, void* to, std::size_t size) const {
    if (size == 0) return {};
    return to_status(cudaMemsetAsync(to, 0, size, stream.raw()), "clearing device memory");
  }
  Status record(const Event& event, const Stream& stream) const {
    return to_status(cudaEventRecord(event.raw_, stream.raw()), "recording an event");
  }
  // What is put into `stream` from now on waits for the event.
  Status wait(const Stream& stream, const Event& event) const {
    return to_status(cudaStreamWaitEvent(stream.raw(), event.raw_), "waiting between streams");
  }
  // Whether the device has passed the event (true too where it was never recorded).
  Result<bool> passed(const Event& event) const {
    const cudaError_t error = cudaEventQuery(event.raw_);
    if (error == cudaErrorNotReady) return false;
    if (error != cudaSuccess) return to_status(error, "asking for an event");
    return true;
  }
  // By the device's clock, to about half a microsecond; both timed, and both passed.
  Result<double> seconds_between(const Event& begin, const Event& end) const {
    float ms = 0;
    const cudaError_t error = cudaEventElapsedTime(&ms, begin.raw_, end.raw_);
    if (error != cudaSuccess) return to_status(error, "asking for the time between events");
    return double{ms} / 1e3;
  }

  // Runs K over the grid with its shared memory. K has: struct Args (trivially copyable, at most 4 KB), struct Shared
  // (trivial, not initialised), constexpr unsigned kThreads, static void run(Shared&, const Args&).
  template <class K>
  Status launch(const Stream& stream, Grid grid, const typename K::Args& args) const {
    static_assert(std::is_trivially_copyable_v<typename K::Args> && sizeof(typename K::Args) <= 4096);
    if (grid.blocks == 0 || grid.rows == 0) return {};
    constexpr std::size_t kShared = sizeof(typename K::Shared);
    if constexpr (kShared > 48 * 1024) {
      const cudaError_t error =
          cudaFuncSetAttribute(kernel_entry<K>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kShared));
      if (error != cudaSuccess) return to_status(error, "asking for shared memory");
    }
    // Not <<<>>>: that tells its error through cudaGetLastError() alone, where another call's may lie.
    void* given[] = {const_cast<typename K::Args*>(&args)};
    return to_status(cudaLaunchKernel(kernel_entry<K>, dim3(grid.blocks, grid.rows), dim3(K::kThreads), given, kShared,
                                      stream.raw()),
                     "launching a kernel");
  }

 private:
  std::uint64_t memory_free_ = 0;
  unsigned multiprocessors_ = 1;
};

}  // namespace marquee::gpu
