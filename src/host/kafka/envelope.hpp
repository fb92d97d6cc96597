// Envelope: what surrounds a message's value (key, headers, whether the value was null), as compact bytes in
// Batch::envelopes, so that a dead or late letter leaves with what its record came with. Host byte order; it never
// leaves the process.
//
//   flags u8 (1: has a key, 2: the value was null) | [key size u32 | key] | header count u32
//   then for each header: name size u32 | name | value size u32 (0xffffffff: null) | value
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee {

struct Envelope {
  struct Header {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  std::optional<std::string_view> key;
  bool null_value = false;
  std::vector<Header> headers;
};

// Appends `envelope` to `out`.
void append_envelope(std::string& out, const Envelope& envelope);

// Views into `bytes`. Nothing (no key, no headers) where `bytes` is empty; CHECKs that it is an encoding otherwise.
Envelope decode_envelope(std::string_view bytes);

}  // namespace marquee
