#include "serve/query.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace marquee {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using Values = std::vector<std::string>;

TEST(PercentDecode, DecodesBothCasesAndLeavesTheRest) {
  EXPECT_EQ(percent_decode("a%20b%2Fc%2fd+e", false), "a b/c/d+e");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
  EXPECT_EQ(percent_decode("%00", false), std::string(1, '\0'));
  EXPECT_EQ(percent_decode("%E2%96%B2", false), "▲");
}

TEST(PercentDecode, RefusesBrokenEscapes) {
  for (const char* bad : {"%", "%4", "a%", "%zz", "%4g", "%%41"})
    EXPECT_EQ(percent_decode(bad, false), std::nullopt) << bad;
}

TEST(ParseTarget, SplitsPathAndParameters) {
  const auto target = parse_target("/api/v1/top?leaderboard=a%26b&group=x=y&&flag&=v");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/v1/top");
  EXPECT_THAT(target->parameters,
              ElementsAre(Pair("leaderboard", "a&b"), Pair("group", "x=y"), Pair("flag", ""), Pair("", "v")));
}

TEST(ParseTarget, TakesAbsoluteForm) {
  EXPECT_EQ(parse_target("http://host:80/metrics")->path, "/metrics");
  EXPECT_EQ(parse_target("http://host")->path, "/");
}

TEST(ParseTarget, RefusesWhatIsNoPath) {
  for (const char* bad : {"", "*", "metrics", "?a=b", "/%", "/?a=%f", "/#x", "http://host?x"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(ParseGroup, PlainValueIsOneValue) {
  EXPECT_EQ(parse_group("movie"), Values{"movie"});
  EXPECT_EQ(parse_group("\"movie\""), Values{"\"movie\""});
  EXPECT_EQ(parse_group("a,b"), Values{"a,b"});
}

TEST(ParseGroup, ArrayGivesItsStringsDecoded) {
  EXPECT_EQ(parse_group("[]"), Values{});
  EXPECT_EQ(parse_group(" [\"a\"]"), Values{" [\"a\"]"});  // begins with a space: a plain value
  EXPECT_EQ(parse_group("[ \"a\" , \"\" ] "), (Values{"a", ""}));
  EXPECT_EQ(parse_group(R"(["\u0041\n\"\\\/\u00e9\u20ac\ud83c\udfac"])"), Values{"A\n\"\\/é€🎬"});
}

TEST(ParseGroup, RefusesOtherJson) {
  for (const char* bad :
       {"[", "[1]", "[\"a\"", "[\"a\",]", "[,]", "[\"a\"]x", "[\"a\" \"b\"]", "[\"\\x\"]", "[\"\\u12\"]",
        "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\u0041\"]", "[[\"a\"]]", "[\"a\n\"]", "[\"\\"}) {
    EXPECT_EQ(parse_group(bad), std::nullopt) << bad;
  }
}

TEST(Quotable, LeavesNothingThatCouldHarm) {
  EXPECT_EQ(quotable("\n\x1b\xff<"), "?\?\?<");
  EXPECT_EQ(quotable(std::string(100, 'x')), std::string(64, 'x') + "…");
}

}  // namespace
}  // namespace marquee
