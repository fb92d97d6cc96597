#include "pipeline/ids.hpp"

#include <algorithm>

namespace marquee {
namespace {

constexpr std::uint32_t kCollectFrom = 4096;  // below this, dead ids cost less than looking for them

bool grown(std::uint64_t now, std::uint64_t after_last, std::uint64_t budget) {
  return now >= std::max<std::uint64_t>(kCollectFrom, 2 * after_last) || now * 4 >= budget * 3;
}

}  // namespace

IdKeeper::IdKeeper(const JobSpec& job, std::uint64_t seed)
    : job_(job), items_(job.budgets.items, seed), combinations_(job.budgets.combinations, seed) {
  for (std::size_t l = 0; l < job.leaderboards.size(); ++l) {
    groups_.push_back(std::make_unique<Dictionary>(job.budgets.groups, seed));
  }
  group_of_.assign(groups_.size(), kRefusedGroup);
  combination_seen_.assign(1, 1);
}

void IdKeeper::clear() {
  items_.clear();
  combinations_.clear();
  for (auto& g : groups_) g->clear();
  group_of_.assign(groups_.size(), kRefusedGroup);
  combination_seen_.assign(1, 1);
  last_retire_era_ = 0;
  items_after_collection_ = 0;
  groups_after_collection_ = 0;
  combinations_after_collection_ = 0;
}

void IdKeeper::attach(Engine& engine) {
  const std::size_t n = groups_.size();
  for (std::uint32_t c = 0; c * n < group_of_.size(); ++c) {
    if (c == 0 || combinations_.live(c)) engine.map_combination(CombinationId{c}, {&group_of_[c * n], n});
  }
  for (std::uint32_t i = 1; i < items_.id_bound(); ++i) {
    if (items_.live(i)) engine.name_item(ItemId{i}, items_.text(i));
  }
}

ItemId IdKeeper::give_item(std::string_view text, std::uint64_t hash, Engine& engine) {
  const std::uint32_t before = items_.live_count();
  const ItemId id{items_.find_or_give(text, hash)};
  if (items_.live_count() != before) engine.name_item(id, text);
  return id;
}

CombinationId IdKeeper::give_combination(std::string_view key, std::uint64_t hash, Engine& engine) {
  const std::uint32_t before = combinations_.live_count();
  const std::uint32_t id = combinations_.find_or_give(key, hash);
  if (id == 0 || combinations_.live_count() == before) return CombinationId{id};
  const std::size_t n = groups_.size();
  if (group_of_.size() < (std::size_t{id} + 1) * n) group_of_.resize((std::size_t{id} + 1) * n);
  if (combination_seen_.size() <= id) combination_seen_.resize(id + 1);
  combination_seen_[id] = 1;
  for (std::size_t l = 0; l < n; ++l) {
    key_.clear();
    for (const std::uint32_t d : job_.leaderboards[l].by) append_key_part(key_, key_part(key, d));
    group_of_[id * n + l] = GroupId{groups_[l]->find_or_give(key_)};
  }
  engine.map_combination(CombinationId{id}, {&group_of_[id * n], n});
  return CombinationId{id};
}

void IdKeeper::resolve(Batch& batch, Engine& engine) {
  ItemId* item = batch.item();
  CombinationId* combination = batch.combination();
  const std::uint32_t* slot = batch.slot();
  if (batch.era <= last_retire_era_) {
    for (std::uint32_t e = 0; e < batch.event_count; ++e) {
      if (slot[e] == 0) continue;
      if (raw(item[e]) != 0 && !items_.live(raw(item[e]))) {
        const std::string text(items_.text(raw(item[e])));
        item[e] = give_item(text, items_.hash(text), engine);
      }
      const std::uint32_t c = raw(combination[e]);
      if (c != 0 && !combinations_.live(c)) {
        const std::string key(combinations_.text(c));
        combination[e] = give_combination(key, combinations_.hash(key), engine);
      }
    }
  }
  for (const PendingKey& p : batch.pending_items) {
    if (slot[p.event] != 0) item[p.event] = give_item(p.bytes, p.hash, engine);
  }
  for (const PendingKey& p : batch.pending_combinations) {
    if (slot[p.event] != 0) combination[p.event] = give_combination(p.bytes, p.hash, engine);
  }
  // Which combinations are in use matters only once there are so many that some may have to go.
  if (combinations_.live_count() >= kCollectFrom / 2 || combinations_.live_count() * 2 >= combinations_.budget()) {
    for (std::uint32_t e = 0; e < batch.event_count; ++e) combination_seen_[raw(combination[e])] = 1;
  } else {
    std::fill(combination_seen_.begin(), combination_seen_.end(), std::uint8_t{1});
  }
}

std::uint64_t IdKeeper::groups_live() const {
  std::uint64_t n = 0;
  for (const auto& g : groups_) n += g->live_count();
  return n;
}

bool IdKeeper::collection_due() const {
  if (grown(items_.live_count(), items_after_collection_, items_.budget())) return true;
  if (grown(combinations_.live_count(), combinations_after_collection_, combinations_.budget())) return true;
  return std::any_of(groups_.begin(), groups_.end(),
                     [this](const auto& g) { return grown(g->live_count(), groups_after_collection_, g->budget()); });
}

bool IdKeeper::near_budget() const {
  const auto near = [](const Dictionary& d) {
    return (d.live_count() + d.retired_count()) * std::uint64_t{4} >= std::uint64_t{d.budget()} * 3;
  };
  return near(items_) || near(combinations_) ||
         std::any_of(groups_.begin(), groups_.end(), [&](const auto& g) { return near(*g); });
}

void IdKeeper::set_now(std::uint64_t era, std::uint64_t epoch) {
  era_ = era;
  items_.set_now(era, epoch);
  combinations_.set_now(era, epoch);
  for (auto& g : groups_) g->set_now(era, epoch);
}

void IdKeeper::collect(Engine& engine) {
  const std::size_t n = groups_.size();
  live_.items.assign(items_.id_bound(), 0);
  live_.groups.resize(n);
  for (std::size_t l = 0; l < n; ++l) live_.groups[l].assign(groups_[l]->id_bound(), 0);
  engine.mark_live(live_);

  std::uint64_t retired = 0;
  const auto retire_unmarked = [&](Dictionary& dictionary, const std::vector<std::uint8_t>& marks) {
    for (std::uint32_t id = 1; id < dictionary.id_bound(); ++id) {
      if (marks[id] != 0 || !dictionary.live(id)) continue;
      dictionary.retire(id);
      ++retired;
    }
  };
  // One that was mapped to a refused group gets another chance.
  for (std::uint32_t c = 1; c < combinations_.id_bound(); ++c) {
    for (std::size_t l = 0; l < n; ++l) {
      if (group_of_[c * n + l] == kRefusedGroup) combination_seen_[c] = 0;
    }
  }
  retire_unmarked(items_, live_.items);
  retire_unmarked(combinations_, combination_seen_);
  // A combination that stays keeps its groups.
  for (std::uint32_t c = 1; c < combinations_.id_bound(); ++c) {
    if (!combinations_.live(c)) continue;
    combination_seen_[c] = 0;
    for (std::size_t l = 0; l < n; ++l) live_.groups[l][raw(group_of_[c * n + l])] = 1;
  }
  std::uint64_t groups_most = 0;
  for (std::size_t l = 0; l < n; ++l) {
    retire_unmarked(*groups_[l], live_.groups[l]);
    groups_most = std::max<std::uint64_t>(groups_most, groups_[l]->live_count());
  }
  if (retired > 0) last_retire_era_ = era_;
  items_after_collection_ = items_.live_count();
  combinations_after_collection_ = combinations_.live_count();
  groups_after_collection_ = groups_most;
}

void IdKeeper::reclaim(std::uint64_t era, std::uint64_t epoch_committed, Engine& engine) {
  if (!has_garbage()) return;
  engine.forget_floors();
  items_.reclaim(era, epoch_committed);
  combinations_.reclaim(era, epoch_committed);
  for (auto& g : groups_) g->reclaim(era, epoch_committed);
}

bool IdKeeper::has_garbage() const {
  return items_.has_garbage() || combinations_.has_garbage() ||
         std::any_of(groups_.begin(), groups_.end(), [](const auto& g) { return g->has_garbage(); });
}

std::size_t IdKeeper::memory_bytes() const {
  std::size_t bytes = items_.memory_bytes() + combinations_.memory_bytes();
  for (const auto& g : groups_) bytes += g->memory_bytes();
  return bytes;
}

}  // namespace marquee
