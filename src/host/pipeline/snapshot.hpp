// Snapshot: what the serve thread shows. Immutable once published, and published only after its epoch has committed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace marquee {

using ResultPtr = std::shared_ptr<const ResultRecord>;

// The results of one (leaderboard, group) that are shown. Records are shared between snapshots while they do not
// change.
struct BoardEntry {
  ResultPtr current;     // of the earliest incomplete window that has events, else of the last complete one
  ResultPtr last_final;  // of the latest window that is complete; may be null
  // Of complete windows, the latest first; null: none. Kept within bounds, so it may lack even last_final.
  std::shared_ptr<const std::vector<ResultPtr>> history = nullptr;
};

// The entries of a leaderboard, by their groups' bytes, in runs that snapshots share while nothing in them changes:
// an epoch that touches few groups of a million copies little.
class BoardEntries {
 public:
  using Run = std::vector<BoardEntry>;

  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = BoardEntry;
    using difference_type = std::ptrdiff_t;
    using pointer = const BoardEntry*;
    using reference = const BoardEntry&;

    Iterator() = default;
    Iterator(const BoardEntries* of, std::size_t run) : of_(of), run_(run) {}
    reference operator*() const { return (*of_->runs_[run_])[at_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at_ == of_->runs_[run_]->size()) ++run_, at_ = 0;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const BoardEntries* of_ = nullptr;
    std::size_t run_ = 0;
    std::size_t at_ = 0;
  };

  BoardEntries() = default;
  BoardEntries(std::initializer_list<BoardEntry> entries) {
    if (entries.size() > 0) add(std::make_shared<const Run>(entries));
  }
  // A run that is not empty, and whose groups follow all that are there.
  void add(std::shared_ptr<const Run> run) {
    size_ += run->size();
    runs_.push_back(std::move(run));
  }

  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, runs_.size()}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::vector<std::shared_ptr<const Run>>& runs() const { return runs_; }
  // The entry of a group; null if there is none. Logarithmic.
  const BoardEntry* find(const std::vector<std::string>& group) const;

 private:
  std::vector<std::shared_ptr<const Run>> runs_;
  std::size_t size_ = 0;
};

struct Snapshot {
  std::uint64_t epoch = 0;
  EventTimeMs watermark = kNoTime;
  std::int64_t published_wall_ms = 0;
  std::vector<BoardEntries> boards;  // [leaderboard]
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
