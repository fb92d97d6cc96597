// JSON texts written in as many ways as JSON allows, and broken in the ways that the verdict table decides.
#pragma once

#include <string>
#include <vector>

#include "differential/rng.hpp"

namespace differential {

struct Style {
  bool spaces = false;      // white space between tokens
  bool line_feeds = false;  // of that, line feeds too
  bool escapes = true;      // characters as \uXXXX, keys included
  bool noise = true;        // fields that nobody reads, each valid JSON
};

// A value at a path of a record, as its JSON text.
struct PathValue {
  std::string path;
  std::string json;
};

// What is wrong with the object itself. Every one but kNone makes the record malformed.
enum class Fault {
  kNone,
  // balanced: brackets and strings pair up
  kMissingColon,
  kDoubleColon,
  kMissingValue,
  kMissingComma,
  kDoubleComma,
  kLeadingComma,
  kTrailingComma,
  kBareKey,
  kSingleQuotes,
  kNumberKey,
  kBadUtf8,
  // not balanced, or something after it
  kBracketForBrace,
  kMissingClose,
  kTruncated,
  kOpenString,
  kDeepUnbalanced,
  kJunkAfter,
};
inline constexpr int kFirstUnbalancedFault = static_cast<int>(Fault::kBracketForBrace);
inline constexpr int kLastFault = static_cast<int>(Fault::kJunkAfter);

// A string token that decodes to `text`.
std::string string_token(Rng& rng, const std::string& text, bool escapes);

// `depth` arrays or objects inside one another, balanced.
std::string nested(Rng& rng, std::size_t depth);

// One object that holds `values`, which must not be empty, in any order.
std::string render_object(Rng& rng, const std::vector<PathValue>& values, const Style& style, Fault fault);

// `text` with bytes put in behind its first that no UTF-8 has there.
std::string with_bad_utf8(Rng& rng, std::string text);

}  // namespace differential
