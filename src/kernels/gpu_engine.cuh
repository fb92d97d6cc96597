// GpuEngine: core/engine.hpp over the kernels of this folder. Compiled twice: by nvcc over the CUDA runtime, and by g++
// over the tests' stand-in. README.md draws how a batch flows through it.
//
// One owner thread. Any call of the runtime that fails, or a wait that takes too long, means that the device is lost:
// every later call returns the same Status, batches are home, and nobody asks the device for anything again.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/engine.hpp"
#include "kernels/aggregate.cuh"
#include "kernels/fold.cuh"
#include "kernels/gpu.cuh"
#include "kernels/gpu_flights.cuh"
#include "kernels/gpu_ranker.cuh"
#include "kernels/gpu_tables.cuh"
#include "kernels/live.cuh"
#include "kernels/rows.cuh"
#include "kernels/tuning.hpp"
#include "kernels/updates.cuh"

namespace marquee::gpu {

inline bool contains(const PaneRun& run, PaneIndex pane) {
  return run.first <= pane && pane <= run.last;
}

struct GpuEngineOptions {
  std::chrono::milliseconds deadline{10'000};  // a wait of the host's for the device
  std::size_t fold_rows_max = 1u << 20;        // slots folded at a time: what the lists of a fold have room for
  std::size_t arena_bytes = 0;                 // 0: by the formula, arena_bytes_for()
};

// Device memory for tables and scratch: what budgets and epochs can need. A key takes 64 to 128 bytes in a table, once
// in its pane and once in a sum over panes; a table that grows stands twice; a ranking may have every entry of a
// leaderboard as a candidate, 128 bytes each with its sort.
inline std::size_t arena_bytes_for(const Budgets& budgets, std::uint64_t epoch_rows) {
  const std::uint64_t keys = budgets.entries + epoch_rows;
  return std::bit_ceil(static_cast<std::size_t>(3 * keys * 128)) + std::size_t{budgets.open_panes} * 4096;
}

class GpuEngine final : public Engine {
 public:
  static Result<std::unique_ptr<Engine>> make(Device device, const EngineConfig& config,
                                              const GpuEngineOptions& options) {
    auto engine = std::unique_ptr<GpuEngine>(new GpuEngine(std::move(device), config, options));
    if (Status s = engine->open(); !s.ok()) return s;
    return std::unique_ptr<Engine>(std::move(engine));
  }
  ~GpuEngine() override;

  void map_combination(CombinationId combination, std::span<const GroupId> groups) override;
  void name_item(ItemId item, std::string_view text) override;
  Status submit(BatchPtr batch) override { return keep(submitted(std::move(batch))); }
  std::uint64_t epoch_rows() const override { return epoch_rows_; }
  Result<const Partials*> end_epoch() override;
  Status rank(const RankQuery& query, Ranking& out) override { return keep(ranked(query, out)); }
  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override { (void)keep(dropped(leaderboard, pane)); }
  Status restore(const PanePartials& partials) override { return keep(restored(partials)); }
  void clear() override { (void)keep(cleared()); }
  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) override;
  void mark_live(LiveIds& live) override;
  void forget_floors() override {
    for (Board& board : boards_) board.floor_panes.reset();
  }
  // Waits until everything submitted is in the tables: for those who measure.
  Status settle() { return keep(lost_.ok() ? settled() : lost_); }
  EngineStats stats() const override;
  std::string_view name() const override { return "cuda"; }
  bool can_be_lost() const override { return true; }

 private:
  struct Pane {
    Table* table = nullptr;
    bool touched = false;                 // in this epoch
    std::optional<std::size_t> partials;  // this epoch's, by position
  };
  struct Sum {
    Table* table = nullptr;  // null: none
    PaneRun panes{};
  };
  struct Board {
    Measure measure = Measure::kViews;
    std::uint32_t top = 0;
    std::uint32_t group_bound = 1;
    std::map<PaneIndex, Pane> panes;
    Sum sum;                             // over a run of panes that is ranked again and again, or the last of a row
    bool hot_seen = false;               // somebody keeps a hot window: the sum is its
    std::optional<PaneRun> floor_panes;  // the window that floors belong to
  };
  struct Touched {
    std::size_t board;
    PaneIndex index;
    Pane* pane;
  };

  GpuEngine(Device device, const EngineConfig& config, const GpuEngineOptions& options)
      : gpu_(std::move(device), options.deadline), config_(config), options_(options), job_(*config.job) {}

  Status open();
  // Remembers the first failure and lets go of every batch.
  Status keep(Status status) {
    if (!lost_.ok()) return lost_;
    if (!status.ok()) {
      lost_ = status;
      if (tables_.ran_out()) (void)gpu_.sync();  // the device is well, and may still be reading batches
      flights_.abandon();
    }
    return status;
  }

  Status settled() {
    if (Status s = gpu_.sync(); !s.ok()) return s;
    return flights_.arrive();
  }
  // What `make_room` says; where the arena has none left, what it says after every table has given back what it does
  // not need. Not where a TableRef is held.
  template <class MakeRoom>
  Status with_room(const MakeRoom& make_room) {
    Status s = make_room();
    if (s.ok() || !tables_.ran_out()) return s;
    if (Status shrunk = tables_.shrink(); !shrunk.ok()) return shrunk;
    return make_room();
  }
  Status submitted(BatchPtr batch);
  void cut_pieces(const Batch& batch);
  Status prepare(const Batch& batch);
  Status aggregate(const Flight& flight, std::uint32_t begin, std::uint32_t end);
  Status pane_of(std::size_t board, PaneIndex index, std::uint64_t events, Pane*& out);
  void touch(const Touched& pane);
  Status send_updates();
  Status launch(const Updates::Args& updates);
  template <class T>
  static void put(const Exchange& staging, std::size_t& at, std::size_t end, const std::vector<T>& list,
                  std::size_t& from, const T*& on_device, std::uint32_t& count);
  void put_tables(const Exchange& staging, std::size_t& at, Updates::Args& args);

  Status fold();
  Status refuse();
  Status fold_runs(std::span<const SlotRun> runs, std::span<const std::size_t> owners);
  Status add_to_sums(std::span<const std::size_t> owners, std::uint32_t rows);
  void begin_partials();
  PanePartials& partials_of(const Touched& touched);
  void compact_partials();
  Grid grid_over(const SlotRun* runs, std::size_t count) const;
  // Runs of one launch: rows of a grid, and what the exchange holds.
  std::size_t runs_max() const { return std::min(exchange_.capacity<SlotRun>(), kGridRowsMax); }

  Status ranked(const RankQuery& query, Ranking& out);
  Status move_sum(Board& board, const PaneRun& panes);
  Status make_sum(Board& board, const PaneRun& panes, Table*& out);
  Status add_pane(Table& sum, const Table& pane);
  void drop_sum(Board& board);
  Status restored(const PanePartials& partials);
  Status restore_rows(Table& table, std::vector<PartialRow>& rows);
  Status refuse_rows(const Table& table, std::vector<PartialRow>& rows);
  Status dropped(LeaderboardIndex leaderboard, PaneIndex index);
  Status cleared();
  Status list_state(const std::vector<std::vector<std::uint8_t>>& wanted);
  Status list_rows(const Table& table, const std::vector<std::uint8_t>& groups, std::vector<PartialRow>& out) const;
  Status live(LiveIds& live) const;

  std::uint64_t* floors_of(const Board& board) const {
    const auto i = static_cast<std::size_t>(&board - boards_.data());
    return reinterpret_cast<std::uint64_t*>(floors_.data()) + i * groups_max_;
  }
  std::uint32_t* group_of_data() const { return reinterpret_cast<std::uint32_t*>(group_of_.data()); }
  std::uint64_t* words_data() const { return reinterpret_cast<std::uint64_t*>(words_.data()); }
  Updates::Args updates_to() const {
    Updates::Args args{};
    args.items = items_max_;
    args.group_of = group_of_data();
    args.words = words_data();
    args.table_list = tables_.list();
    return args;
  }

  // What goes with a batch at most: the table of each slot, and a batch's worth of news.
  std::size_t staging_bytes() const {
    const std::size_t slots = std::size_t{config_.batch_events_max} + 1;
    return aligned(slots * boards_.size() * 4 + slots * sizeof(TextUpdate) + kListsMin);
  }
  std::size_t group_words() const { return (std::size_t{groups_max_} + 31) / 32; }

  static constexpr std::uint64_t kUnfoldedEventsEnd = std::uint64_t{1} << tuning::kDeltaViewsBits;
  static constexpr std::uint64_t kUnfoldedWatchEnd = std::uint64_t{1} << tuning::kDeltaWatchBits;
  static constexpr std::size_t kListsMin = 64u << 10;
  static constexpr std::size_t kGridRowsMax = 65'535;

  // What a fold counts beside the tables.
  struct FoldCounts {
    std::uint64_t refused;
    std::uint32_t used;
    std::uint32_t rows;
  };

  Gpu gpu_;
  const EngineConfig config_;
  const GpuEngineOptions options_;
  const JobSpec& job_;
  std::uint32_t combinations_max_ = 0;
  std::uint32_t items_max_ = 0;
  std::uint32_t groups_max_ = 0;
  std::size_t fixed_bytes_ = 0;
  std::vector<std::byte*> pinned_;

  Tables tables_;
  Flights flights_;
  Exchange exchange_;  // rows and small lists, one use at a time
  Ranker ranker_;
  DeviceMemory group_of_;  // [leaderboard * combinations_max_ + combination]
  DeviceMemory words_;     // [word * items_max_ + item]
  DeviceMemory floors_;    // [leaderboard * groups_max_ + group]
  DeviceMemory fold_counts_;
  DeviceMemory fold_rows_;    // [fold_rows_max]
  DeviceMemory fold_run_of_;  // [fold_rows_max]
  DeviceMemory live_items_;
  DeviceMemory live_groups_;
  PinnedMemory fold_counts_read_;

  std::vector<Board> boards_;
  std::vector<GroupUpdate> group_updates_;
  std::vector<TextUpdate> text_updates_;
  // Of the batch being submitted.
  struct Arriving {
    PaneIndex pane;
    std::uint32_t slot;
    std::uint64_t events;
  };
  std::vector<Arriving> arriving_;
  std::vector<Sent> sent_;
  std::vector<Touched> batch_panes_;
  std::vector<std::uint32_t> table_of_;  // [slot * leaderboards + leaderboard]
  std::vector<std::uint32_t> pieces_;
  std::uint64_t piece_watch_ms_ = 0;

  std::uint64_t entries_ = 0;  // that the budget counts
  std::uint64_t epoch_rows_ = 0;
  std::uint64_t unfolded_events_ = 0;  // since the last fold: the bounds of PackedDelta
  std::uint64_t unfolded_watch_ms_ = 0;
  std::uint32_t folds_ = 0;  // of this epoch
  std::vector<Touched> touched_;
  Partials partials_;
  Partials state_;                                                // what state() last said, until the next epoch ends
  std::vector<std::pair<std::size_t, PaneIndex>> with_partials_;  // panes whose partials this epoch has begun
  std::vector<std::vector<PartialRow>> spare_rows_;
  std::vector<std::uint32_t> run_of_read_;
  Status lost_;
};

}  // namespace marquee::gpu

#include "kernels/gpu_engine_aggregate.cuh"  // IWYU pragma: export
#include "kernels/gpu_engine_epoch.cuh"      // IWYU pragma: export
#include "kernels/gpu_engine_rank.cuh"       // IWYU pragma: export
