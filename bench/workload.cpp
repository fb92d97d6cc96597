#include "workload.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>

namespace marquee::bench {
namespace {

// Walker's alias method: one draw from any distribution in constant time.
class Alias {
 public:
  explicit Alias(const std::vector<double>& weights) : threshold_(weights.size()), other_(weights.size()) {
    double sum = 0;
    for (const double w : weights) sum += w;
    std::vector<std::uint32_t> low, high;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      threshold_[i] = weights[i] / sum * static_cast<double>(weights.size());
      other_[i] = i;
      (threshold_[i] < 1 ? low : high).push_back(i);
    }
    while (!low.empty() && !high.empty()) {
      const std::uint32_t l = low.back();
      const std::uint32_t h = high.back();
      low.pop_back();
      other_[l] = h;
      threshold_[h] -= 1 - threshold_[l];
      if (threshold_[h] < 1) {
        high.pop_back();
        low.push_back(h);
      }
    }
  }
  std::uint32_t operator()(std::mt19937_64& random) const {
    const auto i = static_cast<std::uint32_t>(random() % threshold_.size());
    return static_cast<double>(random() >> 11) * 0x1p-53 < threshold_[i] ? i : other_[i];
  }

 private:
  std::vector<double> threshold_;
  std::vector<std::uint32_t> other_;
};

std::string text_of(const char* what, std::uint32_t group, std::uint64_t place) {
  return std::string(what) + " in group " + std::to_string(group) + ", " + std::to_string(place);
}

}  // namespace

std::string_view name_of(Skew skew) {
  static constexpr std::string_view kNames[] = {"uniform", "zipf-1.0", "hot-30%", "hot-100%"};
  return kNames[static_cast<std::size_t>(skew)];
}

std::string_view name_of(Spread spread) {
  static constexpr std::string_view kNames[] = {"zipf", "uniform", "tied"};
  return kNames[static_cast<std::size_t>(spread)];
}

void map_combinations(Engine& engine) {
  for (std::uint32_t c = 1; c <= kCombinations; ++c) {
    const GroupId group = group_of_combination(c);
    engine.map_combination(CombinationId{c}, {&group, 1});
  }
}

Events make_events(std::uint32_t keys, Skew skew, std::uint32_t count) {
  std::mt19937_64 random(7);
  std::vector<double> weights(keys);
  for (std::uint32_t i = 0; i < keys; ++i) weights[i] = skew == Skew::kZipf ? 1.0 / (i + 1) : 1.0;
  const Alias draw(weights);
  std::vector<std::uint32_t> ids(keys, 0);
  std::uint32_t next_id = 1;
  Events out;
  out.item.resize(count);
  out.combination.resize(count);
  out.watch_ms.resize(count);
  out.expected.resize(std::size_t{keys} + 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t key = draw(random);
    if (skew == Skew::kHot100 || (skew == Skew::kHot30 && random() % 10 < 3)) key = 0;
    if (ids[key] == 0) ids[key] = next_id++;
    const std::uint32_t id = ids[key];
    out.item[i] = id;
    out.combination[i] = 1 + id % kGroups + kGroups * static_cast<std::uint32_t>(random() % (kCombinations / kGroups));
    out.watch_ms[i] = static_cast<std::uint32_t>(random() % 60'000);
    ++out.expected[id].views;
    out.expected[id].watch_ms += out.watch_ms[i];
  }
  return out;
}

Events part_of(const Events& events, std::uint32_t part, std::uint32_t of) {
  Events out;
  out.expected.resize(events.expected.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (events.item[i] % of != part) continue;
    out.item.push_back(events.item[i]);
    out.combination.push_back(events.combination[i]);
    out.watch_ms.push_back(events.watch_ms[i]);
  }
  for (std::size_t id = part; id < events.expected.size(); id += of) out.expected[id] = events.expected[id];
  return out;
}

Batches::Batches(const Events& events, std::uint32_t batch_events) : events_(events.size()) {
  for (std::uint32_t done = 0; done < events.size();) {
    batches_.push_back(std::make_unique<Batch>(BatchShape{batch_events, 4096, 1}));
    Batch& batch = *batches_.back();
    batch.slot_panes.push_back(PaneIndex{1});
    batch.event_count = std::min(batch_events, events.size() - done);
    batch.slot_events.push_back(batch.event_count);
    for (std::uint32_t i = 0; i < batch.event_count; ++i) {
      batch.item()[i] = ItemId{events.item[done + i]};
      batch.combination()[i] = CombinationId{events.combination[done + i]};
      batch.slot()[i] = 1;
      batch.watch_ms()[i] = events.watch_ms[done + i];
    }
    done += batch.event_count;
  }
  at_home_ = batches_.size();
}

Status Batches::submit(Engine& engine, std::size_t batch) {
  --at_home_;
  return engine.submit(BatchPtr(batches_[batch].get(), SendHome{this}));
}

Status Batches::submit_all(Engine& engine) {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    if (Status s = submit(engine, i); !s.ok()) return s;
  }
  return {};
}

std::vector<std::span<std::byte>> Batches::columns() const {
  std::vector<std::span<std::byte>> out;
  out.reserve(batches_.size());
  for (const auto& batch : batches_) out.emplace_back(batch->columns_data(), batch->columns_bytes());
  return out;
}

std::string difference(std::span<const PartialRow> rows, const std::vector<Sums>& expected) {
  std::size_t keys = 0;
  for (const Sums& sums : expected) keys += sums.views > 0 ? 1 : 0;
  std::vector<bool> seen(expected.size(), false);
  for (const PartialRow& row : rows) {
    const std::uint32_t item = raw(row.item);
    if (item >= expected.size() || row.group != group_of_item(item) ||
        Sums{row.views, row.watch_ms} != expected[item]) {
      return "item " + std::to_string(item) + " has " + std::to_string(row.views) + " views and " +
             std::to_string(row.watch_ms) + " ms in group " + std::to_string(raw(row.group));
    }
    if (seen[item]) return "item " + std::to_string(item) + " stands there twice";
    seen[item] = true;
  }
  if (rows.size() != keys)
    return std::to_string(rows.size()) + " entries, where " + std::to_string(keys) + " are right";
  return {};
}

std::string difference(const Partials& partials, const std::vector<Sums>& expected) {
  if (partials.panes.empty()) return difference(std::span<const PartialRow>(), expected);
  const PanePartials& pane = partials.panes[0];
  if (partials.panes.size() > 1 || pane.leaderboard != LeaderboardIndex{0} || pane.pane != PaneIndex{1}) {
    return "rows of another pane";
  }
  return difference(pane.rows, expected);
}

std::vector<PartialRow> make_rows(std::uint32_t count, std::uint32_t groups, Spread spread) {
  std::mt19937_64 random(7);
  std::vector<PartialRow> rows;
  rows.reserve(count);
  for (std::uint32_t i = 1; i <= count; ++i) {
    std::uint64_t views = 1 + random() % 3;
    if (spread == Spread::kZipf) views = 1 + count / (1 + random() % count);
    if (spread == Spread::kUniform) views = 1 + random() % 1'000'000;
    rows.push_back(
        {GroupId{1 + static_cast<std::uint32_t>(random() % groups)}, ItemId{i}, views, views * std::uint64_t{1000}});
  }
  return rows;
}

ItemTexts::ItemTexts(std::uint32_t count) : bytes_((std::size_t{count} + 1) * kTextBytes, '\0') {
  char text[kTextBytes + 1];
  for (std::uint32_t i = 0; i <= count; ++i) {
    std::snprintf(text, sizeof text, "item-%09u", i % 1'000'000'000);
    std::copy_n(text, kTextBytes, &bytes_[i * kTextBytes]);
  }
}

Ranking best_rows(std::span<const PartialRow> rows, std::uint32_t top, const Texts& texts) {
  std::map<std::uint32_t, std::vector<const PartialRow*>> groups;
  for (const PartialRow& row : rows) groups[raw(row.group)].push_back(&row);
  Ranking out;
  for (auto& [group, members] : groups) {
    const std::size_t kept = std::min<std::size_t>(top, members.size());
    std::partial_sort(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(kept), members.end(),
                      [&](const PartialRow* a, const PartialRow* b) {
                        if (a->views != b->views) return a->views > b->views;
                        return texts.item_text(a->item) < texts.item_text(b->item);
                      });
    RankedGroup& ranked = out.groups.emplace_back();
    ranked.group = GroupId{group};
    ranked.first_row = static_cast<std::uint32_t>(out.rows.size());
    ranked.row_count = static_cast<std::uint32_t>(kept);
    for (const PartialRow* row : members) ranked.events += row->views;
    for (std::size_t i = 0; i < kept; ++i) {
      out.rows.push_back({members[i]->item, members[i]->views, members[i]->watch_ms});
    }
  }
  return out;
}

std::string difference(const Ranking& ranking, const Ranking& expected) {
  if (ranking.groups.size() != expected.groups.size()) {
    return std::to_string(ranking.groups.size()) + " groups, where " + std::to_string(expected.groups.size()) +
           " are right";
  }
  std::map<std::uint32_t, const RankedGroup*> found;
  for (const RankedGroup& group : ranking.groups) found[raw(group.group)] = &group;
  for (const RankedGroup& wanted : expected.groups) {
    const std::uint32_t number = raw(wanted.group);
    const auto at = found.find(number);
    if (at == found.end()) return "no group " + std::to_string(number);
    const RankedGroup& group = *at->second;
    if (group.events != wanted.events) return text_of("events", number, group.events);
    if (group.row_count != wanted.row_count) return text_of("rows", number, group.row_count);
    for (std::uint32_t i = 0; i < group.row_count; ++i) {
      const RankedRow& is = ranking.rows[group.first_row + i];
      const RankedRow& right = expected.rows[wanted.first_row + i];
      if (is.item != right.item || is.views != right.views || is.watch_ms != right.watch_ms) {
        return text_of("another row", number, i + 1);
      }
    }
  }
  return {};
}

}  // namespace marquee::bench
