#include "cpu/entry_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/check.hpp"
#include "core/entry_key.hpp"

namespace marquee {
namespace {

constexpr std::size_t kFirstRows = 64;
constexpr std::size_t kFirstSlots = 128;
constexpr std::size_t kRoomyIndex = 8;  // a rebuilt index may be that much larger than needed, to be grown into
constexpr std::size_t kBlock = 32;      // rows whose memory is fetched together
constexpr std::uint64_t kTag = 0xffffffff00000000ULL;

std::uint64_t key_of(const PartialRow& row) {
  return entry_key(row.group, row.item);
}
std::uint32_t row_of(std::uint64_t slot) {
  return static_cast<std::uint32_t>(slot) - 1;
}
bool fits(std::size_t rows, std::size_t slots) {
  return rows * 8 <= slots * 5;
}

}  // namespace

void EntryTable::reserve(std::size_t rows) {
  MARQUEE_CHECK(rows < 0xffffffff);
  if (rows <= rows_.size()) return;
  ZeroedArray<PartialRow> next(std::max({rows, rows_.size() * 2, kFirstRows}));
  if (size_ > 0) std::memcpy(static_cast<void*>(next.data()), rows_.data(), size_ * sizeof(PartialRow));
  rows_ = std::move(next);
  rows_touched_ = size_;
}

void EntryTable::place(Slot slot) {
  std::size_t i = position(slot);
  while (index_.data()[i] != 0) i = (i + 1) & mask_;
  index_.data()[i] = slot;
}

// Makes room for `rows`, keeping what is indexed.
void EntryTable::resize_index(std::size_t rows) {
  if (fits(rows, mask_ + 1)) return;
  const std::size_t slots_before = mask_ + 1;
  std::size_t slots = slots_before;
  while (!fits(rows, slots)) slots *= 2;
  ZeroedArray<Slot> before = std::exchange(index_, ZeroedArray<Slot>(slots));
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
  for (std::size_t i = 0; i < slots_before; ++i) {
    if (before.data()[i] != 0) place(before.data()[i]);
  }
}

// From the rows, as large as they need; reuses the memory.
void EntryTable::build_index() {
  if (indexed_) return;
  std::size_t slots = kFirstSlots;
  while (!fits(size_, slots)) slots *= 2;
  slots = std::max(slots, std::min(index_.size(), slots * kRoomyIndex));
  if (slots > index_.size()) {
    index_ = ZeroedArray<Slot>();
    index_ = ZeroedArray<Slot>(slots);
  } else {
    std::memset(index_.data(), 0, slots * sizeof(Slot));
  }
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
  indexed_ = true;
  std::array<std::uint64_t, kBlock> hash;
  for (std::size_t begin = 0; begin < size_; begin += kBlock) {
    const std::size_t n = std::min(kBlock, size_ - begin);
    for (std::size_t i = 0; i < n; ++i) {
      hash[i] = entry_hash(key_of(rows_.data()[begin + i]));
      __builtin_prefetch(index_.data() + position(hash[i]), 1);
    }
    for (std::size_t i = 0; i < n; ++i) place((hash[i] & kTag) | (begin + i + 1));
  }
}

void EntryTable::append(const PartialRow& row, std::uint64_t hash, std::size_t at) {
  rows_.data()[size_++] = row;
  rows_touched_ = std::max(rows_touched_, size_);
  index_.data()[at] = (hash & kTag) | size_;
}

void EntryTable::assign(std::span<const PartialRow> rows) {
  MARQUEE_CHECK(size_ == 0);
  if (rows.empty()) return;
  reserve(rows.size());
  std::memcpy(static_cast<void*>(rows_.data()), rows.data(), rows.size_bytes());
  size_ = rows.size();
  rows_touched_ = std::max(rows_touched_, size_);
  indexed_ = false;
}

// Three steps a block, each waiting for the memory that the one before asked for: index line, row, sum.
template <bool kSubtract>
void EntryTable::update_present(std::span<const PartialRow> rows, std::vector<std::uint32_t>* missing) {
  build_index();
  const Slot* const index = index_.data();
  PartialRow* const own = rows_.data();
  std::array<std::uint64_t, kBlock> hash;
  std::array<std::size_t, kBlock> at;
  for (std::size_t begin = 0; begin < rows.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, rows.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      hash[i] = entry_hash(key_of(rows[begin + i]));
      __builtin_prefetch(index + position(hash[i]));
    }
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t p = position(hash[i]);
      while (index[p] != 0 && ((index[p] ^ hash[i]) & kTag) != 0) p = (p + 1) & mask_;
      at[i] = p;
      if (index[p] != 0) __builtin_prefetch(own + row_of(index[p]), 1);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const PartialRow& row = rows[begin + i];
      std::size_t p = at[i];
      while (index[p] != 0 && (((index[p] ^ hash[i]) & kTag) != 0 || key_of(own[row_of(index[p])]) != key_of(row))) {
        p = (p + 1) & mask_;
      }
      if (index[p] == 0) {
        MARQUEE_CHECK(missing != nullptr);
        missing->push_back(static_cast<std::uint32_t>(begin + i));
        continue;
      }
      PartialRow& mine = own[row_of(index[p])];
      mine.views = kSubtract ? mine.views - row.views : mine.views + row.views;
      mine.watch_ms = kSubtract ? mine.watch_ms - row.watch_ms : mine.watch_ms + row.watch_ms;
    }
  }
}

void EntryTable::add_present(std::span<const PartialRow> rows, std::vector<std::uint32_t>& missing) {
  missing.clear();
  update_present<false>(rows, &missing);
}

void EntryTable::subtract(std::span<const PartialRow> rows) {
  update_present<true>(rows, nullptr);
}

// The index grows first, to what all of them need: rows that come in the order of their hashes would otherwise crowd
// the front of an index that is still small.
void EntryTable::add_missing(std::span<const PartialRow> rows, std::span<const std::uint32_t> missing) {
  build_index();
  reserve(size_ + missing.size());
  resize_index(size_ + missing.size());
  std::array<std::uint64_t, kBlock> hash;
  for (std::size_t begin = 0; begin < missing.size(); begin += kBlock) {
    const std::size_t n = std::min(kBlock, missing.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      hash[i] = entry_hash(key_of(rows[missing[begin + i]]));
      __builtin_prefetch(index_.data() + position(hash[i]), 1);
    }
    for (std::size_t i = 0; i < n; ++i) {
      const PartialRow& row = rows[missing[begin + i]];
      std::size_t p = position(hash[i]);
      PartialRow* mine = nullptr;
      for (Slot slot; (slot = index_.data()[p]) != 0; p = (p + 1) & mask_) {
        if (((slot ^ hash[i]) & kTag) != 0) continue;
        PartialRow& candidate = rows_.data()[row_of(slot)];
        if (key_of(candidate) != key_of(row)) continue;
        mine = &candidate;
        break;
      }
      if (mine == nullptr) {
        append(row, hash[i], p);
      } else {
        mine->views += row.views;
        mine->watch_ms += row.watch_ms;
      }
    }
  }
}

void EntryTable::add(std::span<const PartialRow> rows, std::vector<std::uint32_t>& missing) {
  if (rows.empty()) return;
  add_present(rows, missing);
  if (!missing.empty()) add_missing(rows, missing);
}

void EntryTable::add_one(const PartialRow& row) {
  constexpr std::uint32_t kFirst = 0;
  add_missing({&row, 1}, {&kFirst, 1});
}

const PartialRow* EntryTable::find(std::uint64_t key) {
  build_index();
  const std::uint64_t hash = entry_hash(key);
  for (std::size_t p = position(hash); index_.data()[p] != 0; p = (p + 1) & mask_) {
    const PartialRow& row = rows_.data()[row_of(index_.data()[p])];
    if (((index_.data()[p] ^ hash) & kTag) == 0 && key_of(row) == key) return &row;
  }
  return nullptr;
}

}  // namespace marquee
