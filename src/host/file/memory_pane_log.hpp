// MemoryPaneLog: the pane log of a process whose engine may get lost but that need not survive itself: replay's. One
// partition; bases keep it as small as the open state. Commit thread appends; read() only while no epoch is in flight.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/ports.hpp"

namespace marquee {

class MemoryPaneLog final : public PaneLog {
 public:
  Status open(const std::atomic<bool>&) override { return {}; }
  std::uint32_t partition_count() const override { return 1; }
  std::size_t value_bytes_max() const override { return std::size_t{64} << 20; }
  std::string name() const override { return "in memory"; }
  Status append(std::uint32_t partition, std::string value, bool base) override;
  void note_committed() override;
  Status read(const std::function<Status(const Value&)>& apply) override;
  bool durable() const override { return false; }

  std::size_t bytes() const;  // kept

 private:
  struct Kept {
    std::string value;
    bool base;
  };
  std::vector<Kept> kept_;      // oldest first
  std::vector<Kept> in_epoch_;  // appended since the last commit
};

}  // namespace marquee
