#include "pipeline/partial_block.hpp"

#include <map>
#include <utility>

#include "core/check.hpp"

namespace marquee {

std::shared_ptr<PartialBlock> to_block(const Partials& partials, const IdKeeper& ids, const TitleBook& titles,
                                       WhichTitles which) {
  auto block = std::make_shared<PartialBlock>();
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> group_index;
  for (const PanePartials& pane : partials.panes) {
    const TitleTable* const table = which == WhichTitles::kSeen ? titles.seen(pane.leaderboard, pane.pane)
                                                                : titles.known(pane.leaderboard, pane.pane);
    for (const PartialRow& row : pane.rows) {
      PartialBlock::Row& out = block->rows.emplace_back();
      out.leaderboard = raw(pane.leaderboard);
      out.pane = raw(pane.pane);
      out.views = row.views;
      out.watch_ms = row.watch_ms;
      out.refused = row.item == kRefusedItem;
      if (row.group == kRefusedGroup) {
        out.group = PartialBlock::kNoGroup;
      } else {
        const auto [it, fresh] = group_index.try_emplace({raw(pane.leaderboard), raw(row.group)},
                                                         static_cast<std::uint32_t>(block->groups.size()));
        if (fresh) block->groups.emplace_back(ids.group_key(pane.leaderboard, row.group));
        out.group = it->second;
      }
      if (out.refused) continue;
      const std::string_view text = ids.item_text(row.item);
      out.item_begin = static_cast<std::uint32_t>(block->item_bytes.size());
      out.item_size = static_cast<std::uint32_t>(text.size());
      block->item_bytes += text;
      MARQUEE_CHECK(block->item_bytes.size() <= 0xffffffff);  // offsets into it have 32 bits
      if (table == nullptr) continue;
      if (const auto title = table->find(entry_key(row.group, row.item)))
        block->set_title(out, title->time, title->text);
    }
  }
  return block;
}

Status restore_block(const PartialBlock& block, IdKeeper& ids, Engine& engine, TitleBook& titles) {
  std::map<std::pair<std::uint32_t, std::int64_t>, PanePartials> panes;
  for (const PartialBlock::Row& row : block.rows) {
    PanePartials& pane = panes[{row.leaderboard, row.pane}];
    pane.leaderboard = LeaderboardIndex{row.leaderboard};
    pane.pane = PaneIndex{row.pane};
    PartialRow& out = pane.rows.emplace_back();
    out.group =
        row.group == PartialBlock::kNoGroup ? kRefusedGroup : ids.group(pane.leaderboard, block.groups[row.group]);
    out.item = row.refused || out.group == kRefusedGroup ? kRefusedItem : ids.item(block.item_of(row), engine);
    if (row.title != PartialBlock::kNoTitle) {
      const PartialBlock::Title& title = block.titles[row.title];
      titles.restore(pane.leaderboard, pane.pane, out.group, out.item, title.time, block.text_of(title));
    }
    out.views = row.views;
    out.watch_ms = row.watch_ms;
  }
  for (const auto& [key, pane] : panes) {
    if (Status s = engine.restore(pane); !s.ok()) return s;
  }
  return {};
}

}  // namespace marquee
