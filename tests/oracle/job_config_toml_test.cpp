#include "oracle/job_config_toml.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace oracle {
namespace {

TEST(JobConfigToml, DefaultsAreThoseOfTheContract) {
  const JobConfig config = parse_job_config("[event]\nitem = \"i\"\ntime = \"t\"\n[[leaderboard]]\nname = \"b\"\n");
  JobConfig expected;
  expected.item_path = "i";
  expected.time_path = "t";
  expected.time_unit = TimeUnit::kMillis;
  expected.watch_path = "watch_ms";
  expected.watch_unit = WatchUnit::kMillis;
  expected.disorder_ms = 5'000;
  expected.lateness_ms = 60'000;
  expected.max_future_ms = 300'000;
  Leaderboard board;
  board.name = "b";
  board.window = {WindowKind::kTumbling, 60'000, 0, 0, 0};
  board.measure = Measure::kViews;
  board.top = 10;
  expected.leaderboards = {board};
  EXPECT_EQ(config, expected);
}

TEST(JobConfigToml, EveryKeyIsRead) {
  const JobConfig config = parse_job_config(R"(
[source]
topic = "x"
[event]
item = "a.b"
time = "t"
time_unit = "rfc3339"
watch = "w"
watch_unit = "s"
dimensions = { category = "category", country = { path = "geo.country", default = "unknown" } }
where = { action = ["play", "heartbeat"], "m.k" = ["1"] }
[time]
disorder = "500ms"
lateness = "0s"
max_future = "1h"
[[leaderboard]]
name = "one"
by = ["country", "category"]
window = "hopping 10m every 1m offset -5h30m"
measure = "watch_ms"
top = 3
)");
  JobConfig expected;
  expected.item_path = "a.b";
  expected.time_path = "t";
  expected.time_unit = TimeUnit::kRfc3339;
  expected.watch_path = "w";
  expected.watch_unit = WatchUnit::kSeconds;
  expected.dimensions = {{"category", {"category", std::nullopt}}, {"country", {"geo.country", "unknown"}}};
  expected.where = {{"action", {"play", "heartbeat"}}, {"m.k", {"1"}}};
  expected.disorder_ms = 500;
  expected.lateness_ms = 0;
  expected.max_future_ms = 3'600'000;
  Leaderboard board;
  board.name = "one";
  board.by = {"country", "category"};
  board.window = {WindowKind::kHopping, 600'000, 60'000, 0, -19'800'000};
  board.measure = Measure::kWatchMs;
  board.top = 3;
  expected.leaderboards = {board};
  EXPECT_EQ(config, expected);
}

TEST(JobConfigToml, Durations) {
  EXPECT_EQ(parse_duration_ms("500ms"), 500);
  EXPECT_EQ(parse_duration_ms("5s"), 5'000);
  EXPECT_EQ(parse_duration_ms("1m"), 60'000);
  EXPECT_EQ(parse_duration_ms("6h"), 21'600'000);
  EXPECT_EQ(parse_duration_ms("1d"), 86'400'000);
  EXPECT_EQ(parse_duration_ms("5h30m"), 19'800'000);
  EXPECT_EQ(parse_duration_ms("-5h30m"), -19'800'000);
  for (const char* wrong : {"", "-", "5", "s", "5x", "5 s", "1.5s", "5s-", "+5s"}) {
    EXPECT_THROW(parse_duration_ms(wrong), std::runtime_error) << wrong;
  }
}

TEST(JobConfigToml, Windows) {
  EXPECT_EQ(parse_window("tumbling 1m"), (Window{WindowKind::kTumbling, 60'000, 0, 0, 0}));
  EXPECT_EQ(parse_window("tumbling 1d offset -5h30m"), (Window{WindowKind::kTumbling, 86'400'000, 0, 0, -19'800'000}));
  EXPECT_EQ(parse_window("hopping 10m every 1m"), (Window{WindowKind::kHopping, 600'000, 60'000, 0, 0}));
  EXPECT_EQ(parse_window("cumulative 1d step 1h offset 5h30m"),
            (Window{WindowKind::kCumulative, 86'400'000, 0, 3'600'000, 19'800'000}));
  for (const char* wrong :
       {"", "tumbling", "tumbling 0s", "sliding 1m", "hopping 1m", "hopping 1m every 2m", "cumulative 1h step 7m",
        "cumulative 1h every 1m", "tumbling 1m offset", "tumbling 1m 2m"}) {
    EXPECT_THROW(parse_window(wrong), std::runtime_error) << wrong;
  }
}

TEST(JobConfigToml, WhatCannotBeReadIsSaid) {
  EXPECT_THROW(parse_job_config("x = "), std::runtime_error);
  EXPECT_THROW(parse_job_config("[event]\nitem = \"i\"\ntime = \"t\"\n"), std::runtime_error);
  EXPECT_THROW(parse_job_config("[event]\ntime = \"t\"\n[[leaderboard]]\nname = \"b\"\n"), std::runtime_error);
  EXPECT_THROW(parse_job_config("[event]\nitem = \"i\"\ntime = \"t\"\n[[leaderboard]]\nname = \"b\"\nby = [\"c\"]\n"),
               std::runtime_error);
}

}  // namespace
}  // namespace oracle
