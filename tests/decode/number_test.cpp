#include "decode/number.hpp"

#include <gtest/gtest.h>

#include <string>

namespace marquee::decoding {
namespace {

std::int64_t ms(std::string_view token, int shift) {
  return to_ms(split_decimal(token), shift);
}

TEST(Number, DigitsOfEveryLengthUpToEighteen) {
  std::string digits;
  std::int64_t expected = 0;
  for (int n = 1; n <= 18; ++n) {
    const int digit = (n * 7) % 10;
    digits += static_cast<char>('0' + digit);
    expected = expected * 10 + digit;
    // What stands behind must not matter.
    for (const char behind : {'\0', '9', ',', '\xff'}) {
      const std::string padded = digits + std::string(kTextSlack, behind);
      EXPECT_EQ(parse_digits({padded.data(), digits.size()}), expected) << digits;
    }
  }
}

TEST(Number, SecondsKeepTheirMillisecondsExactly) {
  EXPECT_EQ(ms("0.1", 3), 100);
  EXPECT_EQ(ms("4.35", 3), 4350);    // 4.35 * 1000 is 4349.999… in binary
  EXPECT_EQ(ms("1.0009", 3), 1000);  // dropped, not rounded
  EXPECT_EQ(ms("86400.0009", 3), 86'400'000);
  EXPECT_EQ(ms("12", 3), 12'000);
  EXPECT_EQ(ms("0.0001", 3), 0);
}

TEST(Number, ExponentsMoveThePoint) {
  EXPECT_EQ(ms("1e3", 0), 1000);
  EXPECT_EQ(ms("1.5E+2", 0), 150);
  EXPECT_EQ(ms("12345e-3", 0), 12);
  EXPECT_EQ(ms("12345e-3", 3), 12'345);
  EXPECT_EQ(ms("0e999999999999999999999", 0), 0);
  EXPECT_EQ(ms("1e-999999999999999999999", 0), 0);
  EXPECT_EQ(ms("1e999999999999999999999", 0), kMsOverflow);
  EXPECT_EQ(ms("0.000000000000000000001e21", 0), 1);
}

TEST(Number, MicroAndNanosecondsDropDigits) {
  EXPECT_EQ(ms("1999", -3), 1);
  EXPECT_EQ(ms("999", -3), 0);
  EXPECT_EQ(ms("253402300799999999999", -6), 253402300799999);
  EXPECT_EQ(ms("00000000000000000000000000001000", -3), 1);
}

TEST(Number, TooManyDigitsOverflow) {
  EXPECT_EQ(ms("999999999999999999", 0), 999'999'999'999'999'999);
  EXPECT_EQ(ms("1000000000000000000", 0), kMsOverflow);
  EXPECT_EQ(ms(std::string(10'000, '9'), 0), kMsOverflow);
  EXPECT_EQ(ms(std::string(10'000, '0') + "7", 0), 7);
}

TEST(Number, SignCountsOnlyBeforeAValueThatIsNotZero) {
  EXPECT_FALSE(split_decimal("-0").negative);
  EXPECT_FALSE(split_decimal("-0.000e5").negative);
  EXPECT_TRUE(split_decimal("-0.0001").negative);
  EXPECT_TRUE(split_decimal("-1e-400").negative);
}

}  // namespace
}  // namespace marquee::decoding
