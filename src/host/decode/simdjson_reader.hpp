// SimdjsonReader: finds a record's configured fields with simdjson On-Demand. The one place that decides what is
// malformed; every other reader must agree with read().
//
// A record is well-formed when it is one JSON object by the whole grammar of RFC 8259, valid UTF-8, with nothing behind
// it but white space; lone surrogates are malformed in keys that are compared and in strings that are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "decode/field_trie.hpp"
#include "decode/raw_value.hpp"
#include "decode/text_pool.hpp"

namespace marquee::decoding {

bool is_valid_utf8(std::string_view text);

class SimdjsonReader {
 public:
  // Both outlive the reader. Unescaped strings go to `pool`.
  SimdjsonReader(const FieldTrie& trie, TextPool& pool);
  ~SimdjsonReader();

  // Reads one record, which begins with '{', by itself. kArenaPaddingBytes behind it must be readable. False:
  // malformed. ~150 ns for 195 bytes.
  bool read(std::string_view record, RawValue* fields);

  // The fast path for a run of records: one stage 1 for all of them (iterate_many, without threads). It has no say of
  // its own: a document counts only if it begins at its record's first byte and the next one at the next record's.
  // Views `run` until the next open_stream().
  void open_stream(std::string_view run);
  // Reads the record that the stream stands at; `next` is where the next record begins. False: the stream is no good
  // any more (never again true until reopened), and nothing is known about the record. ~105 ns for 195 bytes.
  bool read_from_stream(std::string_view record, const char* next, RawValue* fields);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace marquee::decoding
