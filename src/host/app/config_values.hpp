// How values are written in the configuration: durations, sizes, windows, addresses. Pure text functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/windows.hpp"

namespace marquee {

// "500ms", "5s", "1m", "6h", "1d", and compounds from the largest unit to the smallest: "5h30m". A leading '-' is read
// only if `may_be_negative`. None where the text is anything else or beyond 100 years.
std::optional<std::int64_t> parse_duration_ms(std::string_view text, bool may_be_negative = false);

// "512", "64KiB", "64MiB", "2GiB"; "kB", "MB", "GB" are powers of a thousand.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

// "tumbling 1m", "hopping 10m every 1m", "cumulative 1d step 1h", each with an optional "offset 5h30m". Says in
// `problem` what is wrong, as the end of a sentence that begins with the key: "is …", "must …".
std::optional<WindowSpec> parse_window(std::string_view text, std::string& problem);

// "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses).
struct ListenAddress {
  std::string host;  // without brackets; "0.0.0.0" where none is given
  std::uint16_t port = 0;
};
std::optional<ListenAddress> parse_listen(std::string_view text);

// A TOML basic string literal.
std::string toml_quoted(std::string_view text);
// A key as TOML writes it: bare where it may be, else quoted.
std::string toml_key(std::string_view key);

// Levenshtein distance; case does not count, '-' and '_' are the same. O(|a|·|b|).
std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate nearest to `text`, or empty if none is near enough to be what was meant.
std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace marquee
