// Pane blocks for tests: random ones, and what it takes to compare two.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/result.hpp"
#include "pipeline/pane_block.hpp"

namespace marquee::test {

// A row with what it names in full.
using NamedRow = std::tuple<std::string, std::int64_t, std::string, bool, std::string, std::uint64_t, std::uint64_t,
                            std::string, EventTimeMs>;

inline std::vector<NamedRow> named_rows(const PaneBlock& block) {
  std::vector<NamedRow> rows;
  for (const PartialBlock::Row& row : block.partials.rows) {
    const PartialBlock::Title* title =
        row.title == PartialBlock::kNoTitle ? nullptr : &block.partials.titles.at(row.title);
    rows.emplace_back(block.boards.at(row.leaderboard).name, row.pane,
                      row.group == PartialBlock::kNoGroup ? "none" : "key " + block.partials.groups.at(row.group),
                      row.refused, block.partials.item_bytes.substr(row.item_begin, row.item_size), row.views,
                      row.watch_ms, title == nullptr ? "" : block.partials.text_of(*title),
                      title == nullptr ? 0 : title->time);
  }
  return rows;
}

// All but the rows.
inline auto head_of(const PaneBlock& b) {
  return std::tie(b.base, b.epoch, b.part, b.parts, b.partition, b.partition_count, b.written, b.covered, b.meaning,
                  b.boards, b.partials.groups);
}

inline std::string group_key(const std::vector<std::string>& values) {
  std::string key;
  for (const std::string& value : values) append_key_part(key, value);
  return key;
}

inline void add_row(PaneBlock& block, std::uint32_t leaderboard, std::int64_t pane, std::uint32_t group,
                    std::string_view item, std::uint64_t views, std::uint64_t watch_ms) {
  PartialBlock& p = block.partials;
  p.rows.push_back({leaderboard, group, pane, static_cast<std::uint32_t>(p.item_bytes.size()),
                    static_cast<std::uint32_t>(item.size()), PartialBlock::kNoTitle, item.empty(), views, watch_ms});
  p.item_bytes += item;
}

// One leaderboard, one group, one row in it.
inline PaneBlock small_block() {
  PaneBlock block;
  block.epoch = 7;
  block.written = {{0, 0}};
  block.covered = {{"events", 0, Offset{10}, Offset{20}}};
  block.meaning = "event.item=id\n";
  block.boards = {{"trending", "window=tumbling\n", false, {}}};
  block.partials.groups = {group_key({"movie"})};
  add_row(block, 0, 29396666, 0, "m-1", 3, 9000);
  return block;
}

class BlockMaker {
 public:
  explicit BlockMaker(std::uint64_t seed) : rng_(seed) {}

  // Every field of any value that it may have; texts of any byte, `text_bytes_max` at most, or letters alone.
  PaneBlock make(std::size_t rows, std::size_t text_bytes_max = 24, bool letters = false) {
    text_bytes_max_ = text_bytes_max;
    letters_ = letters;
    titles_ = coin();
    PaneBlock block;
    block.base = coin();
    block.epoch = number();
    block.parts = 1 + static_cast<std::uint32_t>(coin() ? below(3) : below(0xffffffff));
    block.part = static_cast<std::uint32_t>(below(block.parts));
    block.partition_count = 1 + static_cast<std::uint32_t>(coin() ? below(9) : below(0xffffffff));
    std::map<std::uint32_t, std::uint64_t> written;
    for (std::size_t n = below(4); n > 0; --n) {
      written[static_cast<std::uint32_t>(below(block.partition_count))] = number();
    }
    block.partition = static_cast<std::uint32_t>(below(block.partition_count));
    written[block.partition] = 0;
    for (const auto& [partition, ago] : written) block.written.push_back({partition, ago});
    for (std::size_t n = below(5); n > 0; --n) {
      block.covered.push_back(
          {text(), static_cast<std::int32_t>(number()), Offset{coin() ? -1 : integer()}, Offset{integer()}});
    }
    const auto place = [](const PaneBlock::Covered& c) { return std::tie(c.topic, c.number); };
    std::sort(block.covered.begin(), block.covered.end(), [&](auto& a, auto& b) { return place(a) < place(b); });
    block.covered.erase(
        std::unique(block.covered.begin(), block.covered.end(), [&](auto& a, auto& b) { return place(a) == place(b); }),
        block.covered.end());
    block.meaning = text();
    for (std::size_t n = below(5) + 1; n > 0; --n) {
      PaneBlock::Board& board = block.boards.emplace_back(PaneBlock::Board{text(), text(), coin(), {}});
      if (coin()) board.state.exact_from = integer();
      if (coin()) board.state.refused = {PaneIndex{integer()}, PaneIndex{integer()}};
    }
    for (std::size_t n = below(6); n > 0; --n) {
      std::vector<std::string> values(below(4));
      for (std::string& value : values) value = text();
      block.partials.groups.push_back(group_key(values));
    }
    const std::vector<std::int64_t> panes = {integer(), integer(), -1, 0, 1};
    for (; rows > 0; --rows) add_random_row(block, coin() ? integer() : panes[below(panes.size())]);
    return block;
  }

  std::size_t below(std::uint64_t count) { return static_cast<std::size_t>(rng_() % count); }

 private:
  void add_random_row(PaneBlock& block, std::int64_t pane) {
    const bool grouped = !block.partials.groups.empty() && below(8) > 0;
    std::string item = grouped && below(8) > 0 ? text() + "." : std::string();
    add_row(block, static_cast<std::uint32_t>(below(block.boards.size())), pane,
            grouped ? static_cast<std::uint32_t>(below(block.partials.groups.size())) : PartialBlock::kNoGroup, item,
            number(), number());
    if (!item.empty() && titles_ && coin()) {
      std::string title = text().substr(0, kTitleBytesMax - 1) + "t";
      block.partials.set_title(block.partials.rows.back(), integer(), title);
    }
  }

  bool coin() { return below(2) == 0; }
  std::uint64_t number() { return rng_() >> below(64); }
  std::int64_t integer() { return static_cast<std::int64_t>(coin() ? number() : ~number()); }
  std::string text() {
    std::string out(below(text_bytes_max_ + 1), '\0');
    for (char& c : out) c = static_cast<char>(letters_ ? 'a' + below(26) : below(256));
    return out;
  }

  std::mt19937_64 rng_;
  std::size_t text_bytes_max_ = 0;
  bool letters_ = false;
  bool titles_ = false;
};

}  // namespace marquee::test
