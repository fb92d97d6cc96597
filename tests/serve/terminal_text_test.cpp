#include "app/terminal_text.hpp"

#include <gtest/gtest.h>

namespace marquee {
namespace {

TEST(Fitted, CutsAtColumnsNotBytes) {
  EXPECT_EQ(fitted("abc", 3), "abc");
  EXPECT_EQ(fitted("abcd", 3), "ab…");
  EXPECT_EQ(fitted("abcd", 1), "…");
  EXPECT_EQ(fitted("abcd", 0), "");
  EXPECT_EQ(fitted("äöü", 3), "äöü");
  EXPECT_EQ(fitted("君の街", 4), "君…");
  EXPECT_EQ(fitted("君の街", 5), "君の…");
  EXPECT_EQ(fitted("君の街", 6), "君の街");
  EXPECT_EQ(fitted("\xe2\x82", 9), "\uFFFD\uFFFD");
}

TEST(Formats, CountsDurationsAndClocks) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(format_duration(-5), "0s");
  EXPECT_EQ(format_duration(59'999), "59s");
  EXPECT_EQ(format_duration(60'000), "1m 00s");
  EXPECT_EQ(format_duration(3'720'000), "1h 02m");
  EXPECT_EQ(format_duration(3'600'000 * 100), "4d 04h");
  EXPECT_EQ(format_clock(0, 0), "00:00:00");
  EXPECT_EQ(format_clock(43'269'999, 3'600'000), "13:01:09");
  EXPECT_EQ(format_clock(0, -3'600'000), "23:00:00");
}

}  // namespace
}  // namespace marquee
