// What the decoder does to a batch, beside verdicts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decode_fixture.hpp"

namespace marquee::test {
namespace {

TEST(Decoder, FillsTheColumns) {
  Bench bench(plain_job());
  const std::uint32_t item = bench.items.find_or_give("m-1");
  std::string key;
  append_key_part(key, "movie");
  append_key_part(key, "de");
  const std::uint32_t combination = bench.combinations.find_or_give(key);
  bench.append("nothing");
  bench.append(good_record(1));
  split_records(bench.batch, 0, Framing::kMessages);
  bench.decoder.decode(bench.batch, 0, 2);
  ASSERT_EQ(bench.batch.event_count, 1u);
  EXPECT_EQ(bench.batch.item()[0], ItemId{item});
  EXPECT_EQ(bench.batch.combination()[0], CombinationId{combination});
  EXPECT_EQ(bench.batch.time_ms()[0], 1001);
  EXPECT_EQ(bench.batch.watch_ms()[0], 1u);
  EXPECT_EQ(bench.batch.record()[0], 1u);
  EXPECT_TRUE(bench.batch.pending_items.empty());
  EXPECT_TRUE(bench.batch.pending_combinations.empty());
}

TEST(Decoder, KeysTheDictionariesDoNotKnowArePending) {
  Bench bench(plain_job());
  bench.append(good_record(1));
  bench.append(R"({"content_id":"\u006d-2","category":"\u0063","event_time":1})");
  split_records(bench.batch, 0, Framing::kMessages);
  bench.decoder.decode(bench.batch, 0, bench.batch.records.size());
  ASSERT_EQ(bench.batch.pending_items.size(), 2u);
  EXPECT_EQ(bench.batch.item()[0], kRefusedItem);
  EXPECT_EQ(bench.batch.combination()[1], kRefusedCombination);
  const PendingKey& plain = bench.batch.pending_items[0];
  EXPECT_EQ(plain.bytes, "m-1");
  EXPECT_EQ(plain.hash, bench.items.hash("m-1"));
  EXPECT_GE(plain.bytes.data(), bench.batch.arena());
  EXPECT_LT(plain.bytes.data(), bench.batch.arena() + bench.batch.arena_used);
  // What was unescaped stays although the decoder goes on.
  Batch other(BatchShape{});
  for (std::size_t i = 0; i < 500; ++i)
    other.append(R"({"content_id":"\u0078\u0078","category":"\u0079","event_time":1})", 0, Offset{0}, -1);
  split_records(other, 0, Framing::kMessages);
  bench.decoder.decode(other, 0, other.records.size());
  EXPECT_EQ(bench.batch.pending_items[1].bytes, "m-2");
  EXPECT_EQ(bench.batch.pending_items[1].event, 1u);
  EXPECT_EQ(key_part(bench.batch.pending_combinations[1].bytes, 0), "c");
  EXPECT_EQ(key_part(bench.batch.pending_combinations[1].bytes, 1), "unknown");
}

TEST(Decoder, WithoutDimensionsThereIsOneCombination) {
  JobSpec job = plain_job();
  job.event.dimensions.clear();
  Bench bench(job);
  bench.append(good_record(1));
  bench.append(good_record(2));
  EXPECT_EQ(bench.run(Framing::kMessages)[1], (Outcome{Verdict::kCounted, "m-2||1002|2"}));
  EXPECT_EQ(bench.batch.combination()[0], bench.batch.combination()[1]);
  EXPECT_NE(bench.batch.combination()[0], kRefusedCombination);
}

TEST(Decoder, TitlesOfEachEventAreKeptAndNoneIsWrong) {
  JobSpec job = plain_job();
  job.event.displays = {{{"title"}}, {{"meta", "name"}}};
  Bench bench(job);
  const auto append = [&](const std::string& more) {
    bench.append(R"({"content_id":"m","category":"c","event_time":1)" + more + "}");
  };
  append(R"(,"title":"plain","meta":{"name":7})");
  bench.append("{broken");
  append(R"(,"title":"\u00e9t\u00e9")");
  append(R"(,"title":true,"meta":{"name":1.5})");
  append(R"(,"title":"","meta":{"name":")" + std::string(256, 'n') + "\"}");
  append(R"(,"title":null,"meta":{"name":")" + std::string(257, 'n') + "\"}");
  split_records(bench.batch, 0, Framing::kMessages);
  bench.decoder.decode(bench.batch, 0, bench.batch.records.size());
  ASSERT_EQ(bench.batch.event_count, 5u);
  // What was unescaped stays although the decoder goes on.
  Batch other(BatchShape{});
  other.append(R"({"content_id":"\u0078","category":"\u0079","event_time":1,"title":"\u007a\u007a\u007a"})", 0,
               Offset{0}, -1);
  split_records(other, 0, Framing::kMessages);
  bench.decoder.decode(other, 0, 1);
  const std::string longest(256, 'n');
  EXPECT_THAT(bench.batch.titles,
              ::testing::ElementsAre("plain", "7", "\xc3\xa9t\xc3\xa9", "", "", "", "", longest, "", ""));
  bench.batch.clear();
  EXPECT_TRUE(bench.batch.titles.empty());
}

TEST(Decoder, WatchWithoutAPathIsZero) {
  JobSpec job = plain_job();
  job.event.watch.keys.clear();
  Bench bench(job);
  bench.append(good_record(7));
  EXPECT_EQ(bench.run(Framing::kMessages)[0], (Outcome{Verdict::kCounted, "m-7|movie,de|1007|0"}));
}

TEST(Decoder, AnyRunOfRecordsCanBeDecodedByItself) {
  for (const std::size_t step : {1u, 63u, 64u, 65u, 100u}) {
    Bench bench(plain_job(), {.events_max = 128, .arena_bytes = 1 << 20, .leaderboard_count = 1});
    for (std::size_t i = 0; i < 300; ++i) bench.append(i % 10 == 3 ? "{" : good_record(i));
    split_records(bench.batch, 0, Framing::kMessages);
    std::uint64_t counted = 0;
    for (std::size_t at = 0; at < 300;) {
      const std::size_t end = std::min<std::size_t>(at + step, 300);
      bench.decoder.decode(bench.batch, at, end);
      for (std::uint32_t e = 0; e < bench.batch.event_count; ++e) {
        ASSERT_EQ(bench.batch.time_ms()[e], 1000 + bench.batch.record()[e]);
        ASSERT_GE(bench.batch.record()[e], at);
        ASSERT_LT(bench.batch.record()[e], end);
      }
      counted += bench.batch.event_count;
      at = end;
      bench.batch.event_count = 0;  // stands for the next batch
    }
    EXPECT_EQ(counted, 270u);
    EXPECT_EQ(bench.batch.verdicts[Verdict::kMalformed], 30u);
  }
}

TEST(Decoder, LettersOnlyWhereTheyAreKept) {
  for (const bool keep : {false, true}) {
    JobSpec job = plain_job();
    job.event.where = {{{{"category"}}, {"movie"}}};
    Bench bench(job);
    bench.batch.keep_letters = keep;
    bench.append("{");
    bench.append(R"({"category":"show"})");
    bench.append(R"({"category":"movie"})");
    split_records(bench.batch, 0, Framing::kMessages);
    bench.decoder.decode(bench.batch, 0, bench.batch.records.size());
    EXPECT_EQ(bench.batch.verdicts[Verdict::kMalformed], 1u);
    EXPECT_EQ(bench.batch.verdicts[Verdict::kFiltered], 1u);
    EXPECT_EQ(bench.batch.verdicts[Verdict::kItemMissing], 1u);
    ASSERT_EQ(bench.batch.letters.size(), keep ? 2u : 0u);
    if (keep) {
      EXPECT_EQ(bench.batch.letters[1].record, 2u);
    }
  }
}

TEST(Decoder, ManyRecordsInAMessage) {
  std::string ndjson, array = "[", pretty = "[\n";
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string record = i == 77 ? R"({"content_id":12.5,"x":[{}]})" : good_record(i);
    ndjson += record + "\r\n";
    array += (i > 0 ? "," : "") + record;
    pretty += (i > 0 ? ",\n  " : "  ") + record;
  }
  for (const std::string& message : {ndjson, array + "]", pretty + "\n]\n"}) {
    Bench bench(plain_job());
    bench.append(message);
    const std::vector<Outcome> out = bench.run(Framing::kMessages);
    ASSERT_EQ(out.size(), 200u);
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out[i], i == 77 ? Outcome(Verdict::kItemType, "") : good_outcome(i));
      EXPECT_EQ(bench.batch.records[i].element, i);
    }
  }
}

TEST(Decoder, EventsInsideOneHugeMessage) {
  std::string lines;
  for (std::size_t i = 0; i < 2000; ++i) lines += good_record(i) + "\n";
  Bench bench(plain_job(), {.events_max = 4096, .arena_bytes = 4096, .leaderboard_count = 1});
  bench.append(lines);
  const std::vector<Outcome> out = bench.run(Framing::kMessages);
  ASSERT_EQ(out.size(), 2000u);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], good_outcome(i));
}

}  // namespace
}  // namespace marquee::test
