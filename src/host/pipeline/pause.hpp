// The pause between two tries, which a stop ends.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace marquee {

// Waits for `duration`, or until `stop`. A signal handler can raise a flag but wake nobody, so it is looked at every 10
// ms: nobody notices that, and beside a request to a broker it costs nothing.
inline void pause(const std::atomic<bool>& stop, std::chrono::milliseconds duration) {
  constexpr std::chrono::milliseconds kLook{10};
  const auto end = std::chrono::steady_clock::now() + duration;
  for (auto now = end - duration; now < end && !stop.load(); now = std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(kLook, end - now));
  }
}

}  // namespace marquee
