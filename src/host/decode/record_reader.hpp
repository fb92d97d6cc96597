// RecordReader: picks the cheapest reader that can do it, record by record. All of them find the same fields.
//
//   scanner            the record has the layout of a recent one            most streams, nearly always
//   simdjson, a run    layouts vary too much, or the CPU has no AVX2        one index for all records of a run
//   simdjson, alone    a surprise to the scanner                            an index of its own
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decode/decoder.hpp"
#include "decode/field_trie.hpp"
#include "decode/raw_value.hpp"
#include "decode/scanner.hpp"
#include "decode/simdjson_reader.hpp"
#include "decode/text_pool.hpp"

namespace marquee::decoding {

class RecordReader {
 public:
  // `trie` and `pool` outlive the reader.
  RecordReader(const FieldTrie& trie, TextPool& pool, ReaderChoice choice)
      : trie_(trie), choice_(choice), simdjson_(trie, pool), scanner_(trie) {}

  // Records of [begin, end) come next, in order; kArenaPaddingBytes behind `end` must be readable until end_run().
  void begin_run(const char* begin, const char* end);
  void end_run();

  // Reads a record that begins with '{', ends with no white space and lies within the run; writes
  // fields[trie.field_count() + 1], of which the last one means nothing. False: malformed.
  bool read(std::string_view record, RawValue* fields);

 private:
  bool read_by_simdjson(std::string_view record, RawValue* fields);

  static constexpr std::uint32_t kPauseMin = 4;  // runs without the scanner after one in which it was of no use
  static constexpr std::uint32_t kPauseMax = 256;
  static constexpr std::size_t kIndexedBytesMax = 1u << 20;  // an index takes four times as much

  const FieldTrie& trie_;
  ReaderChoice choice_;
  SimdjsonReader simdjson_;
  Scanner scanner_;
  bool scanning_ = false;
  std::uint32_t reads_ = 0;  // in this run
  std::uint32_t hits_ = 0;   // of them, by the scanner
  std::uint32_t pause_ = 0;  // runs left until the scanner is tried again
  std::uint32_t next_pause_ = kPauseMin;
};

inline bool RecordReader::read(std::string_view record, RawValue* fields) {
  ++reads_;
  if (scanning_ && scanner_.read(record, fields)) {
    ++hits_;
    return true;
  }
  return read_by_simdjson(record, fields);
}

}  // namespace marquee::decoding
