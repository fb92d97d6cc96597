// Integers and identifiers to text, without locale, length checks or allocation.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace marquee::gen {

inline constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> out{};
  for (size_t i = 0; i < 100; ++i) {
    out[2 * i] = static_cast<char>('0' + i / 10);
    out[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return out;
}();

inline constexpr std::array<char, 512> kHexPairs = [] {
  std::array<char, 512> out{};
  for (size_t i = 0; i < 256; ++i) {
    out[2 * i] = "0123456789abcdef"[i / 16];
    out[2 * i + 1] = "0123456789abcdef"[i % 16];
  }
  return out;
}();

/// Copies `text`; returns the end. With a literal the length is known when compiling.
inline char* write_text(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

/// The last `width` decimal digits of `value`, with leading zeroes. Returns the end.
inline char* write_padded(char* out, uint64_t value, int width) {
  char* const end = out + width;
  char* at = end;
  while (at - out >= 2) {
    at -= 2;
    std::memcpy(at, &kDigitPairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (at != out) *out = static_cast<char>('0' + value % 10);
  return end;
}

/// `value` in decimal, at most 20 digits. Returns the end.
inline char* write_number(char* out, uint64_t value) {
  int width = 1;
  for (uint64_t rest = value; rest >= 10; rest /= 10) ++width;
  return write_padded(out, value, width);
}

/// The `bytes` low bytes of `value` as lower-case hex, most significant first. Returns the end.
inline char* write_hex(char* out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8, out += 2) {
    std::memcpy(out, &kHexPairs[2 * ((value >> shift) & 0xff)], 2);
  }
  return out;
}

}  // namespace marquee::gen
