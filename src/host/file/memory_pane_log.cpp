#include "file/memory_pane_log.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

namespace marquee {
namespace {

constexpr std::size_t kMergeRowsMin = 64u << 10;

// Sums rows of the same leaderboard, pane, group, item and kind over many blocks.
class Merger {
 public:
  void add(const PartialBlock& from, const PartialBlock::Row& row) {
    PartialBlock::Row merged = row;
    merged.group = group_of(from, row.group);
    const std::string_view item(from.item_bytes.data() + row.item_begin, row.item_size);
    key_.clear();
    append_bytes(merged.leaderboard);
    append_bytes(merged.pane);
    append_bytes(merged.group);
    append_bytes(static_cast<std::uint8_t>(merged.refused));
    key_ += item;
    const auto [place, fresh] = rows_.try_emplace(key_, out_->rows.size());
    if (!fresh) {
      out_->rows[place->second].views += row.views;
      out_->rows[place->second].watch_ms += row.watch_ms;
      return;
    }
    merged.item_begin = static_cast<std::uint32_t>(out_->item_bytes.size());
    out_->item_bytes += item;
    out_->rows.push_back(merged);
  }
  // Offsets into item_bytes are 32 bits; before they run out the rest goes to another block.
  bool full() const { return out_->item_bytes.size() > (std::size_t{1} << 31); }
  std::shared_ptr<const PartialBlock> take() {
    rows_.clear();
    groups_.clear();
    return std::exchange(out_, std::make_shared<PartialBlock>());
  }

 private:
  std::uint32_t group_of(const PartialBlock& from, std::uint32_t group) {
    if (group == PartialBlock::kNoGroup) return group;
    const auto [place, fresh] =
        groups_.try_emplace(from.groups[group], static_cast<std::uint32_t>(out_->groups.size()));
    if (fresh) out_->groups.push_back(from.groups[group]);
    return place->second;
  }
  template <class T>
  void append_bytes(T value) {
    key_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::shared_ptr<PartialBlock> out_ = std::make_shared<PartialBlock>();
  std::unordered_map<std::string, std::size_t> rows_;
  std::unordered_map<std::string, std::uint32_t> groups_;
  std::string key_;
};

}  // namespace

Status MemoryPaneLog::append(const Epoch& epoch) {
  if (epoch.partials != nullptr && !epoch.partials->rows.empty()) {
    blocks_.push_back(epoch.partials);
    rows_ += epoch.partials->rows.size();
  }
  if (blocks_.empty()) return {};
  for (const auto& [leaderboard, pane] : epoch.dropped) dropped_.emplace(raw(leaderboard), raw(pane));
  if (rows_ > 2 * rows_merged_ + kMergeRowsMin) merge();
  return {};
}

void MemoryPaneLog::merge() {
  Merger merger;
  std::vector<std::shared_ptr<const PartialBlock>> merged;
  rows_ = 0;
  const auto close = [&] {
    merged.push_back(merger.take());
    rows_ += merged.back()->rows.size();
  };
  for (const auto& block : blocks_) {
    for (const PartialBlock::Row& row : block->rows) {
      if (dropped_.contains({row.leaderboard, row.pane})) continue;
      merger.add(*block, row);
      if (merger.full()) close();
    }
  }
  close();
  blocks_ = std::move(merged);
  dropped_.clear();
  rows_merged_ = rows_;
}

Status MemoryPaneLog::read(const std::function<Status(const PartialBlock&)>& apply) {
  merge();
  for (const auto& block : blocks_) {
    if (Status s = apply(*block); !s.ok()) return s;
  }
  return {};
}

}  // namespace marquee
