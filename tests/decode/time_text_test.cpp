#include "decode/time_text.hpp"

#include <gtest/gtest.h>

namespace marquee::decoding {
namespace {

TEST(TimeText, Rfc3339) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2025-11-13T02:13:20Z"), 1763000000000);
  EXPECT_EQ(parse_rfc3339("2025-11-13t02:13:20.5z"), 1763000000500);
  EXPECT_EQ(parse_rfc3339("2025-11-13 02:13:20.123999+00:00"), 1763000000123);
  EXPECT_EQ(parse_rfc3339("2025-11-13T07:43:20+05:30"), 1763000000000);
  EXPECT_EQ(parse_rfc3339("2025-11-12T21:13:20-05:00"), 1763000000000);
  EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59.999Z"), 253402300799999);
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), 1709164800000);
  EXPECT_EQ(parse_rfc3339("0000-01-01T00:00:00Z"), -62167219200000);
}

TEST(TimeText, SecondSixtyIsTheNextMinute) {
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60.25Z"), 1483228800250);
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:61Z"), std::nullopt);
}

TEST(TimeText, AnythingElseIsNoTime) {
  for (const char* bad : {"",
                          "2025-11-13",
                          "2025-11-13T02:13:20",
                          "2025-13-13T02:13:20Z",
                          "2025-00-13T02:13:20Z",
                          "2023-02-29T00:00:00Z",
                          "1900-02-29T00:00:00Z",
                          "2025-11-31T00:00:00Z",
                          "2025-11-13T24:00:00Z",
                          "2025-11-13T02:60:20Z",
                          "2025-11-13T02:13:20.Z",
                          "2025-11-13T02:13:20.5",
                          "2025-11-13T02:13:20ZZ",
                          "2025-11-13T02:13:20+24:00",
                          "2025-11-13T02:13:20+05:60",
                          "2025-11-13T02:13:20+0530",
                          "2025-11-13T02:13:20+05",
                          "2025-11-13X02:13:20Z",
                          "2025/11/13T02:13:20Z",
                          "2025-1-13T02:13:20Z0",
                          "x025-11-13T02:13:20Z",
                          "2025-11-13T02:13:2\xc3Z",
                          "-025-11-13T02:13:20Z",
                          "2025-11-13T02-13-20Z",
                          "2025-11-13T02:13:20*05:00"}) {
    EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
  }
}

TEST(TimeText, Digits) {
  EXPECT_TRUE(is_time_digits("0", false));
  EXPECT_TRUE(is_time_digits("-007", false));
  EXPECT_TRUE(is_time_digits("1.5", true));
  for (const char* bad : {"", "-", "+1", " 1", "1 ", "1e3", "0x10", "1.5"})
    EXPECT_FALSE(is_time_digits(bad, false)) << bad;
  for (const char* bad : {"1.", ".5", "1.5.5", "1.5e3", "-.5"}) EXPECT_FALSE(is_time_digits(bad, true)) << bad;
}

}  // namespace
}  // namespace marquee::decoding
