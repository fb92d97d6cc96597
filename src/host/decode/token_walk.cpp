#include "decode/token_walk.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace marquee::decoding {
namespace {

// Which of the 8 bytes at p are no digits, one bit each. Adding 0x76 to a digit's value sets no top bit and adding it
// to more does; what a byte above 0x89 carries over falsifies only those behind it, and the first bit is what counts.
inline std::uint32_t letters_in_8(const char* p) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t x;
  std::memcpy(&x, p, 8);
  if constexpr (std::endian::native == std::endian::big) x = __builtin_bswap64(x);
  x ^= kOnes * '0';
  const std::uint64_t tops = (((x & kOnes * 0x7f) + kOnes * 0x76) | x) & kOnes * 0x80;
  return static_cast<std::uint32_t>((tops >> 7) * 0x0102040810204080 >> 56);
}

// A number of at most 16 bytes without sign and exponent, as nearly all are. Reads 16 bytes.
inline bool read_number(const char* p, const char* end, RawValue& raw) {
  const auto size = static_cast<unsigned>(end - p);
  const std::uint32_t letters = letters_in_8(p) | letters_in_8(p + 8) << 8 | 1u << 16;
  const auto whole = static_cast<unsigned>(std::countr_zero(letters));
  if (whole == 0 || end - p > 16 || (*p == '0' && whole > 1)) return false;
  raw.data = p;
  raw.size = size;
  raw.kind = ValueKind::kInteger;
  if (whole >= size) return true;
  raw.kind = ValueKind::kNumber;
  const std::uint32_t behind = (letters & (letters - 1)) | 1u << 16;
  return p[whole] == '.' && whole + 1 < size && static_cast<unsigned>(std::countr_zero(behind)) >= size;
}

const char* find_backslash(const char* begin, const char* end) {
  const void* found = std::memchr(begin, '\\', static_cast<std::size_t>(end - begin));
  return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

void TokenWalk::begin(std::string_view text) {
  base_ = text.data();
  text_end_ = text.data() + text.size();
  escape_ = find_backslash(base_, text_end_);
}

TokenWalk::Tokens TokenWalk::read(std::string_view record, Tokens token, RawValue* fields) {
  end_ = static_cast<std::uint32_t>(record.data() + record.size() - base_);
  fields_ = fields;
  const Tokens behind = read_object(token + 1, FieldTrie::kRoot);
  return behind != nullptr && behind[-1] == end_ - 1 ? behind : nullptr;
}

// From the token behind the '{' on. Recursion is as deep as the longest configured path.
TokenWalk::Tokens TokenWalk::read_object(Tokens at, FieldTrie::Node node) {
  const char* const base = base_;
  const std::uint32_t end = end_;
  const FieldTrie::Edges edges = trie_.edges(node);
  if (base[at[0]] == '}') return at[0] < end ? at + 1 : nullptr;
  while (true) {
    if (at[2] >= end || base[at[0]] != '"' || base[at[1]] != ':') return nullptr;
    const char* const key = base + at[0] + 1;
    const char* const key_close = last_before(at[1]);
    const std::string_view name(key, static_cast<std::size_t>(key_close - key));
    const FieldTrie::Edge* edge = nullptr;
    if (is_plain(key_close)) [[likely]] {
      edge = &edges[name];
    } else {
      edge = escaped_edge(node, name);
      if (edge == nullptr) return nullptr;
    }
    RawValue* const to = fields_ + edge->field;
    const char* const value = base + at[2];
    if (*value == '{' || *value == '[') {
      *to = {value, 1, ValueKind::kOther};
      at = *value == '{' && edge->enter ? read_object(at + 3, edge->child) : skip_container(at + 2);
      if (at == nullptr) return nullptr;
    } else {
      const char* const last = last_before(at[3]);
      at += 3;
      if (*value == '"') {
        to->data = value + 1;
        to->size = static_cast<std::uint32_t>(last - value - 1);
        to->kind = ValueKind::kString;
        if (!is_plain(last) && !read_escaped(*to, edge->field != trie_.field_count())) return nullptr;
      } else if (!read_number(value, last + 1, *to) && !read_other(value, last + 1, *to)) {
        return nullptr;
      }
    }
    const char behind = base[at[0]];
    ++at;
    if (behind != ',') return behind == '}' && at[-1] < end ? at : nullptr;
  }
}

// The object or array that begins here, and nothing in it wanted.
TokenWalk::Tokens TokenWalk::skip_container(Tokens at) {
  const char* const base = base_;
  const std::uint32_t end = end_;
  nesting_.clear();
  while (true) {
    if (at[0] >= end) return nullptr;
    const char* const value = base + at[0];
    if (*value == '{' || *value == '[') {
      const bool object = *value == '{';
      nesting_.push(object);
      ++at;
      if (base[at[0]] != (object ? '}' : ']')) {
        if (object) at = skip_key(at);
        if (at == nullptr) return nullptr;
        continue;
      }
    } else {
      const char* const last = last_before(at[1]);
      ++at;
      if (*value == '"') {
        if (!is_plain(last) && !skip_escaped(value + 1, last)) return nullptr;
      } else if (RawValue raw; !read_number(value, last + 1, raw) && !read_other(value, last + 1, raw)) {
        return nullptr;
      }
    }
    // Behind a value, or at the bracket that closes an empty container.
    while (true) {
      if (at[0] >= end) return nullptr;
      const bool object = nesting_.in_object();
      const char behind = base[at[0]];
      ++at;
      if (behind == ',') {
        if (object) at = skip_key(at);
        if (at == nullptr) return nullptr;
        break;
      }
      if (behind != (object ? '}' : ']')) return nullptr;
      nesting_.pop();
      if (nesting_.depth() == 0) return at;
    }
  }
}

TokenWalk::Tokens TokenWalk::skip_key(Tokens at) {
  if (at[1] >= end_ || base_[at[0]] != '"' || base_[at[1]] != ':') return nullptr;
  const char* const key = base_ + at[0] + 1;
  const char* const close = last_before(at[1]);
  return is_plain(close) || skip_escaped(key, close) ? at + 2 : nullptr;
}

// The rarer scalars: true, false, null, and numbers with a sign or an exponent, or long.
[[gnu::noinline]] bool TokenWalk::read_other(const char* p, const char* end, RawValue& raw) {
  return read_scalar(p, end, raw) == end;
}

[[gnu::noinline]] const FieldTrie::Edge* TokenWalk::escaped_edge(FieldTrie::Node node, std::string_view key) {
  RawValue raw{key.data(), static_cast<std::uint32_t>(key.size()), ValueKind::kString};
  return read_escaped(raw, true) ? &trie_.edges(node)[raw.text()] : nullptr;
}

[[gnu::noinline]] bool TokenWalk::skip_escaped(const char* begin, const char* close) {
  RawValue raw{begin, static_cast<std::uint32_t>(close - begin), ValueKind::kString};
  return read_escaped(raw, false);
}

[[gnu::noinline]] bool TokenWalk::read_escaped(RawValue& raw, bool wanted) {
  const char* const begin = raw.data;
  const char* const close = begin + raw.size;
  if (close >= text_end_) return false;
  if (escape_ < begin) escape_ = find_backslash(begin, text_end_);  // it stood before this string
  if (is_plain(close)) return true;
  bool escaped = false;
  const char* const good = skip_string(escape_, close + 1, escaped);
  escape_ = find_backslash(close, text_end_);
  if (good != close) return false;
  if (!wanted) return true;
  char* const place = pool_.take(raw.size);
  const std::ptrdiff_t size = unescape(raw.text(), place);
  if (size < 0) return false;
  pool_.give_back(raw.size - static_cast<std::size_t>(size));
  raw.data = place;
  raw.size = static_cast<std::uint32_t>(size);
  return true;
}

}  // namespace marquee::decoding
