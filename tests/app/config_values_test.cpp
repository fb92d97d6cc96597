#include "app/config_values.hpp"

#include <gtest/gtest.h>

#include <random>

namespace marquee {
namespace {

TEST(Duration, ReadsEachUnitAndCompounds) {
  EXPECT_EQ(parse_duration_ms("500ms"), 500);
  EXPECT_EQ(parse_duration_ms("5s"), 5'000);
  EXPECT_EQ(parse_duration_ms("1m"), 60'000);
  EXPECT_EQ(parse_duration_ms("6h"), 21'600'000);
  EXPECT_EQ(parse_duration_ms("1d"), 86'400'000);
  EXPECT_EQ(parse_duration_ms("5h30m"), 19'800'000);
  EXPECT_EQ(parse_duration_ms("1d2h3m4s5ms"), 93'784'005);
  EXPECT_EQ(parse_duration_ms("0s"), 0);
  EXPECT_EQ(parse_duration_ms("36525d"), std::int64_t{36'525} * 86'400'000);
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "s", "5 s", "5S", "1.5s", "-5s", "5s5s", "30m5h", "5h30", "5sec", "1w", "+5s",
                           " 5s", "36526d", "99999999999999999999s", "9223372036854775807d", "--5s", "5ms1s"}) {
    EXPECT_FALSE(parse_duration_ms(text)) << text;
  }
}

TEST(Duration, IsNegativeOnlyWhereAsked) {
  EXPECT_EQ(parse_duration_ms("-5h30m", true), -19'800'000);
  EXPECT_FALSE(parse_duration_ms("-5h30m"));
  EXPECT_FALSE(parse_duration_ms("-", true));
}

TEST(Duration, FormatsSoThatItReadsBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'000; ++i) {
    const auto bound = std::int64_t{1} << (random() % 41);
    const auto ms = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound + 1)) - bound / 2;
    EXPECT_EQ(parse_duration_ms(duration_text(ms), true), ms) << duration_text(ms);
  }
  EXPECT_EQ(duration_text(19'800'000), "5h30m");
  EXPECT_EQ(duration_text(0), "0s");
}

TEST(Size, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("512"), 512u);
  EXPECT_EQ(parse_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_size("64 MiB"), 64u << 20);
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000u);
  for (const char* text : {"", "MiB", "-1", "1.5MiB", "1mib", "99999999999TiB"}) EXPECT_FALSE(parse_size(text)) << text;
  for (const std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 4ull << 20, (4ull << 20) + 1, 3ull << 40}) {
    EXPECT_EQ(parse_size(size_text(bytes)), bytes);
  }
}

WindowSpec window_of(std::string_view text) {
  std::string problem;
  const auto window = parse_window(text, problem);
  EXPECT_TRUE(window) << text << ": " << problem;
  return window.value_or(WindowSpec{});
}

TEST(Window, ReadsEveryKindWithAndWithoutOffset) {
  EXPECT_EQ(window_of("tumbling 1m").kind, WindowKind::kTumbling);
  EXPECT_EQ(window_of("tumbling 1m").size_ms, 60'000);
  EXPECT_EQ(window_of("tumbling 1m").every_ms, 60'000);
  const WindowSpec hopping = window_of("hopping 10m every 1m offset 5h30m");
  EXPECT_EQ(hopping.kind, WindowKind::kHopping);
  EXPECT_EQ(hopping.size_ms, 600'000);
  EXPECT_EQ(hopping.every_ms, 60'000);
  EXPECT_EQ(hopping.offset_ms, 19'800'000);
  const WindowSpec cumulative = window_of("  cumulative  1d   step 1h offset -8h ");
  EXPECT_EQ(cumulative.kind, WindowKind::kCumulative);
  EXPECT_EQ(cumulative.every_ms, 3'600'000);
  EXPECT_EQ(cumulative.offset_ms, -28'800'000);
  EXPECT_EQ(window_of("hopping 1m every 1m").every_ms, 60'000);
}

TEST(Window, FormatsSoThatItReadsBack) {
  for (const char* text :
       {"tumbling 1m", "tumbling 1d offset -8h", "hopping 10m every 1m", "cumulative 1d step 1h offset 5h30m"}) {
    EXPECT_EQ(window_text(window_of(text)), text);
  }
}

TEST(Window, SaysWhatIsWrong) {
  const auto problem_of = [](std::string_view text) {
    std::string problem;
    EXPECT_FALSE(parse_window(text, problem)) << text;
    return problem;
  };
  EXPECT_NE(problem_of("hopping 1m every 2m").find("every must be at most the size"), std::string::npos);
  EXPECT_NE(problem_of("cumulative 1d step 7h").find("does not divide"), std::string::npos);
  EXPECT_NE(problem_of("tumbling 0s").find("longer than nothing"), std::string::npos);
  EXPECT_NE(problem_of("hopping 1m every 0s").find("longer than nothing"), std::string::npos);
  EXPECT_NE(problem_of("tumbling 5 minutes").find("\"5\" is no duration"), std::string::npos);
  EXPECT_NE(problem_of("tumbling five").find("\"five\" is no duration"), std::string::npos);
  for (const char* text : {"", "1m", "tumbling", "hopping 10m", "hopping 10m step 1m", "cumulative 1d every 1h",
                           "sliding 1m", "tumbling 1m offset", "tumbling 1m offset 1h 2h", "tumbling -1m"}) {
    EXPECT_FALSE(problem_of(text).empty()) << text;
  }
}

TEST(Listen, TakesAddressAndPort) {
  EXPECT_EQ(parse_listen("127.0.0.1:8080")->host, "127.0.0.1");
  EXPECT_EQ(parse_listen("127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(parse_listen("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_listen(":9090")->host, "0.0.0.0");
  EXPECT_EQ(parse_listen("localhost:0")->port, 0);
  for (const char* text : {"", "8080", "::1:80", "a:65536", "a:-1", "a:", "a:8x", "[::1:80"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(Nearest, IsTheOneMeantOrNone) {
  EXPECT_EQ(nearest("itm", {"item", "time"}), "item");
  EXPECT_EQ(nearest("Commit-Every", {"commit_every", "emit_every"}), "commit_every");
  EXPECT_EQ(nearest("xyzzy", {"item", "commit_every"}), "");
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(TomlText, IsQuotedWhereItMustBe) {
  EXPECT_EQ(toml_quoted("a\"b\\c\n\t\x01"), "\"a\\\"b\\\\c\\n\\t\\u0001\"");
  EXPECT_EQ(toml_key("geo_country-1"), "geo_country-1");
  EXPECT_EQ(toml_key("geo.country"), "\"geo.country\"");
  EXPECT_EQ(toml_key(""), "\"\"");
}

}  // namespace
}  // namespace marquee
