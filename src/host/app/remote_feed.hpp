// What a feed that asks somebody else adds: it has to wait for the first answer, and can give it as JSON.
#pragma once

#include <atomic>
#include <string>

#include "app/boards_feed.hpp"
#include "core/status.hpp"

namespace marquee {

class RemoteFeed : public BoardsFeed {
 public:
  // Blocks until everything there is has been read once: its error where that fails, kUnavailable when `stop` is set.
  virtual Status wait(const std::atomic<bool>& stop) = 0;
  // What there is now, as one line of JSON with `results` in it; the same text while nothing has changed.
  virtual Result<std::string> json() = 0;
};

}  // namespace marquee
