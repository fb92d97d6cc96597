// Scanner: speculates that a record looks like one of the last few that were parsed, and checks that it does, byte for
// byte. A surprise (an escape, a control character, another key, a value of another kind) is no verdict: the record
// goes to SimdjsonReader. So speculation can make a record cheaper, never change what it means.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "decode/layout.hpp"
#include "decode/raw_value.hpp"
#include "decode/scan.hpp"
#include "decode/simdjson_reader.hpp"

namespace marquee::decoding {

class Scanner {
 public:
  explicit Scanner(const FieldTrie& trie)
      : learner_(trie), inspect_(inspects().empty() ? nullptr : inspects().front()) {}

  bool able() const { return inspect_ != nullptr; }

  // Reads a record, which begins with '{'; kArenaPaddingBytes behind it must be readable. True: it is well-formed and
  // `fields` are as SimdjsonReader::read() would fill them. False: nothing is known about it, and `fields` are
  // undefined.
  bool read(std::string_view record, RawValue* fields);

  // Learns the layout of a record that read() refused and SimdjsonReader found well-formed. Where layouts do not pay,
  // it soon stops bothering.
  void learn(std::string_view record);

 private:
  // By another than the last layout, which it becomes.
  bool scan_by_another(std::string_view record, RawValue* fields);

  static constexpr std::uint32_t kLayouts = 4;
  static constexpr std::uint32_t kLearnCost = 8;  // in records read: what learning a layout costs beside scanning one
  static constexpr std::uint32_t kCreditMax = 64;

  LayoutLearner learner_;
  Inspect inspect_;
  Quotes quotes_;  // of the record being read
  std::array<Layout, kLayouts> layouts_;
  std::uint32_t count_ = 0;   // layouts learnt
  std::uint32_t last_ = 0;    // the one that fitted last
  std::uint32_t victim_ = 0;  // the one to be forgotten next
  std::uint32_t credit_ = kCreditMax;
};

inline bool Scanner::read(std::string_view record, RawValue* fields) {
  if (count_ == 0) return false;
  const Letters letters = inspect_(record, quotes_);
  if (letters == Letters::kUnfit) return false;
  if (!scan(layouts_[last_], record, quotes_, fields) && !scan_by_another(record, fields)) return false;
  for (const Layout::Constant& c : layouts_[last_].constants) fields[c.field] = {"", 0, c.kind};
  credit_ += credit_ < kCreditMax ? 1 : 0;
  return letters == Letters::kAscii || is_valid_utf8(record);
}

}  // namespace marquee::decoding
