// From the bytes of a connection to what the routes are asked.
#pragma once

#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <string_view>

#include "serve/http_reply.hpp"

namespace marquee {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

// Between Boost's string_view, whose type changes with its version, and ours.
inline std::string_view view_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}
inline boost::beast::string_view view_of(std::string_view text) {
  return {text.data(), text.size()};
}

// Looks at `request`.
inline HttpRequest request_of(const RequestParser::value_type& request) {
  using boost::beast::http::field;
  const auto value = [&request](field name) { return view_of(request[name]); };
  return {view_of(request.method_string()),
          view_of(request.target()),
          value(field::accept_encoding),
          value(field::if_none_match),
          value(field::authorization),
          value(field::origin),
          value(field::access_control_request_method)};
}

}  // namespace marquee
