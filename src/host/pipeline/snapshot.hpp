// Snapshot: what the serve thread shows. Immutable once published, and published only after its epoch has committed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace marquee {

// The latest result of one (leaderboard, group): of the earliest incomplete window that has events, else of the
// last complete one. `record` is shared between snapshots while it does not change.
struct BoardEntry {
  std::shared_ptr<const ResultRecord> current;
  std::shared_ptr<const ResultRecord> last_final;  // of the latest window that is complete; may be null
};

struct Snapshot {
  std::uint64_t epoch = 0;
  EventTimeMs watermark = kNoTime;
  std::int64_t published_wall_ms = 0;
  // [leaderboard], each sorted by group values' bytes.
  std::vector<std::vector<BoardEntry>> boards;
};

// Holds the current snapshot. Any thread; a reader keeps what it got as long as it likes.
class SnapshotBoard {
 public:
  std::shared_ptr<const Snapshot> get() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }
  void publish(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<const Snapshot>();
};

}  // namespace marquee
