// That random jobs are worth running: they are the same for the same seed, their two configurations agree, and
// together they hold every verdict, every reason, and ties at the last place kept.
#include "differential/random_job.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "differential/random_json.hpp"
#include "oracle/job_config_toml.hpp"
#include "oracle/json.hpp"

namespace differential {
namespace {

constexpr std::size_t kRounds = 150;

std::string describe(const RandomJob& job) { return "MARQUEE_SEED=" + std::to_string(job.seed) + "\n" + job.toml; }

// What a run of jobs of one form held, all in all.
struct Census {
  std::map<std::string, std::size_t> verdicts;  // by verdict or, of invalid ones, reason
  std::size_t ties_at_top = 0;
  std::size_t late_for_some = 0;  // counted, but too late for one of the leaderboards
  std::size_t results = 0;
  std::size_t windows_before_1970 = 0;
  std::size_t messages_of_many = 0;
  std::size_t bytes = 0;
};

Census take_census(JobForm form, std::uint64_t seed, std::size_t rounds) {
  Census census;
  for (std::size_t round = 0; round < rounds; ++round) {
    const RandomJob job = make_random_job(seed + round, form);
    oracle::Oracle oracle(job.config);
    for (const std::vector<oracle::Record>& records : job.records()) {
      for (const oracle::Record& record : records) {
        const oracle::Judgement judgement = oracle.feed(record);
        switch (judgement.verdict) {
          case oracle::Verdict::kCounted: ++census.verdicts["counted"]; break;
          case oracle::Verdict::kFiltered: ++census.verdicts["filtered"]; break;
          case oracle::Verdict::kLate: ++census.verdicts["late"]; break;
          case oracle::Verdict::kInvalid: ++census.verdicts[judgement.reason]; break;
        }
        bool is_late_for_some = false;
        for (const bool is_late : judgement.late_for) is_late_for_some = is_late_for_some || is_late;
        if (judgement.verdict == oracle::Verdict::kCounted && is_late_for_some) ++census.late_for_some;
        census.bytes += record.bytes.size();
      }
    }
    for (const std::vector<oracle::Message>& messages : job.partitions) {
      for (const oracle::Message& message : messages) {
        if (oracle::split_message(message).size() > 1) ++census.messages_of_many;
      }
    }
    for (const oracle::Result& result : oracle.results()) {
      ++census.results;
      if (result.has_tie_at_top) ++census.ties_at_top;
      if (result.window_start_ms < 0) ++census.windows_before_1970;
    }
    const oracle::Counts& counts = oracle.counts();
    EXPECT_EQ(counts.read, counts.counted + counts.filtered + counts.late + counts.invalid_total()) << describe(job);
  }
  std::cout << "seed " << seed << ", " << rounds << " jobs, " << census.bytes << " bytes: ";
  for (const auto& [verdict, count] : census.verdicts) std::cout << verdict << " " << count << ", ";
  std::cout << census.late_for_some << " late for some, " << census.results << " results, " << census.ties_at_top
            << " with a tie at the last place\n";
  return census;
}

void expect_everything(const Census& census, bool is_kafka) {
  std::set<std::string> wanted = {"counted", "filtered", "late", "not_object", "malformed", "item_missing", "item_type",
                                  "item_empty", "item_too_long", "time_missing", "time_type", "time_range",
                                  "watch_type", "watch_range", "dimension_missing", "dimension_type",
                                  "dimension_too_long"};
  if (is_kafka) wanted.insert({"empty", "time_future"});
  for (const std::string& verdict : wanted) EXPECT_TRUE(census.verdicts.contains(verdict)) << verdict;
  for (const auto& [verdict, count] : census.verdicts) EXPECT_TRUE(wanted.contains(verdict)) << verdict;
  EXPECT_GT(census.ties_at_top, 0u);
  EXPECT_GT(census.late_for_some, 0u);
  EXPECT_GT(census.windows_before_1970, 0u);
  EXPECT_EQ(census.messages_of_many > 0, is_kafka);
  EXPECT_GT(census.verdicts.at("counted"), census.verdicts.at("late"));
}

TEST(RandomJob, FilesHoldEveryVerdictAndTiesAtTheCut) {
  expect_everything(take_census(JobForm::kFile, seed_from_environment(1), kRounds), false);
}

TEST(RandomJob, MessagesHoldEveryVerdictAndTiesAtTheCut) {
  expect_everything(take_census(JobForm::kKafka, seed_from_environment(1), kRounds), true);
}

TEST(RandomJob, SameSeedSameJob) {
  for (const JobForm form : {JobForm::kFile, JobForm::kKafka}) {
    const RandomJob a = make_random_job(42, form);
    const RandomJob b = make_random_job(42, form);
    EXPECT_EQ(a.toml, b.toml);
    EXPECT_EQ(a.file, b.file);
    ASSERT_EQ(a.partitions.size(), b.partitions.size());
    EXPECT_EQ(a.judged().replay_output(), b.judged().replay_output());
    EXPECT_NE(a.toml, make_random_job(43, form).toml);
  }
}

TEST(RandomJob, TomlSaysWhatTheConfigurationSays) {
  const std::uint64_t seed = seed_from_environment(1);
  for (std::size_t round = 0; round < rounds_from_environment(kRounds); ++round) {
    for (const JobForm form : {JobForm::kFile, JobForm::kKafka}) {
      const RandomJob job = make_random_job(seed + round, form);
      EXPECT_EQ(oracle::parse_job_config(job.toml), job.config) << describe(job);
    }
  }
}

TEST(RandomJob, OrderBetweenPartitionsMakesNoDifference) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RandomJob job = make_random_job(seed, JobForm::kKafka);
    oracle::Oracle interleaved(job.config);
    std::vector<std::size_t> next(job.partitions.size());
    Rng rng(seed);
    std::size_t left = 0;
    for (const auto& messages : job.partitions) left += messages.size();
    while (left > 0) {
      const std::size_t partition = rng.below(next.size());
      if (next[partition] == job.partitions[partition].size()) continue;
      interleaved.feed_message(job.partitions[partition][next[partition]++]);
      --left;
    }
    EXPECT_EQ(interleaved.replay_output(), job.judged().replay_output()) << describe(job);
    EXPECT_EQ(interleaved.summary_json(), job.judged().summary_json()) << describe(job);
  }
}

TEST(RandomJson, EveryFaultMakesTheObjectMalformedAndNoneDoesNot) {
  Rng rng(seed_from_environment(1));
  const std::vector<PathValue> values = {{"a", "1"}, {"b.c", "\"x\""}, {"b.d", "true"}};
  for (int round = 0; round < 60; ++round) {
    for (int fault = 0; fault <= kLastFault; ++fault) {
      Style style;
      style.spaces = rng.chance(50);
      const std::string text = render_object(rng, values, style, static_cast<Fault>(fault));
      ASSERT_EQ(text.front(), '{');
      EXPECT_EQ(oracle::json::parse(text).has_value(), fault == 0) << fault << ": " << text.substr(0, 500);
      EXPECT_EQ(text.find('\n'), std::string::npos);
      const bool in_array = oracle::json::split_array("[" + text + "]").has_value();
      const bool is_balanced = fault < kFirstUnbalancedFault && fault != static_cast<int>(Fault::kBadUtf8);
      if (fault == static_cast<int>(Fault::kJunkAfter)) continue;
      EXPECT_EQ(in_array, is_balanced) << fault << ": " << text.substr(0, 500);
    }
  }
}

TEST(RandomJson, StringTokensDecodeToTheirText) {
  Rng rng(seed_from_environment(1));
  for (const std::string text : {"", "a", "\"\\/\b\f\n\r\t\x01", "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF", "\x7f"}) {
    for (int round = 0; round < 100; ++round) {
      const std::string token = string_token(rng, text, true);
      EXPECT_EQ(oracle::json::decode(token.substr(1, token.size() - 2)), text) << token;
    }
  }
}

}  // namespace
}  // namespace differential
