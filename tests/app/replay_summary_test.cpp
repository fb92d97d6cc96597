#include "app/replay_summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/console_log.hpp"
#include "app/replay_progress.hpp"

namespace marquee {
namespace {

using ::testing::HasSubstr;

ReplaySummary example() {
  ReplaySummary summary;
  summary.verdicts[Verdict::kCounted] = 1'000'000;
  summary.verdicts[Verdict::kFiltered] = 5;
  summary.verdicts[Verdict::kLate] = 7;
  summary.verdicts[Verdict::kTimeType] = 2;
  summary.verdicts[Verdict::kMalformed] = 1;
  summary.results = 12;
  summary.bytes = 2'500'000;
  summary.seconds = 1.5;
  return summary;
}

TEST(ReplaySummary, IsTheJsonOfTheContract) {
  EXPECT_EQ(
      summary_json(example()),
      "{\"read\":1000015,\"counted\":1000000,\"filtered\":5,\"late\":7,\"invalid\":{\"malformed\":1,\"time_type\":2},"
      "\"results\":12,\"seconds\":1.500}\n");
  EXPECT_EQ(summary_json({}),
            "{\"read\":0,\"counted\":0,\"filtered\":0,\"late\":0,\"invalid\":{},\"results\":0,\"seconds\":0.000}\n");
}

TEST(ReplaySummary, IsASentence) {
  EXPECT_THAT(summary_text(example()), HasSubstr("1,000,015 records (2.5 MB) in 1.50 s"));
  EXPECT_THAT(summary_text(example()), HasSubstr("3 invalid (malformed 1, time_type 2); 12 results"));
}

TEST(Progress, SaysBytesRateAndTimeLeft) {
  EXPECT_EQ(progress_line({500'000'000, 1'000'000'000}, 2'000'000, 2.0),
            "500.0 MB of 1.0 GB · 1,000,000 events/s · 2s left");
  EXPECT_EQ(progress_line({10, 0}, 5, 1.0), "10 B · 5 events/s");
}

TEST(Printable, ReplacesControlAndBrokenBytes) {
  EXPECT_EQ(printable("a\x1b[31m\n\xff\xc3\xa9\xed\xa0\x80z"), "a?[31m??\xc3\xa9???z");
  EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace marquee
