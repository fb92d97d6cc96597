// RecordReader: picks the cheapest reader that can do it, record by record. All of them find the same fields.
//
//   scanner          the record has the layout of a recent one                    most streams, nearly always
//   simdjson stream  layouts vary too much, or the CPU has no AVX2                a run of records at a time
//   simdjson         any surprise                                                 the judge of the other two
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

  // Records of [begin, end) come next, in order; kArenaPaddingBytes behind `end` must be readable.
  void begin_run(const char* begin, const char* end);
  void end_run();

  // Reads a record that begins with '{' and lies within the run; writes fields[trie.field_count()]. False: malformed.
  bool read(std::string_view record, RawValue* fields);

 private:
  bool read_alone(std::string_view record, RawValue* fields);
  void clear(RawValue* fields) const;

  static constexpr std::uint32_t kPauseMin = 4;  // runs without the scanner after one in which it was of no use
  static constexpr std::uint32_t kPauseMax = 256;
  static constexpr std::size_t kStreamBytesMax = 1u << 20;

  const FieldTrie& trie_;
  ReaderChoice choice_;
  SimdjsonReader simdjson_;
  Scanner scanner_;
  const char* run_end_ = nullptr;
  bool scanning_ = false;
  bool streaming_ = false;
  std::uint32_t reads_ = 0;  // in this run
  std::uint32_t hits_ = 0;   // of them, by the scanner
  std::uint32_t pause_ = 0;  // runs left until the scanner is tried again
  std::uint32_t next_pause_ = kPauseMin;
};

}  // namespace marquee::decoding
