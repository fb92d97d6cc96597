// The stand-in's runtime: src/kernels/device/runtime.cuh has the contract of everything but World.
//
// A World is one simulated GPU. A test makes it, hands World::device() to the code under test, and looks at it after.
//
//   gpu::World world({.seed = seed});
//   world.fail_at_call(n, gpu::Fault::kError);   // if the test is about that
//   ... make_engine(world.device(), ...) ...
//   EXPECT_EQ(world.counters().launches, 3);
//
// Calls that take a stream only queue. What is queued runs during later calls, how much and from which stream the seed
// says (each World is somewhere between eager and lazy); a passed() that would answer no runs at least one operation,
// so polling ends. An operation runs whole before the next one of any stream. Copies read their source when they run.
// Everything happens on the thread that calls: a World and all that comes from it has one owner thread at a time.
//
// Aborts, with a message: freeing, unpinning memory that queued operations name; copying to or from memory that is
// neither allocated nor pinned, or beyond its end; what the kernels do wrong (grid.cpp). At its end a World that is
// not lost aborts if memory made from it is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/status.hpp"
#include "grid.hpp"

namespace marquee::gpu {

using standin::Counters;

struct Grid {
  unsigned blocks = 1;
  unsigned rows = 1;
};

enum class Fault : unsigned char {
  kError,  // the call fails, and every one after it
  kLate,   // the call succeeds; what runs on the device next breaks it, and from then on every call fails
  kHang,   // the device stops without a word: calls succeed, nothing is passed any more
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  unsigned multiprocessors = 4;
  bool late_answers = false;  // an event that has passed may be denied once more
};

struct Copied {  // bytes
  std::uint64_t to_device = 0;
  std::uint64_t from_device = 0;
  std::uint64_t within_device = 0;
};

class Device;
class Stream;
class Event;

class World {
 public:
  explicit World(WorldOptions options = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();  // after everything made from it

  Device device();

  // The n-th call (from 1) of those that return a Status or Result, since the beginning, meets the fault. Calls that
  // have nothing to do (copying 0 bytes) do not count.
  void fail_at_call(std::uint64_t n, Fault fault);
  std::uint64_t calls() const { return calls_; }
  // The n-th copy (from 1, from now on) of `size` bytes arrives with its byte `at` changed by `mask`: a wrong answer.
  void spoil_copy(std::size_t size, std::uint64_t n, std::size_t at, std::byte mask);
  bool spoiled() const { return spoil_.done; }
  // Runs all that is queued, as cudaDeviceSynchronize(). Not a call that can fail.
  void finish();

  const Copied& copied() const { return copied_; }
  // Of the launches that have run: all together, and by the kernel's name as in C++.
  Counters counters() const;
  const std::map<std::string, Counters>& kernels() const { return kernels_; }

  // Whether a queued operation names any of it. Kernels name what their Args point to.
  bool in_use(const void* data, std::size_t size) const;
  // Writes 0xa5 over it: what a test's batch home does to a batch that came back, so that reading it later is seen.
  static void poison(void* data, std::size_t size);
  // Memory freed or unpinned while the device hung with work left: on a real one that would never have returned.
  std::uint64_t frees_that_block() const { return frees_that_block_; }
  // The device is given up: owners keep what they have, the world ends with it.
  void leave() { left_ = true; }
  bool left() const { return left_; }

  // --- What Device and the owners below are made of.
  struct Operation;
  struct Lane;  // a stream
  struct Mark;  // an event
  enum class Kind : unsigned char { kDevice, kPinned, kPinnedByCaller };

  Status make(Lane*& out);
  Status make(Mark*& out, bool timed);
  Status allocate(std::byte*& out, std::size_t size, Kind kind);
  void free(std::byte* data);
  Status pin(void* data, std::size_t size);
  Status unpin(void* data);
  Status copy_runs(Lane& lane, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                   std::size_t width, std::size_t rows);
  Status zero(Lane& lane, void* to, std::size_t size);
  Status record(Mark& mark, Lane& lane);
  Status wait(Lane& lane, Mark& mark);
  Result<bool> passed(const Mark& mark);
  Result<double> seconds_between(const Mark& begin, const Mark& end);
  Status launch(Lane& lane, const standin::Kernel& kernel, Grid grid, const void* args, std::size_t args_bytes);
  // Sorts; `flip` says whether the result is where the other arrays were.
  Status sort(Lane& lane, void* scratch, std::size_t scratch_bytes, std::uint64_t* const keys[2],
              std::uint32_t* const values[2], std::size_t n, int begin_bit, int end_bit, bool& flip);
  std::uint64_t memory_free() const;
  unsigned multiprocessors() const { return options_.multiprocessors; }

 private:
  struct State;
  struct Span {
    std::uintptr_t begin = 0;
    std::size_t size = 0;
  };
  Status call(const char* what);
  void enqueue(Lane& lane, std::unique_ptr<Operation> operation);
  bool step();  // runs one operation; false where there is none, or the device does not move
  void stop();
  void lose();
  const Kind& kind_of(const void* data, std::size_t size, const char* what) const;
  void let_go(const void* data, std::size_t size, const char* what);

  struct Spoil {
    std::size_t size = 0;
    std::uint64_t copies_left = 0;
    std::size_t at = 0;
    std::byte mask{};
    bool done = false;
  };

  WorldOptions options_;
  Spoil spoil_;
  std::unique_ptr<State> state_;
  std::uint64_t calls_ = 0;
  std::uint64_t fault_call_ = 0;
  std::uint64_t frees_that_block_ = 0;
  bool left_ = false;
  Copied copied_;
  std::map<std::string, Counters> kernels_;
};

class Stream {
 public:
  Stream() = default;
  Stream(Stream&& other) noexcept : lane_(std::exchange(other.lane_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(lane_, other.lane_);
    return *this;
  }
  ~Stream() = default;  // what is queued still runs, as in CUDA

 private:
  friend class Device;
  World::Lane& lane() const {
    MARQUEE_CHECK(lane_ != nullptr);  // CUDA would quietly take its default stream
    return *lane_;
  }
  World::Lane* lane_ = nullptr;
};

class Event {
 public:
  Event() = default;
  Event(Event&& other) noexcept : mark_(std::exchange(other.mark_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(mark_, other.mark_);
    return *this;
  }
  ~Event() = default;

 private:
  friend class Device;
  World::Mark& mark() const {
    MARQUEE_CHECK(mark_ != nullptr);
    return *mark_;
  }
  World::Mark* mark_ = nullptr;
};

template <World::Kind kKind>
class Memory {
 public:
  Memory() = default;
  Memory(Memory&& other) noexcept
      : world_(other.world_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(world_, other.world_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Memory() {
    if (data_ != nullptr && !world_->left()) world_->free(data_);
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  friend class Device;
  World* world_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};
using DeviceMemory = Memory<World::Kind::kDevice>;  // its beginning is 0xa5 when allocated
using PinnedMemory = Memory<World::Kind::kPinned>;

class Device {
 public:
  explicit Device(World& world) : world_(&world), memory_free_(world.memory_free()) {}

  std::uint64_t memory_free() const { return memory_free_; }
  void leave() const { world_->leave(); }
  unsigned multiprocessors() const { return world_->multiprocessors(); }

  Status make(Stream& out) const { return world_->make(out.lane_); }
  Status make(Event& out) const { return world_->make(out.mark_, false); }
  Status make_timed(Event& out) const { return world_->make(out.mark_, true); }
  template <World::Kind kKind>
  Status allocate(Memory<kKind>& out, std::size_t size) const {
    MARQUEE_CHECK(out.data_ == nullptr);
    Status s = world_->allocate(out.data_, size, kKind);
    if (s.ok()) {
      out.world_ = world_;
      out.size_ = size;
    }
    return s;
  }
  Status pin(void* data, std::size_t size) const { return world_->pin(data, size); }
  Status unpin(void* data) const { return world_->unpin(data); }

  Status copy(const Stream& stream, void* to, const void* from, std::size_t size) const {
    return copy_runs(stream, to, size, from, size, size, 1);
  }
  Status copy_runs(const Stream& stream, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                   std::size_t width, std::size_t rows) const {
    if (width == 0 || rows == 0) return {};
    return world_->copy_runs(stream.lane(), to, to_pitch, from, from_pitch, width, rows);
  }
  Status zero(const Stream& stream, void* to, std::size_t size) const {
    if (size == 0) return {};
    return world_->zero(stream.lane(), to, size);
  }
  Status record(const Event& event, const Stream& stream) const { return world_->record(event.mark(), stream.lane()); }
  Status wait(const Stream& stream, const Event& event) const { return world_->wait(stream.lane(), event.mark()); }
  Result<bool> passed(const Event& event) const { return world_->passed(event.mark()); }
  // By the host's clock.
  Result<double> seconds_between(const Event& begin, const Event& end) const {
    return world_->seconds_between(begin.mark(), end.mark());
  }

  template <class K>
  Status launch(const Stream& stream, Grid grid, const typename K::Args& args) const {
    using Args = typename K::Args;
    using Shared = typename K::Shared;
    static_assert(std::is_trivially_copyable_v<Args> && sizeof(Args) <= 4096 && alignof(Args) <= 16);
    static_assert(std::is_trivially_copyable_v<Shared> && std::is_trivially_default_constructible_v<Shared>);
    static_assert(sizeof(Shared) <= 227 * 1024, "the most that a block may have on sm_90");
    static_assert(K::kThreads > 0 && K::kThreads <= 1024);
    if (grid.blocks == 0 || grid.rows == 0) return {};
    const standin::Kernel kernel{typeid(K).name(), K::kThreads, sizeof(Shared), [](void* shared, const void* given) {
                                   K::run(*static_cast<Shared*>(shared), *static_cast<const Args*>(given));
                                 }};
    return world_->launch(stream.lane(), kernel, grid, &args, sizeof args);
  }
  Status sort(const Stream& stream, void* scratch, std::size_t scratch_bytes, std::uint64_t* const keys[2],
              std::uint32_t* const values[2], std::size_t n, int begin_bit, int end_bit, bool& flip) const {
    return world_->sort(stream.lane(), scratch, scratch_bytes, keys, values, n, begin_bit, end_bit, flip);
  }

 private:
  World* world_;
  std::uint64_t memory_free_;
};

inline Device World::device() {
  return Device(*this);
}

}  // namespace marquee::gpu
