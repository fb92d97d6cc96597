// MemoryPaneLog: the pane log of a process whose engine may get lost but that need not survive itself: replay's.
//
// Keeps what epochs added, merges it when it has doubled, and forgets panes as they are dropped: memory follows the
// open state, not the history. Commit thread appends; read() only while no epoch is in flight.
#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/ports.hpp"

namespace marquee {

class MemoryPaneLog final : public PaneLog {
 public:
  Status append(const Epoch& epoch) override;
  Status read(const std::function<Status(const PartialBlock&)>& apply) override;
  bool durable() const override { return false; }

  std::size_t rows() const { return rows_; }  // kept, over all blocks

 private:
  using Pane = std::pair<std::uint32_t, std::int64_t>;  // leaderboard, pane

  void merge();

  std::vector<std::shared_ptr<const PartialBlock>> blocks_;  // oldest first
  std::set<Pane> dropped_;                                   // since the last merge: their rows no longer count
  std::size_t rows_ = 0;
  std::size_t rows_merged_ = 0;  // left by the last merge
};

}  // namespace marquee
