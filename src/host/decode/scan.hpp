// scan(): reads a record by a layout, with SIMD. CMake chooses the implementation; the portable one can nothing, and
// then everything is simdjson's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "decode/layout.hpp"
#include "decode/raw_value.hpp"

namespace marquee::decoding {

// Where the quotes of a record stand. A layout has as many as its records, so that each slot knows the number of the
// quote that ends its string: no value's place depends on the length of the one before.
struct Quotes {
  static constexpr std::uint32_t kMax = 512;
  static constexpr std::size_t kRecordBytesMax = 0xffff;
  std::uint32_t count = 0;
  std::array<std::uint16_t, kMax + 64> at;  // written in blocks: what stands behind `count` means nothing
};

// Whether the record may be of any layout at all: no escape, no control character, not over-long, quotes not over-many;
// if so, its quotes. kArenaPaddingBytes behind it must be readable. 3 to 10 ns for 195 bytes.
enum class Letters : std::uint8_t { kAscii, kText, kUnfit };
using Inspect = Letters (*)(std::string_view record, Quotes& quotes);

// All that this machine can run, the quickest first. They say the same. None: scan() may not be called.
std::span<const Inspect> inspects();

// Whether the record is of this layout; if so fills `fields`. Only for a record that an Inspect found fit, with its
// quotes. kArenaPaddingBytes behind it must be readable. ~15 ns for 195 bytes.
bool scan(const Layout& layout, std::string_view record, const Quotes& quotes, RawValue* fields);

}  // namespace marquee::decoding
