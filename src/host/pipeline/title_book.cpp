#include "pipeline/title_book.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/check.hpp"

namespace marquee {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::size_t kDeadBytesMin = 4096;  // less is not worth a tidying

}  // namespace

// Linear probing from the upper bits of the entry's hash: where the key is, or would be.
std::size_t TitleTable::place_of(std::uint64_t key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = static_cast<std::size_t>(entry_hash(key) >> shift_);
  while (slots_[at].key != 0 && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

void TitleTable::grow() {
  std::vector<Slot> old(std::max(kFirstSlots, slots_.size() * 2));
  old.swap(slots_);
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
  for (const Slot& slot : old) {
    if (slot.key != 0) slots_[place_of(slot.key)] = slot;
  }
}

// Texts without what has been replaced.
void TitleTable::tidy() {
  std::string texts;
  texts.reserve(texts_.size() - text_bytes_dead_);
  for (Slot& slot : slots_) {
    if (slot.key == 0) continue;
    const std::string_view text = text_of(slot);
    slot.text_begin = static_cast<std::uint32_t>(texts.size());
    slot.text_room = slot.text_size;
    texts += text;
  }
  texts_.swap(texts);
  text_bytes_dead_ = 0;
}

bool TitleTable::raise(std::uint64_t key, EventTimeMs time, std::string_view text, std::size_t bytes_more_max) {
  MARQUEE_CHECK(key != 0 && text.size() <= kTitleBytesMax);
  std::size_t at = slots_.empty() ? 0 : place_of(key);
  const bool fresh = slots_.empty() || slots_[at].key == 0;
  if (!fresh) {
    Slot& slot = slots_[at];
    if (time < slot.time) return true;
    const std::string_view now = text_of(slot);
    if (now == text) {  // nearly always
      slot.time = time;
      return true;
    }
    if (time == slot.time && text < now) return true;
    if (text.size() <= slot.text_room) {
      std::copy(text.begin(), text.end(), texts_.begin() + slot.text_begin);
      slot.text_size = static_cast<std::uint16_t>(text.size());
      slot.time = time;
      return true;
    }
  }
  if (text_bytes_dead_ > kDeadBytesMin && text_bytes_dead_ * 2 > texts_.size()) tidy();
  const bool full = fresh && (used_ + 1) * 2 > slots_.size();
  // As a vector and a string grow: twice what there is.
  const std::size_t slot_bytes = full ? std::max(kFirstSlots, slots_.size()) * sizeof(Slot) : 0;
  const bool text_grows = texts_.size() + text.size() > texts_.capacity();
  const std::size_t text_bytes = text_grows ? texts_.capacity() + text.size() : 0;
  if (slot_bytes + text_bytes > bytes_more_max) return false;
  if (texts_.size() + text.size() > std::numeric_limits<std::uint32_t>::max()) return false;
  if (full) {
    grow();
    at = place_of(key);
  }
  Slot& slot = slots_[at];
  if (fresh) {
    ++used_;
  } else {
    text_bytes_dead_ += slot.text_room;
  }
  slot.key = key;
  slot.time = time;
  slot.text_begin = static_cast<std::uint32_t>(texts_.size());
  slot.text_size = slot.text_room = static_cast<std::uint16_t>(text.size());
  texts_ += text;
  return true;
}

std::optional<TitleTable::Title> TitleTable::find(std::uint64_t key) const {
  if (slots_.empty()) return std::nullopt;
  const Slot& slot = slots_[place_of(key)];
  if (slot.key == 0) return std::nullopt;
  return Title{slot.time, text_of(slot)};
}

TitleBook::TitleBook(const JobSpec& job)
    : job_(job),
      is_used_(std::any_of(job.leaderboards.begin(), job.leaderboards.end(),
                           [](const LeaderboardSpec& l) { return l.display.has_value(); })),
      seen_(job.leaderboards.size()),
      known_(job.leaderboards.size()) {}

void TitleBook::raise(TitleTable& table, std::uint64_t key, EventTimeMs time, std::string_view text) {
  const std::size_t before = table.bytes();
  const std::uint64_t room = job_.budgets.title_bytes - std::min<std::uint64_t>(job_.budgets.title_bytes, bytes_);
  if (!table.raise(key, time, text, room)) ++refused_;
  bytes_ = bytes_ - before + table.bytes();
}

void TitleBook::see(const Batch& batch, const IdKeeper& ids) {
  if (!is_used_) return;
  const std::size_t displays = job_.event.displays.size();
  MARQUEE_CHECK(batch.titles.size() == batch.event_count * displays);
  for (std::uint32_t l = 0; l < job_.leaderboards.size(); ++l) {
    const LeaderboardSpec& spec = job_.leaderboards[l];
    if (!spec.display) continue;
    const LeaderboardIndex board{l};
    const std::string_view* title = batch.titles.data() + *spec.display;
    PaneIndex pane = kNoPane;  // of the last event: mostly of the next one too
    TitleTable* table = nullptr;
    for (std::uint32_t e = 0; e < batch.event_count; ++e, title += displays) {
      if (title->empty()) continue;
      const PaneIndex in = batch.pane(batch.slot()[e], board);
      if (in == kNoPane || batch.item()[e] == kRefusedItem) continue;
      const GroupId group = ids.group_of(board, batch.combination()[e]);
      if (group == kRefusedGroup) continue;
      if (in != pane || table == nullptr) {
        pane = in;
        table = &seen_[l][pane];
      }
      raise(*table, entry_key(group, batch.item()[e]), batch.time_ms()[e], *title);
    }
  }
}

void TitleBook::fold(const Partials& partials) {
  if (!is_used_) return;
  for (const PanePartials& pane : partials.panes) {
    const Panes& seen = seen_[raw(pane.leaderboard)];
    const auto table = seen.find(pane.pane);
    if (table == seen.end()) continue;
    TitleTable& known = known_[raw(pane.leaderboard)][pane.pane];
    for (const PartialRow& row : pane.rows) {
      if (row.item == kRefusedItem || row.group == kRefusedGroup) continue;
      const std::uint64_t key = entry_key(row.group, row.item);
      if (const auto title = table->second.find(key)) raise(known, key, title->time, title->text);
    }
  }
}

void TitleBook::forget_seen() {
  for (Panes& panes : seen_) {
    for (const auto& [pane, table] : panes) bytes_ -= table.bytes();
    panes.clear();
  }
}

const TitleTable* TitleBook::find(const std::vector<Panes>& boards, LeaderboardIndex board, PaneIndex pane) {
  const auto table = boards[raw(board)].find(pane);
  return table == boards[raw(board)].end() ? nullptr : &table->second;
}

void TitleBook::restore(LeaderboardIndex board, PaneIndex pane, GroupId group, ItemId item, EventTimeMs time,
                        std::string_view text) {
  if (!job_.leaderboards[raw(board)].display || item == kRefusedItem || group == kRefusedGroup) return;
  raise(known_[raw(board)][pane], entry_key(group, item), time, text);
}

std::string_view TitleBook::best(LeaderboardIndex board, PaneRun panes, GroupId group, ItemId item) const {
  const Panes& known = known_[raw(board)];
  const std::uint64_t key = entry_key(group, item);
  for (auto at = known.upper_bound(panes.last); at != known.begin();) {
    --at;
    if (at->first < panes.first) break;
    if (const auto title = at->second.find(key)) return title->text;
  }
  return {};
}

void TitleBook::drop(LeaderboardIndex board, PaneIndex pane) {
  Panes& known = known_[raw(board)];
  const auto table = known.find(pane);
  if (table == known.end()) return;
  bytes_ -= table->second.bytes();
  known.erase(table);
}

}  // namespace marquee
