// Trials: small jobs for a GPU through runtime.cuh, simt.cuh and primitives.cuh, behind a header with no CUDA type in
// it, so that tests/gpu and bench/gpu are plain C++. Not part of the product.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/status.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee::gpu {

// What the lanes of a warp say to each other, for one value.
struct WarpAnswer {
  std::uint32_t odd_lanes = 0;      // lanes whose value is odd
  std::uint32_t twos = 0;           // odd values: the odd lanes whose value has bit 1 too; even ones: 0
  std::uint32_t from_next = 0;      // value of the next lane, the last lane's being the first's
  std::uint32_t from_before = 0;    // value of the lane below, the first lane's being its own
  std::uint32_t lowest_bit = 0;     // of the value; 32 where it is 0
  std::uint32_t bits_set = 0;       // of the value
  std::uint32_t bit_width = 0;      // of (value << 32 | value)
  std::uint32_t lane_and_warp = 0;  // warp * 32 + lane, within the block
  bool operator==(const WarpAnswer&) const = default;
};

// What atomics add up over all rows r of all values v. Row r treats v + r.
struct AtomicSums {
  std::uint64_t sum = 0;      // of v + r
  std::uint64_t largest = 0;  // v + r
  std::uint64_t ones = 0;     // sum of 1 + r
  std::uint64_t first = 0;    // some v + r: the one that found 0 here
  std::uint32_t count = 0;    // of values, times rows
  std::uint32_t bits = 0;     // or of the low halves of v + r
  std::uint32_t tickets = 0;  // as count
  std::uint32_t chairs = 0;   // one a block and row: its thread that found the block's chair free
};

// Events in columns, all of one leaderboard and one pane. Spans of the same size, into host memory.
struct EventColumns {
  std::span<const std::uint32_t> item;
  std::span<const std::uint32_t> combination;
  std::span<const std::uint32_t> watch_ms;
};

enum class CopyPath { kHostToDevice, kDeviceToHost, kWithinDevice };

// Owns the device's objects. One thread. Every call waits for the device, and its inputs and answers are host memory;
// an error means that the device is lost.
class Trials {
 public:
  // kUnavailable and why, where there is no device that the engine would take.
  static Result<std::unique_ptr<Trials>> open();
  // "CUDA 13.0": the runtime that is linked in.
  static std::string runtime();
  ~Trials();
  Trials(const Trials&) = delete;
  Trials& operator=(const Trials&) = delete;

  // --- Jobs with an answer
  static constexpr std::uint32_t kBuckets = 16384;
  static constexpr std::uint32_t kWarpBlock = 96;     // threads of warp_answers()
  static constexpr std::uint32_t kAtomicBlock = 128;  // threads of atomics()
  // counts[kBuckets] of values, each below kBuckets.
  Result<std::vector<std::uint64_t>> histogram(std::span<const std::uint32_t> values, unsigned blocks);
  Result<std::vector<WarpAnswer>> warp_answers(std::span<const std::uint32_t> values);
  struct AtomicAnswer {
    AtomicSums sums;
    std::vector<std::uint64_t> taken;  // every v + r, in some order
  };
  Result<AtomicAnswer> atomics(std::span<const std::uint64_t> values, unsigned rows);
  // Sorts both in place by the key's bits [begin_bit, end_bit), stably. keys.size() == values.size().
  Status sort(std::vector<std::uint64_t>& keys, std::vector<std::uint32_t>& values, int begin_bit, int end_bit);
  // The bytes after a way up on one stream, across the device on a second and down on a third, events between them.
  Result<std::vector<std::byte>> round_trip(std::span<const std::byte> bytes);

  // --- Timings, in seconds by the host's clock
  // One of `times` copies of `size` bytes, one after the other. An error where the bytes that arrive are not those
  // sent.
  Result<double> copy_seconds(CopyPath path, std::size_t size, unsigned times);
  // One of `times` launches, put into the stream back to back.
  Result<double> launch_seconds(unsigned times);
  // From before a launch until the host has seen an event behind it; the median of `times`.
  Result<double> launch_and_wait_seconds(unsigned times);

  // --- The engine's own work, in seconds by the device's clock where nothing else is said
  // Puts events on the device, and makes a table there with room for `keys` keys: what lay there before is gone.
  // group_of[combination]; below 2^23 events of a key and 2^41 ms of its watch time.
  Status load_events(const EventColumns& events, std::uint32_t keys, std::span<const std::uint32_t> group_of);
  // Aggregate over those events, `batch` of them a launch, into the table, which is emptied first (not timed).
  Result<double> aggregate(std::uint32_t batch);
  // What the table holds; in no order.
  Result<std::vector<PartialRow>> aggregated();
  // The same sums by a sort of all events by key and a reduction of what is equal, as one writes it with Thrust.
  Result<double> sort_and_reduce();
  Result<std::vector<PartialRow>> reduced();
  // Puts rows on the device; below 2^31.
  Status load_rows(std::span<const PartialRow> rows);
  // Sorts them all by group, then views descending; group_bound is above every group, views_max no less than any views.
  Result<double> sort_rows(std::uint32_t group_bound, std::uint64_t views_max);
  // Positions in `rows`, in that order.
  Result<std::vector<std::uint32_t>> sorted_rows();
  // The CUDA engine on this device; it goes before *this.
  Result<std::unique_ptr<Engine>> make_engine(const EngineConfig& config);
  // Waits until everything submitted to an engine of make_engine() is in its tables.
  static Status settle(Engine& engine);

 private:
  struct Parts;
  explicit Trials(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace marquee::gpu
