// Tables: the engine's tables on the device, and how full they are.
//
// The host never asks the device before a batch whether a table has room. It knows an upper bound: the keys that were
// counted when it last looked, and every event sent since. Only where that bound reaches half of the slots it looks
// again, and where the count does too, the table grows. All device work is in stream order, so a block that goes back
// to the arena may be given out at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "kernels/buddy.hpp"
#include "kernels/gpu.cuh"
#include "kernels/grow.cuh"
#include "kernels/rows.cuh"
#include "kernels/table.cuh"
#include "kernels/updates.cuh"

namespace marquee::gpu {

// One table as the host knows it.
struct Table {
  TableRef ref{};
  std::uint64_t serial = 0;    // numbers are given again, this never is
  std::uint32_t keys = 0;      // counted when last looked at
  std::uint64_t pending = 0;   // events or rows sent since: so many keys more at most
  std::uint64_t promised = 0;  // the same, of a batch that is being prepared
  std::uint32_t rows = 0;      // exact, as of the last fold
  std::uint32_t items = 0;     // exact, as of the last fold
  std::uint64_t bound() const { return keys + pending; }
  std::uint64_t keys_max() const { return ref.rows_max(); }
};

class Tables {
 public:
  // At most `tables_max` at once, out of `arena_bytes` of device memory.
  Status open(Gpu& gpu, std::uint32_t tables_max, std::size_t arena_bytes) {
    gpu_ = &gpu;
    arena_ = BuddyArena(arena_bytes);
    by_number_.assign(tables_max, nullptr);
    for (std::uint32_t n = tables_max; n > 0; --n) free_numbers_.push_back(n - 1);
    const std::size_t counts_bytes = std::size_t{tables_max} * sizeof(TableCounts);
    if (Status s = gpu.device.allocate(memory_, arena_bytes); !s.ok()) return s;
    if (Status s = gpu.device.allocate(counts_, counts_bytes); !s.ok()) return s;
    if (Status s = gpu.device.allocate(list_, std::size_t{tables_max} * sizeof(TableRef)); !s.ok()) return s;
    return gpu.device.allocate(counts_read_, counts_bytes);
  }

  // A new, empty table that takes `keys` without growing. The pointer stands until destroy().
  Status create(std::uint64_t keys, Table*& out) {
    MARQUEE_CHECK(!free_numbers_.empty());
    auto table = std::make_unique<Table>();
    table->ref.number = free_numbers_.back();
    table->serial = ++serials_;
    if (Status s = take_block(table_bits_for(keys), table_bits_for(keys), table->ref); !s.ok()) return s;
    free_numbers_.pop_back();
    if (Status s = clear_block(table->ref); !s.ok()) return s;
    // The list that Aggregate reads learns of it with the next updates; everything else is told by TableRef.
    if (Status s = gpu_->device.zero(gpu_->compute, &counts()[table->ref.number], sizeof(TableCounts)); !s.ok())
      return s;
    by_number_[table->ref.number] = table.get();
    bound_ = std::max(bound_, table->ref.number + 1);
    changed_.push_back(table->ref.number);
    out = table.release();
    return {};
  }
  void destroy(Table* table) {
    release_block(table->ref);
    by_number_[table->ref.number] = nullptr;
    free_numbers_.push_back(table->ref.number);
    std::erase(changed_, table->ref.number);
    delete table;
  }
  void destroy_all() {
    for (std::uint32_t n = 0; n < bound_; ++n) {
      if (by_number_[n] != nullptr) destroy(by_number_[n]);
    }
  }
  ~Tables() { destroy_all(); }
  Tables() = default;
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  // Makes sure that `more` keys fit, were they all new. May wait for the device.
  Status ensure_room(Table& table, std::uint64_t more) {
    if (table.bound() + more <= table.keys_max()) return {};
    if (table.pending > 0) {
      if (Status s = read_counts(); !s.ok()) return s;
      if (table.bound() + more <= table.keys_max()) return {};
    }
    const std::uint64_t needed = table.bound() + more;
    const std::uint64_t wished = std::min(table.bound() + more * tuning::kBatchesOfRoom, 2 * needed);
    return grow(table, table_bits_for(needed), table_bits_for(wished));
  }
  // The same where all keys are known to the device already but `table` must keep probes short: see Refuse.
  Status ensure_slots(Table& table, std::uint64_t keys) {
    if (keys <= table.keys_max() + table.keys_max() / 2) return {};
    return grow(table, table_bits_for(keys), table_bits_for(keys));
  }

  // Right after a fold: leaves behind keys that hold nothing, where they are most of what there is.
  Status compact(Table& table) {
    const std::uint64_t rows = table.rows;
    if (table.keys <= 2 * rows + (1u << tuning::kTableBitsMin)) return {};
    Status s = grow(table, table_bits_for(rows), table_bits_for(2 * rows));
    if (s.ok()) table.keys = table.rows;
    return ran_out() ? Status{} : s;  // it can stay as it is
  }

  // Whether the last call that failed did so for want of room in the arena, and not by the device's fault. Asked once.
  bool ran_out() { return std::exchange(ran_out_, false); }
  // Every table that has more room than its keys and what is promised need gives it back, where there is room to move
  // to. Waits for the device. TableRefs taken before are void.
  Status shrink() {
    if (Status s = read_counts(); !s.ok()) return s;
    for (std::uint32_t n = 0; n < bound_; ++n) {
      if (by_number_[n] == nullptr) continue;
      Table& table = *by_number_[n];
      const std::uint32_t bits = table_bits_for(table.bound() + table.promised);
      if (bits >= table.ref.bits) continue;
      if (Status s = grow(table, bits, bits); !s.ok() && !ran_out()) return s;
    }
    return {};
  }

  // Waits for the device and learns how full every table is.
  Status read_counts() {
    if (Status s = start_reading_counts(counts_read_.data()); !s.ok()) return s;
    if (Status s = gpu_->sync(); !s.ok()) return s;
    ++looks_;
    for (std::uint32_t n = 0; n < bound_; ++n) {
      if (by_number_[n] == nullptr) continue;
      Table& table = *by_number_[n];
      const TableCounts& read = reinterpret_cast<const TableCounts*>(counts_read_.data())[n];
      table.keys = read.keys;
      table.rows = read.rows;
      table.items = read.items;
      table.pending = 0;
    }
    return {};
  }
  // Asks for the counts of all tables without waiting; `to` is pinned and has counts_bytes().
  Status start_reading_counts(std::byte* to) const {
    return gpu_->device.copy(gpu_->compute, to, counts_.data(), std::size_t{bound_} * sizeof(TableCounts));
  }
  // Rises with every read_counts(): counts that were asked for before are old news.
  std::uint64_t looks() const { return looks_; }
  std::size_t counts_bytes() const { return counts_.size(); }
  Table* by_number(std::uint32_t number) const { return by_number_[number]; }

  // --- Rows into a table. Place and AddRows over `count` rows of the source, which fit; afterwards `pending` has
  // grown.
  template <class Source>
  Status add(Table& table, const Source& source, std::uint64_t count) {
    const Grid grid{gpu_->blocks_for(count, tuning::kWalkThreads), 1};
    table.pending += count;
    if (Status s = gpu_->device.launch<Place<Source>>(gpu_->compute, grid, {source, table.ref, counts()}); !s.ok())
      return s;
    return gpu_->device.launch<AddRows<Source>>(gpu_->compute, grid, {source, table.ref, false});
  }
  // Takes the rows of one table off another that holds them all.
  Status subtract(Table& table, const Table& rows) {
    const Grid grid{gpu_->blocks_for(rows.rows, tuning::kWalkThreads), 1};
    return gpu_->device.launch<AddRows<TableRows>>(gpu_->compute, grid, {{rows.ref, rows.rows}, table.ref, true});
  }

  // Scratch out of the same arena, for what comes next in stream order.
  Status take_scratch(std::size_t bytes, std::byte*& out) {
    const std::optional<std::size_t> at = arena_.allocate(bytes);
    if (!at) return no_room(bytes);
    out = memory_.data() + *at;
    return {};
  }
  void give_scratch(std::byte* data, std::size_t bytes) {
    arena_.release(static_cast<std::size_t>(data - memory_.data()), bytes);
  }

  TableRef* list() const { return reinterpret_cast<TableRef*>(list_.data()); }
  TableCounts* counts() const { return reinterpret_cast<TableCounts*>(counts_.data()); }
  // Numbers of tables that the list on the device does not know yet; the caller sends them and clears.
  std::vector<std::uint32_t>& changed() { return changed_; }
  std::size_t used_bytes() const { return arena_.used_bytes(); }

 private:
  Status no_room(std::size_t bytes) {
    ran_out_ = true;
    return {Code::kUnavailable,
            "the GPU engine has no room for another " + std::to_string(bytes) +
                " bytes: the memory it took at start is used up or in pieces; lower limits.entries"};
  }
  // A block for as many bits as are wished and there is room for, but at least `needed`.
  Status take_block(std::uint32_t needed, std::uint32_t wished, TableRef& out) {
    for (std::uint32_t bits = std::min(wished, tuning::kTableBitsMax); bits >= needed; --bits) {
      if (const auto at = arena_.allocate(tuning::kTableSlotBytes << bits)) {
        out.base = memory_.data() + *at;
        out.bits = bits;
        return {};
      }
    }
    return no_room(tuning::kTableSlotBytes << needed);
  }
  void release_block(const TableRef& ref) {
    arena_.release(static_cast<std::size_t>(ref.base - memory_.data()), tuning::kTableSlotBytes << ref.bits);
  }
  // Slots and row numbers; rows are written before they are read.
  Status clear_block(const TableRef& ref) const {
    return gpu_->device.zero(gpu_->compute, ref.base, 20 * ref.slot_count());
  }

  // Waits for the device.
  Status grow(Table& table, std::uint32_t needed, std::uint32_t wished) {
    if (table.pending > 0) {
      if (Status s = read_counts(); !s.ok()) return s;
    }
    const TableRef old = table.ref;
    TableRef grown = old;
    if (Status s = take_block(needed, wished, grown); !s.ok()) return s;
    if (Status s = clear_block(grown); !s.ok()) return s;
    std::uint32_t* const keys = &counts()[old.number].keys;
    if (Status s = gpu_->device.zero(gpu_->compute, keys, sizeof(*keys)); !s.ok()) return s;
    const Grid grid{gpu_->blocks_for(old.slot_count(), tuning::kWalkThreads), 1};
    if (Status s = gpu_->device.launch<Grow>(gpu_->compute, grid, {old, grown, keys}); !s.ok()) return s;
    const std::size_t rows_bytes = std::size_t{table.rows} * sizeof(std::uint64_t);
    if (Status s = gpu_->device.copy(gpu_->compute, grown.row_key(), old.row_key(), rows_bytes); !s.ok()) return s;
    if (Status s = gpu_->device.copy(gpu_->compute, grown.row_views(), old.row_views(), rows_bytes); !s.ok()) return s;
    if (Status s = gpu_->device.copy(gpu_->compute, grown.row_watch_ms(), old.row_watch_ms(), rows_bytes); !s.ok())
      return s;
    release_block(old);
    table.ref = grown;
    if (std::find(changed_.begin(), changed_.end(), old.number) == changed_.end()) changed_.push_back(old.number);
    return {};
  }

  Gpu* gpu_ = nullptr;
  DeviceMemory memory_;
  DeviceMemory counts_;
  DeviceMemory list_;
  PinnedMemory counts_read_;
  BuddyArena arena_;
  std::vector<Table*> by_number_;
  std::vector<std::uint32_t> free_numbers_;
  std::vector<std::uint32_t> changed_;
  std::uint32_t bound_ = 0;  // numbers given so far are below
  std::uint64_t serials_ = 0;
  std::uint64_t looks_ = 0;
  bool ran_out_ = false;
};

}  // namespace marquee::gpu
