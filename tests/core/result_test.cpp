// Result JSON, keys, revisions, order: the bytes of the contract.
#include "core/result.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace marquee {
namespace {

JobSpec two_dimensions() {
  JobSpec job;
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}, {"country", {{"geo", "country"}}, std::nullopt}};
  job.leaderboards.resize(3);
  job.leaderboards[0].name = "trending";
  job.leaderboards[0].by = {0};
  job.leaderboards[1].name = "local";
  job.leaderboards[1].by = {1, 0};
  job.leaderboards[2].name = "all";
  return job;
}

std::string json_of(std::string_view text) {
  std::string out = "before:";
  append_json_string(out, text);
  return out.substr(7);
}

TEST(JsonString, EscapesWhatTheContractSaysAndNothingElse) {
  EXPECT_EQ(json_of(""), R"("")");
  EXPECT_EQ(json_of("plain"), R"("plain")");
  EXPECT_EQ(json_of("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(json_of("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json_of(std::string("\0\x01\x1f", 3)), R"("\u0000\u0001\u001f")");
  EXPECT_EQ(json_of("\x7f\xc3\xa9\xf0\x9f\x8e\xac</script>"), "\"\x7f\xc3\xa9\xf0\x9f\x8e\xac</script>\"");
}

TEST(JsonString, EveryByteBelowSpaceInsideText) {
  for (int c = 0; c < 0x20; ++c) {
    const std::string json = json_of(std::string({'x', static_cast<char>(c), 'y'}));
    EXPECT_EQ(json.substr(0, 3), "\"x\\");
    EXPECT_EQ(json.substr(json.size() - 2), "y\"");
    EXPECT_TRUE(std::all_of(json.begin(), json.end(), [](char b) { return static_cast<unsigned char>(b) >= 0x20; }));
  }
}

TEST(Numbers, AreWrittenToTheirLimits) {
  std::string out;
  append_number(out, std::numeric_limits<std::int64_t>::min());
  out += ' ';
  append_number(out, std::numeric_limits<std::int64_t>::max());
  out += ' ';
  append_number(out, std::numeric_limits<std::uint64_t>::max());
  out += ' ';
  append_number(out, std::uint64_t{0});
  EXPECT_EQ(out, "-9223372036854775808 9223372036854775807 18446744073709551615 0");
}

TEST(ResultJson, IsCompactAndInTheContractsOrder) {
  ResultRecord result;
  result.group = {"movie"};
  result.window_start = 1'763'800'000'000;
  result.window_end = 1'763'800'060'000;
  result.final = true;
  result.events = 7;
  result.rows = {{"m-\"1\"", 4, 9000}, {"m-2", 3, 0}};
  std::string json;
  append_result_json(json, two_dimensions(), result);
  EXPECT_EQ(
      json,
      R"({"schema":1,"leaderboard":"trending","group":{"category":"movie"},"window_start":1763800000000,)"
      R"("window_end":1763800060000,"revision":29,"final":true,"exact":true,"events":7,"items":[)"
      R"({"rank":1,"item":"m-\"1\"","views":4,"watch_ms":9000},{"rank":2,"item":"m-2","views":3,"watch_ms":0}]})");
}

TEST(ResultJson, GroupsStandInTheOrderOfByAndNoneIsAnEmptyObject) {
  const JobSpec job = two_dimensions();
  ResultRecord result;
  result.leaderboard = LeaderboardIndex{1};
  result.group = {"de", "movie"};
  result.exact = false;
  std::string json;
  append_result_json(json, job, result);
  EXPECT_NE(json.find(R"("group":{"country":"de","category":"movie"})"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("final":false,"exact":false,"events":0,"items":[]})"), std::string::npos) << json;
  std::string key;
  append_result_key(key, job, result);
  EXPECT_EQ(key, R"(["local",["de","movie"],0,0])");

  result.leaderboard = LeaderboardIndex{2};
  result.group.clear();
  json.clear();
  key.clear();
  append_result_json(json, job, result);
  append_result_key(key, job, result);
  EXPECT_NE(json.find(R"("group":{})"), std::string::npos) << json;
  EXPECT_EQ(key, R"(["all",[],0,0])");
}

TEST(Revision, RisesWithEventsThenWithExactnessLostThenWithFinality) {
  EXPECT_EQ(revision_of(0, true, false), 0u);
  EXPECT_EQ(revision_of(0, true, true), 1u);
  EXPECT_EQ(revision_of(0, false, false), 2u);
  EXPECT_EQ(revision_of(0, false, true), 3u);
  for (std::uint64_t events = 0; events < 5; ++events) {
    EXPECT_LT(revision_of(events, true, false), revision_of(events, true, true));
    EXPECT_LT(revision_of(events, true, true), revision_of(events, false, false));
    EXPECT_LT(revision_of(events, false, false), revision_of(events, false, true));
    EXPECT_LT(revision_of(events, false, true), revision_of(events + 1, true, false));
  }
}

TEST(ReplayOrder, IsWindowEndThenLeaderboardNameThenGroupValuesByBytes) {
  const JobSpec job = two_dimensions();
  const auto record = [](std::uint32_t board, std::vector<std::string> group, EventTimeMs end) {
    ResultRecord r;
    r.leaderboard = LeaderboardIndex{board};
    r.group = std::move(group);
    r.window_end = end;
    return r;
  };
  const std::vector<ResultRecord> ordered = {
      record(0, {"z"}, 1),     record(2, {}, 2),        record(1, {"a", "z"}, 2), record(1, {"ab", "a"}, 2),
      record(1, {"b", ""}, 2), record(0, {"Movie"}, 2), record(0, {"movie"}, 2),  record(0, {"\xc3\xa9"}, 2),
  };
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      EXPECT_EQ(replay_order(job, ordered[i], ordered[j]), i < j) << i << " and " << j;
    }
  }
}

TEST(KeyParts, ComeBackAsTheyWereWhateverBytesTheyHold) {
  using namespace std::string_literals;
  const std::vector<std::string> values = {"", "movie", "\0\1\2"s, std::string(256, 'x'), std::string(65'535, 'y'), ""};
  std::string key;
  for (const std::string& value : values) append_key_part(key, value);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(key_part(key, i), values[i]);
}

TEST(KeyParts, KeysOfDifferentValuesDiffer) {
  std::string a;
  append_key_part(a, "ab");
  append_key_part(a, "c");
  std::string b;
  append_key_part(b, "a");
  append_key_part(b, "bc");
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace marquee
