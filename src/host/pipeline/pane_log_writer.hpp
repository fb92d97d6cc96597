// PaneLogWriter: writes what epochs add to the pane log, cut by group over its partitions, and decides when a
// partition's whole open state is to be written instead (a base), so that a recovery reads open state and not history.
//
// A base is asked for when the blocks since the last one take more than half of what that one took, and a MiB or so;
// partitions take turns, one an epoch. The engine thread brings it with its next epoch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/job.hpp"
#include "core/status.hpp"
#include "pipeline/pane_log_reader.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

// Which partition of a pane log a group's rows are in: FNV-1a, 64 bits, of the leaderboard's name, a zero byte, and the
// group's key, modulo the count. Marks without a group are in partition 0.
std::uint32_t pane_log_partition(std::string_view leaderboard, std::string_view group_key, std::uint32_t count);

// kConfig where what the log was written for cannot go on under this job: something means something else now, or a
// removed leaderboard's name is taken again. Else the leaderboards that the group has had, the job's among them, new
// ones with `exact_from` set to `added_exact_from` unless the log is empty.
Result<std::vector<PaneBlock::Board>> boards_to_go_on_with(const PaneLogState& log, const JobSpec& job,
                                                           EventTimeMs added_exact_from);

class PaneLogWriter {
 public:
  // All outlive it. A base is due when blocks exceed half of the last one, and `bytes_besides`.
  PaneLogWriter(PaneLog& log, const Source& source, const JobSpec& job, Probe& probe, std::size_t bytes_besides);

  // A generation begins; no epoch is in flight. `boards`: see boards_to_go_on_with().
  void start(PaneLogState log, std::vector<PaneBlock::Board> boards);

  // Commit thread. Appends the epoch's blocks, or nothing where it has none; then committed(), or a recovery.
  Status append(const Epoch& epoch);
  void committed();

  // Engine thread: the partition whose state the next epoch is to bring, once.
  std::optional<std::uint32_t> take_base_request();

 private:
  struct Partition {
    std::vector<PaneBlock::Covered> covered;
    std::size_t base_bytes = 0;
    std::size_t block_bytes = 0;
    std::uint64_t epoch = 0;  // the last one that wrote to it; 0: none
  };
  // What the epoch in hand changes, once it has committed.
  struct Written {
    std::uint32_t partition;
    bool base;
    std::size_t bytes;
    std::uint64_t epoch;
    std::vector<PaneBlock::Covered> covered;
  };
  std::vector<PartialBlock> cut(const PartialBlock& partials) const;
  std::vector<PaneBlock::Covered> cover(std::uint32_t partition, const std::vector<OffsetOut>& offsets) const;
  Status append_parts(PaneBlock& block, const PartialBlock& rows);
  PartialBlock renamed(PartialBlock rows) const;
  void ask_for_base();

  PaneLog& log_;
  const Source& source_;
  const JobSpec& job_;
  Probe& probe_;
  const std::size_t bytes_besides_;
  std::vector<Partition> partitions_;
  std::vector<PaneBlock::Board> boards_;
  std::vector<std::uint32_t> board_of_;  // [leaderboard of the job]
  std::vector<Written> written_;
  std::uint32_t turn_ = 0;
  std::atomic<std::int64_t> base_request_{-1};
};

}  // namespace marquee
