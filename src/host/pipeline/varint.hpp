// Numbers and texts in as few bytes as they need: LEB128 (seven bits a byte, the lowest first, the top bit set in all
// but the last); signed ones in zigzag (0, -1, 1, -2, ...); texts as their size and their bytes. Each number has one
// form only: the shortest.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace marquee {

inline constexpr std::size_t kVarintBytesMax = 10;

constexpr std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  if (value < 0x80) {
    out.push_back(static_cast<char>(value));
    return;
  }
  char bytes[kVarintBytesMax];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out.append(bytes, size);
}

inline void append_signed(std::string& out, std::int64_t value) {
  append_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

inline void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out += text;
}

// a - b and a + b modulo 2^64.
constexpr std::int64_t wrapped_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapped_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// Reads what the functions above wrote. Each returns false, and has set nothing, where the bytes end too early, a
// number is not in its shortest form, or does not fit what it is read into.
class VarintReader {
 public:
  explicit VarintReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool bytes(std::size_t size, std::string& copy) {
    if (size > left()) return false;
    copy.assign(at_, size);
    at_ += size;
    return true;
  }

  template <std::unsigned_integral T>
  bool varint(T& value) {
    std::uint64_t wide = 0;
    unsigned shift = 0;
    for (const char* at = at_; at != end_; ++at, shift += 7) {
      const auto byte = static_cast<unsigned char>(*at);
      if (shift == 63 && byte > 1) return false;
      wide |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte >= 0x80) continue;
      if ((byte == 0 && shift > 0) || wide > std::numeric_limits<T>::max()) return false;
      at_ = at + 1;
      value = static_cast<T>(wide);
      return true;
    }
    return false;
  }

  template <class T>
    requires std::signed_integral<T> || std::is_enum_v<T>
  bool signed_varint(T& value) {
    const char* const before = at_;
    std::uint64_t zigzag = 0;
    if (!varint(zigzag)) return false;
    const auto wide = static_cast<std::int64_t>(zigzag >> 1 ^ (0 - (zigzag & 1)));
    const T narrow = static_cast<T>(wide);
    if (static_cast<std::int64_t>(narrow) != wide) {
      at_ = before;
      return false;
    }
    value = narrow;
    return true;
  }

  // Of the bytes read from, or a copy.
  bool text(std::string_view& text) {
    const char* const before = at_;
    std::size_t size = 0;
    if (varint(size) && size <= left()) {
      text = {at_, size};
      at_ += size;
      return true;
    }
    at_ = before;
    return false;
  }
  bool text(std::string& copy) {
    std::string_view view;
    if (!text(view)) return false;
    copy = view;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace marquee
