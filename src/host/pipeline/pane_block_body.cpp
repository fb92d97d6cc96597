#include "pipeline/pane_block_body.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <tuple>
#include <vector>

#include "core/check.hpp"
#include "core/result.hpp"
#include "pipeline/pane_row_order.hpp"
#include "pipeline/varint.hpp"

namespace marquee {
namespace {

using Row = PartialBlock::Row;

constexpr std::uint64_t kRemoved = 1;             // flags of a leaderboard
constexpr std::size_t kKeyPartBytesMax = 0xffff;  // append_key_part

// 0: none. And back by one less.
std::uint32_t group_number(std::uint32_t group) {
  static_assert(PartialBlock::kNoGroup + 1u == 0);
  return group + 1u;
}

// What pane_block.hpp promises of a block, its rows apart; else what is wrong.
const char* fault_of(const PaneBlock& block) {
  if (block.part >= block.parts) return "its part is not one of its parts";
  if (block.partition >= block.partition_count) return "its partition is not one of the pane log's";
  bool own = false;
  for (std::size_t i = 0; i < block.written.size(); ++i) {
    const PaneBlock::Written& w = block.written[i];
    if (i > 0 && block.written[i - 1].partition >= w.partition) return "the partitions written to are not in order";
    if (w.partition >= block.partition_count) return "a partition was written to that the pane log lacks";
    own = own || (w.partition == block.partition && w.ago == 0);
  }
  if (!own) return "its partition is not among those that its epoch wrote to";
  for (std::size_t i = 1; i < block.covered.size(); ++i) {
    const PaneBlock::Covered& a = block.covered[i - 1];
    const PaneBlock::Covered& b = block.covered[i];
    if (std::tie(a.topic, a.number) >= std::tie(b.topic, b.number)) return "its source partitions are not in order";
  }
  return nullptr;
}

// --- Encoding -------------------------------------------------------------------------------------------------------

void append_group(std::string& out, std::string_view key) {
  std::uint64_t values = 0;
  std::string parts;
  while (!key.empty()) {
    MARQUEE_CHECK(key.size() >= 2);
    const auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(key[0]) | static_cast<unsigned char>(key[1]) << 8);
    MARQUEE_CHECK(size <= key.size() - 2);
    append_text(parts, key.substr(2, size));
    key.remove_prefix(2 + size);
    ++values;
  }
  append_varint(out, values);
  out += parts;
}

void append_board(std::string& out, const PaneBlock::Board& board) {
  append_text(out, board.name);
  append_text(out, board.meaning);
  append_varint(out, board.removed ? kRemoved : 0);
  append_signed(out, board.state.exact_from);
  append_signed(out, raw(board.state.refused.first));
  append_signed(out, raw(board.state.refused.last));
}

void append_head(std::string& out, const PaneBlock& block) {
  append_varint(out, block.part);
  append_varint(out, block.parts);
  append_varint(out, block.partition);
  append_varint(out, block.partition_count);
  append_varint(out, block.written.size());
  for (std::size_t i = 0; i < block.written.size(); ++i) {
    append_varint(out, block.written[i].partition - (i == 0 ? 0 : block.written[i - 1].partition));
    append_varint(out, block.written[i].ago);
  }
  append_varint(out, block.covered.size());
  for (const PaneBlock::Covered& c : block.covered) {
    append_text(out, c.topic);
    append_signed(out, c.number);
    append_signed(out, raw(c.from));
    append_signed(out, raw(c.to));
  }
  append_text(out, block.meaning);
  append_varint(out, block.boards.size());
  for (const PaneBlock::Board& board : block.boards) append_board(out, board);
  append_varint(out, block.partials.groups.size());
  for (const std::string& key : block.partials.groups) append_group(out, key);
}

void check_row(const PaneBlock& block, const Row& row) {
  const bool grouped = row.group != PartialBlock::kNoGroup;
  MARQUEE_CHECK(row.leaderboard < block.boards.size());
  MARQUEE_CHECK(grouped ? row.group < block.partials.groups.size() : row.refused);
  MARQUEE_CHECK(row.refused == (row.item_size == 0));
  MARQUEE_CHECK(std::size_t{row.item_begin} + row.item_size <= block.partials.item_bytes.size());
  if (row.title == PartialBlock::kNoTitle) return;
  MARQUEE_CHECK(!row.refused && row.title < block.partials.titles.size());
  const PartialBlock::Title& title = block.partials.titles[row.title];
  MARQUEE_CHECK(title.size > 0 && std::size_t{title.begin} + title.size <= block.partials.title_bytes.size());
}

// Of the rows that have one, in their order.
void append_titles(std::string& out, const PartialBlock& partials, const std::vector<std::uint32_t>& order) {
  std::string places, times, sizes, texts;
  std::uint64_t count = 0;
  std::size_t next = 0;  // the place that a distance of 0 stands for
  EventTimeMs time = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Row& row = partials.rows[order[i]];
    if (row.title == PartialBlock::kNoTitle) continue;
    const PartialBlock::Title& title = partials.titles[row.title];
    append_varint(places, i - next);
    append_signed(times, wrapped_difference(title.time, time));
    append_varint(sizes, title.size);
    texts += partials.text_of(title);
    next = i + 1;
    time = title.time;
    ++count;
  }
  MARQUEE_CHECK(count > 0 && texts.size() <= std::numeric_limits<std::uint32_t>::max());
  append_varint(out, count);
  out += places;
  out += times;
  out += sizes;
  out += texts;
}

void append_rows(std::string& out, const PaneBlock& block) {
  const std::vector<Row>& rows = block.partials.rows;
  for (const Row& row : rows) check_row(block, row);
  const std::vector<std::uint32_t> order = pane_row_order(block.partials);
  std::string runs;
  std::uint64_t run_count = 0;
  Row before;
  for (std::size_t i = 0; i < order.size(); ++run_count) {
    const Row& first = rows[order[i]];
    std::size_t end = i + 1;
    while (end < order.size() && pane_row_key(rows[order[end]]) == pane_row_key(first)) ++end;
    append_varint(runs, first.leaderboard - before.leaderboard);
    append_signed(runs, wrapped_difference(first.pane, before.pane));
    append_varint(runs, group_number(first.group));
    append_varint(runs, end - i);
    before = first;
    i = end;
  }
  append_varint(out, run_count);
  out += runs;
  std::string views, watch_ms, items;  // all in one pass: rows lie anywhere in memory
  items.reserve(block.partials.item_bytes.size());
  for (const std::uint32_t i : order) {
    const Row& row = rows[i];
    append_varint(out, row.item_size);
    append_varint(views, row.views);
    append_varint(watch_ms, row.watch_ms);
    items.append(block.partials.item_bytes, row.item_begin, row.item_size);
  }
  MARQUEE_CHECK(items.size() <= std::numeric_limits<std::uint32_t>::max());
  out += views;
  out += watch_ms;
  out += items;
  if (block.version() >= 2) append_titles(out, block.partials, order);
}

// --- Decoding -------------------------------------------------------------------------------------------------------

class BodyReader {
 public:
  BodyReader(std::uint8_t version, std::string_view body, PaneBlock& block)
      : version_(version), in_(body), block_(block), partials_(block.partials) {}

  // Nullptr, or what is wrong.
  const char* read() {
    if (const char* fault = read_head()) return fault;
    if (const char* fault = fault_of(block_)) return fault;
    if (const char* fault = read_groups()) return fault;
    if (const char* fault = read_runs()) return fault;
    if (const char* fault = read_columns()) return fault;
    if (version_ >= 2) {
      if (const char* fault = read_titles()) return fault;
    }
    return in_.left() > 0 ? "bytes follow its end" : nullptr;
  }

 private:
  struct Run {
    Row row;
    std::uint64_t rows = 0;
  };

  // A count of things of which each takes at least so many bytes, so that nothing is made for what cannot be there.
  bool read_count(std::size_t bytes_min, std::size_t& count) {
    std::uint64_t n = 0;
    if (!in_.varint(n) || n > in_.left() / bytes_min) return false;
    count = static_cast<std::size_t>(n);
    return true;
  }

  const char* read_head() {
    if (!in_.varint(block_.part) || !in_.varint(block_.parts) || !in_.varint(block_.partition) ||
        !in_.varint(block_.partition_count)) {
      return "broken within its part or partition";
    }
    std::size_t count = 0;
    if (!read_count(2, count)) return "broken within the partitions written to";
    block_.written.resize(count);
    std::uint64_t written = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t step = 0;
      if (!in_.varint(step) || !in_.varint(block_.written[i].ago)) return "broken within the partitions written to";
      written += step;
      if (written >= block_.partition_count) return "a partition was written to that the pane log lacks";
      block_.written[i].partition = static_cast<std::uint32_t>(written);
    }
    if (!read_count(4, count)) return "broken within what it covers";
    block_.covered.resize(count);
    for (PaneBlock::Covered& c : block_.covered) {
      if (!in_.text(c.topic) || !in_.signed_varint(c.number) || !in_.signed_varint(c.from) ||
          !in_.signed_varint(c.to)) {
        return "broken within what it covers";
      }
    }
    if (!in_.text(block_.meaning)) return "broken within its job's meaning";
    if (!read_count(6, count)) return "broken within its leaderboards";
    block_.boards.resize(count);
    for (PaneBlock::Board& board : block_.boards) {
      std::uint64_t flags = 0;
      if (!in_.text(board.name) || !in_.text(board.meaning) || !in_.varint(flags) ||
          !in_.signed_varint(board.state.exact_from) || !in_.signed_varint(board.state.refused.first) ||
          !in_.signed_varint(board.state.refused.last)) {
        return "broken within its leaderboards";
      }
      if (flags > kRemoved) return "a leaderboard has a flag that this version does not know";
      board.removed = flags == kRemoved;
    }
    return nullptr;
  }

  const char* read_groups() {
    std::size_t count = 0;
    if (!read_count(1, count)) return "broken within its groups";
    partials_.groups.resize(count);
    for (std::string& key : partials_.groups) {
      std::size_t values = 0;
      if (!read_count(1, values)) return "broken within its groups";
      for (; values > 0; --values) {
        std::string_view value;
        if (!in_.text(value)) return "broken within its groups";
        if (value.size() > kKeyPartBytesMax) return "a value of a group is too long";
        append_key_part(key, value);
      }
    }
    return nullptr;
  }

  const char* read_runs() {
    std::size_t count = 0;
    if (!read_count(4, count)) return "broken within its runs of rows";
    runs_.resize(count);
    Row before;
    std::uint64_t rows = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t leaderboard_step = 0;
      std::int64_t pane_step = 0;
      std::uint32_t group = 0;
      Run& run = runs_[i];
      if (!in_.varint(leaderboard_step) || !in_.signed_varint(pane_step) || !in_.varint(group) ||
          !in_.varint(run.rows)) {
        return "broken within its runs of rows";
      }
      if (leaderboard_step >= block_.boards.size() - before.leaderboard) return "a row has none of its leaderboards";
      if (group > partials_.groups.size()) return "a row has none of its groups";
      run.row.leaderboard = before.leaderboard + leaderboard_step;
      run.row.pane = wrapped_sum(before.pane, pane_step);
      run.row.group = group - 1;
      if (i > 0 && pane_row_key(before) >= pane_row_key(run.row)) return "its runs of rows are not in order";
      if (run.rows == 0) return "a run of rows is empty";
      constexpr std::size_t kColumnBytesMin = 3;  // of a row
      if (run.rows > in_.left() / kColumnBytesMin) return "fewer rows than its runs say";
      rows += run.rows;
      if (rows > in_.left() / kColumnBytesMin) return "fewer rows than its runs say";
      before = run.row;
    }
    partials_.rows.reserve(static_cast<std::size_t>(rows));
    for (const Run& run : runs_) {
      partials_.rows.insert(partials_.rows.end(), static_cast<std::size_t>(run.rows), run.row);
    }
    return nullptr;
  }

  const char* read_columns() {
    std::uint64_t item_bytes = 0;
    for (Row& row : partials_.rows) {
      if (!in_.varint(row.item_size)) return "broken within its items' sizes";
      row.item_begin = static_cast<std::uint32_t>(item_bytes);
      row.refused = row.item_size == 0;
      if (!row.refused && row.group == PartialBlock::kNoGroup) return "a row without a group has an item";
      item_bytes += row.item_size;
      if (item_bytes > in_.left()) return "broken within its items";
    }
    if (item_bytes > std::numeric_limits<std::uint32_t>::max()) return "its items take more than 4 GiB";
    for (Row& row : partials_.rows) {
      if (!in_.varint(row.views)) return "broken within its views";
    }
    for (Row& row : partials_.rows) {
      if (!in_.varint(row.watch_ms)) return "broken within its watch times";
    }
    if (!in_.bytes(static_cast<std::size_t>(item_bytes), partials_.item_bytes)) return "broken within its items";
    return nullptr;
  }

  const char* read_titles() {
    std::size_t count = 0;
    constexpr std::size_t kTitleBytesMin = 4;  // place, time, size, and a byte of text
    if (!read_count(kTitleBytesMin, count)) return "broken within its titles";
    if (count == 0) return "it is of version 2 and has no titles";
    partials_.titles.resize(count);
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t step = 0;
      if (!in_.varint(step)) return "broken within its titles' places";
      if (step >= partials_.rows.size() - next) return "a title has none of its rows";
      Row& row = partials_.rows[static_cast<std::size_t>(next + step)];
      if (row.refused) return "a mark has a title";
      row.title = static_cast<std::uint32_t>(i);
      next += step + 1;
    }
    EventTimeMs time = 0;
    for (PartialBlock::Title& title : partials_.titles) {
      std::int64_t step = 0;
      if (!in_.signed_varint(step)) return "broken within its titles' times";
      time = title.time = wrapped_sum(time, step);
    }
    std::uint64_t bytes = 0;
    for (PartialBlock::Title& title : partials_.titles) {
      if (!in_.varint(title.size)) return "broken within its titles' sizes";
      if (title.size == 0 || title.size > kTitleBytesMax) return "a title is empty, or too long";
      title.begin = static_cast<std::uint32_t>(bytes);
      bytes += title.size;
      if (bytes > in_.left()) return "broken within its titles";
    }
    if (bytes > std::numeric_limits<std::uint32_t>::max()) return "its titles take more than 4 GiB";
    if (!in_.bytes(static_cast<std::size_t>(bytes), partials_.title_bytes)) return "broken within its titles";
    return nullptr;
  }

  const std::uint8_t version_;

  VarintReader in_;
  PaneBlock& block_;
  PartialBlock& partials_;
  std::vector<Run> runs_;
};

}  // namespace

std::string encode_pane_block_body(const PaneBlock& block) {
  MARQUEE_CHECK(fault_of(block) == nullptr);
  std::string body;
  body.reserve(4096 + block.partials.item_bytes.size() + 8 * block.partials.rows.size());
  append_head(body, block);
  append_rows(body, block);
  return body;
}

Status decode_pane_block_body(std::uint8_t version, std::string_view body, PaneBlock& block) {
  block.partials = {};
  if (const char* fault = BodyReader(version, body, block).read()) return {Code::kInternal, fault};
  return {};
}

}  // namespace marquee
