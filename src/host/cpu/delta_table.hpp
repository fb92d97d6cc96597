// DeltaTable: what the current epoch has added to one (leaderboard, pane). The table every event goes through.
//
// 16 bytes an entry, four to a cache line: the key, and both measures packed in one word, so that an event costs one
// line and one addition. A key whose packed views reach kSpillViews moves them to a wide side table and starts again:
// once in 8192 events of a key. Open addressing, linear probing, load <= 1/2, insert only; grows when an insert needs
// it.
//
// One owner thread. Memory: 32 to 64 bytes a key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/engine.hpp"
#include "core/entry_key.hpp"
#include "cpu/entry_table.hpp"
#include "cpu/zeroed_array.hpp"

namespace marquee {

// views << kViewsShift | watch_ms; bit 63: the wide table holds more of this key.
struct PackedSums {
  static constexpr int kViewsShift = 45;
  static constexpr std::uint64_t kSpillViews = 1u << 13;
  static constexpr std::uint64_t kSpillBit = kSpillViews << kViewsShift;
  static constexpr std::uint64_t kSpilled = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kOneView = std::uint64_t{1} << kViewsShift;
  static constexpr std::uint64_t kWatchMask = kOneView - 1;

  static constexpr std::uint64_t of_event(std::uint32_t watch_ms) { return kOneView | watch_ms; }
  static constexpr std::uint64_t views(std::uint64_t packed) { return (packed & ~kSpilled) >> kViewsShift; }
  static constexpr std::uint64_t watch_ms(std::uint64_t packed) { return packed & kWatchMask; }

  // Before an addition there are at most kSpillViews - 1 views, after it at most kSpillViews, and then it spills.
  static_assert(kSpillViews * 0xffffffffULL <= kWatchMask,
                "kSpillViews events of any 32-bit watch time fit below views");
  static_assert(kSpillViews < kSpilled >> kViewsShift, "views never reach the flag");
  static_assert(kWatchMsMax <= 0xffffffffLL);
};

// A combination's place in a leaderboard: its group, already where the key wants it. 0: refused.
using GroupKey = std::uint64_t;

class DeltaTable {
 public:
  explicit DeltaTable(std::size_t slots);

  struct Columns {
    const ItemId* item;
    const CombinationId* combination;
    const std::uint32_t* slot;
    const std::uint32_t* watch_ms;
    std::size_t count;
  };
  // Adds all events to this table.
  void add_all(const Columns& events, const std::vector<GroupKey>& groups);
  // Adds each event to by_slot[its slot]; those with null are left out. by_slot has slot_count entries.
  static void add_by_slot(const Columns& events, const std::vector<GroupKey>& groups,
                          const std::vector<DeltaTable*>& by_slot);

  // Appends the rows with an item to `rows`, adds those without to `marks`, the entry (0, 0) to `none`; then all is
  // zero.
  void drain(std::vector<PartialRow>& rows, EntryTable& marks, PartialRow& none);
  // Forgets everything, keeps the memory.
  void clear();

  std::size_t size() const { return size_; }
  std::size_t slots() const { return slots_.size(); }
  std::size_t memory_bytes() const { return slots_.bytes() + wide_.memory_bytes(); }

 private:
  struct Slot {
    std::uint64_t key;
    std::uint64_t packed;
  };
  static_assert(sizeof(Slot) == 16);
  struct Event {
    std::uint64_t key;
    std::uint64_t hash;
  };

  static Event event_of(const Columns& events, std::size_t i, const GroupKey* groups, std::size_t group_count);
  void add(const Event& event, std::uint32_t watch_ms);
  void insert(const Event& event, std::uint32_t watch_ms);
  void spill(Slot& slot);
  void grow();
  void place(const Slot& slot);

  ZeroedArray<Slot> slots_;
  std::size_t mask_;
  int shift_;
  std::size_t size_ = 0;
  std::size_t size_max_;
  PartialRow none_{kRefusedGroup, kRefusedItem};  // the entry (0, 0)
  EntryTable wide_;                               // what has been spilled
};

}  // namespace marquee
