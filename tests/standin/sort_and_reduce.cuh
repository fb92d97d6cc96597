// The stand-in's baseline: src/kernels/device/sort_and_reduce.cuh has the contract. On the host, in the order of the
// calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "kernels/table.cuh"
#include "runtime.cuh"

namespace marquee::gpu {

struct SortAndReduce {
  struct Args {
    const std::uint32_t* item;
    const std::uint32_t* combination;
    const std::uint32_t* watch_ms;
    const std::uint32_t* group_of;
    std::uint32_t count;
    std::byte* memory;
    std::size_t memory_bytes;
  };
  struct Sums {
    const std::uint64_t* keys = nullptr;
    const std::uint64_t* deltas = nullptr;
    std::size_t count = 0;
  };

  static std::size_t memory_bytes(std::size_t n) { return n * 16; }

  static Status run(const Device& device, const Stream& stream, const Args& args, Sums& out) {
    Event before;
    if (Status s = device.make(before); !s.ok()) return s;
    if (Status s = device.record(before, stream); !s.ok()) return s;
    while (true) {
      const Result<bool> passed = device.passed(before);
      if (!passed.ok()) return passed.status();
      if (passed.value()) break;
    }
    std::map<std::uint64_t, std::uint64_t> sums;
    for (std::uint32_t i = 0; i < args.count; ++i) {
      sums[entry_key(GroupId{args.group_of[args.combination[i]]}, ItemId{args.item[i]})] +=
          PackedDelta::of(1, args.watch_ms[i]);
    }
    auto* const keys = reinterpret_cast<std::uint64_t*>(args.memory);
    auto* const deltas = keys + args.count;
    out = {keys, deltas, 0};
    for (const auto& [key, delta] : sums) {
      keys[out.count] = key;
      deltas[out.count++] = delta;
    }
    return {};
  }
};

}  // namespace marquee::gpu
