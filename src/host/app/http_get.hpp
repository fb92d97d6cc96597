// One GET over plain HTTP, of a marquee.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "app/config_values.hpp"
#include "core/status.hpp"

namespace marquee {

struct HttpAnswer {
  int status = 0;
  std::string etag;
  std::string body;
};

struct HttpAsked {
  std::string path;   // with its query, encoded
  std::string token;  // borne where not empty
  std::string etag;   // of what is there already: then 304 may be the answer
  std::size_t answer_bytes_max = std::size_t{1} << 20;
};

// Percent-encodes all but letters, digits and -._~
std::string url_encoded(std::string_view text);

// Blocks at most `timeout`. An address that means "all of them" is asked on loopback. kUnavailable with a sentence
// where nobody answers HTTP, or not to the end.
Result<HttpAnswer> http_get(const ListenAddress& address, const HttpAsked& asked, std::chrono::milliseconds timeout);

}  // namespace marquee
