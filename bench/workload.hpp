// What the benchmarks of engines feed them, and what must come out: seeded events and rows, and a plain model of their
// sums and ranks that shares nothing with an engine.
//
// Event profile: one leaderboard over one open pane; 8 groups, an item belongs to one; ids in the order of first
// appearance, as the dictionary gives them; watch time 0 … 60 s.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.hpp"

namespace marquee::bench {

inline constexpr std::uint32_t kGroups = 8;
inline constexpr std::uint32_t kCombinations = 64;  // ids 1 … kCombinations
constexpr GroupId group_of_combination(std::uint32_t combination) {
  return GroupId{1 + combination % kGroups};
}
constexpr GroupId group_of_item(std::uint32_t item) {
  return group_of_combination(1 + item % kGroups);
}
// Says it to an engine of one leaderboard.
void map_combinations(Engine& engine);

enum class Skew : std::uint8_t { kUniform, kZipf, kHot30, kHot100 };
std::string_view name_of(Skew skew);

struct Sums {
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
  bool operator==(const Sums&) const = default;
};

// Events in columns, and the sums of every item.
struct Events {
  std::vector<std::uint32_t> item;
  std::vector<std::uint32_t> combination;
  std::vector<std::uint32_t> watch_ms;
  std::vector<Sums> expected;  // [item id]
  std::uint32_t size() const { return static_cast<std::uint32_t>(item.size()); }
};
// The same for the same arguments. Takes about 50 ns an event.
Events make_events(std::uint32_t keys, Skew skew, std::uint32_t count);
// Those of every `of`-th item, from the `part`-th on.
Events part_of(const Events& events, std::uint32_t part, std::uint32_t of);

// Events in batches that come back to it: slot 1, pane 1.
class Batches final : public BatchHome {
 public:
  Batches(const Events& events, std::uint32_t batch_events);
  void take_back(Batch*) noexcept override { ++at_home_; }
  std::size_t size() const { return batches_.size(); }
  std::uint64_t events() const { return events_; }
  // batch 0 … size() - 1, which is at home, to the engine.
  Status submit(Engine& engine, std::size_t batch);
  Status submit_all(Engine& engine);
  bool all_at_home() const { return at_home_ == batches_.size(); }
  // What an engine may pin.
  std::vector<std::span<std::byte>> columns() const;

 private:
  std::vector<std::unique_ptr<Batch>> batches_;
  std::size_t at_home_ = 0;
  std::uint64_t events_ = 0;
};

// Empty where the rows of the pane's one epoch are what `expected` says; else the first difference.
std::string difference(std::span<const PartialRow> rows, const std::vector<Sums>& expected);
std::string difference(const Partials& partials, const std::vector<Sums>& expected);

// --- Ranking

// How views are spread over rows: like those of a Zipf law, evenly up to a million, or over three values.
enum class Spread : std::uint8_t { kZipf, kUniform, kTied };
std::string_view name_of(Spread spread);
// Items 1 … count, each with a group of 1 … groups; watch time a thousand times the views.
std::vector<PartialRow> make_rows(std::uint32_t count, std::uint32_t groups, Spread spread);

// Texts of items 0 … count: "item-" and nine digits.
class ItemTexts final : public Texts {
 public:
  explicit ItemTexts(std::uint32_t count);
  std::string_view item_text(ItemId item) const override { return {&bytes_[raw(item) * kTextBytes], kTextBytes}; }

 private:
  static constexpr std::size_t kTextBytes = 14;
  std::string bytes_;
};

// What a ranking of rows by views must be, by std::partial_sort: groups in order, those without rows absent.
Ranking best_rows(std::span<const PartialRow> rows, std::uint32_t top, const Texts& texts);
// Empty where both say the same, the order of groups apart; else the first difference.
std::string difference(const Ranking& ranking, const Ranking& expected);

}  // namespace marquee::bench
