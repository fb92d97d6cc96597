// Engine: what aggregates and ranks. One owner thread calls everything; submit() may be asynchronous.
//
// Ids are dense: at most the budgets of JobSpec.
//
// An engine holds, for each leaderboard and open pane, a table of entries keyed (group, item) with views and watch_ms,
// as of the last end_epoch() (or restore()), and the current epoch's delta. It works on dense ids only; text never
// enters it, but for settling ties, through Texts.
//
// Item 0 and group 0 mean refused. Events of a refused item stand in the entry (group, 0): they count in their
// group's events, make its results inexact, and are never ranked. Events of a refused group stand in the entry (0, 0)
// of their pane: they make every result of a window over that pane inexact, and are in no group's events. Where the
// entries budget leaves no room for a new (group, item), the engine adds to (group, 0) instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/batch.hpp"
#include "core/ids.hpp"
#include "core/job.hpp"
#include "core/status.hpp"

namespace marquee {

// How many batches an engine may keep when submit() returns: those whose events are still on their way to a device.
// Pools are sized by it.
inline constexpr std::size_t kEngineBatchesHeldMax = 2;

// What an entry gained, or holds.
struct PartialRow {
  GroupId group;
  ItemId item;
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
};

// Rows of one leaderboard's pane; each (group, item) at most once, in no order.
struct PanePartials {
  LeaderboardIndex leaderboard{0};
  PaneIndex pane{0};
  std::vector<PartialRow> rows;
};

// What one epoch added. Owned by the engine, valid until its next submit(), end_epoch() or clear().
struct Partials {
  std::vector<PanePartials> panes;   // panes touched, in no order
  std::uint64_t refused_events = 0;  // (event, leaderboard) pairs that the entries budget refused, now in (group, 0)
};

// The top `top` items of every group over the panes [first, last] of a leaderboard, both included.
struct RankQuery {
  LeaderboardIndex leaderboard{0};
  PaneRun panes{};
  // A window that is ranked again and again while it grows may be kept ready (running sum, floors). At most one
  // window of a leaderboard is hot at a time: the earliest incomplete one.
  bool hot = false;
};

struct RankedGroup {
  GroupId group{0};
  std::uint64_t events = 0;     // sum of views over all its entries, refused ones included
  bool refused = false;         // has an entry (group, 0)
  std::uint32_t first_row = 0;  // its rows are rows[first_row, first_row + row_count), best first
  std::uint32_t row_count = 0;
};

struct RankedRow {
  ItemId item;
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
};

// Groups in no order, each once, those without an event absent. Buffers are reused between calls.
struct Ranking {
  std::vector<RankedGroup> groups;
  std::vector<RankedRow> rows;
  bool group_refused = false;  // some pane of the window has the entry (0, 0)

  void clear() {
    groups.clear();
    rows.clear();
    group_refused = false;
  }
};

// Text of live ids, for ties: measure descending, then item bytes ascending. Called on the engine's owner thread, in
// rank(); what it returns stays valid until that rank() returns.
class Texts {
 public:
  virtual std::string_view item_text(ItemId item) const = 0;

 protected:
  ~Texts() = default;
};

// Ids that some open pane holds; index = id. Engines set, never reset.
struct LiveIds {
  std::vector<std::uint8_t> items;                // [items.id_bound]
  std::vector<std::vector<std::uint8_t>> groups;  // [leaderboard][groups.id_bound]
};

struct EngineStats {
  std::uint64_t entries = 0;  // over all open panes
  std::uint32_t open_panes = 0;
  std::size_t memory_bytes = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Says which group each leaderboard gives a combination: groups[leaderboard]. Before the first batch that holds it;
  // again when the id is reused.
  virtual void map_combination(CombinationId combination, std::span<const GroupId> groups) = 0;
  // Says an item's text. Before the first batch that holds the item; again when the id is reused. An engine that
  // settles ties where Texts cannot be asked keeps what it needs of it; the bytes are the caller's again afterwards.
  virtual void name_item(ItemId item, std::string_view text) = 0;

  // Takes the events of a batch whose ids are all given and whose slots are resolved (kNoPane: not for this
  // leaderboard); at most EngineConfig::batch_events_max, in columns made before the engine was. The batch goes home
  // when it has been consumed, now or later, but when submit() returns no more than kEngineBatchesHeldMax are still
  // held (it waits for the oldest). Errors: a lost device.
  virtual Status submit(BatchPtr batch) = 0;
  // Events of the current epoch so far, times leaderboards they count in at most; the pipeline ends an epoch early by
  // it.
  virtual std::uint64_t epoch_rows() const = 0;

  // Folds the epoch's delta into the state and returns it, compacted. Everything submitted before is in it.
  virtual Result<const Partials*> end_epoch() = 0;

  // As of the last end_epoch(): a bug while events have been submitted since.
  virtual Status rank(const RankQuery& query, Ranking& out) = 0;

  // Drops a pane's table whole. A pane without a table is fine.
  virtual void drop(LeaderboardIndex leaderboard, PaneIndex pane) = 0;

  // Adds rows to the state as if an epoch had; for recovery.
  virtual Status restore(const PanePartials& partials) = 0;
  // Forgets everything.
  virtual void clear() = 0;

  // The entries of every open pane whose group is wanted, `wanted[leaderboard][group]` (group 0, the refused one, too);
  // panes without such an entry may be absent. For a base of the pane log: as of the last end_epoch(), a bug while
  // events have been submitted since. Owned by the engine, valid until its next submit(), end_epoch(), state() or
  // clear(). Cost: a pass over all tables, and on a device a copy of them to the host.
  virtual Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) = 0;

  // Marks every id that an open pane's table holds. Only right after end_epoch().
  virtual void mark_live(LiveIds& live) = 0;
  // A retired item or group id is about to be reused: nothing may be remembered about it (floors, caches).
  virtual void forget_floors() = 0;

  virtual EngineStats stats() const = 0;
  virtual std::string_view name() const = 0;  // "cpu" or "cuda": a literal
  // False where state cannot get lost while the process lives: then nobody keeps partials to restore it from.
  virtual bool can_be_lost() const = 0;
};

struct EngineConfig {
  const JobSpec* job = nullptr;  // outlives the engine
  const Texts* texts = nullptr;  // outlives the engine
  std::uint32_t batch_events_max = 0;
  std::uint64_t epoch_rows_max = 8u << 20;  // (event, leaderboard) pairs after which the caller ends an epoch
  // The columns that batches will be submitted in, for an engine that pins them; they outlive it. May be empty.
  std::vector<std::span<std::byte>> batch_columns{};
};

}  // namespace marquee
