#include "gen/rate.hpp"

#include <gtest/gtest.h>

#include "gen/options.hpp"

namespace marquee::gen {
namespace {

TEST(Rate, ReadsWhatPeopleWrite) {
  std::string error;
  const auto expect = [&](std::string_view text, uint64_t events, int64_t per_ms) {
    const auto rate = parse_rate(text, error);
    ASSERT_TRUE(rate) << text;
    EXPECT_EQ(rate->events, events) << text;
    EXPECT_EQ(rate->per_ms, per_ms) << text;
    EXPECT_EQ(error, "");
  };
  expect("20000/min", 20'000, 60'000);
  expect("500k/s", 500'000, 1'000);
  expect("1.5M/s", 1'500'000, 1'000);
  expect("1/h", 1, 3'600'000);
  expect("100M/sec", 100'000'000, 1'000);
  EXPECT_TRUE(parse_rate("max", error)->is_max());
}

TEST(Rate, WhatIsNoneIsRefusedWithASentence) {
  for (const auto* text : {"", "20000", "0/s", "-5/s", "/s", "5/", "5/day", "1.5/s", "1..5k/s", "1.2345k/s", "1e3/s",
                           "200M/s", "99999999999999999999/s", ".5M/s", "5.k/s", "MAX", " 5/s"}) {
    std::string error;
    EXPECT_FALSE(parse_rate(text, error)) << text;
    EXPECT_NE(error.find("20000/min"), std::string::npos) << error;
  }
}

TEST(Rate, OffsetsAreExactAndNeverDrift) {
  const Rate third = Rate::per_minute(20'000);  // one each 3 ms
  EXPECT_EQ(third.offset_ms(0), 0);
  EXPECT_EQ(third.offset_ms(1), 3);
  EXPECT_EQ(third.offset_ms(20'000), 60'000);
  EXPECT_EQ(third.offset_ms(20'000LL * 60 * 24 * 365), 365LL * 86'400'000);
  EXPECT_EQ(third.offset_ms(-1), -3);
  EXPECT_EQ(third.offset_ms(-20'001), -60'003);
  const Rate seven = Rate::per_second(7);
  EXPECT_EQ(seven.offset_ms(1), 142);
  EXPECT_EQ(seven.offset_us(1), 142'857);
  EXPECT_EQ(seven.offset_ms(-1), -143);  // rounded down, not towards zero
  EXPECT_EQ(seven.offset_us(7'000'000'000), 1'000'000'000'000'000);
  const Rate fast{100'000'000ULL * 3600, 3'600'000};
  EXPECT_EQ(fast.offset_us(359'999'999'999), 3'599'999'999);
  EXPECT_EQ(fast.events_in(10), 1'000'000U);
  EXPECT_EQ(Rate({1, 3'600'000}).events_in(10), 1U);
}

TEST(Duration, ReadsUnitsAndRefusesTheRest) {
  std::string error;
  EXPECT_EQ(parse_duration_ms("500ms", error), 500);
  EXPECT_EQ(parse_duration_ms("30s", error), 30'000);
  EXPECT_EQ(parse_duration_ms("10m", error), 600'000);
  EXPECT_EQ(parse_duration_ms("1.5h", error), 5'400'000);
  EXPECT_EQ(parse_duration_ms("1d", error), 86'400'000);
  for (const auto* text : {"", "10", "0s", "-1s", "m", "1w", "367d", "1.0005s"}) {
    EXPECT_FALSE(parse_duration_ms(text, error)) << text;
    EXPECT_NE(error, "");
  }
}

TEST(Time, ReadsDatesMillisecondsAndNow) {
  std::string error;
  EXPECT_EQ(parse_time_ms("2025-11-22T08:00:00Z", 0, error), kDefaultStartMs);
  EXPECT_EQ(parse_time_ms("2025-11-22 08:00", 0, error), kDefaultStartMs);
  EXPECT_EQ(parse_time_ms("2025-11-22T08:00:00.25Z", 0, error), kDefaultStartMs + 250);
  EXPECT_EQ(parse_time_ms("1970-01-01", 5, error), 0);
  EXPECT_EQ(parse_time_ms("2024-02-29", 5, error), 1'709'164'800'000);
  EXPECT_EQ(parse_time_ms("1763798400000", 5, error), kDefaultStartMs);
  EXPECT_EQ(parse_time_ms("now", 5, error), 5);
  EXPECT_EQ(error, "");
  for (const auto* text :
       {"", "2025-02-29", "2025-13-01", "2025-11-22T25:00Z", "yesterday", "-1", "2025-11-22T08:00:00+01:00",
        "2025-11-22T", "2025-11-22T08:00:00.1234Z", "99999999999999999"}) {
    EXPECT_FALSE(parse_time_ms(text, 0, error)) << text;
    EXPECT_NE(error, "");
  }
}

TEST(Options, DefaultsFollowWhereItGoes) {
  GenOptions to_file;
  to_file.output = "-";
  Resolved out;
  ASSERT_TRUE(resolve(to_file, 42, out).ok());
  EXPECT_TRUE(out.rate.is_max());
  EXPECT_EQ(out.start_ms, kDefaultStartMs);
  EXPECT_EQ(out.density.offset_ms(20'000), 60'000);
  EXPECT_EQ(out.viewers, 20'000U);
  GenOptions to_kafka;
  to_kafka.for_ms = 600'000;
  ASSERT_TRUE(resolve(to_kafka, 42, out).ok());
  EXPECT_EQ(out.rate.offset_ms(20'000), 60'000);
  EXPECT_EQ(out.start_ms, 42);
  EXPECT_EQ(out.total, 200'000U);
}

TEST(Options, WrongOnesNameTheFlagAndExit64) {
  const auto refuses = [](std::string_view flag, auto change) {
    GenOptions options;
    change(options);
    Resolved out;
    const auto status = resolve(options, 0, out);
    EXPECT_EQ(status.code, 64);
    EXPECT_NE(status.message.find(flag), std::string::npos) << status.message;
  };
  refuses("--late-share", [](auto& o) { o.late_share = -0.1; });
  refuses("--bad-share", [](auto& o) { o.bad_share = 1.1; });
  refuses("together", [](auto& o) { o.bad_share = o.late_share = 0.6; });
  refuses("--threads", [](auto& o) { o.threads = 0; });
  refuses("--titles", [](auto& o) { o.titles = 0; });
  refuses("--pack", [](auto& o) { o.pack = 0; });
  refuses("--partitions", [](auto& o) { o.partitions = 0; });
  refuses("--compression", [](auto& o) { o.compression = "lzma"; });
  refuses("--density", [](auto& o) { o.density = Rate::max(); });
  refuses("--output", [](auto& o) { o.topic = ""; });
}

}  // namespace
}  // namespace marquee::gen
