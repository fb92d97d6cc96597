#include "cpu/delta_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "core/check.hpp"

namespace marquee {
namespace {

// Events between asking for a slot's line and using it. Measured: see README.md.
constexpr std::size_t kAhead = 32;
static_assert(std::has_single_bit(kAhead));
constexpr std::size_t kFastGrowthSlots = 1u << 16;  // below this many slots a table grows fourfold

}  // namespace

DeltaTable::DeltaTable(std::size_t slots)
    : slots_(slots), mask_(slots - 1), shift_(64 - std::countr_zero(slots)), size_max_(slots / 2) {
  MARQUEE_CHECK(std::has_single_bit(slots) && slots >= 2);
}

inline DeltaTable::Event DeltaTable::event_of(const Columns& events, std::size_t i, const GroupKey* groups,
                                              std::size_t group_count) {
  const std::uint32_t combination = raw(events.combination[i]);
  MARQUEE_CHECK(combination < group_count);
  const GroupKey group = groups[combination];
  const std::uint64_t key = group == 0 ? 0 : group | raw(events.item[i]);
  return {key, entry_hash(key)};
}

inline void DeltaTable::add(const Event& event, std::uint32_t watch_ms) {
  Slot* const slots = slots_.data();
  std::size_t i = event.hash >> shift_;
  while (slots[i].key != event.key) {
    if (slots[i].key == 0) {
      insert(event, watch_ms);
      return;
    }
    i = (i + 1) & mask_;
  }
  if (event.key == 0) [[unlikely]] {  // found "empty": the entry (0, 0) stands beside the slots
    ++none_.views;
    none_.watch_ms += watch_ms;
    return;
  }
  const std::uint64_t packed = slots[i].packed + PackedSums::of_event(watch_ms);
  slots[i].packed = packed;
  if ((packed & PackedSums::kSpillBit) != 0) [[unlikely]]
    spill(slots[i]);
}

void DeltaTable::add_all(const Columns& events, const std::vector<GroupKey>& groups) {
  const GroupKey* const group_keys = groups.data();
  const std::size_t group_count = groups.size();
  std::array<Event, kAhead> ahead;
  const auto fetch = [&](std::size_t i) {
    const Event event = event_of(events, i, group_keys, group_count);
    __builtin_prefetch(slots_.data() + (event.hash >> shift_), 1);
    ahead[i % kAhead] = event;
  };
  const std::size_t first = std::min(kAhead, events.count);
  for (std::size_t i = 0; i < first; ++i) fetch(i);
  std::size_t i = 0;
  for (; i + kAhead < events.count; ++i) {
    const Event event = ahead[i % kAhead];
    fetch(i + kAhead);
    add(event, events.watch_ms[i]);
  }
  for (; i < events.count; ++i) add(ahead[i % kAhead], events.watch_ms[i]);
}

void DeltaTable::add_by_slot(const Columns& events, const std::vector<GroupKey>& groups,
                             const std::vector<DeltaTable*>& by_slot) {
  struct Ahead {
    Event event;
    DeltaTable* table;
  };
  const GroupKey* const group_keys = groups.data();
  const std::size_t group_count = groups.size();
  DeltaTable* const* const tables = by_slot.data();
  const std::size_t slot_count = by_slot.size();
  std::array<Ahead, kAhead> ahead;
  const auto fetch = [&](std::size_t i) {
    MARQUEE_CHECK(events.slot[i] < slot_count);
    DeltaTable* const table = tables[events.slot[i]];
    ahead[i % kAhead].table = table;
    if (table == nullptr) return;
    const Event event = event_of(events, i, group_keys, group_count);
    __builtin_prefetch(table->slots_.data() + (event.hash >> table->shift_), 1);
    ahead[i % kAhead].event = event;
  };
  const std::size_t first = std::min(kAhead, events.count);
  for (std::size_t i = 0; i < first; ++i) fetch(i);
  for (std::size_t i = 0; i < events.count; ++i) {
    const Ahead a = ahead[i % kAhead];
    if (i + kAhead < events.count) fetch(i + kAhead);
    if (a.table != nullptr) a.table->add(a.event, events.watch_ms[i]);
  }
}

void DeltaTable::insert(const Event& event, std::uint32_t watch_ms) {
  if (size_ == size_max_) grow();
  place({event.key, PackedSums::of_event(watch_ms)});
  ++size_;
}

void DeltaTable::place(const Slot& slot) {
  std::size_t i = entry_hash(slot.key) >> shift_;
  while (slots_.data()[i].key != 0) i = (i + 1) & mask_;
  slots_.data()[i] = slot;
}

void DeltaTable::grow() {
  const std::size_t slots = slots_.size() * (slots_.size() < kFastGrowthSlots ? 4 : 2);
  const ZeroedArray<Slot> before = std::exchange(slots_, ZeroedArray<Slot>(slots));
  mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
  size_max_ = slots / 2;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before.data()[i].key != 0) place(before.data()[i]);
  }
}

void DeltaTable::spill(Slot& slot) {
  wide_.add_one(
      {group_of(slot.key), item_of(slot.key), PackedSums::views(slot.packed), PackedSums::watch_ms(slot.packed)});
  slot.packed = PackedSums::kSpilled;
}

void DeltaTable::drain(std::vector<PartialRow>& rows, EntryTable& marks, PartialRow& none) {
  rows.reserve(rows.size() + size_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_.data()[i];
    if (slot.key == 0) continue;
    PartialRow row{group_of(slot.key), item_of(slot.key), PackedSums::views(slot.packed),
                   PackedSums::watch_ms(slot.packed)};
    if ((slot.packed & PackedSums::kSpilled) != 0) [[unlikely]] {
      const PartialRow* const more = wide_.find(slot.key);
      MARQUEE_CHECK(more != nullptr);
      row.views += more->views;
      row.watch_ms += more->watch_ms;
    }
    if (row.item == kRefusedItem) [[unlikely]] {
      marks.add_one(row);
    } else {
      rows.push_back(row);
    }
  }
  none.views += none_.views;
  none.watch_ms += none_.watch_ms;
  clear();
}

void DeltaTable::clear() {
  if (size_ > 0) std::memset(static_cast<void*>(slots_.data()), 0, slots_.bytes());
  size_ = 0;
  none_.views = 0;
  none_.watch_ms = 0;
  wide_.clear();
}

}  // namespace marquee
