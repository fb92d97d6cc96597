// BatchQueue: from the ingest threads to the engine thread. Bounded by the pool. For a sequenced source batches come
// out in the order of their sequence numbers, else as they came in.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>

#include "core/batch.hpp"

namespace marquee {

class BatchQueue {
 public:
  BatchQueue(bool sequenced, std::size_t lanes) : sequenced_(sequenced), lanes_open_(lanes) {}

  void push(BatchPtr batch) {
    {
      const std::lock_guard lock(mutex_);
      if (sequenced_) {
        const std::uint64_t sequence = batch->sequence;
        waiting_.emplace(sequence, std::move(batch));
      } else {
        ready_.push_back(std::move(batch));
      }
    }
    changed_.notify_one();
  }
  // A lane pushes nothing more.
  void close_lane() {
    {
      const std::lock_guard lock(mutex_);
      --lanes_open_;
    }
    changed_.notify_one();
  }
  // Makes a waiting pop() return.
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }
  // The next batch, or null after `wait`, on wake(), or when nothing will come any more (see drained()).
  BatchPtr pop(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    // A wait of nothing takes 50 us all the same, the kernel's timer slack.
    if (wait.count() > 0) changed_.wait_for(lock, wait, [this] { return has_next() || woken_ || lanes_open_ == 0; });
    woken_ = false;
    if (!has_next()) return {};
    BatchPtr batch;
    if (sequenced_) {
      batch = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++next_sequence_;
    } else {
      batch = std::move(ready_.front());
      ready_.pop_front();
    }
    return batch;
  }
  // Lets go of what is there, in whatever order; else waits as pop() does.
  void drop(std::chrono::milliseconds wait) {
    std::deque<BatchPtr> ready;
    std::map<std::uint64_t, BatchPtr> waiting;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return !ready_.empty() || !waiting_.empty() || lanes_open_ == 0; });
    ready.swap(ready_);
    waiting.swap(waiting_);
  }
  bool lanes_closed() const {
    const std::lock_guard lock(mutex_);
    return lanes_open_ == 0;
  }
  bool drained() const {
    const std::lock_guard lock(mutex_);
    return lanes_open_ == 0 && !has_next();
  }
  // Lets go of everything, in whatever order, and is as new for as many lanes; after every lane has closed.
  void reset(std::size_t lanes) {
    const std::lock_guard lock(mutex_);
    ready_.clear();
    waiting_.clear();
    next_sequence_ = 0;
    lanes_open_ = lanes;
  }

 private:
  bool has_next() const {
    return sequenced_ ? !waiting_.empty() && waiting_.begin()->first == next_sequence_ : !ready_.empty();
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const bool sequenced_;
  std::size_t lanes_open_;
  bool woken_ = false;
  std::deque<BatchPtr> ready_;
  std::map<std::uint64_t, BatchPtr> waiting_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace marquee
