// Writes values of the pane log into a folder, N.value, and what was put into them, N.json: for readers of other origin
// (pane_block_reader.py). The first is the example of docs/pane-log.md.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "pipeline/pane_block.hpp"
#include "pipeline/pane_block_text.hpp"
#include "pipeline/pane_blocks.hpp"
#include "pipeline/pane_row_order.hpp"

namespace {

using namespace marquee;

// Texts are letters here, as JSON must be able to say them, and some that JSON escapes.
std::vector<PaneBlock> samples() {
  std::vector<PaneBlock> blocks = {test::small_block()};
  PaneBlock& quoted = blocks.emplace_back(test::small_block());
  quoted.base = true;
  quoted.boards[0].name = "\"quoted\" \\ \n \x01";
  quoted.partials.groups = {test::group_key({"", "caf\xc3\xa9", std::string(300, 'g')})};
  test::add_row(quoted, 0, 29396667, 0, "\xf0\x9f\x8e\xac", 1, 86'400'000);
  PaneBlock& titled = blocks.emplace_back(test::small_block());
  titled.partials.set_title(titled.partials.rows[0], 1'763'800'000'000, "Caf\xc3\xa9 \"quoted\"");
  test::BlockMaker maker(20'261'125);
  for (int i = 0; i < 150; ++i) blocks.push_back(maker.make(i % 50 == 0 ? 20'000 : maker.below(80), 20, true));
  return blocks;
}

bool write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.flush();
  if (!out.good()) std::fprintf(stderr, "%s cannot be written\n", path.c_str());
  return out.good();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: pane_block_samples FOLDER\n");
    return 64;
  }
  const std::string folder = argv[1];
  std::int64_t number = 0;
  for (PaneBlock& block : samples()) {
    const std::string value = encode_pane_block(block);
    std::vector<PartialBlock::Row> rows;
    for (const std::uint32_t i : pane_row_order(block.partials)) rows.push_back(block.partials.rows[i]);
    block.partials.rows = rows;
    std::string json;
    append_pane_block_json(json, block, {3, number, value.size()});
    append_pane_rows_json(json, block);
    const std::string path = folder + "/" + std::to_string(number++);
    if (!write(path + ".value", value) || !write(path + ".json", json)) return 69;
  }
  return 0;
}
