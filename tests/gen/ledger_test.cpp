#include "gen/ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <utility>

#include "gen/emitted.hpp"
#include "temporary.hpp"

namespace marquee::gen {
namespace {

using gen_test::Json;
using gen_test::lines_of;
using gen_test::parse_json;
using gen_test::valid_event;
using test::TempFile;

struct Sums {
  int64_t views = 0;
  int64_t watch_ms = 0;
  bool operator==(const Sums&) const = default;
};
using Cells = std::map<std::pair<int64_t, std::string>, Sums>;

struct Sent {
  std::string bytes;
  Json ledger;
};

Sent run_with_ledger(GenOptions options) {
  const TempFile output;
  const TempFile ledger;
  options.output = output.path();
  options.ledger = ledger.path();
  const std::atomic<bool> never{false};
  const auto status = run_gen(options, never);
  EXPECT_TRUE(status.ok()) << status.message;
  auto json = parse_json(ledger.read());
  EXPECT_TRUE(json);
  return {output.read(), std::move(*json)};
}

GenOptions rough_stream() {
  GenOptions options;
  options.count = 300'000;  // fifteen minutes
  options.seed = 7;
  options.bad_share = 0.03;
  options.late_share = 0.05;
  options.threads = 2;
  return options;
}

TEST(Ledger, EveryMinuteAndCategoryReconcilesWithTheBytes) {
  const Sent run = run_with_ledger(rough_stream());
  Cells cells;
  int64_t valid = 0;
  int64_t invalid = 0;
  int64_t max_ms = -1;
  for (const auto line : lines_of(run.bytes)) {
    const auto event = valid_event(line);
    if (!event) {
      ++invalid;
      continue;
    }
    ++valid;
    max_ms = std::max(max_ms, event->event_ms);
    Sums& sums = cells[{event->event_ms / 60'000 * 60'000, event->category}];
    ++sums.views;
    sums.watch_ms += event->watch_ms;
  }
  EXPECT_EQ(run.ledger["records"].integer, 300'000);
  EXPECT_TRUE(run.ledger["complete"].truth);
  ASSERT_EQ(run.ledger["partitions"].array.size(), 1U);
  const Json& partition = run.ledger["partitions"].array[0];
  EXPECT_EQ(partition["records"]["good"].integer + partition["records"]["far_behind"].integer, valid);
  EXPECT_EQ(partition["records"]["bad"].integer, invalid);
  EXPECT_EQ(partition["event_time_max"].integer, max_ms);
  int64_t bad = 0;
  for (const auto& [kind, count] : partition["bad"].object) bad += count.integer;
  EXPECT_EQ(bad, invalid);
  EXPECT_EQ(partition["bad"].object.size(), kBadKindsFile);
  int64_t far_behind = 0;
  for (const auto& entry : partition["far_behind_seconds"].array) far_behind += entry.array[1].integer;
  EXPECT_EQ(far_behind, partition["records"]["far_behind"].integer);
  EXPECT_NEAR(static_cast<double>(far_behind), 15'000, 600);
  EXPECT_NEAR(static_cast<double>(invalid), 9'000, 500);
  Cells told;
  for (const auto& row : partition["minutes"].array) {
    told[{row["minute"].integer, row["category"].text}] = {row["views"].integer, row["watch_ms"].integer};
  }
  EXPECT_EQ(told, cells);
}

// What README.md promises: the cells less `behind` of at least disorder + lateness seconds are what a job with panes of
// a minute counts.
TEST(Ledger, WhatALatenessLeavesOutCanBeToldFromIt) {
  const Sent run = run_with_ledger(rough_stream());
  std::vector<gen_test::Valid> events;
  for (const auto line : lines_of(run.bytes)) {
    if (auto event = valid_event(line)) events.push_back(std::move(*event));
  }
  for (const int64_t allowed_s : {0, 5, 65, 600, 100'000}) {
    Cells counted;
    int64_t max_ms = -1;
    for (const auto& event : events) {
      const int64_t minute_ms = event.event_ms / 60'000 * 60'000;
      const bool late = max_ms >= 0 && max_ms >= minute_ms + 60'000 + allowed_s * 1000;
      if (late) continue;
      max_ms = std::max(max_ms, event.event_ms);
      Sums& sums = counted[{minute_ms, event.category}];
      ++sums.views;
      sums.watch_ms += event.watch_ms;
    }
    Cells told;
    for (const auto& row : run.ledger["partitions"].array[0]["minutes"].array) {
      Sums sums{row["views"].integer, row["watch_ms"].integer};
      for (const auto& entry : row["behind"].array) {
        if (entry.array[0].integer < allowed_s) continue;
        sums.views -= entry.array[1].integer;
        sums.watch_ms -= entry.array[2].integer;
      }
      if (sums.views > 0) told[{row["minute"].integer, row["category"].text}] = sums;
    }
    EXPECT_EQ(told, counted) << allowed_s;
  }
}

TEST(Ledger, IsTheSameForAnyNumberOfThreads) {
  GenOptions options = rough_stream();
  const TempFile first;
  const TempFile second;
  options.output = "/dev/null";
  options.ledger = first.path();
  const std::atomic<bool> never{false};
  ASSERT_TRUE(run_gen(options, never).ok());
  options.threads = 4;
  options.ledger = second.path();
  ASSERT_TRUE(run_gen(options, never).ok());
  EXPECT_TRUE(first.read() == second.read());
}

TEST(Ledger, CountsHowFarBehindAgainstTheRecordsOwnPartition) {
  Ledger ledger(2);
  const auto note = [](int64_t event_ms, uint32_t partition, Fate fate) {
    return RecordNote{event_ms, 0, 10, 0, 0, partition, fate, BadKind::kTruncated};
  };
  ledger.add(note(600'000, 0, Fate::kGood));
  ledger.add(note(100'500, 1, Fate::kFarBehind));  // the first of its partition: behind nothing
  ledger.add(note(100'500, 0, Fate::kFarBehind));
  ledger.add(note(9'999'999, 0, Fate::kBad));  // moves nothing
  ledger.add(note(540'000, 0, Fate::kGood));   // its minute ends where the partition is: 0 s behind
  const auto json = parse_json(ledger.json({1, 0, false}));
  ASSERT_TRUE(json);
  EXPECT_FALSE((*json)["complete"].truth);
  const Json& zero = (*json)["partitions"].array[0];
  const Json& one = (*json)["partitions"].array[1];
  EXPECT_EQ(zero["far_behind_seconds"].array[0].array[0].integer, 499);
  EXPECT_EQ(one["far_behind_seconds"].array[0].array[0].integer, 0);
  EXPECT_EQ(zero["event_time_max"].integer, 600'000);
  EXPECT_EQ(zero["bad"]["truncated"].integer, 1);
  ASSERT_EQ(zero["minutes"].array.size(), 3U);
  EXPECT_EQ(zero["minutes"].array[0]["behind"].array[0].array[0].integer, 480);  // 600 s - 120 s
  EXPECT_EQ(zero["minutes"].array[0]["far_behind"]["views"].integer, 1);
  EXPECT_EQ(zero["minutes"].array[1]["behind"].array[0].array[0].integer, 0);
  EXPECT_TRUE(zero["minutes"].array[2]["behind"].array.empty());
  EXPECT_TRUE(one["minutes"].array[0]["behind"].array.empty());
}

}  // namespace
}  // namespace marquee::gen
