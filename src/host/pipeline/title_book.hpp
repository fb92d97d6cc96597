// TitleBook: which title belongs to an item, for each leaderboard with a display field. Engine thread only.
//
// A title belongs to (leaderboard, pane, group, item): of the events that count there and carry one, the title of the
// highest event time, then the greatest bytes. So it is a function of a window's events: order, batches and engines do
// not matter; and it changes only where its group's events do, so that every change has a revision of its own.
//
//   batch ─ see() ─► seen in this epoch ─ fold() ─► known, where the engine has an entry for it ─► best()
//                          └─ seen(): carried in the epoch's partials ─► restore()
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "core/engine.hpp"
#include "core/entry_key.hpp"
#include "core/job.hpp"
#include "pipeline/ids.hpp"

namespace marquee {

// Titles of one leaderboard's pane: entry key to the best of its titles. Open addressing, at most half full.
class TitleTable {
 public:
  struct Title {
    EventTimeMs time;
    std::string_view text;  // until the next raise()
  };

  // Keeps the better of what there is and this. False: `bytes_more_max` is not enough for it, nothing has changed.
  // `key`: of an item and a group that are not refused.
  bool raise(std::uint64_t key, EventTimeMs time, std::string_view text, std::size_t bytes_more_max);
  std::optional<Title> find(std::uint64_t key) const;
  std::size_t bytes() const {
    return slots_.empty() ? 0 : slots_.capacity() * sizeof(Slot) + texts_.capacity();  // empty strings have some, too
  }

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: free
    EventTimeMs time = 0;
    std::uint32_t text_begin = 0;
    std::uint16_t text_size = 0;
    std::uint16_t text_room = 0;
  };
  static_assert(kTitleBytesMax <= 0xffff);
  std::size_t place_of(std::uint64_t key) const;
  void grow();
  void tidy();
  std::string_view text_of(const Slot& slot) const {
    return std::string_view(texts_).substr(slot.text_begin, slot.text_size);
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  unsigned shift_ = 64;
  std::string texts_;
  std::size_t text_bytes_dead_ = 0;
};

class TitleBook {
 public:
  // The job outlives it.
  explicit TitleBook(const JobSpec& job);

  // Whether any leaderboard has a display field; all below costs nothing where none has.
  bool is_used() const { return is_used_; }

  // The titles of a batch whose slots and ids are resolved.
  void see(const Batch& batch, const IdKeeper& ids);
  // An epoch has ended: what was seen counts where the engine has taken an event of the entry, and is forgotten
  // otherwise. Then forget_seen(), before the next see().
  void fold(const Partials& partials);
  void forget_seen();

  // For the pane log: what this epoch has seen of a pane's entries, and what is known of them; null: nothing. Until the
  // next see(), fold() or forget_seen().
  const TitleTable* seen(LeaderboardIndex board, PaneIndex pane) const { return find(seen_, board, pane); }
  const TitleTable* known(LeaderboardIndex board, PaneIndex pane) const { return find(known_, board, pane); }
  // For a recovery.
  void restore(LeaderboardIndex board, PaneIndex pane, GroupId group, ItemId item, EventTimeMs time,
               std::string_view text);

  // The title over all these panes; empty: none. Panes do not overlap in time: the last one that has any has the best.
  std::string_view best(LeaderboardIndex board, PaneRun panes, GroupId group, ItemId item) const;

  void drop(LeaderboardIndex board, PaneIndex pane);

  std::size_t memory_bytes() const { return bytes_; }
  // Titles left out because Budgets::title_bytes was full, since the last call.
  std::uint64_t take_refused() { return std::exchange(refused_, 0); }

 private:
  using Panes = std::map<PaneIndex, TitleTable>;
  void raise(TitleTable& table, std::uint64_t key, EventTimeMs time, std::string_view text);
  static const TitleTable* find(const std::vector<Panes>& boards, LeaderboardIndex board, PaneIndex pane);

  const JobSpec& job_;
  bool is_used_ = false;
  std::vector<Panes> seen_, known_;  // [leaderboard]
  std::size_t bytes_ = 0;            // of all tables
  std::uint64_t refused_ = 0;
};

}  // namespace marquee
