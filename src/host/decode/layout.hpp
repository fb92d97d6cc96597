// Layout: the shape of a record that was read before, so that the next one of the same shape need not be parsed.
//
// A layout is a list of slots: the bytes that stand before a value ("gap": punctuation, keys, white space), then the
// value. A record that has the very same gaps, and well-formed scalars where the layout has scalars, is a well-formed
// record with the same keys: nothing but scalars differs from one that was checked by the whole grammar.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "decode/field_trie.hpp"
#include "decode/json_text.hpp"
#include "decode/raw_value.hpp"

namespace marquee::decoding {

struct alignas(32) Slot {
  static constexpr std::size_t kGapMax = 32;
  enum class Kind : std::uint8_t {
    kNothing,  // the gap goes on in the next slot
    kString,   // the gap ends with the opening quote; the next one begins with the closing quote
    kScalar,   // a number, true, false or null
    kEnd,      // the record ends here
  };
  std::array<std::uint8_t, kGapMax> gap{};
  std::array<std::uint8_t, kGapMax> mask{};  // 0xff for each byte of the gap
  std::uint32_t gap_size = 0;
  std::uint32_t field = FieldTrie::kNone;  // where the value goes, if anybody wants it
  Kind kind = Kind::kNothing;
  char behind = 0;          // first byte of the next gap
  std::uint32_t quote = 0;  // the number of the quote that ends the string, from 0
};

struct Layout {
  std::vector<Slot> slots;   // the last one is kEnd
  std::uint32_t quotes = 0;  // in all gaps
  // What is the same in each record: absent fields, and objects and arrays that are wanted.
  struct Constant {
    std::uint32_t field;
    ValueKind kind;
  };
  std::vector<Constant> constants;
};

// Learns layouts from records. Keeps its buffers.
class LayoutLearner {
 public:
  explicit LayoutLearner(const FieldTrie& trie) : trie_(trie) {}

  // The layout of a well-formed record. False, and `layout` undefined, where it is not worth one: an escape, a control
  // character between values, an equal key that would make two values compete for a field, or too many slots.
  bool learn(std::string_view record, Layout& layout);

 private:
  const FieldTrie& trie_;
  Nesting nesting_;
  std::vector<std::uint8_t> seen_;  // nodes of the trie met in this record
  std::vector<ValueKind> kinds_;    // by field: kAbsent, kOther, or what a slot will say
};

}  // namespace marquee::decoding
