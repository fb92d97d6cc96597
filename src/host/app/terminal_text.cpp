#include "app/terminal_text.hpp"

#include <algorithm>
#include <cstdio>

#include "core/windows.hpp"

namespace marquee {
namespace {

struct CodePoint {
  char32_t value;
  std::size_t bytes;  // 0: not UTF-8
};

CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first >= 0xF5 || text.size() < length) return {0xFFFD, 0};
  char32_t value = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0xFFFD, 0};
    value = value << 6 | (byte(i) & 0x3F);
  }
  return {value, length};
}

struct Range {
  char32_t first, last;
};
// Unicode's wide and combining characters in coarse blocks: enough for titles.
constexpr Range kWide[] = {{0x1100, 0x115F},  {0x231A, 0x231B},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},
                           {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                           {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
                           {0x20000, 0x3FFFD}};
constexpr Range kCombining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},  {0x0610, 0x061A},
                                {0x064B, 0x065F}, {0x0E31, 0x0E31}, {0x0E34, 0x0E3A},  {0x0E47, 0x0E4E},
                                {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200D},  {0x20D0, 0x20FF},
                                {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
// Line separators and marks that change the direction of what follows; the controls are in is_harmful().
constexpr Range kHarmful[] = {{0x061C, 0x061C}, {0x200E, 0x200F}, {0x2028, 0x202E},
                              {0x2066, 0x2069}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}};

template <std::size_t N>
bool in(const Range (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

bool is_harmful(char32_t c) {
  return c < 0x300 ? c < 0x20 || (c >= 0x7F && c < 0xA0) : in(kHarmful, c);
}

std::size_t width_of(char32_t c) {
  return c < 0x300 ? 1 : in(kCombining, c) ? 0 : in(kWide, c) ? 2 : 1;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const CodePoint c = decode(text);
    columns += c.bytes == 0 ? 1 : width_of(c.value);
    text.remove_prefix(std::max<std::size_t>(c.bytes, 1));
  }
  return columns;
}

std::string fitted(std::string_view text, std::size_t columns_max) {
  std::string out;
  std::size_t columns = 0;
  std::size_t cut = 0;  // bytes of `out` that leave a column for the ellipsis
  while (!text.empty()) {
    const CodePoint c = decode(text);
    const bool replaced = c.bytes == 0 || is_harmful(c.value);
    const std::size_t width = replaced ? 1 : width_of(c.value);
    if (columns + width > columns_max) {
      if (columns_max == 0) return {};
      out.resize(cut);
      return out += "…";
    }
    columns += width;
    if (replaced) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text.substr(0, c.bytes));
    }
    if (columns < columns_max) cut = out.size();
    text.remove_prefix(std::max<std::size_t>(c.bytes, 1));
  }
  return out;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string decimal(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return decimal(value / 1e9, 1) + " GB";
  if (bytes >= 1'000'000) return decimal(value / 1e6, 1) + " MB";
  if (bytes >= 1'000) return decimal(value / 1e3, 1) + " kB";
  return std::to_string(bytes) + " B";
}

std::string format_duration(std::int64_t ms) {
  const std::int64_t s = std::max<std::int64_t>(ms, 0) / 1000;
  char text[48];
  const auto print = [&text](std::int64_t whole, char unit, std::int64_t part, char part_unit) {
    std::snprintf(text, sizeof(text), "%lld%c %02lld%c", static_cast<long long>(whole), unit,
                  static_cast<long long>(part), part_unit);
  };
  if (s < 60) {
    std::snprintf(text, sizeof(text), "%llds", static_cast<long long>(s));
  } else if (s < 3600) {
    print(s / 60, 'm', s % 60, 's');
  } else if (s < 100 * 3600) {
    print(s / 3600, 'h', s / 60 % 60, 'm');
  } else {
    print(s / 86400, 'd', s / 3600 % 24, 'h');
  }
  return text;
}

std::string format_clock(EventTimeMs time_ms, std::int64_t utc_offset_ms) {
  const std::int64_t s = floor_mod(floor_div(time_ms + utc_offset_ms, 1000), 86400);
  char text[48];
  std::snprintf(text, sizeof(text), "%02lld:%02lld:%02lld", static_cast<long long>(s / 3600),
                static_cast<long long>(s / 60 % 60), static_cast<long long>(s % 60));
  return text;
}

void Line::add(std::string_view text, std::string_view style, std::size_t columns_max) {
  const std::string fit = fitted(text, std::min(columns_max, width_ - columns_));
  if (fit.empty()) return;
  columns_ += columns_of(fit);
  if (color_ && !style.empty()) {
    (((text_ += "\x1b[") += style) += 'm') += fit;
    text_ += "\x1b[0m";
  } else {
    text_ += fit;
  }
}

bool Line::add_if_fits(std::string_view text, std::string_view style) {
  if (columns_of(text) > width_ - columns_) return false;
  add(text, style);
  return true;
}

void Line::pad_to(std::size_t column) {
  column = std::min(column, width_);
  if (column <= columns_) return;
  text_.append(column - columns_, ' ');
  columns_ = column;
}

void Line::add_right(std::string_view text, std::size_t column, std::string_view style) {
  const std::size_t columns = columns_of(text);
  if (column >= columns) pad_to(column - columns);
  add(text, style);
}

void Line::append(const Line& other) {
  text_ += other.text_;
  columns_ += other.columns_;
}

std::string Line::take() {
  const std::size_t end = text_.find_last_not_of(' ');
  text_.resize(end == std::string::npos ? 0 : end + 1);
  return std::move(text_);
}

}  // namespace marquee
