// The oracle's own examples, worked by hand from "To the letter"; no expected byte here was computed by a program.
#include "oracle/oracle.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oracle/json.hpp"

namespace oracle {
namespace {

using std::string;
using namespace std::string_literals;

// item "id", time "t" in ms, one leaderboard "b" over all: tumbling 10 s, top 2; disorder 2 s, lateness 3 s.
JobConfig plain_config() {
  JobConfig config;
  config.item_path = "id";
  config.time_path = "t";
  config.watch_path = "w";
  config.disorder_ms = 2'000;
  config.lateness_ms = 3'000;
  config.leaderboards = {{.name = "b", .by = {}, .window = {.size_ms = 10'000}, .measure = Measure::kViews, .top = 2}};
  return config;
}

// "counted", "filtered", "late" or the reason of an invalid record.
string verdict_of(const JobConfig& config, const Record& record) {
  const Judgement judgement = Oracle(config).feed(record);
  switch (judgement.verdict) {
    case Verdict::kCounted:
      return "counted";
    case Verdict::kFiltered:
      return "filtered";
    case Verdict::kLate:
      return "late";
    case Verdict::kInvalid:
      return judgement.reason;
  }
  return "?";
}

string verdict_of(const JobConfig& config, const string& bytes) {
  return verdict_of(config, Record{0, 0, std::nullopt, bytes, false});
}

string verdict_of(const string& bytes) {
  return verdict_of(plain_config(), bytes);
}

// The item a record counts for, or its verdict in angle brackets.
string item_of(const string& item_token) {
  Oracle oracle(plain_config());
  const Judgement judgement = oracle.feed({0, 0, std::nullopt, "{\"id\":" + item_token + ",\"t\":1}", false});
  if (judgement.verdict != Verdict::kCounted) return "<" + judgement.reason + ">";
  return oracle.results().at(0).ranking.at(0).item;
}

string shown(const Milliseconds& value) {
  return value.error.empty() ? std::to_string(value.ms) : value.error;
}

string time_of(const string& text, TimeUnit unit) {
  return shown(unit == TimeUnit::kRfc3339 ? parse_rfc3339(text) : parse_decimal_time(text, unit));
}

string watch_of(const string& token, WatchUnit unit = WatchUnit::kMillis) {
  return shown(parse_watch(token, unit));
}

string event(const string& item, std::int64_t time_ms, const string& more = "") {
  return "{\"id\":\"" + item + "\",\"t\":" + std::to_string(time_ms) + more + "}\n";
}

string span_text(const std::vector<Span>& spans) {
  string out;
  for (const Span& span : spans) {
    out += '[';
    out += std::to_string(span.start_ms) + "," + std::to_string(span.end_ms) + ")";
  }
  return out;
}

// ---- records ----

std::vector<string> lines_of(const string& file) {
  std::vector<string> lines;
  for (const Record& record : split_file(file)) lines.push_back(record.bytes);
  return lines;
}

TEST(FileSplit, LinesOfNothingButSpaceTabAndCrAreNoRecords) {
  EXPECT_EQ(lines_of("a\n\n \t\r\nb\r\n\r\nc"), (std::vector<string>{"a", "b\r", "c"}));
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_TRUE(lines_of("\n\n").empty());
  EXPECT_EQ(lines_of("\v\n\0\n"s), (std::vector<string>{"\v", "\0"s}));
}

std::vector<string> records_of(const string& value) {
  std::vector<string> out;
  for (const Record& record : split_message({0, 7, 1'000, value})) {
    EXPECT_EQ(record.offset, 7);
    EXPECT_EQ(record.kafka_timestamp_ms, 1'000);
    out.push_back(record.is_broken_array ? "broken" : record.bytes);
  }
  return out;
}

using Texts = std::vector<string>;

TEST(MessageSplit, OneObjectOrOneLineIsOneRecord) {
  EXPECT_EQ(records_of("{}"), Texts{"{}"});
  EXPECT_EQ(records_of("\n{}\n \n"), Texts{"\n{}\n \n"});
  EXPECT_EQ(records_of("x"), Texts{"x"});
  EXPECT_EQ(records_of(""), Texts{""});
  EXPECT_EQ(records_of(" \r\n\t"), Texts{" \r\n\t"});
}

TEST(MessageSplit, PrettyPrintedObjectIsOneRecordAndLinesAreMany) {
  EXPECT_EQ(records_of("{\n\"a\":1\n}"), Texts{"{\n\"a\":1\n}"});
  EXPECT_EQ(records_of("{\"a\":1}\n\n{\"a\":2}\n"), (Texts{"{\"a\":1}", "{\"a\":2}"}));
  EXPECT_EQ(records_of("{\n\"a\":1\n"), (Texts{"{", "\"a\":1"}));
  EXPECT_EQ(records_of("1\n2"), (Texts{"1", "2"}));
}

TEST(MessageSplit, ElementsOfAnArrayAreRecords) {
  EXPECT_EQ(records_of("[]"), Texts{});
  EXPECT_EQ(records_of(" [ \n ] \n"), Texts{});
  EXPECT_EQ(records_of("[{\"a\":1} , {\"b\":\"],\\\"[\"},\n3,null,[1,[2]],\"x\"]"),
            (Texts{"{\"a\":1}", "{\"b\":\"],\\\"[\"}", "3", "null", "[1,[2]]", "\"x\""}));
  EXPECT_EQ(records_of("[{\"a\" 1},{\"a\":tru},{\"a\":1,,\"b\":2}]"),
            (Texts{"{\"a\" 1}", "{\"a\":tru}", "{\"a\":1,,\"b\":2}"}));
}

TEST(MessageSplit, BrokenArrayIsOneRecord) {
  for (const string broken : {"[",     "[{}",      "[{},]",        "[,{}]",      "[{},,{}]", "[{} {}]",      "[{}{}]",
                              "[{}]x", "[{}][]",   "[{}]]",        "[{]}",       "[\"a]",    "[{\"a\":[1}]", "[1 2]",
                              "[1{}]", "[1\"a\"]", "[\"a\"\"b\"]", "[\"\xff\"]", "[{}]\n{}", "[{}]\n[{}]"}) {
    EXPECT_EQ(records_of(broken), Texts{"broken"}) << broken;
  }
}

// ---- verdicts ----

TEST(Verdict, EmptyIsForMessagesOfNothing) {
  EXPECT_EQ(verdict_of(""), "empty");
  EXPECT_EQ(verdict_of(" \t\r\n"), "empty");
}

TEST(Verdict, NotObjectByTheFirstByteAlone) {
  for (const string bytes : {"[{}]", "\"{}\"", "1", "null", "x{\"id\":1,\"t\":1}", "}", "\xff", "\v{\"id\":1,\"t\":1}",
                             "\xEF\xBB\xBF{\"id\":1,\"t\":1}"}) {
    EXPECT_EQ(verdict_of(bytes), "not_object") << bytes;
  }
  EXPECT_EQ(verdict_of(" \t\r\n{\"id\":1,\"t\":1} \t\r\n"), "counted");
}

TEST(Verdict, Malformed) {
  const std::vector<string> broken = {
      "{",
      "{\"id\":1,\"t\":1",
      "{\"id\":1,\"t\":1]",
      "{\"id\":1,\"t\":1}}",
      "{\"id\":1,\"t\":1},",
      "{\"id\":1,\"t\":1} {}",
      "{\"id\":1,\"t\":1}\0"s,
      "{\"id\":1,\"t\":1,}",
      "{,\"id\":1,\"t\":1}",
      "{\"id\":1,,\"t\":1}",
      "{\"id\":1 \"t\":1}",
      "{\"id\" 1,\"t\":1}",
      "{\"id\"::1,\"t\":1}",
      "{\"id\",\"t\":1}",
      "{\"id\":,\"t\":1}",
      "{id:1,\"t\":1}",
      "{'id':1,\"t\":1}",
      "{1:1,\"id\":1,\"t\":1}",
      "{\"id\":\"a,\"t\":1}",
      "{\"id\":\"a\\\",\"t\":1}",
      "{\"id\":\"a\tb\",\"t\":1}",
      "{\"id\":\"a\0b\",\"t\":1}"s,
      "{\"id\":\"\\x\",\"t\":1}",
      "{\"id\":\"\\u12g4\",\"t\":1}",
      "{\"id\":\"\\u12\",\"t\":1}",
      "{\"id\":1,\"t\":01}",
      "{\"id\":1,\"t\":+1}",
      "{\"id\":1,\"t\":1.}",
      "{\"id\":1,\"t\":.5}",
      "{\"id\":1,\"t\":1e}",
      "{\"id\":1,\"t\":-}",
      "{\"id\":1,\"t\":NaN}",
      "{\"id\":1,\"t\":0x10}",
      "{\"id\":tru,\"t\":1}",
      "{\"id\":truex,\"t\":1}",
      "{\"id\":nulll,\"t\":1}",
      "{\"id\":1,\"t\":1,\"x\":[1,{\"y\":2]}",
      "{\"id\":1,\"t\":1,\"x\":\"\xC3\"}",
      "{\"id\":1,\"t\":1,\"x\":\"\xC0\x80\"}",
      "{\"id\":1,\"t\":1,\"x\":\"\xED\xA0\x80\"}",
      "{\"id\":1,\"t\":1,\"x\":\"\xF4\x90\x80\x80\"}",
      "{\"id\":1,\"t\":1,\"x\":\"\x80\"}",
      "{\"id\":1,\"t\":1}\xff",
  };
  for (const string& bytes : broken) EXPECT_EQ(verdict_of(bytes), "malformed") << bytes;
  EXPECT_EQ(verdict_of(plain_config(), Record{0, 0, std::nullopt, "[{}", true}), "malformed");
}

TEST(Verdict, LoneSurrogateIsMalformedOnlyWhereItIsRead) {
  EXPECT_EQ(verdict_of(R"({"id":"\ud800","t":1})"), "malformed");
  EXPECT_EQ(verdict_of(R"({"id":"\udc00\ud800","t":1})"), "malformed");
  EXPECT_EQ(verdict_of(R"({"id":"\ud800\u0041","t":1})"), "malformed");
  EXPECT_EQ(verdict_of(R"({"id":"\ud800x","t":1})"), "malformed");
  EXPECT_EQ(verdict_of(R"({"id":"a","t":1,"x":"\ud800"})"), "counted");
  EXPECT_EQ(verdict_of(R"({"id":"a","t":1,"x":{"id":"\ud800"}})"), "counted");
}

TEST(Verdict, MalformedComesBeforeFiltered) {
  JobConfig config = plain_config();
  config.where = {{"action", {"play"}}};
  EXPECT_EQ(verdict_of(config, R"({"action":"stop","id":"\ud800","t":1})"), "malformed");
  EXPECT_EQ(verdict_of(config, R"({"action":"stop","id":"a","t":01})"), "malformed");
  EXPECT_EQ(verdict_of(config, R"({"action":"\udfff","id":"a","t":1})"), "malformed");
}

TEST(Verdict, DeepNestingIsFineWhenItIsBalanced) {
  const string open(10'000, '[');
  const string close(10'000, ']');
  EXPECT_EQ(verdict_of("{\"id\":1,\"t\":1,\"x\":" + open + close + "}"), "counted");
  EXPECT_EQ(verdict_of("{\"id\":1,\"t\":1,\"x\":" + open + close.substr(1) + "}"), "malformed");
  EXPECT_EQ(verdict_of("{\"id\":1,\"t\":1,\"x\":" + open + close + "]}"), "malformed");
  EXPECT_EQ(verdict_of("{\"id\":1,\"t\":1,\"x\":" + open), "malformed");
  EXPECT_EQ(verdict_of("{\"id\":" + open + close + ",\"t\":1}"), "item_type");
}

TEST(Verdict, FilteredWhenAWhereFieldIsAbsentOrHasAnotherText) {
  JobConfig config = plain_config();
  config.where = {{"action", {"play", "7", "true", "0"}}, {"m.kind", {"x"}}};
  auto judged = [&config](const string& fields) { return verdict_of(config, "{\"id\":1,\"t\":1" + fields + "}"); };
  EXPECT_EQ(judged(R"(,"action":"play","m":{"kind":"x"})"), "counted");
  EXPECT_EQ(judged(R"(,"action":"\u0070lay","m":{"kind":"x"})"), "counted");
  EXPECT_EQ(judged(R"(,"action":7,"m":{"kind":"x"})"), "counted");
  EXPECT_EQ(judged(R"(,"action":true,"m":{"kind":"x"})"), "counted");
  EXPECT_EQ(judged(R"(,"action":-0,"m":{"kind":"x"})"), "counted");
  EXPECT_EQ(judged(R"(,"action":false,"m":{"kind":"x"})"), "filtered");
  EXPECT_EQ(judged(R"(,"action":7.0,"m":{"kind":"x"})"), "filtered");
  EXPECT_EQ(judged(R"(,"action":null,"m":{"kind":"x"})"), "filtered");
  EXPECT_EQ(judged(R"(,"action":["play"],"m":{"kind":"x"})"), "filtered");
  EXPECT_EQ(judged(R"(,"action":"Play","m":{"kind":"x"})"), "filtered");
  EXPECT_EQ(judged(R"(,"action":"play")"), "filtered");
  EXPECT_EQ(judged(R"(,"action":"play","m":"x")"), "filtered");
  EXPECT_EQ(judged(R"(,"action":"play","m.kind":"x")"), "filtered");
  EXPECT_EQ(judged(R"(,"action":"play","m":[{"kind":"x"}])"), "filtered");
  EXPECT_EQ(verdict_of(config, R"({"action":"stop","t":true})"), "filtered");
}

TEST(Verdict, Item) {
  EXPECT_EQ(verdict_of("{}"), "item_missing");
  EXPECT_EQ(verdict_of("{\"t\":1}"), "item_missing");
  EXPECT_EQ(item_of("null"), "<item_missing>");
  EXPECT_EQ(item_of("1.0"), "<item_type>");
  EXPECT_EQ(item_of("1e3"), "<item_type>");
  EXPECT_EQ(item_of("-0.0"), "<item_type>");
  EXPECT_EQ(item_of("true"), "<item_type>");
  EXPECT_EQ(item_of("{}"), "<item_type>");
  EXPECT_EQ(item_of("[\"a\"]"), "<item_type>");
  EXPECT_EQ(item_of("\"\""), "<item_empty>");
  EXPECT_EQ(item_of("\"" + string(256, 'a') + "\""), string(256, 'a'));
  EXPECT_EQ(item_of("\"" + string(257, 'a') + "\""), "<item_too_long>");
  EXPECT_EQ(item_of("\"" + string(254, 'a') + "\\u00e9\""), string(254, 'a') + "\xC3\xA9");
  EXPECT_EQ(item_of("\"" + string(255, 'a') + "\\u00e9\""), "<item_too_long>");
  EXPECT_EQ(item_of(string(257, '1')), "<item_too_long>");
}

TEST(Verdict, TextOfAnItem) {
  EXPECT_EQ(item_of(R"("\u0041")"), "A");
  EXPECT_EQ(item_of(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(item_of(R"("\u0000x")"), "\0x"s);
  EXPECT_EQ(item_of(R"("\u20AC\u20ac\uD83D\uDE00")"), "\xE2\x82\xAC\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(item_of("42"), "42");
  EXPECT_EQ(item_of("-42"), "-42");
  EXPECT_EQ(item_of("-0"), "0");
  EXPECT_EQ(item_of("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(item_of("\"007\""), "007");
  EXPECT_EQ(item_of("\" \""), " ");
}

TEST(Verdict, KeysAreComparedUnescapedAndPathsDescend) {
  EXPECT_EQ(verdict_of(R"({"\u0069d":1,"\u0074":1})"), "counted");
  JobConfig config = plain_config();
  config.item_path = "a.b.c";
  EXPECT_EQ(verdict_of(config, R"({"a":{"x":1,"b":{"c":"i"}},"t":1})"), "counted");
  EXPECT_EQ(verdict_of(config, R"({"a":{"b":[{"c":"i"}]},"t":1})"), "item_missing");
  EXPECT_EQ(verdict_of(config, R"({"a":{"b":"c"},"t":1})"), "item_missing");
  EXPECT_EQ(verdict_of(config, R"({"a":null,"t":1})"), "item_missing");
  EXPECT_EQ(verdict_of(config, R"({"a.b.c":"i","c":"i","t":1})"), "item_missing");
}

TEST(Verdict, Time) {
  auto judged = [](const string& token) { return verdict_of("{\"id\":1,\"t\":" + token + "}"); };
  EXPECT_EQ(verdict_of("{\"id\":1}"), "time_missing");
  EXPECT_EQ(judged("null"), "time_missing");
  EXPECT_EQ(judged("true"), "time_type");
  EXPECT_EQ(judged("{}"), "time_type");
  EXPECT_EQ(judged("[1]"), "time_type");
  EXPECT_EQ(judged("\"\""), "time_type");
  EXPECT_EQ(judged("\"12\""), "counted");
  EXPECT_EQ(judged("1.5"), "time_type");
  EXPECT_EQ(judged("1e3"), "time_type");
  EXPECT_EQ(judged("-1"), "time_range");
  EXPECT_EQ(judged("-0"), "counted");
  EXPECT_EQ(judged("253402300799999"), "counted");
  EXPECT_EQ(judged("253402300800000"), "time_range");
  EXPECT_EQ(judged("99999999999999999999999999"), "time_range");
}

TEST(Verdict, TimeFutureIsMeasuredFromTheRecordsOwnKafkaTimestamp) {
  JobConfig config = plain_config();
  config.max_future_ms = 100;
  auto judged = [&config](std::int64_t time_ms, std::optional<std::int64_t> timestamp_ms) {
    return verdict_of(config, Record{0, 0, timestamp_ms, "{\"id\":1,\"t\":" + std::to_string(time_ms) + "}", false});
  };
  EXPECT_EQ(judged(1'100, 1'000), "counted");
  EXPECT_EQ(judged(1'101, 1'000), "time_future");
  EXPECT_EQ(judged(0, 1'000), "counted");
  EXPECT_EQ(judged(1'101, std::nullopt), "counted");
  EXPECT_EQ(judged(253'402'300'800'000, 1'000), "time_range");
}

TEST(Verdict, Watch) {
  auto judged = [](const string& token) { return verdict_of("{\"id\":1,\"t\":1,\"w\":" + token + "}"); };
  EXPECT_EQ(judged("null"), "counted");
  EXPECT_EQ(judged("\"12\""), "watch_type");
  EXPECT_EQ(judged("true"), "watch_type");
  EXPECT_EQ(judged("{}"), "watch_type");
  EXPECT_EQ(judged("-1"), "watch_range");
  EXPECT_EQ(judged("86400000"), "counted");
  EXPECT_EQ(judged("86400001"), "watch_range");
  JobConfig config = plain_config();
  config.watch_path = "";
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":1,"w":"x"})"), "counted");
}

TEST(Verdict, DimensionsInTheOrderOfTheirNames) {
  JobConfig config = plain_config();
  config.dimensions = {
      {"B", {"z", std::nullopt}}, {"a", {"a", std::nullopt}}, {"c", {"g.c", "none"}}, {"unused", {"u", std::nullopt}}};
  config.leaderboards[0].by = {"a", "c"};
  config.leaderboards.push_back(config.leaderboards[0]);
  config.leaderboards[1].name = "c";
  config.leaderboards[1].by = {"B"};
  auto judged = [&config](const string& fields) { return verdict_of(config, "{\"id\":1,\"t\":1" + fields + "}"); };
  EXPECT_EQ(judged(R"(,"z":"x","a":"y")"), "counted");
  EXPECT_EQ(judged(R"(,"z":"","a":"")"), "counted");
  EXPECT_EQ(judged(R"(,"z":true,"a":-7)"), "counted");
  EXPECT_EQ(judged(R"(,"z":"x")"), "dimension_missing");
  EXPECT_EQ(judged(R"(,"z":"x","a":null)"), "dimension_missing");
  EXPECT_EQ(judged(R"(,"z":1.5)"), "dimension_type");  // B before a
  EXPECT_EQ(judged(R"(,"a":1.5)"), "dimension_missing");
  EXPECT_EQ(judged(R"(,"z":"x","a":"y","g":{"c":1.0})"), "dimension_type");
  EXPECT_EQ(judged(R"(,"z":"x","a":"y","g":{"c":{}})"), "dimension_type");
  EXPECT_EQ(judged(R"(,"z":"x","a":"y","g":{"c":null})"), "counted");
  EXPECT_EQ(judged(R"(,"z":"x","a":")" + string(256, 'a') + "\""), "counted");
  EXPECT_EQ(judged(R"(,"z":"x","a":")" + string(257, 'a') + "\""), "dimension_too_long");
  EXPECT_EQ(judged(R"(,"z":"x","a":"y","u":{})"), "counted");
}

TEST(Verdict, OrderOfTheTable) {
  JobConfig config = plain_config();
  config.dimensions = {{"a", {"a", std::nullopt}}};
  config.leaderboards[0].by = {"a"};
  EXPECT_EQ(verdict_of(config, R"({"id":1.5,"t":-1,"w":-1})"), "item_type");
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":-1,"w":-1})"), "time_range");
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":1,"w":-1})"), "watch_range");
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":1,"w":1})"), "dimension_missing");
}

// ---- times ----

TEST(Time, IntegersInEveryUnit) {
  EXPECT_EQ(time_of("1", TimeUnit::kSeconds), "1000");
  EXPECT_EQ(time_of("1234", TimeUnit::kMillis), "1234");
  EXPECT_EQ(time_of("1234999", TimeUnit::kMicros), "1234");
  EXPECT_EQ(time_of("999", TimeUnit::kMicros), "0");
  EXPECT_EQ(time_of("1234999999", TimeUnit::kNanos), "1234");
  EXPECT_EQ(time_of("999999", TimeUnit::kNanos), "0");
  EXPECT_EQ(time_of("5", TimeUnit::kNanos), "0");
  EXPECT_EQ(time_of("000000000000000000000000012", TimeUnit::kMillis), "12");
  EXPECT_EQ(time_of("253402300799", TimeUnit::kSeconds), "253402300799000");
  EXPECT_EQ(time_of("253402300800", TimeUnit::kSeconds), "time_range");
  EXPECT_EQ(time_of("253402300799999999", TimeUnit::kMicros), "253402300799999");
  EXPECT_EQ(time_of("253402300799999999999", TimeUnit::kNanos), "253402300799999");
  EXPECT_EQ(time_of("253402300800000000000", TimeUnit::kNanos), "time_range");
}

TEST(Time, FractionsOfSecondsOnly) {
  EXPECT_EQ(time_of("1.5", TimeUnit::kSeconds), "1500");
  EXPECT_EQ(time_of("1.0019", TimeUnit::kSeconds), "1001");
  EXPECT_EQ(time_of("1.9999999999999999999999", TimeUnit::kSeconds), "1999");
  EXPECT_EQ(time_of("253402300799.9999", TimeUnit::kSeconds), "253402300799999");
  EXPECT_EQ(time_of("1.", TimeUnit::kSeconds), "time_type");
  EXPECT_EQ(time_of(".5", TimeUnit::kSeconds), "time_type");
  EXPECT_EQ(time_of("1.5.5", TimeUnit::kSeconds), "time_type");
  EXPECT_EQ(time_of("1.5e3", TimeUnit::kSeconds), "time_type");
  EXPECT_EQ(time_of("1.5", TimeUnit::kMillis), "time_type");
  EXPECT_EQ(time_of("1.0", TimeUnit::kMicros), "time_type");
}

TEST(Time, SignsAndJunk) {
  EXPECT_EQ(time_of("-0", TimeUnit::kMillis), "0");
  EXPECT_EQ(time_of("-000", TimeUnit::kMillis), "0");
  EXPECT_EQ(time_of("-0.000", TimeUnit::kSeconds), "0");
  EXPECT_EQ(time_of("-0.0001", TimeUnit::kSeconds), "time_range");
  EXPECT_EQ(time_of("-1", TimeUnit::kNanos), "time_range");
  for (const string text : {"", "-", "+1", " 1", "1 ", "1e3", "0x1", "--1", "1_0", "\xD9\xA1"}) {
    EXPECT_EQ(time_of(text, TimeUnit::kMillis), "time_type") << text;
  }
}

TEST(Time, Rfc3339) {
  auto time = [](const string& text) { return time_of(text, TimeUnit::kRfc3339); };
  EXPECT_EQ(time("1970-01-01T00:00:00Z"), "0");
  EXPECT_EQ(time("1970-01-02T00:00:00z"), "86400000");
  EXPECT_EQ(time("1970-03-01t00:00:00Z"), "5097600000");    // 59 days
  EXPECT_EQ(time("2000-02-29 00:00:00Z"), "951782400000");  // 11016 days
  EXPECT_EQ(time("2001-09-09T01:46:40Z"), "1000000000000");
  EXPECT_EQ(time("2001-09-09T01:46:40.9Z"), "1000000000900");
  EXPECT_EQ(time("2001-09-09T01:46:40.0019999Z"), "1000000000001");
  EXPECT_EQ(time("2001-09-09T07:16:40+05:30"), "1000000000000");
  EXPECT_EQ(time("2001-09-08T17:46:40-08:00"), "1000000000000");
  EXPECT_EQ(time("1970-01-01T23:59:00+23:59"), "0");
  EXPECT_EQ(time("1970-01-01T00:00:00-00:00"), "0");
  EXPECT_EQ(time("1970-01-01T00:00:60Z"), "60000");
  EXPECT_EQ(time("1970-01-01T00:00:60.5Z"), "60500");
  EXPECT_EQ(time("1970-12-31T23:59:60Z"), "31536000000");
  EXPECT_EQ(time("9999-12-31T23:59:59.9999Z"), "253402300799999");
  EXPECT_EQ(time("9999-12-31T23:59:60Z"), "time_range");
  EXPECT_EQ(time("9999-12-31T23:59:59-00:01"), "time_range");
  EXPECT_EQ(time("1970-01-01T00:00:00+00:01"), "time_range");
  EXPECT_EQ(time("1969-12-31T23:59:59.9999Z"), "time_range");
  EXPECT_EQ(time("1969-12-31T23:59:60Z"), "0");
}

TEST(Time, Rfc3339RefusesEverythingElse) {
  for (const string text : {"",
                            "1970-01-01",
                            "1970-01-01T00:00:00",
                            "1970-01-01T00:00Z",
                            "1970-01-01T00:00:00.Z",
                            "1970-01-01T00:00:00,5Z",
                            "1970-01-01_00:00:00Z",
                            "1970-1-01T00:00:00Z",
                            "1970-01-01T0:00:00Z",
                            "1970-13-01T00:00:00Z",
                            "1970-00-01T00:00:00Z",
                            "1970-01-00T00:00:00Z",
                            "1970-01-32T00:00:00Z",
                            "1970-04-31T00:00:00Z",
                            "1970-02-29T00:00:00Z",
                            "2100-02-29T00:00:00Z",
                            "1970-01-01T24:00:00Z",
                            "1970-01-01T00:60:00Z",
                            "1970-01-01T00:00:61Z",
                            "1970-01-01T00:00:00+24:00",
                            "1970-01-01T00:00:00+00:60",
                            "1970-01-01T00:00:00+0000",
                            "1970-01-01T00:00:00+00",
                            "1970-01-01T00:00:00+00:000",
                            "1970-01-01T00:00:00ZZ",
                            "1970-01-01T00:00:00Z ",
                            " 1970-01-01T00:00:00Z",
                            "-970-01-01T00:00:00Z",
                            "+1970-01-01T00:00:00Z",
                            "19700101T000000Z",
                            "0",
                            "1000"}) {
    EXPECT_EQ(time_of(text, TimeUnit::kRfc3339), "time_type") << text;
  }
  JobConfig config = plain_config();
  config.time_unit = TimeUnit::kRfc3339;
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":1000})"), "time_type");
  EXPECT_EQ(verdict_of(config, R"({"id":1,"t":"\u0031970-01-01T00:00:00Z"})"), "counted");
}

// ---- watch ----

TEST(Watch, ExactDecimals) {
  EXPECT_EQ(watch_of("0"), "0");
  EXPECT_EQ(watch_of("1500"), "1500");
  EXPECT_EQ(watch_of("1500.999999999999999999999"), "1500");
  EXPECT_EQ(watch_of("1.5", WatchUnit::kSeconds), "1500");
  EXPECT_EQ(watch_of("0.0019", WatchUnit::kSeconds), "1");
  EXPECT_EQ(watch_of("0.0009", WatchUnit::kSeconds), "0");
  EXPECT_EQ(watch_of("4.35", WatchUnit::kSeconds), "4350");  // 4.35 × 1000 is 4349.99… in binary
  EXPECT_EQ(watch_of("1.001", WatchUnit::kSeconds), "1001");
  EXPECT_EQ(watch_of("86400", WatchUnit::kSeconds), "86400000");
  EXPECT_EQ(watch_of("86400.0009", WatchUnit::kSeconds), "86400000");
  EXPECT_EQ(watch_of("86400.001", WatchUnit::kSeconds), "watch_range");
  EXPECT_EQ(watch_of("86400000.9"), "86400000");
  EXPECT_EQ(watch_of("86400001"), "watch_range");
}

TEST(Watch, Exponents) {
  EXPECT_EQ(watch_of("15e2"), "1500");
  EXPECT_EQ(watch_of("15E+2"), "1500");
  EXPECT_EQ(watch_of("0.00015e7"), "1500");
  EXPECT_EQ(watch_of("1500000e-3"), "1500");
  EXPECT_EQ(watch_of("1999e-3"), "1");
  EXPECT_EQ(watch_of("1e-400"), "0");
  EXPECT_EQ(watch_of("1e400"), "watch_range");
  EXPECT_EQ(watch_of("1e99999999999999999999999999"), "watch_range");
  EXPECT_EQ(watch_of("1e-99999999999999999999999999"), "0");
  EXPECT_EQ(watch_of("0e99999999999999999999999999"), "0");
  EXPECT_EQ(watch_of("0.0e5"), "0");
  EXPECT_EQ(watch_of("8.64e7"), "86400000");
  EXPECT_EQ(watch_of("8.64000010e7"), "watch_range");
  EXPECT_EQ(watch_of("8.64e4", WatchUnit::kSeconds), "86400000");
  EXPECT_EQ(watch_of("0." + string(500, '0') + "7e501"), "7");
  EXPECT_EQ(watch_of("1" + string(500, '0') + "e-500"), "1");
}

TEST(Watch, Negatives) {
  EXPECT_EQ(watch_of("-0"), "0");
  EXPECT_EQ(watch_of("-0.000"), "0");
  EXPECT_EQ(watch_of("-0e7"), "0");
  EXPECT_EQ(watch_of("-1"), "watch_range");
  EXPECT_EQ(watch_of("-0.0001"), "watch_range");
  EXPECT_EQ(watch_of("-1e-400"), "watch_range");
}

// ---- windows ----

TEST(Windows, TumblingWithOffsets) {
  Window window{.kind = WindowKind::kTumbling, .size_ms = 60'000};
  EXPECT_EQ(span_text(windows_of(window, 59'999)), "[0,60000)");
  EXPECT_EQ(span_text(windows_of(window, 60'000)), "[60000,120000)");
  window.offset_ms = 7'000;
  EXPECT_EQ(span_text(windows_of(window, 0)), "[-53000,7000)");
  EXPECT_EQ(span_text(windows_of(window, 6'999)), "[-53000,7000)");
  EXPECT_EQ(span_text(windows_of(window, 7'000)), "[7000,67000)");
  window.offset_ms = -7'000;
  EXPECT_EQ(span_text(windows_of(window, 0)), "[-7000,53000)");
  window.offset_ms = 130'000;
  EXPECT_EQ(span_text(windows_of(window, 0)), "[-50000,10000)");
  EXPECT_EQ(pane_of(window, 0), (Span{-50'000, 10'000}));
  window = {.kind = WindowKind::kTumbling, .size_ms = 86'400'000, .offset_ms = -19'800'000};  // a day in Kolkata
  EXPECT_EQ(span_text(windows_of(window, 66'599'999)), "[-19800000,66600000)");
  EXPECT_EQ(span_text(windows_of(window, 66'600'000)), "[66600000,153000000)");
}

TEST(Windows, HoppingWithAPaneThatDividesBoth) {
  const Window window{.kind = WindowKind::kHopping, .size_ms = 10'000, .every_ms = 4'000};
  EXPECT_EQ(span_text(windows_of(window, 0)), "[-8000,2000)[-4000,6000)[0,10000)");
  EXPECT_EQ(span_text(windows_of(window, 2'000)), "[-4000,6000)[0,10000)");
  EXPECT_EQ(span_text(windows_of(window, 3'999)), "[-4000,6000)[0,10000)");
  EXPECT_EQ(span_text(windows_of(window, 4'000)), "[-4000,6000)[0,10000)[4000,14000)");
  EXPECT_EQ(pane_of(window, 3'999), (Span{2'000, 4'000}));
  EXPECT_EQ(pane_of(window, 4'000), (Span{4'000, 6'000}));
  const Window shifted{.kind = WindowKind::kHopping, .size_ms = 4'000, .every_ms = 2'000, .offset_ms = 500};
  EXPECT_EQ(span_text(windows_of(shifted, 0)), "[-3500,500)[-1500,2500)");
  EXPECT_EQ(pane_of(shifted, 0), (Span{-1'500, 500}));
}

TEST(Windows, CumulativeGrowsByStepsWithinItsSize) {
  const Window window{.kind = WindowKind::kCumulative, .size_ms = 9'000, .step_ms = 3'000};
  EXPECT_EQ(span_text(windows_of(window, 0)), "[0,3000)[0,6000)[0,9000)");
  EXPECT_EQ(span_text(windows_of(window, 2'999)), "[0,3000)[0,6000)[0,9000)");
  EXPECT_EQ(span_text(windows_of(window, 3'000)), "[0,6000)[0,9000)");
  EXPECT_EQ(span_text(windows_of(window, 8'999)), "[0,9000)");
  EXPECT_EQ(span_text(windows_of(window, 9'000)), "[9000,12000)[9000,15000)[9000,18000)");
  EXPECT_EQ(pane_of(window, 5'999), (Span{3'000, 6'000}));
  const Window shifted{.kind = WindowKind::kCumulative, .size_ms = 9'000, .step_ms = 3'000, .offset_ms = 1'000};
  EXPECT_EQ(span_text(windows_of(shifted, 0)), "[-8000,1000)");
  EXPECT_EQ(pane_of(shifted, 0), (Span{-2'000, 1'000}));
}

// ---- lateness ----

TEST(Lateness, EqualityIsLate) {
  // Pane [0,10000) + 3000 of lateness; the watermark is the highest time − 2000.
  Oracle oracle(plain_config());
  auto judged = [&oracle](const string& bytes) { return oracle.feed({0, 0, std::nullopt, bytes, false}).verdict; };
  EXPECT_EQ(oracle.watermark_ms(0), std::nullopt);
  EXPECT_EQ(judged(event("a", 14'999)), Verdict::kCounted);
  EXPECT_EQ(oracle.watermark_ms(0), 12'999);
  EXPECT_EQ(judged(event("a", 9'999)), Verdict::kCounted);
  EXPECT_EQ(judged(event("a", 15'000)), Verdict::kCounted);
  EXPECT_EQ(oracle.watermark_ms(0), 13'000);
  EXPECT_EQ(judged(event("a", 9'999)), Verdict::kLate);
  EXPECT_EQ(judged(event("a", 10'000)), Verdict::kCounted);
  EXPECT_EQ(oracle.watermark_ms(0), 13'000);
  EXPECT_EQ(oracle.replay_output(),
            "{\"schema\":1,\"leaderboard\":\"b\",\"group\":{},\"window_start\":0,\"window_end\":10000,\"revision\":5,"
            "\"final\":true,\"exact\":true,\"events\":1,\"items\":[{\"rank\":1,\"item\":\"a\",\"views\":1,"
            "\"watch_ms\":0}]}\n"
            "{\"schema\":1,\"leaderboard\":\"b\",\"group\":{},\"window_start\":10000,\"window_end\":20000,"
            "\"revision\":13,\"final\":true,\"exact\":true,\"events\":3,\"items\":[{\"rank\":1,\"item\":\"a\","
            "\"views\":3,\"watch_ms\":0}]}\n");
}

TEST(Lateness, OnlyCountedRecordsMoveTheWatermark) {
  JobConfig config = plain_config();
  config.where = {{"w", {"1"}}};
  Oracle oracle(config);
  oracle.feed_file(event("a", 5'000, ",\"w\":1") + event("a", 90'000, ",\"w\":2") + "{\"t\":90000,\"w\":1}\n" +
                   event("a", 5'000, ",\"w\":1"));
  EXPECT_EQ(oracle.watermark_ms(0), 3'000);
  EXPECT_EQ(oracle.counts().counted, 2);
  EXPECT_EQ(oracle.summary_json(),
            R"({"read":4,"counted":2,"filtered":1,"late":0,"invalid":{"item_missing":1},"results":1})");
}

TEST(Lateness, EachPartitionIsJudgedByItsOwnWatermark) {
  Oracle oracle(plain_config());
  EXPECT_EQ(oracle.feed({0, 0, std::nullopt, event("a", 100'000), false}).verdict, Verdict::kCounted);
  EXPECT_EQ(oracle.feed({1, 0, std::nullopt, event("a", 1'000), false}).verdict, Verdict::kCounted);
  EXPECT_EQ(oracle.feed({0, 1, std::nullopt, event("a", 1'000), false}).verdict, Verdict::kLate);
  EXPECT_EQ(oracle.job_watermark_ms(), -1'000);
  oracle.feed_message({2, 0, std::nullopt, "x"});
  EXPECT_EQ(oracle.job_watermark_ms(), std::nullopt);
}

TEST(Lateness, IsJudgedLeaderboardByLeaderboard) {
  JobConfig config = plain_config();
  config.leaderboards.push_back({.name = "a", .by = {}, .window = {.size_ms = 100'000}, .top = 1});
  Oracle oracle(config);
  oracle.feed_file(event("x", 50'000));
  const Judgement judgement = oracle.feed({0, 1, std::nullopt, event("x", 1'000), false});
  EXPECT_EQ(judgement.verdict, Verdict::kCounted);
  EXPECT_EQ(judgement.late_for, (std::vector<bool>{true, false}));
  const std::vector<Result> results = oracle.results();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(kafka_key(results[0]), R"(["b",[],50000,60000])");
  EXPECT_EQ(results[0].events, 1);
  EXPECT_EQ(kafka_key(results[1]), R"(["a",[],0,100000])");
  EXPECT_EQ(results[1].events, 2);
}

// ---- results ----

TEST(Results, TiesAtTheCutGoByItemBytes) {
  Oracle oracle(plain_config());
  oracle.feed_file(event("b", 1) + event("\xC3\xA9", 1) + event("a0", 1) + event("a", 1) + event("z", 1) +
                   event("z", 1));
  EXPECT_EQ(oracle.replay_output(),
            "{\"schema\":1,\"leaderboard\":\"b\",\"group\":{},\"window_start\":0,\"window_end\":10000,\"revision\":25,"
            "\"final\":true,\"exact\":true,\"events\":6,\"items\":[{\"rank\":1,\"item\":\"z\",\"views\":2,"
            "\"watch_ms\":0},{\"rank\":2,\"item\":\"a\",\"views\":1,\"watch_ms\":0}]}\n");
  const Result result = oracle.results().at(0);
  EXPECT_TRUE(result.has_tie_at_top);
  std::vector<string> order;
  for (const Row& row : result.ranking) order.push_back(row.item);
  EXPECT_EQ(order, (Texts{"z", "a", "a0", "b", "\xC3\xA9"}));
}

TEST(Results, TiesOnWatchTimeIgnoreViews) {
  JobConfig config = plain_config();
  config.leaderboards[0].measure = Measure::kWatchMs;
  config.leaderboards[0].top = 3;
  Oracle oracle(config);
  oracle.feed_file(event("b", 1, ",\"w\":5") + event("b", 1, ",\"w\":5") + event("a", 1, ",\"w\":10") +
                   event("c", 1, ",\"w\":11"));
  EXPECT_EQ(oracle.replay_output(),
            "{\"schema\":1,\"leaderboard\":\"b\",\"group\":{},\"window_start\":0,\"window_end\":10000,\"revision\":17,"
            "\"final\":true,\"exact\":true,\"events\":4,\"items\":[{\"rank\":1,\"item\":\"c\",\"views\":1,"
            "\"watch_ms\":11},{\"rank\":2,\"item\":\"a\",\"views\":1,\"watch_ms\":10},{\"rank\":3,\"item\":\"b\","
            "\"views\":2,\"watch_ms\":10}]}\n");
}

TEST(Results, GroupsStandInTheOrderOfByAndAreSortedByBytes) {
  JobConfig config = plain_config();
  config.dimensions = {{"c", {"c", "none"}}, {"d", {"d", std::nullopt}}};
  config.leaderboards[0].by = {"d", "c"};
  Oracle oracle(config);
  oracle.feed_file(event("i", 1, ",\"d\":\"b\",\"c\":\"a\"") + event("i", 1, ",\"d\":\"a\",\"c\":true") +
                   event("i", 1, ",\"d\":\"a\"") + event("i", 1, ",\"d\":\"B\",\"c\":7"));
  std::vector<string> keys;
  for (const Result& result : oracle.results()) keys.push_back(kafka_key(result));
  EXPECT_EQ(keys, (Texts{R"(["b",["B","7"],0,10000])", R"(["b",["a","none"],0,10000])", R"(["b",["a","true"],0,10000])",
                         R"(["b",["b","a"],0,10000])"}));
  EXPECT_EQ(result_json(oracle.results().at(0), false),
            R"({"schema":1,"leaderboard":"b","group":{"d":"B","c":"7"},"window_start":0,"window_end":10000,)"
            R"("revision":4,"final":false,"exact":true,"events":1,"items":[{"rank":1,"item":"i","views":1,)"
            R"("watch_ms":0}]})");
}

TEST(Results, OrderIsWindowEndThenLeaderboardThenGroup) {
  JobConfig config = plain_config();
  config.leaderboards[0].name = "z";
  config.leaderboards.push_back(config.leaderboards[0]);
  config.leaderboards[1].name = "Z";
  config.leaderboards.push_back(config.leaderboards[0]);
  config.leaderboards[2].name = "c";
  config.leaderboards[2].window = {.kind = WindowKind::kCumulative, .size_ms = 10'000, .step_ms = 5'000};
  Oracle oracle(config);
  oracle.feed_file(event("i", 1));
  std::vector<string> keys;
  for (const Result& result : oracle.results()) keys.push_back(kafka_key(result));
  EXPECT_EQ(keys, (Texts{R"(["c",[],0,5000])", R"(["Z",[],0,10000])", R"(["c",[],0,10000])", R"(["z",[],0,10000])"}));
}

TEST(Results, StringsAreEscapedAsTheContractSays) {
  EXPECT_EQ(json::quote("\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xC3\xA9"s),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\xC3\xA9\"");
  Oracle oracle(plain_config());
  oracle.feed_file(R"({"id":"\u001F\"\/\u00e9","t":1})");
  EXPECT_NE(oracle.replay_output().find("\"item\":\"\\u001f\\\"/\xC3\xA9\""), string::npos);
}

TEST(Results, NothingInNothingOut) {
  Oracle oracle(plain_config());
  oracle.feed_file("\n\n");
  EXPECT_EQ(oracle.replay_output(), "");
  EXPECT_EQ(oracle.summary_json(), R"({"read":0,"counted":0,"filtered":0,"late":0,"invalid":{},"results":0})");
}

}  // namespace
}  // namespace oracle
