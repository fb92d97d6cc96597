// Values of the pane log from bytes that mean nothing: decoding never crashes and takes no more memory than it says,
// and what it takes encodes to the same body again and is printed.
//
// Input: a byte, 0: what follows is a value, else a body, which is packed as a block or a base; then that.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.hpp"
#include "pipeline/pane_block.hpp"
#include "pipeline/pane_block_body.hpp"
#include "pipeline/pane_block_text.hpp"
#include "pipeline/pane_blocks.hpp"

namespace {

using namespace marquee;

void check(std::string_view value, const std::string_view* body) {
  const Result<PaneBlock> block = decode_pane_block(value, std::size_t{1} << 20);
  if (!block.ok()) return;
  const std::string again = encode_pane_block(block.value());
  const Result<PaneBlock> back = decode_pane_block(again);
  MARQUEE_CHECK(back.ok());
  MARQUEE_CHECK(test::head_of(back.value()) == test::head_of(block.value()));
  MARQUEE_CHECK(test::named_rows(back.value()) == test::named_rows(block.value()));
  if (body != nullptr) MARQUEE_CHECK(encode_pane_block_body(block.value()) == *body);
  std::string text;
  append_pane_block_json(text, block.value(), {0, 0, value.size()});
  append_pane_rows_json(text, block.value());
  MARQUEE_CHECK(text.ends_with("}\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1 << 16) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0) {
    check(bytes, nullptr);
  } else {
    for (const std::uint8_t version : {1, 2}) {
      check(pack_pane_block_body(version, (data[0] & 1) != 0, data[0], bytes), &bytes);
    }
  }
  return 0;
}
