// A PaneBlock as JSON for people and scripts: what `marquee panelog dump` prints. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "pipeline/pane_block.hpp"

namespace marquee {

// Where a value stood, and how large it was there.
struct PaneValuePlace {
  std::uint32_t partition = 0;
  std::int64_t offset = 0;
  std::size_t bytes = 0;
};

// Appends one compact line, its line feed too, of all but the rows (a covered partition's `from` and a leaderboard's
// `exact_from` are null where there is none, `refused` where no pane is):
//   {"partition":2,"offset":17,"bytes":5120,"kind":"block","epoch":42,"part":0,"parts":1,"of_partition":2,"partitions":4,
//    "written":[0,2],"covered":[{"topic":"watch-events","partition":0,"from":100,"to":250}],"meaning":"...",
//    "leaderboards":[{"name":"trending","meaning":"...","removed":false,"exact_from":null,"refused":{"first":7,"last":8}}],
//    "groups":3,"rows":120,"marks":1}
// `partition` is where the value was found, `of_partition` what it says itself. Texts are taken to be UTF-8.
void append_pane_block_json(std::string& out, const PaneBlock& block, const PaneValuePlace& place);

// Appends a line for each row, in the block's order:
//   {"leaderboard":"trending","pane":29396666,"group":["movie"],"item":"m-000123","views":3,"watch_ms":9000}
// A mark has no item but `"refused":true`; one whose group was refused has the group null:
//   {"leaderboard":"trending","pane":29396666,"group":null,"refused":true,"views":1,"watch_ms":0}
void append_pane_rows_json(std::string& out, const PaneBlock& block);

}  // namespace marquee
