// Ranking: the top K rows of every group of one table, exactly: measure descending, then text ascending.
//
//   Histogram, Threshold    only without a floor and with many rows: a value that K rows of each large group reach
//   Select                  one pass over the rows: what each group's events come to; candidates at or above its floor
//   Keys (+ sort)           candidates by text (least significant first), then by group and measure
//   Bounds, Places, Take    where each group begins; its first K, and what ties with the last of them
//
// Text is compared by its first kTextWords words; what is equal in all of them is told (Take) and settled by the host.
#pragma once

#include <cstdint>

#include "core/job.hpp"
#include "kernels/block_cache.cuh"
#include "kernels/block_scan.cuh"
#include "kernels/table.cuh"
#include "kernels/tuning.hpp"
#include "simt.cuh"

namespace marquee::gpu {

// The rows that are ranked. Groups are below group_bound.
struct RankRows {
  const std::uint64_t* key;
  const std::uint64_t* views;
  const std::uint64_t* watch_ms;
  std::uint32_t count;
  std::uint32_t by_views;  // 1: measure is views, 0: watch time

  SIMT_DEVICE std::uint64_t measure(std::uint64_t row) const { return by_views != 0 ? views[row] : watch_ms[row]; }
};

// --- Floors ---------------------------------------------------------------------------------------------------------

// Values below 16 have a bin each; above, eight to a power of two. Rises with the value.
SIMT_DEVICE std::uint32_t histogram_bin(std::uint64_t value) {
  if (value < 16) return static_cast<std::uint32_t>(value);
  const unsigned exponent = simt::bit_width(value) - 1;
  return 16 + (exponent - 4) * 8 + (static_cast<std::uint32_t>(value >> (exponent - 3)) & 7);
}
// The least value of a bin.
SIMT_DEVICE std::uint64_t histogram_floor(std::uint32_t bin) {
  if (bin < 16) return bin;
  const unsigned exponent = (bin - 16) / 8 + 4;
  return std::uint64_t{8 + (bin - 16) % 8} << (exponent - 3);
}
static_assert(16 + (63 - 4) * 8 + 8 <= tuning::kHistogramBins);

struct Histogram {
  static constexpr unsigned kThreads = tuning::kAggregateThreads;
  using Cache = BlockCache<tuning::kCacheSlots, tuning::kCacheProbes>;

  struct Args {
    RankRows rows;
    std::uint32_t* bins;  // [group * kHistogramBins + bin], zero before
  };
  struct Shared {
    Cache::Shared cache;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    Cache::clear(shared.cache);
    simt::barrier();
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t i = std::uint64_t{kThreads} * simt::block() + simt::thread(); i < args.rows.count; i += stride) {
      const std::uint64_t key = args.rows.key[i];
      if (raw(item_of(key)) == 0 || args.rows.views[i] == 0) continue;
      const std::uint64_t at =
          std::uint64_t{raw(group_of(key))} * tuning::kHistogramBins + histogram_bin(args.rows.measure(i));
      if (Cache::add(shared.cache, at + 1, entry_hash(at + 1), 1, 0) == Cache::Outcome::kFull) {
        simt::global::add(&args.bins[at], 1);
      }
    }
    simt::barrier();
    Cache::drain(shared.cache, [&](std::uint64_t key, std::uint32_t count, std::uint64_t) {
      simt::global::add(&args.bins[key - 1], count);
    });
  }
};

// One warp a group: the least value of the bin that holds its K-th row; 0 where it has fewer.
struct Threshold {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    const std::uint32_t* bins;
    std::uint32_t group_bound;
    std::uint32_t top;
    std::uint64_t* floors;  // [group_bound]
  };
  struct Shared {};

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const std::uint32_t group = (kThreads * simt::block() + simt::thread()) / simt::kWarp;
    if (group >= args.group_bound) return;  // whole warps
    const std::uint32_t* const bins = args.bins + std::uint64_t{group} * tuning::kHistogramBins;
    std::uint64_t floor = 0;
    std::uint32_t above = 0;
    for (std::uint32_t from = tuning::kHistogramBins; from > 0; from -= simt::kWarp) {
      // Lane 0 has the highest bin.
      const std::uint32_t bin = from - 1 - simt::lane();
      std::uint32_t sum = bins[bin];
      for (unsigned delta = 1; delta < simt::kWarp; delta *= 2) {
        const std::uint32_t before = simt::shuffle_up(simt::kAllLanes, sum, delta);
        if (simt::lane() >= delta) sum += before;
      }
      const std::uint32_t reached = simt::ballot(simt::kAllLanes, above + sum >= args.top);
      if (reached != 0) {
        floor = histogram_floor(from - 1 - simt::lowest_bit(reached));
        break;
      }
      above += simt::shuffle(simt::kAllLanes, sum, simt::kWarp - 1);
    }
    if (simt::lane() == 0) args.floors[group] = floor;
  }
};

// --- Candidates -----------------------------------------------------------------------------------------------------

// What a ranking comes to, in one place that the host reads.
struct RankCounts {
  std::uint64_t measure_max;  // of the candidates
  std::uint32_t candidates;
  std::uint32_t without_views;  // rows
  std::uint32_t taken;
  std::uint32_t ties;    // rows taken that equal the one before in measure and words
  std::uint32_t extras;  // rows not taken that equal the last one taken
  std::uint32_t unused;
};

struct Select {
  static constexpr unsigned kThreads = tuning::kAggregateThreads;
  using Cache = BlockCache<tuning::kCacheSlots / 2, tuning::kCacheProbes>;
  using Claim = BlockClaim<kThreads, 2>;

  struct Args {
    RankRows rows;
    const std::uint64_t* floors;  // [group_bound]
    std::uint64_t* events;        // [group_bound], zero before
    std::uint32_t* refused;       // [group_bound], zero before: 1 where the group has a mark
    std::uint32_t* candidates;    // rows
    RankCounts* counts;           // zero before
  };
  struct Shared {
    Cache::Shared cache;
    Claim::Shared claim;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    Cache::clear(shared.cache);
    simt::barrier();
    std::uint64_t measure_max = 0;
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = std::uint64_t{kThreads} * simt::block(); first < args.rows.count; first += stride) {
      const std::uint64_t i = first + simt::thread();
      std::uint32_t wants = 0;
      if (i < args.rows.count) {
        const std::uint64_t key = args.rows.key[i];
        const std::uint64_t views = args.rows.views[i];
        const std::uint32_t group = raw(group_of(key));
        if (views == 0) {
          wants = 2;
        } else {
          if (views > 0xffffffffu || Cache::add(shared.cache, group + std::uint64_t{1}, entry_hash(group + 1), 0,
                                                static_cast<std::uint32_t>(views)) == Cache::Outcome::kFull) {
            simt::global::add(&args.events[group], views);
          }
          if (raw(item_of(key)) == 0) {
            simt::store(&args.refused[group], 1u);
          } else {
            const std::uint64_t measure = args.rows.measure(i);
            if (measure >= args.floors[group]) wants = 1;
            if (wants == 1 && measure > measure_max) measure_max = measure;
          }
        }
      }
      std::uint32_t* const counters[2] = {&args.counts->candidates, &args.counts->without_views};
      std::uint32_t place[2];
      Claim::claim(shared.claim, counters, wants, place);
      if (wants == 1) args.candidates[place[0]] = static_cast<std::uint32_t>(i);
    }
    if (measure_max > simt::load(&args.counts->measure_max)) {
      simt::global::max(&args.counts->measure_max, measure_max);
    }
    // Behind the barriers of the last claim, or that after clear(), nobody has added.
    Cache::drain(shared.cache, [&](std::uint64_t key, std::uint32_t, std::uint64_t views) {
      simt::global::add(&args.events[key - 1], views);
    });
  }
};

// --- Order ----------------------------------------------------------------------------------------------------------

// The sort key of each candidate. word < kTextWords: that word of the item's text. Else: the group above measure_bits
// of the measure, inverted; with group_only or measure_only where both do not fit 64 bits.
struct Keys {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  enum class What : std::uint32_t { kWord, kGroupAndMeasure, kMeasure, kGroup };

  struct Args {
    RankRows rows;
    const std::uint32_t* candidates;  // [count]
    std::uint32_t count;
    What what;
    std::uint32_t word;
    std::uint32_t measure_bits;
    const std::uint64_t* words;  // [word * items + item]
    std::uint32_t items;
    std::uint64_t* keys;  // [count]
  };
  struct Shared {};

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t i = std::uint64_t{kThreads} * simt::block() + simt::thread(); i < args.count; i += stride) {
      const std::uint32_t row = args.candidates[i];
      const std::uint64_t key = args.rows.key[row];
      std::uint64_t out = 0;
      if (args.what == What::kWord) {
        out = args.words[std::uint64_t{args.word} * args.items + raw(item_of(key))];
      } else if (args.what == What::kGroup) {
        out = raw(group_of(key));
      } else {
        const std::uint64_t mask =
            args.measure_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << args.measure_bits) - 1;
        out = mask & ~args.rows.measure(row);
        if (args.what == What::kGroupAndMeasure) out |= std::uint64_t{raw(group_of(key))} << args.measure_bits;
      }
      args.keys[i] = out;
    }
  }
};

// Where each group's candidates lie in their order: [begin, end), both zero before.
struct Bounds {
  static constexpr unsigned kThreads = tuning::kWalkThreads;

  struct Args {
    const std::uint64_t* key;         // of rows
    const std::uint32_t* candidates;  // [count], in order
    std::uint32_t count;
    std::uint32_t* begin;  // [group_bound]
    std::uint32_t* end;    // [group_bound]
  };
  struct Shared {};

  SIMT_DEVICE static void run(Shared&, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t i = std::uint64_t{kThreads} * simt::block() + simt::thread(); i < args.count; i += stride) {
      const GroupId group = group_of(args.key[args.candidates[i]]);
      if (i == 0 || group_of(args.key[args.candidates[i - 1]]) != group) {
        args.begin[raw(group)] = static_cast<std::uint32_t>(i);
      }
      if (i + 1 == args.count || group_of(args.key[args.candidates[i + 1]]) != group) {
        args.end[raw(group)] = static_cast<std::uint32_t>(i + 1);
      }
    }
  }
};

// Where each group's taken rows go: [place, place + min(end - begin, top)).
struct Places {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Scan = BlockScan<kThreads>;

  struct Args {
    const std::uint32_t* begin;
    const std::uint32_t* end;
    std::uint32_t group_bound;
    std::uint32_t top;
    std::uint32_t* place;  // [group_bound]
    RankCounts* counts;
  };
  struct Shared {
    Scan::Shared scan;
    std::uint32_t base;
  };

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = std::uint64_t{kThreads} * simt::block(); first < args.group_bound; first += stride) {
      const std::uint64_t group = first + simt::thread();
      std::uint32_t taken = 0;
      if (group < args.group_bound) {
        const std::uint32_t size = args.end[group] - args.begin[group];
        taken = size < args.top ? size : args.top;
      }
      std::uint32_t total;
      const std::uint32_t before = Scan::exclusive(shared.scan, taken, total);
      if (simt::thread() == 0) shared.base = total == 0 ? 0 : simt::global::fetch_add(&args.counts->taken, total);
      simt::barrier();
      if (group < args.group_bound) args.place[group] = shared.base + before;  // written behind the next scan's barrier
    }
  }
};

// A row of the ranking, as the host reads it.
struct TakenRow {
  std::uint32_t item;
  std::uint32_t tied;  // 1: equals the row before it in measure and words; their order is the host's to settle
  std::uint64_t views;
  std::uint64_t watch_ms;
};
// A row that was not taken and equals the last one that was, in measure and words.
struct ExtraRow {
  std::uint32_t group;
  std::uint32_t item;
  std::uint64_t views;
  std::uint64_t watch_ms;
};

struct Take {
  static constexpr unsigned kThreads = tuning::kWalkThreads;
  using Claim = BlockClaim<kThreads, 2>;

  struct Args {
    RankRows rows;
    const std::uint32_t* candidates;  // [count], in order
    std::uint32_t count;
    std::uint32_t depth;         // words that the order knows
    const std::uint64_t* words;  // [word * items + item]
    std::uint32_t items;
    std::uint32_t top;
    const std::uint32_t* begin;  // [group_bound]
    const std::uint32_t* place;  // [group_bound]
    TakenRow* taken;
    ExtraRow* extras;
    std::uint32_t extras_max;
    std::uint64_t* floors;  // [group_bound]: the K-th value, where there is one; null: nobody wants it
    RankCounts* counts;
  };
  struct Shared {
    Claim::Shared claim;
  };

  SIMT_DEVICE static bool equal(const Args& args, std::uint32_t a, std::uint32_t b) {
    if (args.rows.measure(a) != args.rows.measure(b)) return false;
    const std::uint32_t item_a = raw(item_of(args.rows.key[a]));
    const std::uint32_t item_b = raw(item_of(args.rows.key[b]));
    for (std::uint32_t w = 0; w < args.depth; ++w) {
      const std::uint64_t* const word = args.words + std::uint64_t{w} * args.items;
      if (word[item_a] != word[item_b]) return false;
    }
    return true;
  }

  SIMT_DEVICE static void run(Shared& shared, const Args& args) {
    const std::uint64_t stride = std::uint64_t{kThreads} * simt::blocks();
    for (std::uint64_t first = std::uint64_t{kThreads} * simt::block(); first < args.count; first += stride) {
      const std::uint64_t i = first + simt::thread();
      std::uint32_t wants = 0;
      std::uint32_t row = 0;
      std::uint32_t group = 0;
      if (i < args.count) {
        row = args.candidates[i];
        const std::uint64_t key = args.rows.key[row];
        group = raw(group_of(key));
        const std::uint64_t at = i - args.begin[group];
        if (at < args.top) {
          const bool tied = at > 0 && equal(args, row, args.candidates[i - 1]);
          if (tied) wants = 1;
          args.taken[args.place[group] + at] = {raw(item_of(key)), tied ? 1u : 0u, args.rows.views[row],
                                                args.rows.watch_ms[row]};
          if (at + 1 == args.top && args.floors != nullptr) args.floors[group] = args.rows.measure(row);
        } else if (equal(args, row, args.candidates[args.begin[group] + args.top - 1])) {
          wants = 2;
        }
      }
      std::uint32_t* const counters[2] = {&args.counts->ties, &args.counts->extras};
      std::uint32_t place[2];
      Claim::claim(shared.claim, counters, wants, place);
      if (wants == 2 && place[1] < args.extras_max) {
        args.extras[place[1]] = {group, raw(item_of(args.rows.key[row])), args.rows.views[row],
                                 args.rows.watch_ms[row]};
      }
    }
  }
};

}  // namespace marquee::gpu
