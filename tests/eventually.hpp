// Waiting in tests: for a condition, never for a time.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace marquee {

// Asks until `holds`, giving the processor away in between. False after `limit`, a bound that keeps a broken test from
// hanging and that no passing one comes near.
inline bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace marquee
