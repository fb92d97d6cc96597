// EntryTable: (group, item) -> views, watch_ms. What a pane holds as of the last end_epoch(), and sums over panes.
//
// Rows stand densely in the order of their first appearance, so ranking reads nothing but rows; beside them an index of
// 8-byte slots (upper half of the hash, row number + 1), open addressing, linear probing, load <= 5/8, insert only. The
// index's position is the tag's upper bits, so growing it reads no row. It is built when a key is first looked up: a
// pane that one epoch fills and the next ones leave alone never has one.
//
// One owner thread. Cost: 24 bytes a row, 13 to 26 bytes of index; add() about 5-15 ns a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/engine.hpp"
#include "cpu/zeroed_array.hpp"

namespace marquee {

class EntryTable {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const PartialRow> rows() const { return {rows_.data(), size_}; }

  // Fills an empty table with rows of distinct keys.
  void assign(std::span<const PartialRow> rows);
  // Adds to the entries that are there; writes the positions of the others in `rows` to `missing`, in order.
  void add_present(std::span<const PartialRow> rows, std::vector<std::uint32_t>& missing);
  // Adds rows[m] for every m of `missing`, inserting what is not there.
  void add_missing(std::span<const PartialRow> rows, std::span<const std::uint32_t> missing);
  // Adds all rows; `missing` is scratch.
  void add(std::span<const PartialRow> rows, std::vector<std::uint32_t>& missing);
  // Takes rows off that were added before. An entry that comes to nothing stays, with views == 0.
  void subtract(std::span<const PartialRow> rows);
  // Adds to one entry.
  void add_one(const PartialRow& row);
  // The entry, or null.
  const PartialRow* find(std::uint64_t key);

  // Forgets the rows and keeps the memory.
  void clear() {
    size_ = 0;
    indexed_ = false;
  }
  // Memory that has been written to, in bytes.
  std::size_t memory_bytes() const { return rows_touched_ * sizeof(PartialRow) + index_.bytes(); }

 private:
  using Slot = std::uint64_t;  // tag << 32 | row + 1; 0: empty

  template <bool kSubtract>
  void update_present(std::span<const PartialRow> rows, std::vector<std::uint32_t>* missing);
  std::size_t position(std::uint64_t slot_or_hash) const { return slot_or_hash >> shift_; }
  void reserve(std::size_t rows);
  void build_index();
  void resize_index(std::size_t rows);
  void place(Slot slot);
  void append(const PartialRow& row, std::uint64_t hash, std::size_t at);

  ZeroedArray<PartialRow> rows_;
  std::size_t size_ = 0;
  std::size_t rows_touched_ = 0;
  ZeroedArray<Slot> index_;  // of which [0, mask_ + 1) are in use
  std::size_t mask_ = 0;
  int shift_ = 63;
  bool indexed_ = false;
};

}  // namespace marquee
