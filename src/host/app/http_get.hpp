// One GET over plain HTTP, for healthcheck. Blocks at most `timeout`.
#pragma once

#include <chrono>
#include <string>

#include "app/config_values.hpp"
#include "core/status.hpp"

namespace marquee {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// An address that means "all of them" is asked on loopback. kUnavailable with a sentence where nobody answers HTTP.
Result<HttpAnswer> http_get(const ListenAddress& address, const std::string& path, std::chrono::milliseconds timeout);

}  // namespace marquee
