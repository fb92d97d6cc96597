// PaneLogReader: reads the pane log whole, checks that it is what the committed offsets say, and gives back the open
// state. Engine thread, while no epoch is in flight.
//
//   read() ─► add(): the last whole base of each pane-log partition, and the blocks after it, packed as they came
//          ─► check(): every chain of offsets unbroken, no block missing, none ahead of what is committed
//          ─► apply(): block by block
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/status.hpp"
#include "pipeline/pane_block.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

// What whoever writes on must know of what is there.
struct PaneLogState {
  struct Partition {
    std::vector<PaneBlock::Covered> covered;  // by topic and number; `to` is how far
    std::size_t base_bytes = 0;               // of the last base
    std::size_t block_bytes = 0;              // of the blocks after it
    std::uint64_t epoch = 0;                  // the last one that wrote to it; 0: none
  };
  std::vector<Partition> partitions;
  std::string meaning;                   // of the last block; empty: nothing was ever written
  std::vector<PaneBlock::Board> boards;  // likewise
  std::uint64_t bytes_read = 0;          // everything, also what a base made needless
};

class PaneLogReader {
 public:
  explicit PaneLogReader(const PaneLog& log) : log_(log), partitions_(log.partition_count()) {}

  // For PaneLog::read. kInternal for what is not a whole value of ours, or stands where it cannot stand.
  Status add(const PaneLog::Value& value);
  // Once everything was read. `blocks_epoch`: the last epoch that wrote blocks, as it was committed. kInternal, with
  // the way out, for whatever does not fit.
  Status check(const std::vector<PartitionStart>& starts, std::uint64_t blocks_epoch) const;
  // Every block that counts, unpacked, partition by partition, oldest first.
  Status apply(const std::function<Status(const PaneBlock&)>& apply) const;
  PaneLogState state() const;

 private:
  // A value with what is looked at more than once.
  struct Kept {
    std::int64_t position = 0;
    std::string bytes;
    PaneBlock head;  // without rows
  };
  struct Partition {
    std::vector<Kept> base;       // all parts of the last whole one
    std::vector<Kept> blocks;     // after it
    std::vector<Kept> base_open;  // parts of one that is not whole yet

    const PaneBlock* last() const {
      if (!blocks.empty()) return &blocks.back().head;
      return base.empty() ? nullptr : &base.back().head;
    }
  };
  Status refuse(std::uint32_t partition, std::int64_t position, const std::string& what) const;
  Status check_chain(std::uint32_t partition, const std::vector<PartitionStart>& starts) const;

  const PaneLog& log_;
  std::vector<Partition> partitions_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace marquee
