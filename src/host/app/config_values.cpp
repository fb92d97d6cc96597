#include "app/config_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <sstream>

namespace marquee {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> kUnits = {{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t kDurationMsMax = std::int64_t{36'525} * 86'400'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char folded(char c) {
  return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Takes a run of digits off the front of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || text.empty() || !is_digit(text[0])) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::optional<std::int64_t> parse_duration_ms(std::string_view text, bool may_be_negative) {
  const bool negative = may_be_negative && text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  std::size_t next_unit = 0;  // units only get smaller
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view name = text.substr(0, letters);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return std::nullopt;
    if (*number > kDurationMsMax / kUnits[next_unit].ms) return std::nullopt;
    total += *number * kUnits[next_unit].ms;
    if (total > kDurationMsMax) return std::nullopt;
    ++next_unit;
    text.remove_prefix(letters);
  }
  return negative ? -total : total;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  struct Factor {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array<Factor, 10> kFactors = {{{"", 1},
                                                       {"B", 1},
                                                       {"KiB", 1ull << 10},
                                                       {"MiB", 1ull << 20},
                                                       {"GiB", 1ull << 30},
                                                       {"TiB", 1ull << 40},
                                                       {"kB", 1'000},
                                                       {"MB", 1'000'000},
                                                       {"GB", 1'000'000'000},
                                                       {"TB", 1'000'000'000'000}}};
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  while (text.starts_with(' ')) text.remove_prefix(1);
  for (const Factor& factor : kFactors) {
    if (factor.name != text) continue;
    const auto value = static_cast<std::uint64_t>(*number);
    if (value > (1ull << 62) / factor.bytes) return std::nullopt;
    return value * factor.bytes;
  }
  return std::nullopt;
}

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kNames = {"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t power = 0;
  while (bytes != 0 && bytes % 1024 == 0 && power + 1 < kNames.size()) {
    bytes /= 1024;
    ++power;
  }
  return std::to_string(bytes) + std::string(kNames[power]);
}

std::optional<WindowSpec> parse_window(std::string_view text, std::string& problem) {
  static constexpr std::string_view kForms =
      R"("tumbling 1m", "hopping 10m every 1m" or "cumulative 1d step 1h", each with an optional "offset 5h30m")";
  const std::vector<std::string> words = words_of(text);
  const auto not_a_window = [&] {
    problem = "must be " + std::string(kForms) + "; it is " + toml_quoted(text);
    return std::nullopt;
  };
  WindowSpec window;
  std::size_t used = 2;
  if (words.size() < 2) return not_a_window();
  std::string_view second;
  if (words[0] == "hopping") {
    window.kind = WindowKind::kHopping;
    second = "every";
  } else if (words[0] == "cumulative") {
    window.kind = WindowKind::kCumulative;
    second = "step";
  } else if (words[0] != "tumbling") {
    return not_a_window();
  }
  const auto duration = [&](const std::string& word, bool negative) {
    const auto ms = parse_duration_ms(word, negative);
    if (!ms) problem = toml_quoted(text) + ": " + toml_quoted(word) + " is no duration such as \"30s\" or \"5h30m\"";
    return ms;
  };
  const auto size = duration(words[1], false);
  if (!size) return std::nullopt;
  window.size_ms = window.every_ms = *size;
  if (!second.empty()) {
    if (words.size() < 4 || words[2] != second) return not_a_window();
    const auto every = duration(words[3], false);
    if (!every) return std::nullopt;
    window.every_ms = *every;
    used = 4;
  }
  if (words.size() > used) {
    if (words.size() != used + 2 || words[used] != "offset") return not_a_window();
    const auto offset = duration(words[used + 1], true);
    if (!offset) return std::nullopt;
    window.offset_ms = *offset;
  }
  if (window.size_ms <= 0 || window.every_ms <= 0) {
    problem = "is " + toml_quoted(text) + "; a window and its " + std::string(second.empty() ? "size" : second) +
              " must be longer than nothing";
    return std::nullopt;
  }
  if (window.kind == WindowKind::kHopping && window.every_ms > window.size_ms) {
    problem = "hops every " + duration_text(window.every_ms) + ", further than its size of " +
              duration_text(window.size_ms) +
              ", so events between windows would be lost; every must be at most the size";
    return std::nullopt;
  }
  if (window.kind == WindowKind::kCumulative && window.size_ms % window.every_ms != 0) {
    problem = "steps by " + duration_text(window.every_ms) + ", which does not divide its size of " +
              duration_text(window.size_ms);
    return std::nullopt;
  }
  return window;
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  const auto number = take_number(port);
  if (!number || !port.empty() || *number > 65'535) return std::nullopt;
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;  // an IPv6 address stands in brackets
  }
  return ListenAddress{host.empty() ? "0.0.0.0" : std::string(host), static_cast<std::uint16_t>(*number)};
}

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(byte));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_key(std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return is_digit(c) || c == '_' || c == '-' || (folded(c) >= 'a' && folded(c) <= 'z');
  });
  return bare ? std::string(key) : toml_quoted(key);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace marquee
