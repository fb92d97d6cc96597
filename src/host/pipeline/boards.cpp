#include "pipeline/boards.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace marquee {
namespace {

constexpr std::size_t kRunEntries = 256;  // a run of twice that many is cut in two

using Group = std::vector<std::string>;

const Group& group_of(const BoardEntry& entry) {
  return entry.current->group;
}

std::size_t bytes_of(const ResultRecord& record) {
  std::size_t bytes = sizeof(ResultRecord) + record.rows.size() * sizeof(ResultRow);
  for (const std::string& value : record.group) bytes += sizeof(std::string) + value.size();
  for (const ResultRow& row : record.rows) bytes += row.item.size() + row.title.size();
  return bytes;
}

std::size_t bytes_of(const std::shared_ptr<const std::vector<ResultPtr>>& history) {
  std::size_t bytes = 0;
  if (history != nullptr) {
    for (const ResultPtr& record : *history) bytes += bytes_of(*record);
  }
  return bytes;
}

// The run in which a group is, or would be; there is at least one.
template <typename Runs, typename First>
std::size_t run_of(const Runs& runs, const Group& group, First first) {
  const auto after = std::upper_bound(runs.begin(), runs.end(), group,
                                      [&](const Group& g, const auto& run) { return g < first(run); });
  return after == runs.begin() ? 0 : static_cast<std::size_t>(after - runs.begin()) - 1;
}

template <typename Entries>
auto place_in(Entries& entries, const Group& group) {
  return std::lower_bound(entries.begin(), entries.end(), group,
                          [](const BoardEntry& entry, const Group& g) { return group_of(entry) < g; });
}

}  // namespace

const BoardEntry* BoardEntries::find(const Group& group) const {
  if (runs_.empty()) return nullptr;
  const Run& run = *runs_[run_of(runs_, group, [](const auto& r) -> const Group& { return group_of(r->front()); })];
  const auto at = place_in(run, group);
  return at != run.end() && group_of(*at) == group ? &*at : nullptr;
}

Boards::Boards(const JobSpec& job, const HistoryLimits& limits, const Snapshot* shown)
    : job_(job), limits_(limits), boards_(job.leaderboards.size()) {
  if (shown == nullptr || shown->boards.size() != boards_.size()) return;
  for (std::uint32_t l = 0; l < boards_.size(); ++l) {
    for (const auto& run : shown->boards[l].runs()) {
      // Never written to before own() has copied it.
      boards_[l].runs.push_back({std::const_pointer_cast<BoardEntries::Run>(run), true, kNoTime});
      for (const BoardEntry& entry : *run) history_bytes_ += bytes_of(entry.history);
    }
  }
}

Boards::Run& Boards::own(Run& run) {
  if (run.shown) {
    run.entries = std::make_shared<BoardEntries::Run>(*run.entries);
    run.shown = false;
  }
  return run;
}

// Makes room for it where it is new.
BoardEntry& Boards::entry_of(Board& board, const Group& group) {
  if (board.runs.empty()) {
    board.runs.push_back({std::make_shared<BoardEntries::Run>(1), false, kEndOfTime});
    return board.runs[0].entries->front();
  }
  const auto first = [](const Run& run) -> const Group& { return group_of(run.entries->front()); };
  std::size_t r = run_of(board.runs, group, first);
  own(board.runs[r]);
  auto at = place_in(*board.runs[r].entries, group);
  if (at != board.runs[r].entries->end() && group_of(*at) == group) return *at;
  if (board.runs[r].entries->size() >= 2 * kRunEntries) {
    BoardEntries::Run& low = *board.runs[r].entries;
    auto high = std::make_shared<BoardEntries::Run>(std::make_move_iterator(low.begin() + kRunEntries),
                                                    std::make_move_iterator(low.end()));
    low.resize(kRunEntries);
    const EventTimeMs oldest_end = board.runs[r].oldest_end;
    board.runs.insert(board.runs.begin() + static_cast<std::ptrdiff_t>(r) + 1, {std::move(high), false, oldest_end});
    r = run_of(board.runs, group, first);
  }
  BoardEntries::Run& entries = *board.runs[r].entries;
  return *entries.insert(place_in(entries, group), BoardEntry{});
}

// A complete window's record: new, or in place of what late events have changed.
void Boards::remember(BoardEntry& entry, const ResultPtr& record) {
  if (limits_.windows == 0) return;
  std::vector<ResultPtr> history = entry.history == nullptr ? std::vector<ResultPtr>{} : *entry.history;
  const auto at = std::find_if(history.begin(), history.end(),
                               [&](const ResultPtr& r) { return r->window_end <= record->window_end; });
  if (at != history.end() && (*at)->window_end == record->window_end) {
    history_bytes_ -= bytes_of(**at);
    *at = record;
  } else {
    history.insert(at, record);
  }
  history_bytes_ += bytes_of(*record);
  while (history.size() > limits_.windows) {
    history_bytes_ -= bytes_of(*history.back());
    history.pop_back();
  }
  entry.history = std::make_shared<const std::vector<ResultPtr>>(std::move(history));
}

// The oldest windows go, of whatever leaderboard: a tenth more than must, so that this is not done each epoch.
void Boards::shrink_history() {
  if (history_bytes_ <= limits_.bytes) return;
  std::map<EventTimeMs, std::size_t> bytes_by_end;
  for (const Board& board : boards_) {
    for (const Run& run : board.runs) {
      for (const BoardEntry& entry : *run.entries) {
        if (entry.history == nullptr) continue;
        for (const ResultPtr& record : *entry.history) bytes_by_end[record->window_end] += bytes_of(*record);
      }
    }
  }
  EventTimeMs last_gone = kNoTime;
  for (const auto& [end, bytes] : bytes_by_end) {
    if (history_bytes_ <= limits_.bytes / 10 * 9) break;
    history_bytes_ -= bytes;
    last_gone = end;
  }
  const auto gone = [&](const ResultPtr& record) { return record->window_end <= last_gone; };
  for (Board& board : boards_) {
    for (Run& run : board.runs) {
      for (std::size_t i = 0; i < run.entries->size(); ++i) {
        const BoardEntry& entry = (*run.entries)[i];
        if (entry.history == nullptr || !gone(entry.history->back())) continue;  // the last one is the oldest
        std::vector<ResultPtr> history = *entry.history;
        std::erase_if(history, gone);
        (*own(run).entries)[i].history =
            history.empty() ? nullptr : std::make_shared<const std::vector<ResultPtr>>(std::move(history));
      }
    }
  }
}

void Boards::forget_settled(std::size_t leaderboard, EventTimeMs watermark) {
  const std::int64_t keep_ms = 2 * job_.leaderboards[leaderboard].window.size_ms + job_.time.lateness_ms;
  std::vector<Run>& runs = boards_[leaderboard].runs;
  for (Run& run : runs) {
    if (run.oldest_end != kNoTime && run.oldest_end + keep_ms >= watermark) continue;
    const auto settled = [&](const BoardEntry& e) { return e.current->window_end + keep_ms < watermark; };
    if (std::any_of(run.entries->begin(), run.entries->end(), settled)) {
      for (const BoardEntry& entry : *run.entries) {
        if (settled(entry)) history_bytes_ -= bytes_of(entry.history);
      }
      std::erase_if(*own(run).entries, settled);
    }
    run.oldest_end = kEndOfTime;
    for (const BoardEntry& entry : *run.entries) run.oldest_end = std::min(run.oldest_end, entry.current->window_end);
  }
  std::erase_if(runs, [](const Run& run) { return run.entries->empty(); });
}

void Boards::update(const std::vector<ResultRecord>& results, EventTimeMs watermark) {
  for (const ResultRecord& r : results) {
    auto record = std::make_shared<const ResultRecord>(r);
    Board& board = boards_[raw(r.leaderboard)];
    BoardEntry& entry = entry_of(board, r.group);
    if (entry.current == nullptr || entry.current->window_end <= r.window_end) entry.current = record;
    if (r.final) {
      remember(entry, record);
      if (entry.last_final == nullptr || entry.last_final->window_end <= r.window_end) entry.last_final = record;
    }
    Run& run = board.runs[run_of(board.runs, r.group,
                                 [](const Run& x) -> const Group& { return group_of(x.entries->front()); })];
    if (run.oldest_end != kNoTime) run.oldest_end = std::min(run.oldest_end, entry.current->window_end);
  }
  if (watermark != kNoTime && watermark != kEndOfTime) {
    for (std::size_t l = 0; l < boards_.size(); ++l) forget_settled(l, watermark);
  }
  shrink_history();
}

std::shared_ptr<const Snapshot> Boards::snapshot(std::uint64_t epoch, EventTimeMs watermark, std::int64_t wall_ms) {
  auto s = std::make_shared<Snapshot>();
  s->epoch = epoch;
  s->watermark = watermark;
  s->published_wall_ms = wall_ms;
  s->boards.resize(boards_.size());
  for (std::size_t l = 0; l < boards_.size(); ++l) {
    for (Run& run : boards_[l].runs) {
      run.shown = true;
      s->boards[l].add(run.entries);
    }
  }
  return s;
}

}  // namespace marquee
