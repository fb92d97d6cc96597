// TokenWalk: reads a record by the index of its tokens, and judges it by the whole grammar on the way.
//
// The index is simdjson's (stage 1; G. Langdale, D. Lemire, "Parsing Gigabytes of JSON per Second", section 3.1): where
// each of { } [ ] : , and each string and other scalar begins. So one token's end need not be found to find the next
// one; between two tokens stands the first one's rest and white space, and the rest of a bracket, comma or colon is
// nothing. That a string closes, holds no control character and is UTF-8 is known; escapes are not looked at there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decode/field_trie.hpp"
#include "decode/json_text.hpp"
#include "decode/raw_value.hpp"
#include "decode/text_pool.hpp"

namespace marquee::decoding {

class TokenWalk {
 public:
  // Positions of tokens, counted from the beginning of what was indexed.
  using Tokens = const std::uint32_t*;

  // Both outlive the walk. Unescaped strings go to `pool`.
  TokenWalk(const FieldTrie& trie, TextPool& pool) : trie_(trie), pool_(pool) {}

  // What is read until the next begin() lies in `text`; kArenaPaddingBytes behind it are readable.
  void begin(std::string_view text);

  // Records in the order they have in the text. `record` begins with '{' and ends with no white space. `token` is its
  // first token, in an ascending list that goes on for at least four positions at or behind the text's end. Where the
  // list goes on behind the record's tokens, or nullptr: malformed.
  Tokens read(std::string_view record, Tokens token, RawValue* fields);

 private:
  // All of these read on from a token and say where they came to, or nullptr.
  Tokens read_object(Tokens at, FieldTrie::Node node);
  Tokens skip_container(Tokens at);
  Tokens skip_key(Tokens at);

  // The last byte before a token that is not white space: where the token before it ends.
  const char* last_before(std::uint32_t token) const {
    const char* p = base_ + token - 1;
    while (is_space(*p)) --p;
    return p;
  }
  // A string as it is: no escape from its first byte to its closing quote.
  bool is_plain(const char* close) const { return close <= escape_; }
  // Of any other string. False: an escape is broken, or it is wanted and holds a lone surrogate. Where it is wanted
  // `raw` becomes what it means.
  bool read_escaped(RawValue& raw, bool wanted);
  bool skip_escaped(const char* begin, const char* close);
  // nullptr: as read_escaped().
  const FieldTrie::Edge* escaped_edge(FieldTrie::Node node, std::string_view key);
  static bool read_other(const char* p, const char* end, RawValue& raw);

  const FieldTrie& trie_;
  TextPool& pool_;
  Nesting nesting_;
  const char* base_ = nullptr;      // of the text
  const char* text_end_ = nullptr;  // of the text
  const char* escape_ = nullptr;    // no backslash from the last string on until here
  std::uint32_t end_ = 0;           // of the record, counted from base_
  RawValue* fields_ = nullptr;
};

}  // namespace marquee::decoding
