// A strict reader of one JSON text (RFC 8259) that keeps what a verdict may depend on: number tokens as written,
// strings undecoded until somebody reads them. Slow on purpose; no recursion, so depth is bounded by memory alone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oracle::json {

enum class Kind { kNull, kTrue, kFalse, kNumber, kString, kArray, kObject };

struct Node {
  Kind kind = Kind::kNull;
  std::string text;                   // a number's token; a string's bytes between its quotes, escapes not yet decoded
  std::vector<std::string> raw_keys;  // objects: keys between their quotes, raw_keys[i] belongs to children[i]
  std::vector<std::size_t> children;  // objects and arrays: indices into Document::nodes
};

// nodes[0] is the root.
struct Document {
  std::vector<Node> nodes;
};

// Space, tab, LF and CR; nothing else is white space.
bool is_space(char byte);

bool is_blank(std::string_view bytes);

// Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

// The whole of `bytes` as one JSON text in valid UTF-8 with white space around it, or nothing. A lone surrogate
// written as an escape is good syntax and left for decode() to refuse.
std::optional<Document> parse(std::string_view bytes);

// A string's raw bytes with its escapes replaced; nothing when it holds a lone surrogate.
std::optional<std::string> decode(std::string_view raw);

// The elements of an array, each with the white space around it cut off, or nothing when the array itself is broken:
// not UTF-8, brackets or strings not balanced, not exactly one comma between two elements, anything after it.
// What is wrong inside an element is not looked for.
std::optional<std::vector<std::string>> split_array(std::string_view bytes);

// `text` between quotes, escaped as results are.
std::string quote(std::string_view text);

}  // namespace oracle::json
