// The body of a pane log's value as it is before it is packed, and the packing, each for itself: tests and fuzzers
// reach the one without the other. Everybody else wants pane_block.hpp. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/status.hpp"
#include "pipeline/pane_block.hpp"

namespace marquee {

// All of a block but its version, kind and epoch, which the head tells. One block has one body: rows are in the order
// of pane_row_order.hpp. CHECKs what pane_block.hpp promises of a block.
std::string encode_pane_block_body(const PaneBlock& block);

// Into `block`, whose kind and epoch stay. `version`: 1 or 2. kInternal for whatever the function above would not have
// written; the message goes on a sentence ("broken within its groups"), and `block` is of no use then. Takes at most 33
// times the body's size in memory.
Status decode_pane_block_body(std::uint8_t version, std::string_view body, PaneBlock& block);

// The value that holds this body, whatever it is.
std::string pack_pane_block_body(std::uint8_t version, bool base, std::uint64_t epoch, std::string_view body);

}  // namespace marquee
