// Emitted records read back, with a scanner that shares nothing with the code that wrote them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gen/gen.hpp"

namespace marquee::gen_test {

/// A JSON value, as far as events and ledgers need it.
struct Json {
  enum class Kind { kNull, kBool, kInteger, kReal, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool truth = false;
  int64_t integer = 0;
  std::string text;  // of a string
  std::vector<Json> array;
  std::map<std::string, Json> object;
  std::vector<std::string> keys;  // of an object, in order

  const Json& operator[](const std::string& key) const { return object.at(key); }
  bool has(const std::string& key) const { return object.contains(key); }
};

/// The value that `text` is, strictly: valid UTF-8, escapes `\" \\ \uXXXX` only, nothing after it. None otherwise.
std::optional<Json> parse_json(std::string_view text);

struct Valid {
  std::string item, category, user, session, action;
  int64_t event_ms = 0;
  int64_t watch_ms = 0;
};

/// The event in a record, if the project's verdict on it would be `counted` or `late` (src/README.md), by the default
/// field names.
std::optional<Valid> valid_event(std::string_view record);

/// The lines of `text`, their line feeds taken off.
std::vector<std::string_view> lines_of(std::string_view text);

/// What a run with these options writes; the options' output is replaced. Fails the test if the run fails.
std::string generate(gen::GenOptions options);

}  // namespace marquee::gen_test
