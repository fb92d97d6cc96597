// What one would write without marquee's kernels: sums by key from Thrust's sort_by_key and reduce_by_key. A baseline
// of the benchmarks, not part of the product. The tests' stand-in has the same declarations.
#pragma once

#include <thrust/copy.h>
#include <thrust/execution_policy.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include <cstddef>
#include <cstdint>
#include <exception>

#include "kernels/table.cuh"
#include "runtime.cuh"

namespace marquee::gpu {

struct SortAndReduce {
  struct Args {  // columns[count], on the device
    const std::uint32_t* item;
    const std::uint32_t* combination;
    const std::uint32_t* watch_ms;
    const std::uint32_t* group_of;  // [combination]
    std::uint32_t count;
    std::byte* memory;  // memory_bytes(count), of the device
    std::size_t memory_bytes;
  };
  struct Sums {                             // in that memory
    const std::uint64_t* keys = nullptr;    // entry_key(); ascending
    const std::uint64_t* deltas = nullptr;  // PackedDelta
    std::size_t count = 0;
  };

  // Four arrays of our own, and what Thrust asks for: a second copy of keys and values, and little more.
  static std::size_t memory_bytes(std::size_t n) { return n * (28 + 24) + (std::size_t{64} << 20); }

  // Waits for the device: reduce_by_key() says how many keys there are.
  static Status run(const Device&, const Stream& stream, const Args& args, Sums& out) {
    const std::size_t n = args.count;
    // Thrust's own allocations are cudaMalloc, which would be most of what is measured.
    Pool pool{args.memory, args.memory + args.memory_bytes};
    auto* const keys = reinterpret_cast<std::uint64_t*>(pool.take(n * 8));
    auto* const key_sums = reinterpret_cast<std::uint64_t*>(pool.take(n * 8));
    auto* const deltas = reinterpret_cast<std::uint64_t*>(pool.take(n * 8));
    auto* const watch_ms = reinterpret_cast<std::uint32_t*>(pool.take(n * 4));
    Pool::Allocator allocator{&pool};
    try {
      const auto on = thrust::cuda::par(allocator).on(stream.raw());
      thrust::transform(on, thrust::counting_iterator<std::uint32_t>(0),
                        thrust::counting_iterator<std::uint32_t>(args.count), keys, KeyOf{args});
      thrust::copy(on, args.watch_ms, args.watch_ms + n, watch_ms);
      thrust::sort_by_key(on, keys, keys + n, watch_ms);
      const auto ends = thrust::reduce_by_key(on, keys, keys + n, thrust::make_transform_iterator(watch_ms, OneEvent{}),
                                              key_sums, deltas);
      out = {key_sums, deltas, static_cast<std::size_t>(ends.first - key_sums)};
    } catch (const std::exception& error) {
      return {Code::kUnavailable, std::string("Thrust gave up: ") + error.what()};
    }
    return {};
  }

  struct KeyOf {
    Args args;
    SIMT_BOTH std::uint64_t operator()(std::uint32_t i) const {
      return entry_key(GroupId{args.group_of[args.combination[i]]}, ItemId{args.item[i]});
    }
  };
  struct OneEvent {
    SIMT_BOTH std::uint64_t operator()(std::uint32_t watch_ms) const { return PackedDelta::of(1, watch_ms); }
  };

 private:
  // Hands out memory from its beginning to its end, and takes nothing back.
  struct Pool {
    std::byte* next;
    std::byte* end;
    std::byte* take(std::size_t bytes) {
      bytes = (bytes + 255) / 256 * 256;
      if (bytes > static_cast<std::size_t>(end - next)) throw std::bad_alloc();
      return std::exchange(next, next + bytes);
    }
    struct Allocator {
      using value_type = char;
      Pool* pool;
      char* allocate(std::ptrdiff_t bytes) {
        return reinterpret_cast<char*>(pool->take(static_cast<std::size_t>(bytes)));
      }
      void deallocate(char*, std::size_t) {}
    };
  };
};

}  // namespace marquee::gpu
