// HttpProbe: what the HTTP server counts about itself. Written by the serve thread, read by any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace marquee {

// Every status the server answers with.
inline constexpr std::array<unsigned, 11> kHttpStatuses = {200, 204, 304, 400, 401, 404, 405, 413, 431, 500, 503};

struct HttpProbe {
  std::array<std::atomic<std::uint64_t>, kHttpStatuses.size()> requests{};  // by kHttpStatuses
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> connections{0};  // accepted
  std::atomic<std::uint64_t> evicted{0};      // idle connections closed for new ones
  std::atomic<std::uint64_t> streams_open{0};
  std::atomic<std::uint64_t> timeouts{0};  // requests and responses that took a client too long

  void count(unsigned status) {
    for (std::size_t i = 0; i < kHttpStatuses.size(); ++i) {
      if (kHttpStatuses[i] == status) requests[i].fetch_add(1, std::memory_order_relaxed);
    }
  }
};

}  // namespace marquee
