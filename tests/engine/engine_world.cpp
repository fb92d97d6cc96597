#include "engine/engine_world.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

namespace marquee::test {

namespace {

std::map<std::pair<std::uint32_t, std::int64_t>, Entries> entries_of(const Partials& partials) {
  std::map<std::pair<std::uint32_t, std::int64_t>, Entries> out;
  for (const PanePartials& pane : partials.panes) {
    const auto [at, is_new] = out.try_emplace({raw(pane.leaderboard), raw(pane.pane)});
    EXPECT_TRUE(is_new) << "pane " << raw(pane.pane) << " twice";
    for (const PartialRow& row : pane.rows) {
      const bool is_first =
          at->second.emplace(Key{raw(row.group), raw(row.item)}, Sums{row.views, row.watch_ms}).second;
      EXPECT_TRUE(is_first) << "entry (" << raw(row.group) << ", " << raw(row.item) << ") twice";
    }
  }
  return out;
}

}  // namespace

World::World(const EngineKind& kind) : kind_(kind) {
  job.leaderboards.resize(1);
  job.leaderboards[0].name = "board0";
  // Enough for every test here, and no more memory than they need.
  job.budgets.items = 1'100'000;
  job.budgets.entries = 2'000'000;
  job.budgets.open_panes = 1'000;
  slots.push_back({kNone});
  for (std::int64_t pane = 0; pane < 32; ++pane) slots.push_back({pane});
  groups.push_back({0});
  for (std::uint32_t group = 1; group <= 64; ++group) groups.push_back({group});
}

World::~World() {
  engine_.reset();
  EXPECT_EQ(pool_.size(), batches_.size()) << "a batch did not go home";
}

void World::add_leaderboard(Measure measure, std::uint32_t top) {
  LeaderboardSpec board;
  board.name = "board" + std::to_string(job.leaderboards.size());
  board.measure = measure;
  board.top = top;
  job.leaderboards.push_back(board);
  for (auto& slot : slots) slot.push_back(slot[0]);
  for (auto& group : groups) group.push_back(group[0]);
}

void World::start() {
  EngineConfig config{&job, this, batch_events_max, epoch_rows_max, {}};
  for (std::size_t i = 0; i < kEngineBatchesHeldMax + 1; ++i) {
    BatchShape shape;
    shape.events_max = batch_events_max;
    shape.arena_bytes = 4096;
    shape.leaderboard_count = static_cast<std::uint32_t>(job.leaderboards.size());
    batches_.push_back(std::make_unique<Batch>(shape));
    pool_.push_back(batches_.back().get());
    config.batch_columns.emplace_back(batches_.back()->columns_data(), batches_.back()->columns_bytes());
  }
  engine_ = kind_.make(config);
  map_combinations();
}

void World::map_combinations() {
  for (std::uint32_t c = 1; c < groups.size(); ++c) {
    std::vector<GroupId> of;
    for (const std::uint32_t group : groups[c]) of.push_back(GroupId{group});
    engine_->map_combination(CombinationId{c}, of);
  }
}

void World::name(std::uint32_t item) {
  if (item == 0) return;
  if (named_.size() <= item) named_.resize(item + 1, false);
  if (named_[item]) return;
  named_[item] = true;
  engine_->name_item(ItemId{item}, item_text(ItemId{item}));
  --texts_read_;
}

std::string_view World::item_text(ItemId item) const {
  ++texts_read_;
  const std::uint32_t id = raw(item);
  EXPECT_NE(id, 0u) << "the refused item has no text";
  if (id < texts.size()) return texts[id];
  std::string& text = more_texts_[id];
  if (text.empty()) text = "item-" + std::to_string(id);
  return text;
}

void World::take_back(Batch* batch) noexcept {
  // Whoever still reads it now reads this.
  std::memset(batch->columns_data(), 0xa5, batch->columns_bytes());
  pool_.push_back(batch);
}

void World::count(Entries& into, const Event& event, std::uint32_t leaderboard) const {
  const std::uint32_t group = groups[event.combination][leaderboard];
  Sums& sums = into[{group, group == 0 ? 0 : event.item}];
  sums.views += 1;
  sums.watch_ms += event.watch_ms;
}

BatchPtr World::batch_of(std::span<const Event> events) {
  const auto boards = static_cast<std::uint32_t>(job.leaderboards.size());
  EXPECT_FALSE(pool_.empty()) << "the engine holds more batches than it may";
  BatchPtr batch(pool_.back(), SendHome{this});
  pool_.pop_back();
  batch->clear();
  batch->event_count = static_cast<std::uint32_t>(events.size());
  // Slots as the pipeline makes them: only those that occur, numbered anew in each batch.
  std::map<std::uint32_t, std::uint32_t> numbers{{0, 0}};
  for (std::uint32_t i = 0; i < batch->event_count; ++i) {
    const Event& event = events[i];
    name(event.item);
    const auto [number, is_new] = numbers.try_emplace(event.slot, batch->slot_count());
    if (is_new) {
      for (std::uint32_t b = 0; b < boards; ++b) batch->slot_panes.push_back(PaneIndex{slots[event.slot][b]});
      batch->slot_events.push_back(0);
    }
    ++batch->slot_events[number->second];
    batch->item()[i] = ItemId{event.item};
    batch->combination()[i] = CombinationId{event.combination};
    batch->slot()[i] = number->second;
    batch->watch_ms()[i] = event.watch_ms;
  }
  return batch;
}

void World::submit(const std::vector<Event>& events) {
  for (std::size_t begin = 0; begin < events.size(); begin += batch_events_max) {
    const std::size_t n = std::min<std::size_t>(batch_events_max, events.size() - begin);
    const std::span<const Event> part = std::span(events).subspan(begin, n);
    for (const Event& event : part) {
      for (std::uint32_t b = 0; b < job.leaderboards.size(); ++b) {
        if (slots[event.slot][b] != kNone) count(epoch_[{b, slots[event.slot][b]}], event, b);
      }
    }
    ASSERT_TRUE(engine_->submit(batch_of(part)).ok());
  }
}

void World::end_epoch() {
  const Result<const Partials*> ended = engine_->end_epoch();
  ASSERT_TRUE(ended.ok()) << ended.status().message();
  partials_ = ended.value();
  EXPECT_EQ(engine_->epoch_rows(), 0u);
  EXPECT_EQ(entries_of(*partials_), epoch_);
  for (const auto& [key, entries] : epoch_) {
    for (const auto& [entry, sums] : entries) {
      state_[key][entry].views += sums.views;
      state_[key][entry].watch_ms += sums.watch_ms;
    }
  }
  epoch_.clear();
}

void World::rank(std::uint32_t leaderboard, std::int64_t first, std::int64_t last, bool hot) {
  const LeaderboardSpec& board = job.leaderboards[leaderboard];
  Entries entries;
  for (auto i = state_.lower_bound({leaderboard, first}); i != state_.end() && i->first <= PaneKey{leaderboard, last};
       ++i) {
    for (const auto& [entry, sums] : i->second) {
      entries[entry].views += sums.views;
      entries[entry].watch_ms += sums.watch_ms;
    }
  }
  struct Group {
    std::uint64_t events = 0;
    bool refused = false;
    std::vector<std::pair<std::uint32_t, Sums>> rows;
  };
  std::map<std::uint32_t, Group> expected;
  bool group_refused = false;
  for (const auto& [entry, sums] : entries) {
    if (entry.first == 0) {
      group_refused = true;
      continue;
    }
    Group& group = expected[entry.first];
    group.events += sums.views;
    if (entry.second == 0) {
      group.refused = true;
    } else {
      group.rows.emplace_back(entry.second, sums);
    }
  }
  const std::size_t texts_read_before = texts_read_;
  ASSERT_TRUE(engine_->rank({LeaderboardIndex{leaderboard}, {PaneIndex{first}, PaneIndex{last}}, hot}, ranking_).ok());
  const std::size_t texts_read = texts_read_ - texts_read_before;

  EXPECT_EQ(ranking_.group_refused, group_refused);
  EXPECT_EQ(ranking_.groups.size(), expected.size());
  std::set<std::uint32_t> seen;
  for (const RankedGroup& got : ranking_.groups) {
    EXPECT_TRUE(seen.insert(raw(got.group)).second) << "group " << raw(got.group) << " twice";
    const auto found = expected.find(raw(got.group));
    ASSERT_NE(found, expected.end()) << "group " << raw(got.group) << " has no event";
    Group& group = found->second;
    EXPECT_EQ(got.events, group.events);
    EXPECT_EQ(got.refused, group.refused);
    const auto measure = [&board](const Sums& s) { return board.measure == Measure::kViews ? s.views : s.watch_ms; };
    std::sort(group.rows.begin(), group.rows.end(), [&](const auto& a, const auto& b) {
      if (measure(a.second) != measure(b.second)) return measure(a.second) > measure(b.second);
      return item_text(ItemId{a.first}) < item_text(ItemId{b.first});
    });
    if (group.rows.size() > board.top) group.rows.resize(board.top);
    ASSERT_EQ(got.row_count, group.rows.size()) << "group " << raw(got.group);
    ASSERT_LE(std::size_t{got.first_row} + got.row_count, ranking_.rows.size());
    for (std::uint32_t i = 0; i < got.row_count; ++i) {
      const RankedRow& row = ranking_.rows[got.first_row + i];
      ASSERT_EQ(raw(row.item), group.rows[i].first) << "group " << raw(got.group) << ", place " << i + 1;
      ASSERT_EQ((Sums{row.views, row.watch_ms}), group.rows[i].second);
    }
  }
  texts_read_ = texts_read_before + texts_read;
}

void World::rank_all_panes(bool hot) {
  std::set<PaneKey> panes;
  for (const auto& [key, entries] : state_) panes.insert(key);
  for (const auto& [leaderboard, pane] : panes) rank(leaderboard, pane, pane, hot);
}

void World::drop(std::uint32_t leaderboard, std::int64_t pane) {
  state_.erase({leaderboard, pane});
  engine_->drop(LeaderboardIndex{leaderboard}, PaneIndex{pane});
}

void World::restore(std::uint32_t leaderboard, std::int64_t pane, const Entries& entries) {
  PanePartials partials;
  partials.leaderboard = LeaderboardIndex{leaderboard};
  partials.pane = PaneIndex{pane};
  for (const auto& [entry, sums] : entries) {
    name(entry.second);
    partials.rows.push_back({GroupId{entry.first}, ItemId{entry.second}, sums.views, sums.watch_ms});
    state_[{leaderboard, pane}][entry].views += sums.views;
    state_[{leaderboard, pane}][entry].watch_ms += sums.watch_ms;
  }
  ASSERT_TRUE(engine_->restore(partials).ok());
}

void World::restore_copy_into(World& other) {
  for (const auto& [key, entries] : state_) other.restore(key.first, key.second, entries);
}

void World::clear() {
  engine_->clear();
  named_.clear();
  state_.clear();
  epoch_.clear();
  map_combinations();
}

void World::expect_live_ids() {
  LiveIds live;
  std::set<std::uint32_t> items;
  std::vector<std::set<std::uint32_t>> live_groups(job.leaderboards.size());
  std::uint32_t item_bound = 1;
  std::uint32_t group_bound = 1;
  for (const auto& [key, entries] : state_) {
    for (const auto& [entry, sums] : entries) {
      if (entry.first != 0) live_groups[key.first].insert(entry.first);
      if (entry.second != 0) items.insert(entry.second);
      item_bound = std::max(item_bound, entry.second + 1);
      group_bound = std::max(group_bound, entry.first + 1);
    }
  }
  live.items.assign(item_bound, 0);
  live.groups.assign(job.leaderboards.size(), std::vector<std::uint8_t>(group_bound, 0));
  engine_->mark_live(live);
  for (std::uint32_t i = 1; i < item_bound; ++i) EXPECT_EQ(live.items[i] != 0, items.contains(i)) << "item " << i;
  for (std::size_t b = 0; b < live_groups.size(); ++b) {
    for (std::uint32_t g = 1; g < group_bound; ++g) {
      EXPECT_EQ(live.groups[b][g] != 0, live_groups[b].contains(g)) << "group " << g << " of leaderboard " << b;
    }
  }
}

World::Wanted World::every_group() const {
  std::uint32_t group_bound = 1;
  for (const std::vector<std::uint32_t>& of : groups)
    group_bound = std::max(group_bound, *std::ranges::max_element(of) + 1);
  for (const auto& [key, entries] : state_) {
    for (const auto& [entry, sums] : entries) group_bound = std::max(group_bound, entry.first + 1);
  }
  return Wanted(job.leaderboards.size(), std::vector<std::uint8_t>(group_bound, 1));
}

void World::expect_state(const Wanted& wanted) {
  const Result<const Partials*> state = engine_->state(wanted);
  ASSERT_TRUE(state.ok()) << state.status().message();
  std::map<PaneKey, Entries> got = entries_of(*state.value());
  std::erase_if(got, [](const auto& pane) { return pane.second.empty(); });
  std::map<PaneKey, Entries> expected;
  for (const auto& [key, entries] : state_) {
    for (const auto& [entry, sums] : entries) {
      if (wanted[key.first][entry.first] != 0) expected[key][entry] = sums;
    }
  }
  EXPECT_EQ(got, expected);
}

void World::restore_state_into(World& other) {
  const Result<const Partials*> state = engine_->state(every_group());
  ASSERT_TRUE(state.ok()) << state.status().message();
  for (const auto& [key, entries] : entries_of(*state.value())) other.restore(key.first, key.second, entries);
}

std::vector<std::string> World::ranked_texts(std::uint32_t group) const {
  std::vector<std::string> out;
  for (const RankedGroup& g : ranking_.groups) {
    if (raw(g.group) != group) continue;
    for (std::uint32_t i = 0; i < g.row_count; ++i) out.emplace_back(item_text(ranking_.rows[g.first_row + i].item));
  }
  return out;
}

std::vector<Event> distinct_items(std::uint32_t n, std::uint32_t first) {
  std::vector<Event> events(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    events[i].item = first + i;
    events[i].watch_ms = i;
  }
  return events;
}

std::uint64_t seed_or(std::uint64_t fallback) {
  const char* const text = std::getenv("MARQUEE_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}
int rounds_or(int fallback) {
  const char* const text = std::getenv("MARQUEE_ROUNDS");
  return text == nullptr ? fallback : static_cast<int>(std::strtol(text, nullptr, 10));
}

}  // namespace marquee::test
