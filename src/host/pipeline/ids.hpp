// IdKeeper: ids of items, combinations and groups, given at hand-over and taken back when no open pane holds them.
// Engine thread only; ingest threads read items() and combinations() through Dictionary::View.
//
// Giving back, in order: mark (the engine says which ids its panes hold, right after an epoch was folded), retire
// (out of the dictionaries, stamped with era and epoch), remap (a batch begun before that and still to come may name a
// retired id: its text is looked up again, so that one text never has two ids in a pane), reclaim (no such batch is
// left and the epoch has committed).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/dictionary.hpp"
#include "core/engine.hpp"
#include "core/job.hpp"
#include "core/result.hpp"

namespace marquee {

class IdKeeper final : public Texts {
 public:
  IdKeeper(const JobSpec& job, std::uint64_t seed);

  const Dictionary& items() const { return items_; }
  const Dictionary& combinations() const { return combinations_; }
  std::string_view item_text(ItemId item) const override { return items_.text(raw(item)); }
  std::string_view group_key(LeaderboardIndex board, GroupId group) const {
    return groups_[raw(board)]->text(raw(group));
  }
  // The group that a combination of a resolved batch is in.
  GroupId group_of(LeaderboardIndex board, CombinationId combination) const {
    return group_of_[raw(combination) * groups_.size() + raw(board)];
  }
  std::uint32_t group_id_bound(LeaderboardIndex board) const { return groups_[raw(board)]->id_bound(); }
  bool group_live(LeaderboardIndex board, GroupId group) const { return groups_[raw(board)]->live(raw(group)); }

  // Forgets every id at once, for a recovery: no View may be in use, nor any batch that was filled with one.
  void clear();
  // Tells a new engine every combination (0, the refused one, too) and every item there is.
  void attach(Engine& engine);

  // Gives every counted event of the batch its ids. ~0 for batches whose keys are all known.
  void resolve(Batch& batch, Engine& engine);

  // For recovery and tests: ids of texts.
  ItemId item(std::string_view text, Engine& engine) { return give_item(text, items_.hash(text), engine); }
  GroupId group(LeaderboardIndex board, std::string_view key) {
    return GroupId{groups_[raw(board)]->find_or_give(key)};
  }

  // What is taken out of the dictionaries from now on belongs to this era and epoch. Call whenever either has changed.
  void set_now(std::uint64_t era, std::uint64_t epoch);
  // Whether some budget of ids is so far used that settled panes had better be dropped soon.
  bool near_budget() const;
  // Whether so many ids were given since the last collection that another one pays.
  bool collection_due() const;
  // Takes out what no open pane holds, as of set_now(); the caller raises the era afterwards.
  void collect(Engine& engine);
  // Makes retired ids available: no batch of era <= `era` is left and `epoch_committed` has committed.
  void reclaim(std::uint64_t era, std::uint64_t epoch_committed, Engine& engine);
  bool has_garbage() const;

  std::uint64_t groups_live() const;
  std::size_t memory_bytes() const;

 private:
  ItemId give_item(std::string_view text, std::uint64_t hash, Engine& engine);
  CombinationId give_combination(std::string_view key, std::uint64_t hash, Engine& engine);

  const JobSpec& job_;
  Dictionary items_;
  Dictionary combinations_;
  std::vector<std::unique_ptr<Dictionary>> groups_;  // [leaderboard]
  std::vector<GroupId> group_of_;                    // [combination * leaderboards + leaderboard]
  std::vector<std::uint8_t> combination_seen_;       // [combination], since the last collection
  std::uint64_t era_ = 0;
  std::uint64_t last_retire_era_ = 0;
  std::uint32_t items_after_collection_ = 0;
  std::uint64_t groups_after_collection_ = 0;
  std::uint32_t combinations_after_collection_ = 0;
  std::string key_;  // scratch
  LiveIds live_;     // scratch
};

}  // namespace marquee
