// Live: which items and groups the rows of tables hold, as bits.
#pragma once

#include <cstdint>

#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

struct LiveTask {
  TableRef table;
  std::uint32_t rows;
  std::uint32_t leaderboard;
};

struct Live {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    const LiveTask* tasks;  // [grid rows]
    std::uint32_t* items;   // bit i of word i / 32: item i
    std::uint32_t* groups;  // [leaderboard * group_words + word]
    std::uint32_t group_words;
  };
  struct Shared {};

  SIMT_DEVICE static void set(std::uint32_t* words, std::uint32_t id) {
    const std::uint32_t bit = 1u << (id % 32);
    if ((simt::load(&words[id / 32]) & bit) == 0) simt::global::bit_or(&words[id / 32], bit);
  }

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const LiveTask task = args.tasks[simt::row()];
    const std::uint32_t stride = kThreads * simt::blocks();
    for (std::uint64_t i = kThreads * simt::block() + simt::thread(); i < task.rows; i += stride) {
      const std::uint64_t key = task.table.row_key()[i];
      set(args.items, raw(item_of(key)));
      set(args.groups + std::uint64_t{task.leaderboard} * args.group_words, raw(group_of(key)));
    }
  }
};

}  // namespace marquee::gpu
