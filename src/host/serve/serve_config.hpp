// ServeConfig: where the HTTP server listens and the bounds it keeps. Plain values, made by the configuration loader.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/boards.hpp"

namespace marquee {

// Bounds on what clients can cost. Every wait for a client has an end.
struct ServeLimits {
  std::size_t connections =
      2'000;  // half of them streams at most; at the bound the longest idle connection is closed for a new one
  std::size_t header_bytes = 8'192;                   // of a request; more gets 431
  std::size_t response_bytes = 64u << 20;             // of replies held for all clients together; more gets 503
  std::size_t cache_bytes = 16u << 20;                // of replies kept until the next epoch, in these
  std::chrono::milliseconds request_timeout{10'000};  // from a request's first byte to the end of its header
  std::chrono::milliseconds idle_timeout{75'000};     // between requests of one connection
  std::chrono::milliseconds write_timeout{30'000};    // for one whole response
};

// What the API says of this process.
struct ServeAbout {
  std::string group;
  std::string instance;
  std::int64_t commit_every_ms = 1'000;
};

struct ServeConfig {
  std::string listen = "127.0.0.1:8080";  // HOST:PORT, [IPv6]:PORT or :PORT (every address); port 0: any free one
  std::string token;                      // what clients of everything but health and page must bear; empty: nothing
  std::vector<std::string> cors_origins;  // whose pages may read the API, exactly as browsers say it; "*": all
  HistoryLimits history;                  // what is kept of the past
  ServeAbout about;
  ServeLimits limits;
  std::size_t top_series_max = 10'000;  // (leaderboard, group, rank) triples in /metrics; groups beyond are left out
  // Distinct item ids that this process ever uses as a label of marquee_top_*, each with the first title it had.
  std::size_t item_labels_max = 0;
};

}  // namespace marquee
