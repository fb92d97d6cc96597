// RawValue: a configured field of one record, found but not yet judged. What every reader (simdjson, scanner) hands on.
#pragma once

#include <cstdint>
#include <string_view>

namespace marquee::decoding {

enum class ValueKind : std::uint8_t {
  kAbsent,   // no such field, or null
  kString,   // text is the decoded string
  kInteger,  // text is the token: -?(0|[1-9][0-9]*)
  kNumber,   // text is the token: a number with a fraction or an exponent
  kTrue,     // text is the token
  kFalse,
  kOther,  // an object or an array
};

// Text lies in the batch's arena, or, where the string had an escape, in the decoder's TextPool for the current run.
struct RawValue {
  const char* data = nullptr;
  std::uint32_t size = 0;
  ValueKind kind = ValueKind::kAbsent;

  std::string_view text() const { return {data, size}; }
};

}  // namespace marquee::decoding
