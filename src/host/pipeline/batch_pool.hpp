// BatchPool: every batch there is, made at start. Taking one waits until one is free; that is the backpressure.
//
// It also keeps the eras by which the dictionaries reclaim: a batch is stamped with the era in which its filling
// begins, and what the engine thread takes out of a dictionary in era e is gone for good once oldest_era() > e.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/batch.hpp"

namespace marquee {

class BatchPool final : public BatchHome {
 public:
  BatchPool(const BatchShape& shape, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      batches_.push_back({std::make_unique<Batch>(shape), false});
      free_.push_back(batches_.back().batch.get());
    }
  }
  ~BatchPool() { MARQUEE_CHECK(free_.size() == batches_.size()); }
  BatchPool(const BatchPool&) = delete;
  BatchPool& operator=(const BatchPool&) = delete;

  // Appends the columns of every batch there is: an engine may pin them.
  void add_columns(std::vector<std::span<std::byte>>& to) const {
    for (const Place& place : batches_) to.emplace_back(place.batch->columns_data(), place.batch->columns_bytes());
  }
  // An empty batch of the current era and generation, or null: none came free within `wait`, or the pool is closed. Any
  // thread.
  BatchPtr acquire(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    if (wait.count() > 0) freed_.wait_for(lock, wait, [this] { return !free_.empty() || closed_; });
    if (free_.empty() || closed_) return {};
    Batch* batch = free_.back();
    free_.pop_back();
    find(batch).out = true;
    batch->era = era_;
    batch->generation = generation_;
    return BatchPtr(batch, SendHome{this});
  }
  void take_back(Batch* batch) noexcept override {
    batch->clear();
    {
      const std::lock_guard lock(mutex_);
      find(batch).out = false;
      free_.push_back(batch);
    }
    freed_.notify_one();
  }
  // An empty batch that has waited for its first message: its filling begins only now.
  void restamp(Batch& batch) {
    const std::lock_guard lock(mutex_);
    batch.era = era_;
  }
  // Engine thread: batches of before are not to be taken any more.
  void raise_generation() {
    const std::lock_guard lock(mutex_);
    generation_ = Generation{raw(generation_) + 1};
  }
  Generation generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
  }
  // Engine thread: begins a new era and returns the one that ended.
  std::uint64_t raise_era() {
    const std::lock_guard lock(mutex_);
    return era_++;
  }
  std::uint64_t era() const {
    const std::lock_guard lock(mutex_);
    return era_;
  }
  // The era of the oldest batch that is out, or the current one.
  std::uint64_t oldest_era() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t oldest = era_;
    for (const Place& place : batches_) {
      if (place.out) oldest = std::min(oldest, place.batch->era);
    }
    return oldest;
  }
  std::size_t size() const { return batches_.size(); }
  std::size_t free_count() const {
    const std::lock_guard lock(mutex_);
    return free_.size();
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  // From now on acquire() gives nothing.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    freed_.notify_all();
  }

 private:
  struct Place {
    std::unique_ptr<Batch> batch;
    bool out;
  };
  Place& find(const Batch* batch) {
    return *std::find_if(batches_.begin(), batches_.end(), [batch](const Place& p) { return p.batch.get() == batch; });
  }
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<Place> batches_;
  std::vector<Batch*> free_;
  std::uint64_t era_ = 1;
  Generation generation_{0};
  bool closed_ = false;
};

}  // namespace marquee
