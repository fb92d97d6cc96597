// ModelEngine: an engine of ordered maps, for tests of what stands around engines. It is meant to be obviously right,
// and is lost in whichever call a test chooses.
//
// It holds its owner to the contract: a CHECK where an id was not said before a batch or a ranking that needs it, where
// an item is named anew while an open pane holds it, where Texts and name_item() disagree, where an engine is ranked,
// listed or asked for live ids in the middle of an epoch. What it lends is gone as soon as it may be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/engine.hpp"

namespace marquee::test {

class ModelEngine final : public Engine {
 public:
  // Asked as each call of "submit", "end_epoch", "rank", "restore" and "state" begins. Once its answer is not ok the
  // device is lost: that call and every later one return this Status, and it is not asked again.
  using Fails = std::function<Status(std::string_view call)>;

  explicit ModelEngine(const EngineConfig& config, Fails fails = {})
      : job_(*config.job),
        texts_(*config.texts),
        batch_events_max_(config.batch_events_max),
        fails_(std::move(fails)) {}

  // --- Ids

  void map_combination(CombinationId combination, std::span<const GroupId> groups) override {
    MARQUEE_CHECK(groups.size() == job_.leaderboards.size() && raw(combination) <= job_.budgets.combinations);
    for (const GroupId group : groups) MARQUEE_CHECK(raw(group) <= job_.budgets.groups);
    groups_of_[combination].assign(groups.begin(), groups.end());
  }
  void name_item(ItemId item, std::string_view text) override {
    MARQUEE_CHECK(item != kRefusedItem && raw(item) <= job_.budgets.items);
    const auto [named, is_new] = names_.try_emplace(item, text);
    if (is_new || named->second == text) return;
    MARQUEE_CHECK(!holds(item));
    named->second = text;
  }

  // --- An epoch

  Status submit(BatchPtr batch) override {
    if (Status s = ask("submit"); !s.ok()) return s;
    forget_lent();
    MARQUEE_CHECK(batch->event_count <= batch_events_max_);
    MARQUEE_CHECK(batch->leaderboard_count() == job_.leaderboards.size());
    std::vector<std::uint32_t> slot_events(batch->slot_count());
    for (std::uint32_t e = 0; e < batch->event_count; ++e) {
      const std::uint32_t slot = batch->slot()[e];
      MARQUEE_CHECK(slot < batch->slot_count());
      ++slot_events[slot];
      for (std::uint32_t b = 0; b < job_.leaderboards.size(); ++b) {
        const LeaderboardIndex leaderboard{b};
        const PaneIndex pane = batch->pane(slot, leaderboard);
        if (pane == kNoPane) continue;
        const Key key = key_of(leaderboard, batch->combination()[e], batch->item()[e]);
        add(epoch_[{leaderboard, pane}], key, {1, batch->watch_ms()[e]});
        ++epoch_rows_;
      }
    }
    MARQUEE_CHECK(slot_events == batch->slot_events);
    return {};
  }
  std::uint64_t epoch_rows() const override { return epoch_rows_; }

  Result<const Partials*> end_epoch() override {
    if (Status s = ask("end_epoch"); !s.ok()) return s;
    forget_lent();
    for (const auto& [pane, entries] : epoch_) {
      Entries added;
      for (const auto& [key, sums] : entries) {
        const Key to = within_budget(pane, key);
        if (to != key) partials_.refused_events += sums.views;
        add(state_[pane], to, sums);
        add(added, to, sums);
      }
      partials_.panes.push_back(rows_of(pane, added));
    }
    epoch_.clear();
    epoch_rows_ = 0;
    return &partials_;
  }

  // --- As of its end

  Status rank(const RankQuery& query, Ranking& out) override {
    if (Status s = ask("rank"); !s.ok()) return s;
    MARQUEE_CHECK(epoch_.empty());
    out.clear();
    const LeaderboardSpec& board = job_.leaderboards[raw(query.leaderboard)];
    Entries window;
    for (const auto& [pane, entries] : state_) {
      if (pane.first != query.leaderboard || pane.second < query.panes.first || pane.second > query.panes.last)
        continue;
      for (const auto& [key, sums] : entries) add(window, key, sums);
    }
    out.group_refused = window.erase({kRefusedGroup, kRefusedItem}) > 0;

    std::map<GroupId, RankedGroup> groups;
    std::map<GroupId, std::vector<Candidate>> candidates;
    for (const auto& [key, sums] : window) {
      RankedGroup& group = groups[key.first];
      group.group = key.first;
      group.events += sums.views;
      group.refused |= key.second == kRefusedItem;
      if (key.second == kRefusedItem) continue;
      const std::uint64_t measure = board.measure == Measure::kViews ? sums.views : sums.watch_ms;
      candidates[key.first].push_back({measure, text_of(key.second), {key.second, sums.views, sums.watch_ms}});
    }
    for (auto& [id, group] : groups) {
      std::vector<Candidate>& ranked = candidates[id];
      std::sort(ranked.begin(), ranked.end(), [](const Candidate& a, const Candidate& b) {
        return a.measure != b.measure ? a.measure > b.measure : a.text < b.text;
      });
      ranked.resize(std::min<std::size_t>(ranked.size(), board.top));
      group.first_row = static_cast<std::uint32_t>(out.rows.size());
      group.row_count = static_cast<std::uint32_t>(ranked.size());
      for (const Candidate& candidate : ranked) out.rows.push_back(candidate.row);
      out.groups.push_back(group);
    }
    return {};
  }

  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) override {
    if (Status s = ask("state"); !s.ok()) return s;
    MARQUEE_CHECK(epoch_.empty() && wanted.size() == job_.leaderboards.size());
    listed_ = Partials();
    for (const auto& [pane, entries] : state_) {
      const std::vector<std::uint8_t>& groups = wanted[raw(pane.first)];
      Entries kept;
      for (const auto& [key, sums] : entries) {
        MARQUEE_CHECK(raw(key.first) < groups.size());
        if (groups[raw(key.first)] != 0) add(kept, key, sums);
      }
      listed_.panes.push_back(rows_of(pane, kept));
    }
    return &listed_;
  }

  void mark_live(LiveIds& live) override {
    MARQUEE_CHECK(epoch_.empty() || !lost_.ok());
    if (!lost_.ok()) {  // then everything is
      std::fill(live.items.begin(), live.items.end(), std::uint8_t{1});
      for (std::vector<std::uint8_t>& groups : live.groups) std::fill(groups.begin(), groups.end(), std::uint8_t{1});
      return;
    }
    for (const auto& [pane, entries] : state_) {
      for (const auto& [key, sums] : entries) {
        live.groups.at(raw(pane.first)).at(raw(key.first)) = 1;
        live.items.at(raw(key.second)) = 1;
      }
    }
  }
  void forget_floors() override {}

  // --- Panes

  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override {
    epoch_.erase({leaderboard, pane});
    const auto found = state_.find({leaderboard, pane});
    if (found == state_.end()) return;
    for (const auto& [key, sums] : found->second) items_ -= key.second == kRefusedItem ? 0 : 1;
    state_.erase(found);
  }

  Status restore(const PanePartials& partials) override {
    if (Status s = ask("restore"); !s.ok()) return s;
    MARQUEE_CHECK(raw(partials.leaderboard) < job_.leaderboards.size() && partials.pane != kNoPane);
    const Pane pane{partials.leaderboard, partials.pane};
    for (const PartialRow& row : partials.rows) {
      if (row.views == 0) continue;
      MARQUEE_CHECK(raw(row.group) <= job_.budgets.groups && raw(row.item) <= job_.budgets.items);
      const Key key{row.group, row.group == kRefusedGroup ? kRefusedItem : row.item};
      const Key to = within_budget(pane, key);
      add(state_[pane], to, {row.views, row.watch_ms});
    }
    return {};
  }

  void clear() override {
    groups_of_.clear();
    names_.clear();
    state_.clear();
    epoch_.clear();
    items_ = 0;
    epoch_rows_ = 0;
    forget_lent();
  }

  // --- What is said of it

  EngineStats stats() const override {
    EngineStats stats;
    std::set<Pane> open;
    for (const Panes* panes : {&state_, &epoch_}) {
      for (const auto& [pane, entries] : *panes) {
        open.insert(pane);
        stats.memory_bytes += entries.size() * kEntryBytes;
      }
    }
    stats.entries = items_;
    stats.open_panes = static_cast<std::uint32_t>(open.size());
    return stats;
  }
  std::string_view name() const override { return "model"; }
  bool can_be_lost() const override { return true; }

 private:
  struct Sums {
    std::uint64_t views = 0;
    std::uint64_t watch_ms = 0;
  };
  struct Candidate {
    std::uint64_t measure;
    std::string_view text;
    RankedRow row;
  };
  using Pane = std::pair<LeaderboardIndex, PaneIndex>;
  using Key = std::pair<GroupId, ItemId>;
  using Entries = std::map<Key, Sums>;
  using Panes = std::map<Pane, Entries>;
  static constexpr std::size_t kEntryBytes = sizeof(Entries::value_type) + 4 * sizeof(void*);  // a node of the map

  Status ask(std::string_view call) {
    if (lost_.ok() && fails_) lost_ = fails_(call);
    return lost_;
  }
  // Valid "until the next": from here on a caller that still looks sees freed memory.
  void forget_lent() {
    partials_ = Partials();
    listed_ = Partials();
  }

  static void add(Entries& entries, const Key& key, const Sums& sums) {
    Sums& to = entries[key];
    to.views += sums.views;
    to.watch_ms += sums.watch_ms;
  }
  static PanePartials rows_of(const Pane& pane, const Entries& entries) {
    PanePartials out{pane.first, pane.second, {}};
    for (const auto& [key, sums] : entries) out.rows.push_back({key.first, key.second, sums.views, sums.watch_ms});
    return out;
  }

  Key key_of(LeaderboardIndex leaderboard, CombinationId combination, ItemId item) const {
    if (combination == kRefusedCombination) return {kRefusedGroup, kRefusedItem};
    MARQUEE_CHECK(groups_of_.contains(combination) && (item == kRefusedItem || names_.contains(item)));
    const GroupId group = groups_of_.at(combination)[raw(leaderboard)];
    return {group, group == kRefusedGroup ? kRefusedItem : item};
  }
  // Where the key's sums go: to itself, and takes its place in the budget if it is new, or to its group's mark.
  Key within_budget(const Pane& pane, const Key& key) {
    if (key.second == kRefusedItem) return key;
    const auto found = state_.find(pane);
    if (found != state_.end() && found->second.contains(key)) return key;
    if (items_ >= job_.budgets.entries) return {key.first, kRefusedItem};
    ++items_;
    return key;
  }
  bool holds(ItemId item) const {
    for (const Panes* panes : {&state_, &epoch_}) {
      for (const auto& [pane, entries] : *panes) {
        for (const auto& [key, sums] : entries) {
          if (key.second == item) return true;
        }
      }
    }
    return false;
  }
  std::string_view text_of(ItemId item) const {
    const std::string_view text = texts_.item_text(item);
    const auto named = names_.find(item);
    MARQUEE_CHECK(named != names_.end() && named->second == text);
    return text;
  }

  const JobSpec& job_;
  const Texts& texts_;
  const std::uint32_t batch_events_max_;
  const Fails fails_;
  Status lost_;
  std::map<CombinationId, std::vector<GroupId>> groups_of_;  // [leaderboard]
  std::map<ItemId, std::string> names_;
  Panes state_;
  std::uint64_t items_ = 0;  // entries of `state_` that the budget counts
  Panes epoch_;              // what has been submitted since the last end_epoch()
  std::uint64_t epoch_rows_ = 0;
  Partials partials_;  // lent by end_epoch()
  Partials listed_;    // lent by state()
};

}  // namespace marquee::test
