#include "pipeline/pane_block_text.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace marquee {
namespace {

void append_member(std::string& out, std::string_view name, std::uint64_t value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_number(out, value);
}

void append_bool(std::string& out, std::string_view name, bool value) {
  out += ",\"";
  out += name;
  out += value ? "\":true" : "\":false";
}

// A number, or null where it is the one that stands for none.
void append_optional(std::string& out, std::string_view name, std::int64_t value, std::int64_t none) {
  out += ",\"";
  out += name;
  out += "\":";
  if (value == none) {
    out += "null";
  } else {
    append_number(out, value);
  }
}

void append_text_member(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_json_string(out, value);
}

template <class Things, class Append>
void append_list(std::string& out, const Things& things, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& thing : things) {
    if (!first) out += ',';
    first = false;
    append(thing);
  }
  out += ']';
}

void append_covered(std::string& out, const PaneBlock::Covered& covered) {
  out += "{\"topic\":";
  append_json_string(out, covered.topic);
  out += ",\"partition\":";
  append_number(out, std::int64_t{covered.number});
  append_optional(out, "from", raw(covered.from), raw(kNotCovered));
  out += ",\"to\":";
  append_number(out, raw(covered.to));
  out += '}';
}

void append_board(std::string& out, const PaneBlock::Board& board) {
  out += "{\"name\":";
  append_json_string(out, board.name);
  append_text_member(out, "meaning", board.meaning);
  append_bool(out, "removed", board.removed);
  append_optional(out, "exact_from", board.state.exact_from, kNoTime);
  const PaneRun& refused = board.state.refused;
  if (raw(refused.first) > raw(refused.last)) {
    out += R"(,"refused":null})";
    return;
  }
  out += R"(,"refused":{"first":)";
  append_number(out, raw(refused.first));
  out += R"(,"last":)";
  append_number(out, raw(refused.last));
  out += "}}";
}

// ["movie","de"]
std::string group_json(std::string_view key) {
  std::vector<std::string_view> values;
  while (!key.empty()) {
    values.push_back(key_part(key, 0));
    key.remove_prefix(2 + values.back().size());
  }
  std::string out;
  append_list(out, values, [&](std::string_view value) { append_json_string(out, value); });
  return out;
}

}  // namespace

void append_pane_block_json(std::string& out, const PaneBlock& block, const PaneValuePlace& place) {
  out += "{\"partition\":";
  append_number(out, std::uint64_t{place.partition});
  out += ",\"offset\":";
  append_number(out, place.offset);
  append_member(out, "bytes", place.bytes);
  append_text_member(out, "kind", block.base ? "base" : "block");
  append_member(out, "epoch", block.epoch);
  append_member(out, "part", block.part);
  append_member(out, "parts", block.parts);
  append_member(out, "of_partition", block.partition);
  append_member(out, "partitions", block.partition_count);
  out += ",\"written\":";
  append_list(out, block.written, [&](const PaneBlock::Written& written) {
    out += "{\"partition\":";
    append_number(out, std::uint64_t{written.partition});
    append_member(out, "ago", written.ago);
    out += '}';
  });
  out += ",\"covered\":";
  append_list(out, block.covered, [&](const PaneBlock::Covered& covered) { append_covered(out, covered); });
  append_text_member(out, "meaning", block.meaning);
  out += ",\"leaderboards\":";
  append_list(out, block.boards, [&](const PaneBlock::Board& board) { append_board(out, board); });
  append_member(out, "groups", block.partials.groups.size());
  append_member(out, "rows", block.partials.rows.size());
  append_member(out, "marks",
                static_cast<std::uint64_t>(std::count_if(block.partials.rows.begin(), block.partials.rows.end(),
                                                         [](const auto& row) { return row.refused; })));
  out += "}\n";
}

void append_pane_rows_json(std::string& out, const PaneBlock& block) {
  std::vector<std::string> groups;
  groups.reserve(block.partials.groups.size());
  for (const std::string& key : block.partials.groups) groups.push_back(group_json(key));
  for (const PartialBlock::Row& row : block.partials.rows) {
    out += "{\"leaderboard\":";
    append_json_string(out, block.boards[row.leaderboard].name);
    out += ",\"pane\":";
    append_number(out, row.pane);
    out += ",\"group\":";
    out += row.group == PartialBlock::kNoGroup ? "null" : groups[row.group];
    if (row.refused) {
      append_bool(out, "refused", true);
    } else {
      append_text_member(out, "item", block.partials.item_of(row));
      if (row.title != PartialBlock::kNoTitle) {
        const PartialBlock::Title& title = block.partials.titles[row.title];
        append_text_member(out, "title", block.partials.text_of(title));
        out += ",\"title_time\":";
        append_number(out, title.time);
      }
    }
    append_member(out, "views", row.views);
    append_member(out, "watch_ms", row.watch_ms);
    out += "}\n";
  }
}

}  // namespace marquee
