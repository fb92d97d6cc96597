// ShortText: up to 16 bytes in two words, compared without a branch on how many they are. Texts of events differ in
// length from one to the next, and a wrong guess of the CPU's costs as much as reading the whole value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace marquee {

// Texts of events may be read, and copied, in pieces of this size: so many bytes behind each of them can be read. They
// lie in a batch's arena or in a decoder's pool, which see to it.
inline constexpr std::size_t kTextSlack = 16;

struct ShortText {
  static constexpr std::size_t kBytesMax = 16;
  std::uint64_t first = 0, second = 0;  // the bytes, then zeros
  std::uint64_t size = 0;

  // Of at most kBytesMax bytes, behind which kTextSlack can be read.
  static ShortText of(std::string_view text) {
    static_assert(kTextSlack >= kBytesMax);
    alignas(64) static constexpr std::array<std::uint8_t, 2 * kBytesMax> kOnes = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const ShortText whole = of_16(text.data());
    const ShortText mask = of_16(kOnes.data() + kBytesMax - text.size());
    return {whole.first & mask.first, whole.second & mask.second, text.size()};
  }
  // Of at most kBytesMax bytes, behind which nothing need be.
  static ShortText of_bare(std::string_view text) {
    char bytes[kBytesMax] = {};
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
    ShortText t = of_16(bytes);
    t.size = text.size();
    return t;
  }
  static ShortText of_16(const void* bytes) {
    ShortText t{0, 0, kBytesMax};
    std::memcpy(&t.first, bytes, 8);
    std::memcpy(&t.second, static_cast<const char*>(bytes) + 8, 8);
    return t;
  }
  // Not &&: each would be a branch.
  friend bool operator==(const ShortText& a, const ShortText& b) {
    return ((a.first ^ b.first) | (a.second ^ b.second) | (a.size ^ b.size)) == 0;
  }
};

}  // namespace marquee
