// PaneBlock: one value of the pane log, and its bytes. The format is written down to the byte in docs/pane-log.md, for
// readers in any language. Pure: no clock, no port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/status.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

// The newest; the version of a value is the oldest that can say what is in it: 1, or 2 where rows have titles.
inline constexpr std::uint8_t kPaneBlockVersion = 2;
inline constexpr Offset kNotCovered{-1};

// What one epoch added to one pane-log partition, or (base) a part of that partition's whole open state. Everything but
// the rows is the same in all parts.
struct PaneBlock {
  // Records [from, to) of a source partition are in this value, as far as they concern this pane-log partition. A
  // block's `from` is the `to` of the block or base before it in its pane-log partition, kNotCovered where none of them
  // names the source partition; of a base, which holds everything up to `to`, it is not looked at.
  struct Covered {
    std::string topic;
    std::int32_t number = 0;
    Offset from{0};
    Offset to{0};

    friend bool operator==(const Covered&, const Covered&) = default;
  };
  // How many epochs ago a partition of the pane log was last written to; 0: by this epoch, as this value's own is.
  struct Written {
    std::uint32_t partition = 0;
    std::uint64_t ago = 0;

    friend bool operator==(const Written&, const Written&) = default;
  };
  // Leaderboards that the group has ever had; rows name them by their place here.
  struct Board {
    std::string name;
    std::string meaning;   // pipeline/meaning.hpp; text, one `key=value` a line
    bool removed = false;  // from the configuration: its name is not to be taken again
    BoardState state;

    friend bool operator==(const Board&, const Board&) = default;
  };

  bool base = false;
  std::uint64_t epoch = 0;
  std::uint32_t part = 0;  // of `parts`, counted from 0
  std::uint32_t parts = 1;
  std::uint32_t partition = 0;  // of the pane log; `partition_count` in all
  std::uint32_t partition_count = 1;
  std::vector<Written> written;  // every pane-log partition that was ever written to, ascending, this one among them
  std::vector<Covered> covered;  // every source partition known, by topic and number
  std::string meaning;           // of the job, leaderboards apart
  std::vector<Board> boards;
  PartialBlock partials;  // Row::leaderboard: index into `boards`

  std::uint8_t version() const { return partials.titles.empty() ? 1 : 2; }
};

// The value's bytes. Rows may stand in any order: they come back in that of pane_row_order.hpp. The same block gives
// the same bytes, as long as zstd packs alike; its body, before packing, always. CHECKs what is said above, that rows
// name what there is, and that they have an item exactly where they are no marks. Cost: pane_row_order(), one copy,
// zstd at level 1.
std::string encode_pane_block(const PaneBlock& block);

// What encode_pane_block() gives is at most the sum of these: one for all but the rows, of any part and number of
// parts, and one for each row, `before` being the row before it in the same block. It is cheap only behind one of its
// own run, so whoever cuts a block into parts takes the rows in the order above. Cost: the first encodes; the other is
// a few additions.
std::size_t pane_block_bytes_max(const PaneBlock& without_rows);
std::size_t pane_row_bytes_max(const PartialBlock& partials, const PartialBlock::Row& row,
                               const PartialBlock::Row* before = nullptr);

// kInternal: not a value of ours, an unknown version (looked at before all else), or damaged (any bit); the sentence
// says which, and not where. Never trusts a length it has not checked: a body that takes more than `bytes_max` unpacked
// is refused, and what is made of it takes at most 33 times as much.
Result<PaneBlock> decode_pane_block(std::string_view bytes, std::size_t bytes_max = std::size_t{256} << 20);

}  // namespace marquee
