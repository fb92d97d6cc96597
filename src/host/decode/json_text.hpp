// The letters of JSON (RFC 8259): white space, scalar tokens, strings and their escapes, and a walk over a whole value.
//
// simdjson reads records; this file does what On-Demand leaves to its caller: the grammar of tokens it hands out raw,
// and values that nobody asks it to enter. Everything here is bounded by [p, end) and never recurses.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "decode/raw_value.hpp"

namespace marquee::decoding {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

inline const char* skip_space(const char* p, const char* end) {
  while (p != end && is_space(*p)) ++p;
  return p;
}

inline std::string_view trim_space(std::string_view s) {
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  return s;
}

// A number, true, false or null at p. One past its last byte, or nullptr. What follows is the caller's to judge.
inline const char* read_scalar(const char* p, const char* end, RawValue& out) {
  const auto literal = [&](std::string_view word, ValueKind kind) -> const char* {
    if (static_cast<std::size_t>(end - p) < word.size() || std::memcmp(p, word.data(), word.size()) != 0)
      return nullptr;
    out = {p, static_cast<std::uint32_t>(word.size()), kind};
    return p + word.size();
  };
  if (p == end) return nullptr;
  if (*p == 't') return literal("true", ValueKind::kTrue);
  if (*p == 'f') return literal("false", ValueKind::kFalse);
  if (*p == 'n') return literal("null", ValueKind::kAbsent);
  const char* q = p;
  const auto digits = [&] {
    const char* first = q;
    while (q != end && is_digit(*q)) ++q;
    return q != first;
  };
  if (*q == '-') ++q;
  if (q != end && *q == '0') {
    ++q;
  } else if (!digits()) {
    return nullptr;
  }
  ValueKind kind = ValueKind::kInteger;
  if (q != end && *q == '.') {
    kind = ValueKind::kNumber;
    ++q;
    if (!digits()) return nullptr;
  }
  if (q != end && (*q == 'e' || *q == 'E')) {
    kind = ValueKind::kNumber;
    ++q;
    if (q != end && (*q == '+' || *q == '-')) ++q;
    if (!digits()) return nullptr;
  }
  out = {p, static_cast<std::uint32_t>(q - p), kind};
  return q;
}

inline int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hex digits at p, or -1.
inline int hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int d = hex_digit(p[i]);
    if (d < 0) return -1;
    value = value << 4 | d;
  }
  return value;
}

// The first byte from p on that is a quote, a backslash or a control character; or less than 8 bytes before `end`,
// where it stops looking. Eight at a time: a byte below 0x20 borrows into its own top bit, and so does a byte that is
// zero once the one looked for is taken out (H. Warren, "Hacker's Delight", 6-1); the lowest hit is exact.
inline const char* skip_plain(const char* p, const char* end) {
  if constexpr (std::endian::native != std::endian::little) return p;
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  for (; end - p >= 8; p += 8) {
    std::uint64_t x;
    std::memcpy(&x, p, 8);
    const std::uint64_t quote = x ^ kOnes * '"', backslash = x ^ kOnes * '\\';
    const std::uint64_t hit =
        (((x - kOnes * 0x20) & ~x) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kTops;
    if (hit != 0) return p + std::countr_zero(hit) / 8;
  }
  return p;
}

// From the first byte within a string to its closing quote; nullptr where the string does not close, holds a control
// character or a broken escape. (Surrogates are not looked at.)
inline const char* skip_string(const char* p, const char* end, bool& escaped) {
  escaped = false;
  for (p = skip_plain(p, end); p != end; p = skip_plain(p + 1, end)) {
    if (*p == '"') return p;
    if (static_cast<unsigned char>(*p) < 0x20) return nullptr;
    if (*p != '\\') continue;
    escaped = true;
    if (++p == end) return nullptr;
    if (*p == 'u') {
      if (hex4(p + 1, end) < 0) return nullptr;
      p += 4;
    } else if (std::memchr("\"\\/bfnrt", *p, 8) == nullptr) {
      return nullptr;
    }
  }
  return nullptr;
}

// Decodes what stands between the quotes of a string that skip_string() accepted; out has room for size bytes. The
// decoded size, or -1 for a lone surrogate.
inline std::ptrdiff_t unescape(std::string_view raw, char* out) {
  char* const begin = out;
  const char* p = raw.data();
  const char* const end = p + raw.size();
  while (p != end) {
    if (*p != '\\') {
      *out++ = *p++;
      continue;
    }
    const char c = p[1];
    p += 2;
    if (c != 'u') {
      constexpr std::string_view kShort = "bfnrt", kMeant = "\b\f\n\r\t";
      const std::size_t at = kShort.find(c);
      *out++ = at == std::string_view::npos ? c : kMeant[at];
      continue;
    }
    auto code = static_cast<std::uint32_t>(hex4(p, end));
    p += 4;
    if (code >= 0xdc00 && code < 0xe000) return -1;
    if (code >= 0xd800 && code < 0xdc00) {
      if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
      const auto low = static_cast<std::uint32_t>(hex4(p + 2, end));
      if (low < 0xdc00 || low >= 0xe000) return -1;
      p += 6;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | code >> 6);
      put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3f));
      put(0x80 | (code & 0x3f));
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
      put(0x80 | (code >> 6 & 0x3f));
      put(0x80 | (code & 0x3f));
    }
  }
  return out - begin;
}

// Which brackets are open: one bit each. Allocates only below 1024 levels.
class Nesting {
 public:
  void clear() { depth_ = 0; }
  std::size_t depth() const { return depth_; }
  void push(bool object) {
    if (depth_ / 64 >= kInline && depth_ / 64 - kInline >= more_.size()) more_.push_back(0);
    std::uint64_t& word = at(depth_ / 64);
    const std::uint64_t bit = std::uint64_t{1} << depth_ % 64;
    word = object ? word | bit : word & ~bit;
    ++depth_;
  }
  void pop() { --depth_; }
  bool in_object() { return at((depth_ - 1) / 64) >> (depth_ - 1) % 64 & 1; }

 private:
  static constexpr std::size_t kInline = 16;
  std::uint64_t& at(std::size_t word) { return word < kInline ? inline_[word] : more_[word - kInline]; }
  std::array<std::uint64_t, kInline> inline_{};
  std::vector<std::uint64_t> more_;
  std::size_t depth_ = 0;
};

// What walk_value() meets, in order. Derive and hide what you want to see.
struct WalkNothing {
  void open(bool /*object*/) {}
  void close(bool /*object*/) {}
  void key(std::string_view /*raw*/, bool /*escaped*/) {}
  void string(std::string_view /*raw*/, bool /*escaped*/) {}
  void scalar(const RawValue& /*token*/) {}
};

// Walks the one value that begins at p, by the whole grammar (UTF-8 apart). One past its last byte, or nullptr.
template <class Visitor>
const char* walk_value(const char* p, const char* end, Nesting& nesting, Visitor&& see) {
  nesting.clear();
  const auto read_key = [&]() -> bool {
    if (p == end || *p != '"') return false;
    bool escaped = false;
    const char* close = skip_string(p + 1, end, escaped);
    if (close == nullptr) return false;
    see.key({p + 1, static_cast<std::size_t>(close - p - 1)}, escaped);
    p = skip_space(close + 1, end);
    if (p == end || *p != ':') return false;
    p = skip_space(p + 1, end);
    return true;
  };
  while (true) {
    if (p == end) return nullptr;
    if (*p == '{' || *p == '[') {
      const bool object = *p == '{';
      see.open(object);
      nesting.push(object);
      p = skip_space(p + 1, end);
      if (p == end) return nullptr;
      if (*p != (object ? '}' : ']')) {
        if (object && !read_key()) return nullptr;
        continue;
      }
    } else if (*p == '"') {
      bool escaped = false;
      const char* close = skip_string(p + 1, end, escaped);
      if (close == nullptr) return nullptr;
      see.string({p + 1, static_cast<std::size_t>(close - p - 1)}, escaped);
      p = close + 1;
    } else {
      RawValue token;
      p = read_scalar(p, end, token);
      if (p == nullptr) return nullptr;
      see.scalar(token);
    }
    // Behind a value, or at the bracket that closes an empty container.
    while (true) {
      if (nesting.depth() == 0) return p;
      p = skip_space(p, end);
      if (p == end) return nullptr;
      const bool object = nesting.in_object();
      if (*p == ',') {
        p = skip_space(p + 1, end);
        if (object && !read_key()) return nullptr;
        break;
      }
      if (*p != (object ? '}' : ']')) return nullptr;
      nesting.pop();
      see.close(object);
      ++p;
    }
  }
}

}  // namespace marquee::decoding
