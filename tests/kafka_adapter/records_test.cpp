#include "kafka/records.hpp"

#include <gtest/gtest.h>

#include "kafka/envelope.hpp"

namespace marquee {
namespace {

std::string header(const OutRecord& record, const std::string& name) {
  std::string found = "<none>";
  for (const auto& [n, value] : record.headers) {
    if (n == name) found = value.value_or("<null>");
  }
  return found;
}

LetterOut letter() {
  Envelope envelope;
  envelope.key = "viewer-1";
  envelope.headers = {{"trace", "abc"}};
  LetterOut l;
  l.offset = Offset{41};
  l.element = 3;
  l.timestamp_ms = 1234;
  l.verdict = Verdict::kItemMissing;
  l.value = R"({"no":"item"})";
  append_envelope(l.envelope, envelope);
  return l;
}

PartitionStart from() {
  PartitionStart start;
  start.topic = "watch-events";
  start.number = 7;
  return start;
}

TEST(RecordsTest, LetterKeepsKeyHeadersAndValueAndSaysWhereItComesFrom) {
  const OutRecord r = letter_record(letter(), from(), LetterForm::kWhole, 1 << 20);
  EXPECT_EQ(r.key, "viewer-1");
  EXPECT_EQ(r.value, R"({"no":"item"})");
  EXPECT_EQ(header(r, "trace"), "abc");
  EXPECT_EQ(header(r, "__connect.errors.topic"), "watch-events");
  EXPECT_EQ(header(r, "__connect.errors.partition"), "7");
  EXPECT_EQ(header(r, "__connect.errors.offset"), "41");
  EXPECT_EQ(header(r, "__connect.errors.exception.class.name"), "item_missing");
  EXPECT_EQ(header(r, "__connect.errors.exception.message"), "the record has no item");
  EXPECT_EQ(header(r, "marquee.element"), "3");
  EXPECT_EQ(header(r, "marquee.timestamp"), "1234");
  EXPECT_EQ(header(r, "marquee.truncated"), "<none>");
}

TEST(RecordsTest, LetterOfAWholeMessageHasNoElement) {
  LetterOut l = letter();
  for (const std::uint32_t element : {Record::kOnly, Record::kBrokenArray}) {
    l.element = element;
    EXPECT_EQ(header(letter_record(l, from(), LetterForm::kWhole, 1 << 20), "marquee.element"), "<none>");
  }
}

TEST(RecordsTest, NullValueStaysNull) {
  Envelope envelope;
  envelope.null_value = true;
  LetterOut l;
  append_envelope(l.envelope, envelope);
  EXPECT_EQ(letter_record(l, from(), LetterForm::kWhole, 1 << 20).value, std::nullopt);
}

TEST(RecordsTest, LetterIsCutToFitValueFirstThenHeadersThenKey) {
  LetterOut l = letter();
  l.value.assign(5000, 'v');
  for (const std::size_t limit : {3000u, 1500u}) {
    const OutRecord r = letter_record(l, from(), LetterForm::kWhole, limit);
    EXPECT_LE(r.bytes(), limit);
    EXPECT_GT(r.value->size(), 0u);
    EXPECT_EQ(header(r, "marquee.truncated"), "5000");
    EXPECT_EQ(r.key, "viewer-1");
  }
  Envelope envelope;
  envelope.key = std::string_view(l.value).substr(0, 900);
  envelope.headers = {{"large", l.value}};
  l.envelope.clear();
  append_envelope(l.envelope, envelope);
  const OutRecord no_headers = letter_record(l, from(), LetterForm::kWhole, 2500);
  EXPECT_LE(no_headers.bytes(), 2500u);
  EXPECT_EQ(header(no_headers, "large"), "<none>");
  EXPECT_TRUE(no_headers.key.has_value());
  const OutRecord no_key = letter_record(l, from(), LetterForm::kWhole, 1200);
  EXPECT_LE(no_key.bytes(), 1200u);
  EXPECT_FALSE(no_key.key.has_value());
}

TEST(RecordsTest, HeadersOnlyLetterHasNeitherKeyNorValue) {
  const OutRecord r = letter_record(letter(), from(), LetterForm::kHeadersOnly, 1 << 20);
  EXPECT_FALSE(r.key.has_value());
  EXPECT_FALSE(r.value.has_value());
  EXPECT_EQ(header(r, "trace"), "<none>");
  EXPECT_EQ(header(r, "__connect.errors.offset"), "41");
  EXPECT_EQ(header(r, "marquee.truncated"), "13");
}

TEST(RecordsTest, ResultIsACloudEventWithKeyAndRevisionAsId) {
  JobSpec job;
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}};
  LeaderboardSpec board;
  board.name = "trending";
  board.by = {0};
  job.leaderboards = {board};
  ResultRecord result;
  result.group = {"movie"};
  result.window_start = 1763800000000;
  result.window_end = 1763800060000;
  result.final = true;
  result.events = 48213;
  result.rows = {{"m-000123", 912, 33012000}};
  const OutRecord r = result_record(job, result, "/marquee/test");
  EXPECT_EQ(r.key, R"(["trending",["movie"],1763800000000,1763800060000])");
  EXPECT_EQ(r.value,
            R"({"schema":1,"leaderboard":"trending","group":{"category":"movie"},)"
            R"("window_start":1763800000000,"window_end":1763800060000,"revision":192853,"final":true,"exact":true,)"
            R"("events":48213,"items":[{"rank":1,"item":"m-000123","views":912,"watch_ms":33012000}]})");
  EXPECT_EQ(header(r, "ce_specversion"), "1.0");
  EXPECT_EQ(header(r, "ce_id"), *r.key + "#192853");
  EXPECT_EQ(header(r, "ce_type"), "marquee.result.v1");
  EXPECT_EQ(header(r, "ce_source"), "/marquee/test");
  EXPECT_EQ(header(r, "content-type"), "application/json");
}

}  // namespace
}  // namespace marquee
