// What is asked and what is answered, between routes and server. Knows no sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace marquee {

// Bytes that several clients may be sent at once, counted while they are held. Serve thread.
using SharedBytes = std::shared_ptr<const std::string>;
class ReplyMemory {
 public:
  SharedBytes hold(std::string bytes) {
    held_ += bytes.size();
    return {new std::string(std::move(bytes)), [this](const std::string* text) {
              held_ -= text->size();
              delete text;
            }};
  }
  std::size_t held() const { return held_; }

 private:
  std::size_t held_ = 0;
};

struct HttpRequest {
  std::string_view method;
  std::string_view target;  // as it stands in the request line
  std::string_view accept_encoding = {};
  std::string_view if_none_match = {};
  std::string_view authorization = {};
  std::string_view origin = {};
  std::string_view preflight_method = {};  // Access-Control-Request-Method
};

struct HttpReply {
  unsigned status = 200;
  std::string_view content_type = "application/json";
  SharedBytes body;
  std::string etag = {};                        // with its quotes; empty: none
  std::string_view cache_control = "no-store";  // `no-cache`: may be kept, and is asked for again each time
  bool gzipped = false;
  bool varies = false;              // other clients may get another encoding
  std::string_view allow = {};      // the Allow header; empty: none
  bool asks_for_token = false;      // WWW-Authenticate
  bool is_page = false;             // of ours: gets the Content-Security-Policy
  std::string allowed_origin = {};  // Access-Control-Allow-Origin; empty: none
  bool is_preflight = false;
};

}  // namespace marquee
