// Updates: what the host has learnt since the last batch, written where the kernels read it: which group a combination
// is, the text of items, where tables lie. One small launch before a batch that brings any.
#pragma once

#include <cstdint>

#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

struct GroupUpdate {
  std::uint32_t at;  // into group_of
  std::uint32_t group;
};
struct TextUpdate {
  std::uint64_t words[tuning::kTextWords];  // the text's bytes, the first in the highest place, zeros behind its end
  std::uint32_t item;
  std::uint32_t unused;
};

struct Updates {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    const GroupUpdate* groups;
    const TextUpdate* texts;
    const TableRef* tables;
    std::uint32_t group_count;
    std::uint32_t text_count;
    std::uint32_t table_count;
    std::uint32_t items;      // stride of `words`
    std::uint32_t* group_of;  // [leaderboard * combinations + combination]
    std::uint64_t* words;     // [word * items + item]
    TableRef* table_list;     // by number
  };
  struct Shared {};

  // No element is named twice in one launch.
  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    const std::uint64_t begin = std::uint64_t{kThreads} * simt::block() + simt::thread();
    for (std::uint64_t i = begin; i < args.group_count; i += stride) {
      args.group_of[args.groups[i].at] = args.groups[i].group;
    }
    for (std::uint64_t i = begin; i < args.text_count; i += stride) {
      for (unsigned w = 0; w < tuning::kTextWords; ++w) {
        args.words[std::uint64_t{w} * args.items + args.texts[i].item] = args.texts[i].words[w];
      }
    }
    for (std::uint64_t i = begin; i < args.table_count; i += stride) {
      args.table_list[args.tables[i].number] = args.tables[i];
    }
  }
};

}  // namespace marquee::gpu
