// Decimal text to milliseconds, exactly: no binary fraction is ever involved.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "core/short_text.hpp"
#include "decode/json_text.hpp"

namespace marquee::decoding {

// Eight ASCII digits at once (the multiply-and-add of D. Lemire, "Quickly parsing eight digits", 2018). `word` holds
// the digits' values, first digit in the lowest byte.
constexpr std::uint64_t eight_digits(std::uint64_t word) {
  word = (word * 10) + (word >> 8);
  return (((word & 0x000000ff000000ff) * 0x000f424000000064) +
          (((word >> 16) & 0x000000ff000000ff) * 0x0000271000000001)) >>
         32;
}

// The value of 1 to 18 digits, behind which kTextSlack bytes can be read (a token in an arena). No loop up to 16
// digits.
inline std::int64_t parse_digits(std::string_view digits) {
  const char* const p = digits.data();
  const std::size_t n = digits.size();
  const auto load8 = [](const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    return word & 0x0f0f0f0f0f0f0f0f;
  };
  // The first `count` digits of a word, moved to its end behind zeros.
  const auto first_digits = [](std::uint64_t word, std::size_t count) {
    return static_cast<std::int64_t>(eight_digits(word << (64 - 8 * count)));
  };
  if (std::endian::native == std::endian::little && n <= 16) {
    if (n <= 8) return first_digits(load8(p), n);
    return first_digits(load8(p), n - 8) * 100'000'000 + static_cast<std::int64_t>(eight_digits(load8(p + n - 8)));
  }
  std::int64_t value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value * 10 + (p[i] - '0');
  return value;
}

// A decimal as written: sign, digits before and behind the point, exponent.
struct Decimal {
  bool negative = false;  // a minus sign before a value that is not zero
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;  // saturated far outside any record's length

  bool is_zero() const {
    return whole.find_first_not_of('0') == std::string_view::npos &&
           fraction.find_first_not_of('0') == std::string_view::npos;
  }
};

// Splits a token of the form -?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?, which is not checked. (Leading zeros are fine.)
inline Decimal split_decimal(std::string_view token) {
  Decimal d;
  const bool minus = !token.empty() && token.front() == '-';
  if (minus) token.remove_prefix(1);
  const auto take_digits = [&token] {
    const std::size_t n = std::min(token.find_first_not_of("0123456789"), token.size());
    const std::string_view digits = token.substr(0, n);
    token.remove_prefix(n);
    return digits;
  };
  d.whole = take_digits();
  if (!token.empty() && token.front() == '.') {
    token.remove_prefix(1);
    d.fraction = take_digits();
  }
  if (!token.empty()) {
    token.remove_prefix(1);  // e
    const bool down = !token.empty() && token.front() == '-';
    if (!token.empty() && !is_digit(token.front())) token.remove_prefix(1);
    constexpr std::int64_t kFar = std::int64_t{1} << 40;
    for (const char c : token) d.exponent = std::min(d.exponent * 10 + (c - '0'), kFar);
    if (down) d.exponent = -d.exponent;
  }
  d.negative = minus && !d.is_zero();
  return d;
}

inline constexpr std::int64_t kMsOverflow = std::numeric_limits<std::int64_t>::max();

// floor(|d| * 10^shift), or kMsOverflow from 10^18 on. Shift: 3 from s, 0 from ms, -3 from us, -6 from ns.
inline std::int64_t to_ms(const Decimal& d, int shift) {
  // The digits are whole then fraction; the point stands behind the first `point` of them.
  const auto count = static_cast<std::int64_t>(d.whole.size() + d.fraction.size());
  const std::int64_t point = static_cast<std::int64_t>(d.whole.size()) + d.exponent + shift;
  const auto digit = [&d](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    return at < d.whole.size() ? d.whole[at] - '0' : d.fraction[at - d.whole.size()] - '0';
  };
  std::int64_t first = 0;
  while (first < count && digit(first) == 0) ++first;
  if (first == count || point <= first) return 0;
  if (point - first > 18) return kMsOverflow;
  std::int64_t value = 0;
  for (std::int64_t i = first; i < point; ++i) value = value * 10 + (i < count ? digit(i) : 0);
  return value;
}

}  // namespace marquee::decoding
