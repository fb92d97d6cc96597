// Kernels that use everything simt.cuh has, each so small that the host can say at once what must come out. In the
// dialect of README.md.
#pragma once

#include <cstdint>

#include "kernels/trials/trials.hpp"
#include "simt.cuh"

namespace marquee::gpu {

// counts[v] += how often v occurs in values[n]; v < kBuckets. More shared memory than a kernel gets without asking.
struct HistogramKernel {
  static constexpr unsigned kThreads = 256;
  static constexpr unsigned kBuckets = Trials::kBuckets;
  struct Args {
    const std::uint32_t* values;
    std::uint64_t n;
    std::uint64_t* counts;
  };
  struct Shared {
    std::uint32_t counts[kBuckets];
  };
  static SIMT_DEVICE void run(Shared& shared, const Args& args) {
    for (unsigned i = simt::thread(); i < kBuckets; i += kThreads) shared.counts[i] = 0;
    simt::barrier();
    const std::uint64_t step = std::uint64_t{simt::blocks()} * kThreads;
    for (std::uint64_t i = std::uint64_t{simt::block()} * kThreads + simt::thread(); i < args.n; i += step) {
      simt::shared::add(&shared.counts[simt::stream_load(args.values + i)], 1u);
    }
    simt::barrier();
    for (unsigned i = simt::thread(); i < kBuckets; i += kThreads) {
      if (shared.counts[i] != 0) simt::global::add(args.counts + i, std::uint64_t{shared.counts[i]});
    }
  }
};

// answers[i] to values[i].
struct WarpKernel {
  static constexpr unsigned kThreads = Trials::kWarpBlock;
  struct Args {
    const std::uint32_t* values;
    std::uint64_t n;
    WarpAnswer* answers;
  };
  struct Shared {};
  static SIMT_DEVICE void run(Shared&, const Args& args) {
    const std::uint64_t i = std::uint64_t{simt::block()} * kThreads + simt::thread();
    const std::uint32_t value = i < args.n ? args.values[i] : 0;  // lanes beyond the end arrive with a 0
    WarpAnswer answer{};
    answer.odd_lanes = simt::ballot(simt::kAllLanes, (value & 1) != 0);
    if ((value & 1) != 0) {
      answer.twos = simt::ballot(answer.odd_lanes, (value & 2) != 0);
      simt::warp_barrier(answer.odd_lanes);
    }
    answer.from_next = simt::shuffle(simt::kAllLanes, value, (simt::lane() + 1) % simt::kWarp);
    answer.from_before = simt::shuffle_up(simt::kAllLanes, value, 1);
    answer.lowest_bit = value == 0 ? 32 : simt::lowest_bit(value);
    answer.bits_set = simt::bits_set(value);
    answer.bit_width = simt::bit_width(std::uint64_t{value} << 32 | value);
    answer.lane_and_warp = simt::warp() * simt::kWarp + simt::lane();
    if (i < args.n) args.answers[i] = answer;
  }
};

// Every atomic. A row of the grid has as many threads as there are values, or more.
struct AtomicKernel {
  static constexpr unsigned kThreads = Trials::kAtomicBlock;
  struct Args {
    const std::uint64_t* values;
    std::uint64_t n;
    AtomicSums* sums;
    std::uint64_t* taken;  // [rows * n]: each thread's value + row, in the order of its ticket
  };
  struct Shared {
    std::uint64_t chair;
    std::uint32_t arrived;
    std::uint32_t last_arrived;
  };
  static SIMT_DEVICE void run(Shared& shared, const Args& args) {
    const std::uint64_t i = std::uint64_t{simt::block()} * simt::threads() + simt::thread();
    if (simt::thread() == 0) shared = Shared{0, 0, 0};
    simt::barrier();
    if (simt::shared::compare_swap(&shared.chair, 0, 1 + simt::thread()) == 0) {
      simt::global::fetch_add(&args.sums->chairs, 1u);
    }
    // Of those that count themselves in, exactly one is the last.
    if (simt::shared::fetch_add(&shared.arrived, 1u) + 1 == simt::threads()) simt::store(&shared.last_arrived, 1u);
    simt::barrier();
    if (simt::load(&shared.last_arrived) != 1 || i >= args.n) return;
    const std::uint64_t value = args.values[i] + simt::row();
    simt::global::add(&args.sums->sum, value);
    simt::global::add(&args.sums->count, 1u);
    simt::global::fetch_add(&args.sums->ones, std::uint64_t{1} + simt::row());
    simt::global::max(&args.sums->largest, value);
    simt::global::bit_or(&args.sums->bits, static_cast<std::uint32_t>(value));
    simt::global::compare_swap(&args.sums->first, 0, value);
    args.taken[simt::global::fetch_add(&args.sums->tickets, 1u)] = value;
  }
};

// For a sort of rows by group, then views descending: keys and the positions that go with them.
struct RowKeysKernel {
  static constexpr unsigned kThreads = 256;
  struct Args {
    const std::uint64_t* row_key;
    const std::uint64_t* row_views;
    std::uint64_t n;
    std::uint64_t views_max;
    std::uint32_t views_bits;
    std::uint64_t* keys;
    std::uint32_t* positions;
  };
  struct Shared {};
  static SIMT_DEVICE void run(Shared&, const Args& args) {
    const std::uint64_t step = std::uint64_t{simt::blocks()} * kThreads;
    for (std::uint64_t i = std::uint64_t{simt::block()} * kThreads + simt::thread(); i < args.n; i += step) {
      args.keys[i] = args.row_key[i] >> 32 << args.views_bits | (args.views_max - args.row_views[i]);
      args.positions[i] = static_cast<std::uint32_t>(i);
    }
  }
};

// Does next to nothing: what is left is the launch.
struct TickKernel {
  static constexpr unsigned kThreads = 32;
  struct Args {
    std::uint64_t* ticks;
  };
  struct Shared {};
  static SIMT_DEVICE void run(Shared&, const Args& args) {
    if (simt::thread() == 0) simt::global::add(args.ticks, std::uint64_t{1});
  }
};

}  // namespace marquee::gpu
