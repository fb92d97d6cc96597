// The request target taken apart: path, percent-decoding, parameters, and the group filter's little JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee {

// A request target, decoded. `parameters` in the order written.
struct RequestTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> parameters;
};

// Decodes %XX, and `+` as a space when `plus_is_space`. None if a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Takes "/path?a=b&c", or with "http://host" before it. None if it is neither or wrongly encoded. A fragment is
// refused.
std::optional<RequestTarget> parse_target(std::string_view target);

// Group values of the `group` parameter: a JSON array of strings when it begins with `[`, else one plain value.
// None if it begins with `[` and is not such an array.
std::optional<std::vector<std::string>> parse_group(std::string_view text);

// Whether `text` has `part` in it, ASCII letters alike in both cases.
bool holds_ignoring_case(std::string_view text, std::string_view part);

// Bytes of a stranger made fit to be quoted in a message: printable ASCII, at most 64 of them, the rest `?` and `…`.
std::string quotable(std::string_view text);

}  // namespace marquee
