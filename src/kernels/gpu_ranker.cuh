// Ranker: runs the kernels of rank.cuh over the rows of one table, and makes a Ranking of what they say.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/engine.hpp"
#include "core/job.hpp"
#include "kernels/gpu.cuh"
#include "kernels/gpu_tables.cuh"
#include "kernels/rank.cuh"
#include "kernels/tuning.hpp"
#include "primitives.cuh"

namespace marquee::gpu {

class Ranker {
 public:
  struct Order {
    Measure measure = Measure::kViews;
    std::uint32_t top = 1;
    std::uint32_t group_bound = 1;
    const std::uint64_t* floors = nullptr;  // on the device, [group_bound]; null: there are none
    std::uint64_t* floors_out = nullptr;    // gets the K-th values; may be the same; null: nobody wants them
    const std::uint64_t* words = nullptr;   // of texts, [word * items + item]
    std::uint32_t items = 0;
  };

  Status open(Gpu& gpu, Tables& tables, Exchange& exchange, const Texts& texts, std::uint32_t groups_max) {
    gpu_ = &gpu;
    tables_ = &tables;
    exchange_ = &exchange;
    texts_ = &texts;
    groups_max_ = groups_max;
    if (Status s = gpu.device.allocate(memory_, group_bytes(groups_max)); !s.ok()) return s;
    return gpu.device.allocate(groups_read_, read_bytes(groups_max));
  }
  static std::size_t device_bytes(std::uint32_t groups_max) { return group_bytes(groups_max); }
  // Of the arena, beside the tables, where a ranking has as many candidates.
  static std::size_t scratch_bytes(std::uint64_t candidates) {
    return candidates * (16 + 8 + sizeof(TakenRow) + sizeof(ExtraRow)) + sort_scratch_bytes(candidates);
  }

  // How many of the last ranking's rows had no views.
  std::uint32_t rows_without_views() const { return counts_.without_views; }

  // Fills `out`'s groups and rows; group 0's entry becomes group_refused. Waits for the device.
  Status run(const Table& table, const Order& order, Ranking& out) {
    const RankRows rows{table.ref.row_key(), table.ref.row_views(), table.ref.row_watch_ms(), table.rows,
                        order.measure == Measure::kViews ? 1u : 0u};
    counts_ = {};
    if (rows.count == 0) return {};
    MARQUEE_CHECK(order.group_bound <= groups_max_);
    Scratch candidates(*tables_);
    if (Status s = candidates.take(std::size_t{rows.count} * 4); !s.ok()) return s;
    if (Status s = select(rows, order, candidates.as<std::uint32_t>()); !s.ok()) return s;
    if (counts_.candidates > 0) {
      const std::size_t n = counts_.candidates;
      Scratch keys(*tables_);
      Scratch values(*tables_);
      Scratch taken(*tables_);
      Scratch extras(*tables_);
      Scratch sorting(*tables_);
      const std::size_t sorting_bytes = std::max<std::size_t>(sort_scratch_bytes(n), 1);
      if (Status s = keys.take(n * 16); !s.ok()) return s;
      if (Status s = values.take(n * 4); !s.ok()) return s;
      if (Status s = taken.take(n * sizeof(TakenRow)); !s.ok()) return s;
      if (Status s = extras.take(n * sizeof(ExtraRow)); !s.ok()) return s;
      if (Status s = sorting.take(sorting_bytes); !s.ok()) return s;
      Pair<std::uint64_t> key_pair{keys.as<std::uint64_t>(), keys.as<std::uint64_t>() + n};
      Pair<std::uint32_t> row_pair{candidates.as<std::uint32_t>(), values.as<std::uint32_t>()};
      // By the first word of text; once more by all of them where that leaves ties.
      depth_ = 1;
      while (true) {
        if (Status s = sort(rows, order, key_pair, row_pair, sorting.data(), sorting_bytes); !s.ok()) return s;
        if (Status s = take(rows, order, row_pair.current, taken.as<TakenRow>(), extras.as<ExtraRow>()); !s.ok())
          return s;
        if ((counts_.ties == 0 && counts_.extras == 0) || depth_ == tuning::kTextWords) break;
        depth_ = tuning::kTextWords;
      }
      if (Status s = read_rows(taken.as<TakenRow>(), counts_.taken, taken_); !s.ok()) return s;
      if (Status s = read_rows(extras.as<ExtraRow>(), counts_.extras, extras_); !s.ok()) return s;
    } else {
      taken_.clear();
      extras_.clear();
    }
    if (Status s = read_groups(order.group_bound); !s.ok()) return s;
    fill(order, out);
    return {};
  }

 private:
  // A block of the arena for as long as the host works on a ranking.
  class Scratch {
   public:
    explicit Scratch(Tables& tables) : tables_(tables) {}
    ~Scratch() {
      if (data_ != nullptr) tables_.give_scratch(data_, bytes_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    Status take(std::size_t bytes) {
      bytes_ = bytes;
      return tables_.take_scratch(bytes, data_);
    }
    std::byte* data() const { return data_; }
    template <class T>
    T* as() const {
      return reinterpret_cast<T*>(data_);
    }

   private:
    Tables& tables_;
    std::byte* data_ = nullptr;
    std::size_t bytes_ = 0;
  };

  // --- Arrays by group: those that the host reads first, in one run, behind the counts.
  struct GroupArrays {
    RankCounts* counts;
    std::uint64_t* events;
    std::uint32_t* refused;
    std::uint32_t* begin;
    std::uint32_t* end;
    std::uint32_t* place;
    std::uint64_t* thresholds;
    std::uint32_t* bins;
  };
  static constexpr std::size_t kCountsBytes = aligned(sizeof(RankCounts));
  static std::size_t read_bytes(std::size_t groups) { return kCountsBytes + groups * 24; }
  static std::size_t histogram_groups(std::size_t groups) {
    return std::min<std::size_t>(groups, tuning::kHistogramGroupsMax);
  }
  static std::size_t group_bytes(std::size_t groups) {
    return aligned(read_bytes(groups)) + groups * 8 + histogram_groups(groups) * tuning::kHistogramBins * 4;
  }
  // The arrays that the host reads lie close together for the groups there are.
  static GroupArrays arrays_at(std::byte* base, std::size_t bound) {
    GroupArrays a{};
    a.counts = reinterpret_cast<RankCounts*>(base);
    a.events = reinterpret_cast<std::uint64_t*>(base + kCountsBytes);
    a.refused = reinterpret_cast<std::uint32_t*>(a.events + bound);
    a.begin = a.refused + bound;
    a.end = a.begin + bound;
    a.place = a.end + bound;
    return a;
  }
  GroupArrays arrays(std::size_t bound) const {
    GroupArrays a = arrays_at(memory_.data(), bound);
    a.thresholds = reinterpret_cast<std::uint64_t*>(memory_.data() + aligned(read_bytes(groups_max_)));
    a.bins = reinterpret_cast<std::uint32_t*>(a.thresholds + groups_max_);
    return a;
  }

  Status read_counts() {
    RankCounts* const host = reinterpret_cast<RankCounts*>(groups_read_.data());
    if (Status s = gpu_->device.copy(gpu_->compute, host, memory_.data(), sizeof(RankCounts)); !s.ok()) return s;
    if (Status s = gpu_->sync(); !s.ok()) return s;
    counts_ = *host;
    return {};
  }

  Status select(const RankRows& rows, const Order& order, std::uint32_t* candidates) {
    const Device& device = gpu_->device;
    const GroupArrays a = arrays(order.group_bound);
    if (Status s = device.zero(gpu_->compute, memory_.data(), read_bytes(order.group_bound)); !s.ok()) return s;
    const std::uint64_t* floors = order.floors;
    if (floors == nullptr) {
      if (Status s = device.zero(gpu_->compute, a.thresholds, std::size_t{order.group_bound} * 8); !s.ok()) return s;
      floors = a.thresholds;
      // Worth two passes where groups are large on average, against K.
      if (rows.count >= tuning::kSelectRowsMin && order.group_bound <= tuning::kHistogramGroupsMax &&
          std::uint64_t{order.group_bound} * order.top * 4 <= rows.count) {
        const std::size_t bins_bytes = std::size_t{order.group_bound} * tuning::kHistogramBins * 4;
        if (Status s = device.zero(gpu_->compute, a.bins, bins_bytes); !s.ok()) return s;
        const Grid walk{gpu_->blocks_for(rows.count, Histogram::kThreads, tuning::kBlocksPerMultiprocessor), 1};
        if (Status s = device.launch<Histogram>(gpu_->compute, walk, {rows, a.bins}); !s.ok()) return s;
        constexpr unsigned kWarps = Threshold::kThreads / simt::kWarp;
        const Grid groups{(order.group_bound + kWarps - 1) / kWarps, 1};
        if (Status s =
                device.launch<Threshold>(gpu_->compute, groups, {a.bins, order.group_bound, order.top, a.thresholds});
            !s.ok()) {
          return s;
        }
      }
    }
    const Grid walk{gpu_->blocks_for(rows.count, Select::kThreads, tuning::kBlocksPerMultiprocessor), 1};
    if (Status s =
            device.launch<Select>(gpu_->compute, walk, {rows, floors, a.events, a.refused, candidates, a.counts});
        !s.ok()) {
      return s;
    }
    return read_counts();
  }

  Status sort_by(const RankRows& rows, const Order& order, Pair<std::uint64_t>& keys, Pair<std::uint32_t>& values,
                 void* scratch, std::size_t scratch_bytes, Keys::What what, std::uint32_t word, unsigned bits,
                 unsigned measure_bits) {
    const std::uint32_t n = counts_.candidates;
    const Grid grid{gpu_->blocks_for(n, Keys::kThreads), 1};
    if (Status s = gpu_->device.launch<Keys>(
            gpu_->compute, grid,
            {rows, values.current, n, what, word, measure_bits, order.words, order.items, keys.current});
        !s.ok()) {
      return s;
    }
    return sort_pairs(gpu_->device, gpu_->compute, scratch, scratch_bytes, keys, values, n, 0, static_cast<int>(bits));
  }

  // Least significant first; every sort is stable.
  Status sort(const RankRows& rows, const Order& order, Pair<std::uint64_t>& keys, Pair<std::uint32_t>& values,
              void* scratch, std::size_t scratch_bytes) {
    const auto measure_bits = static_cast<unsigned>(std::bit_width(counts_.measure_max));
    const auto group_bits = static_cast<unsigned>(std::bit_width(order.group_bound));
    for (unsigned word = depth_; word > 0; --word) {
      if (Status s = sort_by(rows, order, keys, values, scratch, scratch_bytes, Keys::What::kWord, word - 1, 64, 0);
          !s.ok()) {
        return s;
      }
    }
    if (measure_bits + group_bits <= 64) {
      return sort_by(rows, order, keys, values, scratch, scratch_bytes, Keys::What::kGroupAndMeasure, 0,
                     measure_bits + group_bits, measure_bits);
    }
    if (Status s = sort_by(rows, order, keys, values, scratch, scratch_bytes, Keys::What::kMeasure, 0, measure_bits,
                           measure_bits);
        !s.ok()) {
      return s;
    }
    return sort_by(rows, order, keys, values, scratch, scratch_bytes, Keys::What::kGroup, 0, group_bits, 0);
  }

  Status take(const RankRows& rows, const Order& order, const std::uint32_t* candidates, TakenRow* taken,
              ExtraRow* extras) {
    const Device& device = gpu_->device;
    const GroupArrays a = arrays(order.group_bound);
    const std::uint32_t n = counts_.candidates;
    // begin, end and place lie one behind the other.
    if (Status s = device.zero(gpu_->compute, a.begin, std::size_t{order.group_bound} * 12); !s.ok()) return s;
    if (Status s = device.zero(gpu_->compute, &a.counts->taken, 3 * sizeof(std::uint32_t)); !s.ok()) return s;
    const Grid walk{gpu_->blocks_for(n, tuning::kWalkThreads), 1};
    if (Status s = device.launch<Bounds>(gpu_->compute, walk, {rows.key, candidates, n, a.begin, a.end}); !s.ok())
      return s;
    const Grid groups{gpu_->blocks_for(order.group_bound, Places::kThreads), 1};
    if (Status s = device.launch<Places>(gpu_->compute, groups,
                                         {a.begin, a.end, order.group_bound, order.top, a.place, a.counts});
        !s.ok()) {
      return s;
    }
    if (Status s = device.launch<Take>(gpu_->compute, walk,
                                       {rows, candidates, n, depth_, order.words, order.items, order.top, a.begin,
                                        a.place, taken, extras, n, order.floors_out, a.counts});
        !s.ok()) {
      return s;
    }
    return read_counts();
  }

  template <class T>
  Status read_rows(const T* from, std::size_t count, std::vector<T>& to) {
    to.resize(count);
    const std::size_t chunk = exchange_->capacity<T>();
    for (std::size_t at = 0; at < count; at += chunk) {
      const std::size_t n = std::min(chunk, count - at);
      if (Status s = gpu_->device.copy(gpu_->compute, exchange_->host<T>(), from + at, n * sizeof(T)); !s.ok())
        return s;
      if (Status s = gpu_->sync(); !s.ok()) return s;
      std::copy_n(exchange_->host<T>(), n, to.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return {};
  }

  Status read_groups(std::uint32_t group_bound) {
    if (Status s = gpu_->device.copy(gpu_->compute, groups_read_.data(), memory_.data(), read_bytes(group_bound));
        !s.ok()) {
      return s;
    }
    return gpu_->sync();
  }

  // --- On the host.
  void fill(const Order& order, Ranking& out) {
    const GroupArrays a = arrays_at(groups_read_.data(), order.group_bound);
    out.group_refused = a.events[0] > 0;
    group_extras(order.group_bound);
    for (std::uint32_t g = 1; g < order.group_bound; ++g) {
      if (a.events[g] == 0) continue;
      RankedGroup& group = out.groups.emplace_back();
      group.group = GroupId{g};
      group.events = a.events[g];
      group.refused = a.refused[g] != 0;
      group.first_row = static_cast<std::uint32_t>(out.rows.size());
      group.row_count = std::min(a.end[g] - a.begin[g], order.top);
      bool tied = false;
      for (std::uint32_t i = 0; i < group.row_count; ++i) {
        const TakenRow& row = taken_[a.place[g] + i];
        out.rows.push_back({ItemId{row.item}, row.views, row.watch_ms});
        tied |= row.tied != 0;
      }
      if (!extras_.empty() && extras_begin_[g] < extras_begin_[g + 1]) {
        settle_cut(order.measure, std::span(extras_).subspan(extras_begin_[g], extras_begin_[g + 1] - extras_begin_[g]),
                   group, out.rows);
        tied = true;
      }
      if (tied) settle_ties(order.measure, std::span(out.rows).last(group.row_count));
    }
  }
  // extras_ in the order of their groups; extras_begin_ says where each begins.
  void group_extras(std::uint32_t group_bound) {
    if (extras_.empty()) return;
    std::sort(extras_.begin(), extras_.end(), [](const ExtraRow& x, const ExtraRow& y) { return x.group < y.group; });
    extras_begin_.assign(std::size_t{group_bound} + 1, 0);
    for (const ExtraRow& row : extras_) ++extras_begin_[row.group + 1];
    for (std::size_t g = 1; g < extras_begin_.size(); ++g) extras_begin_[g] += extras_begin_[g - 1];
  }
  static std::uint64_t measure_of(Measure measure, const RankedRow& row) {
    return measure == Measure::kViews ? row.views : row.watch_ms;
  }
  // The rows at the cut's value, taken and not: those whose text comes first stay.
  void settle_cut(Measure measure, std::span<const ExtraRow> extras, const RankedGroup& group,
                  std::vector<RankedRow>& rows) {
    const std::uint64_t cut = measure_of(measure, rows.back());
    const std::size_t group_end = group.first_row + group.row_count;
    std::size_t first = group_end;
    while (first > group.first_row && measure_of(measure, rows[first - 1]) == cut) --first;
    // Rows of the same value but of lesser words than the extras are in already; text decides them all alike.
    at_cut_.assign(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end());
    for (const ExtraRow& row : extras) at_cut_.push_back({ItemId{row.item}, row.views, row.watch_ms});
    const std::size_t places = group_end - first;
    const auto by_text = [this](const RankedRow& x, const RankedRow& y) {
      return texts_->item_text(x.item) < texts_->item_text(y.item);
    };
    std::nth_element(at_cut_.begin(), at_cut_.begin() + static_cast<std::ptrdiff_t>(places - 1), at_cut_.end(),
                     by_text);
    std::copy_n(at_cut_.begin(), places, rows.begin() + static_cast<std::ptrdiff_t>(first));
  }
  void settle_ties(Measure measure, std::span<RankedRow> rows) {
    for (std::size_t begin = 0; begin < rows.size();) {
      std::size_t end = begin + 1;
      while (end < rows.size() && measure_of(measure, rows[end]) == measure_of(measure, rows[begin])) ++end;
      if (end - begin > 1) {
        std::sort(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.begin() + static_cast<std::ptrdiff_t>(end),
                  [this](const RankedRow& x, const RankedRow& y) {
                    return texts_->item_text(x.item) < texts_->item_text(y.item);
                  });
      }
      begin = end;
    }
  }

  Gpu* gpu_ = nullptr;
  Tables* tables_ = nullptr;
  Exchange* exchange_ = nullptr;
  const Texts* texts_ = nullptr;
  std::uint32_t groups_max_ = 0;
  DeviceMemory memory_;
  PinnedMemory groups_read_;
  RankCounts counts_{};
  std::uint32_t depth_ = 1;  // words of text that candidates are sorted by, in this ranking
  std::vector<TakenRow> taken_;
  std::vector<ExtraRow> extras_;
  std::vector<std::size_t> extras_begin_;
  std::vector<RankedRow> at_cut_;
};

}  // namespace marquee::gpu
