// Text for a terminal: how wide it is, how it is cut, and how numbers, durations and times are written. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/ids.hpp"

namespace marquee {

// Columns that text takes: code points, wide ones twice, combining ones not at all. Close to wcwidth(3), whatever the
// locale.
std::size_t columns_of(std::string_view text);
// Text with control and direction-changing characters and broken UTF-8 replaced, cut to `columns` with `…`.
std::string fitted(std::string_view text, std::size_t columns);

std::string grouped(std::uint64_t number);                                  // 12,345
std::string decimal(double number, int digits);                             // 12.3
std::string bytes_text(std::uint64_t bytes);                                // 1.5 GB, 12 MB, 340 B
std::string format_duration(std::int64_t ms);                               // 45s, 12m 30s, 1h 02m, 3d 04h
std::string format_clock(EventTimeMs time_ms, std::int64_t utc_offset_ms);  // 12:01:10

// Styles are SGR parameters.
inline constexpr std::string_view kPlain = "";
inline constexpr std::string_view kBold = "1";
inline constexpr std::string_view kDim = "2";
inline constexpr std::string_view kGood = "32";
inline constexpr std::string_view kBad = "31";
inline constexpr std::string_view kFresh = "36";
inline constexpr std::string_view kWarn = "33";
inline constexpr std::string_view kTitle = "1;36";

// A line that knows how wide it is and never grows past its width.
class Line {
 public:
  Line(std::size_t width, bool color) : width_(width), color_(color) {}

  std::size_t columns() const { return columns_; }

  // Appends text, cut to the columns left, or to `columns_max`.
  void add(std::string_view text, std::string_view style = kPlain, std::size_t columns_max = SIZE_MAX);
  // Appends text whole or not at all.
  bool add_if_fits(std::string_view text, std::string_view style = kPlain);
  void pad_to(std::size_t column);
  // Text so that it ends at `column`.
  void add_right(std::string_view text, std::size_t column, std::string_view style = kPlain);
  // A line made elsewhere, styles and all.
  void append(const Line& other);
  // The line without trailing blanks; what is left of this one is of no use.
  std::string take();

 private:
  std::size_t width_;
  bool color_;
  std::size_t columns_ = 0;
  std::string text_;
};

}  // namespace marquee
