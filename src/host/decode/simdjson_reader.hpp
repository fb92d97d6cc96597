// SimdjsonReader: finds a record's configured fields by simdjson's index of its tokens (token_walk.hpp). The one place
// that decides what is malformed; the scanner must agree with it.
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

  // Makes one index for all records of a run, which read() then uses: ~10 ns less a record. kArenaPaddingBytes behind
  // the run must be readable. Views it until the next open_run() or close_run().
  void open_run(std::string_view run);
  void close_run();

  // Reads a record, which begins with '{' and ends with no white space; writes fields[trie.field_count() + 1], of which
  // the last one means nothing. kArenaPaddingBytes behind it must be readable. Records of an open run are read in the
  // order they stand in. False: malformed; whether a run is open, and what stands in it beside the record, does not
  // matter.
  bool read(std::string_view record, RawValue* fields);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace marquee::decoding
