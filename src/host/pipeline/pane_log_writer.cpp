#include "pipeline/pane_log_writer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.hpp"
#include "pipeline/meaning.hpp"
#include "pipeline/pane_row_order.hpp"

namespace marquee {
std::uint32_t pane_log_partition(std::string_view leaderboard, std::string_view group_key, std::uint32_t count) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  };
  mix(leaderboard);
  mix(std::string_view("\0", 1));
  mix(group_key);
  return static_cast<std::uint32_t>(hash % count);
}

Result<std::vector<PaneBlock::Board>> boards_to_go_on_with(const PaneLogState& log, const JobSpec& job,
                                                           EventTimeMs added_exact_from) {
  const std::string meaning = job_meaning(job);
  if (!log.boards.empty() && log.meaning != meaning) {
    return Status{Code::kConfig, "the configuration means something else than the state of this group: " +
                                     meaning_difference(log.meaning, meaning) +
                                     ". Set it back, or set another source.group"};
  }
  std::vector<PaneBlock::Board> boards = log.boards;
  for (PaneBlock::Board& board : boards) {
    board.removed = board.removed || std::none_of(job.leaderboards.begin(), job.leaderboards.end(),
                                                  [&](const LeaderboardSpec& l) { return l.name == board.name; });
    if (board.removed) board.state = {};
  }
  for (const LeaderboardSpec& spec : job.leaderboards) {
    const std::string now = leaderboard_meaning(job, spec);
    const auto known =
        std::find_if(boards.begin(), boards.end(), [&](const PaneBlock::Board& b) { return b.name == spec.name; });
    if (known == boards.end()) {
      boards.push_back(
          {spec.name, now, false, {log.boards.empty() ? kNoTime : added_exact_from, BoardState{}.refused}});
    } else if (known->removed) {
      return Status{Code::kConfig, "leaderboard \"" + spec.name +
                                       "\" was removed from this group, and its results are still read: give the new "
                                       "one another name, or set another source.group"};
    } else if (known->meaning != now) {
      return Status{Code::kConfig, "leaderboard \"" + spec.name +
                                       "\" means something else than its state in this group: " +
                                       meaning_difference(known->meaning, now) +
                                       ". Set it back, give it a new name, or set another source.group"};
    }
  }
  return boards;
}

PaneLogWriter::PaneLogWriter(PaneLog& log, const Source& source, const JobSpec& job, Probe& probe,
                             std::size_t bytes_besides)
    : log_(log), source_(source), job_(job), probe_(probe), bytes_besides_(bytes_besides) {}

void PaneLogWriter::start(PaneLogState log, std::vector<PaneBlock::Board> boards) {
  partitions_.clear();
  for (PaneLogState::Partition& p : log.partitions) {
    partitions_.push_back({std::move(p.covered), p.base_bytes, p.block_bytes, p.epoch});
  }
  boards_ = std::move(boards);
  board_of_.clear();
  for (const LeaderboardSpec& spec : job_.leaderboards) {
    const auto at = std::find_if(boards_.begin(), boards_.end(), [&](const auto& b) { return b.name == spec.name; });
    MARQUEE_CHECK(at != boards_.end());
    board_of_.push_back(static_cast<std::uint32_t>(at - boards_.begin()));
  }
  written_.clear();
  base_request_.store(-1);
  ask_for_base();
}

std::vector<PartialBlock> PaneLogWriter::cut(const PartialBlock& partials) const {
  const auto count = static_cast<std::uint32_t>(partitions_.size());
  constexpr std::uint32_t kUnseen = 0xffffffff;
  struct Place {
    std::uint32_t partition = 0;
    std::uint32_t group = kUnseen;
  };
  std::vector<Place> places(partials.groups.size());
  std::vector<PartialBlock> parts(count);
  for (PartialBlock::Row row : partials.rows) {
    std::uint32_t partition = 0;
    if (row.group != PartialBlock::kNoGroup) {
      Place& place = places[row.group];
      if (place.group == kUnseen) {
        const std::string& key = partials.groups[row.group];
        place.partition = pane_log_partition(job_.leaderboards[row.leaderboard].name, key, count);
        place.group = static_cast<std::uint32_t>(parts[place.partition].groups.size());
        parts[place.partition].groups.push_back(key);
      }
      partition = place.partition;
      row.group = place.group;
    }
    parts[partition].append(partials, row);
  }
  return parts;
}

std::vector<PaneBlock::Covered> PaneLogWriter::cover(std::uint32_t partition,
                                                     const std::vector<OffsetOut>& offsets) const {
  std::vector<PaneBlock::Covered> covered;
  covered.reserve(offsets.size());
  for (const OffsetOut& offset : offsets) {
    const PartitionStart start = source_.partition(offset.partition);
    covered.push_back({start.topic, start.number, kNotCovered, offset.next});
    for (const PaneBlock::Covered& before : partitions_[partition].covered) {
      if (before.topic == start.topic && before.number == start.number) covered.back().from = before.to;
    }
  }
  std::sort(covered.begin(), covered.end(),
            [](const auto& a, const auto& b) { return a.topic != b.topic ? a.topic < b.topic : a.number < b.number; });
  return covered;
}

// Rows name leaderboards by their place among those the group has had.
PartialBlock PaneLogWriter::renamed(PartialBlock rows) const {
  for (PartialBlock::Row& row : rows.rows) row.leaderboard = board_of_[row.leaderboard];
  return rows;
}

Status PaneLogWriter::append(const Epoch& epoch) {
  written_.clear();
  if (!epoch.writes_blocks) return {};
  PaneBlock block;
  block.epoch = epoch.number;
  block.partition_count = static_cast<std::uint32_t>(partitions_.size());
  block.meaning = job_meaning(job_);
  for (std::size_t l = 0; l < epoch.boards.size(); ++l) boards_[board_of_[l]].state = epoch.boards[l];
  block.boards = boards_;
  std::vector<PartialBlock> parts =
      epoch.partials != nullptr ? cut(*epoch.partials) : std::vector<PartialBlock>(partitions_.size());
  std::vector<std::uint32_t> to;
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    if (!parts[p].rows.empty() || (epoch.base && epoch.base->partition == p)) to.push_back(p);
  }
  // What leaderboards are to remember has changed, and nothing else: that is a block too.
  if (to.empty()) to.push_back(0);
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    if (std::binary_search(to.begin(), to.end(), p)) {
      block.written.push_back({p, 0});
    } else if (partitions_[p].epoch != 0) {
      block.written.push_back({p, epoch.number - partitions_[p].epoch});
    }
  }
  for (const std::uint32_t p : to) {
    block.base = epoch.base && epoch.base->partition == p;
    block.partition = p;
    block.covered = cover(p, epoch.offsets);
    PartialBlock rows;
    if (block.base) {
      rows = epoch.base->state;
    } else {
      rows = std::move(parts[p]);
    }
    if (Status s = append_parts(block, renamed(std::move(rows))); !s.ok()) return s;
  }
  return {};
}

Status PaneLogWriter::append_parts(PaneBlock& block, const PartialBlock& rows) {
  block.part = 0;
  block.parts = 1;
  const std::size_t head_bytes = pane_block_bytes_max(block);
  const std::size_t bytes_max = log_.value_bytes_max();
  std::vector<PartialBlock> parts(1);
  std::vector<std::uint32_t> group_in_part(rows.groups.size());
  constexpr std::uint32_t kUnseen = 0xffffffff;
  const auto begin_part = [&] { std::fill(group_in_part.begin(), group_in_part.end(), kUnseen); };
  begin_part();
  std::size_t bytes = head_bytes;
  const PartialBlock::Row* before = nullptr;
  for (const std::uint32_t i : pane_row_order(rows)) {
    PartialBlock::Row row = rows.rows[i];
    std::size_t row_bytes = pane_row_bytes_max(rows, row, before);
    before = &rows.rows[i];
    if (bytes + row_bytes > bytes_max && !parts.back().rows.empty()) {
      parts.emplace_back();
      begin_part();
      bytes = head_bytes;
      row_bytes = pane_row_bytes_max(rows, row);
    }
    bytes += row_bytes;
    if (row.group != PartialBlock::kNoGroup) {
      std::uint32_t& group = group_in_part[row.group];
      if (group == kUnseen) {
        group = static_cast<std::uint32_t>(parts.back().groups.size());
        parts.back().groups.push_back(rows.groups[row.group]);
      }
      row.group = group;
    }
    parts.back().append(rows, row);
  }
  Written& written = written_.emplace_back(Written{block.partition, block.base, 0, block.epoch, block.covered});
  block.parts = static_cast<std::uint32_t>(parts.size());
  for (block.part = 0; block.part < block.parts; ++block.part) {
    block.partials = std::move(parts[block.part]);
    std::string value = encode_pane_block(block);
    written.bytes += value.size();
    if (Status s = log_.append(block.partition, std::move(value), block.base); !s.ok()) return s;
  }
  block.partials = {};
  return {};
}

void PaneLogWriter::committed() {
  for (Written& w : written_) {
    Partition& p = partitions_[w.partition];
    p.covered = std::move(w.covered);
    p.epoch = w.epoch;
    probe_.pane_log_bytes.fetch_add(w.bytes, std::memory_order_relaxed);
    if (w.base) {
      p.base_bytes = w.bytes;
      p.block_bytes = 0;
      probe_.pane_log_bases.fetch_add(1, std::memory_order_relaxed);
    } else {
      p.block_bytes += w.bytes;
    }
  }
  const bool wrote = !written_.empty();
  written_.clear();
  if (wrote) ask_for_base();
}

void PaneLogWriter::ask_for_base() {
  const auto count = static_cast<std::uint32_t>(partitions_.size());
  for (std::uint32_t i = 1; i <= count; ++i) {
    const std::uint32_t p = (turn_ + i) % count;
    if (partitions_[p].block_bytes <= partitions_[p].base_bytes / 2 + bytes_besides_) continue;
    turn_ = p;
    base_request_.store(p, std::memory_order_relaxed);
    return;
  }
}

std::optional<std::uint32_t> PaneLogWriter::take_base_request() {
  const std::int64_t p = base_request_.exchange(-1, std::memory_order_relaxed);
  if (p < 0) return std::nullopt;
  return static_cast<std::uint32_t>(p);
}

}  // namespace marquee
