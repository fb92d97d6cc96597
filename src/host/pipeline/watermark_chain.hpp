// WatermarkChain: the one serial point when several threads decode one partition. Lateness is a prefix maximum: each
// batch, in sequence, learns the highest event time before it and leaves behind its own.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "core/ids.hpp"

namespace marquee {

class WatermarkChain {
 public:
  explicit WatermarkChain(EventTimeMs highest) : highest_(highest) {}
  // Waits for the turn of `sequence`, then returns the highest event time of all batches before it. Every sequence
  // number must take its turn, else those behind it wait until close().
  EventTimeMs pass(std::uint64_t sequence, EventTimeMs batch_highest) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return next_ == sequence || closed_; });
    const EventTimeMs before = highest_;
    highest_ = std::max(highest_, batch_highest);
    ++next_;
    turn_.notify_all();
    return before;
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    turn_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  std::uint64_t next_ = 0;
  EventTimeMs highest_;
  bool closed_ = false;
};

}  // namespace marquee
