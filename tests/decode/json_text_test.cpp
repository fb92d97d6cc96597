#include "decode/json_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "decode/text_pool.hpp"

namespace marquee::decoding {
namespace {

bool is_value(std::string_view text) {
  Nesting nesting;
  return walk_value(text.data(), text.data() + text.size(), nesting, WalkNothing{}) == text.data() + text.size();
}

TEST(JsonText, WalkTakesTheGrammarAndNothingElse) {
  for (const char* good : {"{}", "[]", "0", "-0", "1.5e-3", "true", "null", "\"\"", "[[],{}]", "{ \"a\" : [ 1 , {} ] }",
                           R"("\u00e9\n\/")", R"({"a":{"b":[1,2,{"c":null}]},"d":false})", R"("\ud800")"}) {
    EXPECT_TRUE(is_value(good)) << good;
  }
  for (const char* bad : {"",          "{",          "[",     "}",       "{]",   "[}",      "{\"a\"}",
                          "{\"a\":}",  "{\"a\":1,}", "{,}",   "[1,]",    "[,1]", "[1 2]",   "{\"a\":1 \"b\":2}",
                          "01",        "1.",         ".5",    "+1",      "-",    "1e",      "nul",
                          "NaN",       "Infinity",   "tru",   "\"",      "\"\\", R"("\x")", R"("\u12g4")",
                          R"("\u12")", "\"\n\"",     "{1:2}", "{'a':1}", "[1]]", "{}{}",    "1 "}) {
    EXPECT_FALSE(is_value(bad)) << bad;
  }
}

TEST(JsonText, WalkIsNotRecursive) {
  const std::size_t levels = 1'000'000;
  EXPECT_TRUE(is_value(std::string(levels, '[') + std::string(levels, ']')));
  EXPECT_FALSE(is_value(std::string(levels, '[') + std::string(levels - 1, ']') + "}"));
  EXPECT_FALSE(is_value(std::string(levels, '[')));
}

std::string decoded(std::string_view raw) {
  std::string out(raw.size(), '\0');
  const std::ptrdiff_t size = unescape(raw, out.data());
  if (size < 0) return "lone surrogate";
  out.resize(static_cast<std::size_t>(size));
  return out;
}

TEST(JsonText, Unescape) {
  EXPECT_EQ(decoded(R"(\u0041\"\\\/\b\f\n\r\t)"), "A\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"(\u00e9\u20AC\ud83d\ude00)"), "é€😀");
  EXPECT_EQ(decoded(R"(\u0000)"), std::string(1, '\0'));
  for (const char* lone :
       {R"(\ud800)", R"(\udc00)", R"(\ud800x)", R"(\ud800\u0041)", R"(\ud800\ud800)", R"(\ud800\n)"}) {
    EXPECT_EQ(decoded(lone), "lone surrogate") << lone;
  }
}

TEST(TextPool, KeepsWhatItGaveUntilReset) {
  TextPool pool;
  for (int round = 0; round < 3; ++round) {
    std::vector<char*> places;
    for (int i = 0; i < 100; ++i) {
      places.push_back(pool.take(1000));
      std::fill_n(places.back(), 1000, static_cast<char>(i));
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(places[static_cast<std::size_t>(i)][999], static_cast<char>(i));
    pool.reset();
  }
}

}  // namespace
}  // namespace marquee::decoding
