// scan(): reads a record by a layout, with SIMD. CMake chooses the implementation; the portable one never fits, and
// then everything is simdjson's.
#pragma once

#include <cstdint>
#include <string_view>

#include "decode/layout.hpp"
#include "decode/raw_value.hpp"

namespace marquee::decoding {

// Whether this machine can; otherwise neither of the functions below may be called.
bool can_scan();

// Whether the record may be of any layout at all: no escape, no control character, long enough. ~5 ns for 195 bytes.
enum class Letters : std::uint8_t { kAscii, kText, kUnfit };
Letters inspect(std::string_view record);

// Whether the record is of this layout; if so fills `fields`. Notes the values' lengths in the layout. Only for a
// record that inspect() found fit. kArenaPaddingBytes behind it must be readable. ~30 ns for 195 bytes.
bool scan(Layout& layout, std::string_view record, RawValue* fields);

}  // namespace marquee::decoding
