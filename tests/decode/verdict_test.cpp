// Every verdict, each record alone and in the middle of a thousand good ones.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decode_fixture.hpp"

namespace marquee::test {
namespace {

struct Case {
  std::string name;
  std::string record;
  Verdict verdict;
  std::string text = "";  // where it is counted
};

void check(const JobSpec& job, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name + ": " + c.record.substr(0, 200));
    const Outcome expected{c.verdict, c.text};
    Bench alone(job);
    alone.append(c.record);
    ASSERT_EQ(alone.run(Framing::kMessages), std::vector<Outcome>{expected});

    constexpr std::size_t kMany = 1000, kAt = 517;
    Bench among(job);
    std::vector<Outcome> all;
    for (std::size_t i = 0; i < kMany; ++i) {
      if (i == kAt) {
        among.append(c.record);
        all.push_back(expected);
      }
      among.append(good_record(i));
      all.push_back(good_outcome(i));
    }
    ASSERT_EQ(among.run(Framing::kMessages), all);
    VerdictCounts counts;
    if (c.verdict != Verdict::kCounted) ++counts[c.verdict];
    EXPECT_EQ(among.batch.verdicts.by_verdict, counts.by_verdict);
  }
}

// A record with these fields beside the other needed ones.
std::string with(const std::string& fields) {
  return R"({"content_id":"m","event_time":5,"watch_ms":7,"category":"c",)" + fields + "}";
}
std::string item(const std::string& json) {
  return R"({"content_id":)" + json + R"(,"event_time":5,"category":"c"})";
}
std::string time(const std::string& json) {
  return R"({"content_id":"m","event_time":)" + json + R"(,"category":"c"})";
}
std::string watch(const std::string& json) {
  return R"({"content_id":"m","event_time":5,"category":"c","watch_ms":)" + json + "}";
}
std::string category(const std::string& json) {
  return R"({"content_id":"m","event_time":5,"category":)" + json + "}";
}
std::string nested(std::size_t levels, const std::string& open, const std::string& close) {
  std::string s;
  for (std::size_t i = 0; i < levels; ++i) s += open;
  s += "1";
  for (std::size_t i = 0; i < levels; ++i) s += close;
  return s;
}
const std::string kCounted = "m|c,unknown|5|7";

TEST(Verdict, NotOneObject) {
  check(plain_job(), {
                         {"empty", "", Verdict::kEmpty},
                         {"blank", " \t\r\n ", Verdict::kEmpty},
                         {"null", "null", Verdict::kNotObject},
                         {"number", "17", Verdict::kNotObject},
                         {"string", "\"{}\"", Verdict::kNotObject},
                         {"word", "garbage", Verdict::kNotObject},
                         {"zero byte", std::string("\0", 1), Verdict::kNotObject},
                         {"form feed is no white space", "\f{}", Verdict::kNotObject},
                         {"byte order mark", "\xef\xbb\xbf" + with("\"x\":1"), Verdict::kNotObject},
                         {"invalid UTF-8 before it", "\xff{}", Verdict::kNotObject},
                         {"broken array", "[1", Verdict::kMalformed},
                     });
}

TEST(Verdict, Malformed) {
  const std::string good = with("\"x\":1");
  std::vector<Case> cases;
  for (std::size_t n = 1; n < good.size(); ++n) {
    cases.push_back({"truncated", good.substr(0, n), Verdict::kMalformed});
  }
  for (const char* fields :
       {R"("x":"open)",  R"("x":[)",       R"("x":[1,2)",     R"("x":{)",        R"("x":[})",    R"("x":[{]})",
        R"("x":{[})",    R"("x":])",       R"("x":}})",       R"("x")",          R"("x":)",      R"("x":1,)",
        R"(,"x":1)",     R"("x":1 "y":2)", R"("x" 1)",        R"("x"::1)",       R"(x:1)",       R"('x':1)",
        R"(1:1)",        R"("x":NaN)",     R"("x":-)",        R"("x":01)",       R"("x":1.)",    R"("x":.5)",
        R"("x":+1)",     R"("x":1e)",      R"("x":Infinity)", R"("x":tru)",      R"("x":nulls)", R"("x":"\x")",
        R"("x":"\u12")", R"("\x":1)",      R"("\ud800":1)",   R"("x":[1,])",     R"("x":[1 2])", R"("x":"a"b)",
        R"("x"y:1)",     R"("x":"a""b")",  R"("x":1 2)",      R"("x":truefalse)"}) {
    cases.push_back({"syntax", with(fields), Verdict::kMalformed});
  }
  for (const char* bytes : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    cases.push_back(
        {"UTF-8 in a value nobody reads", with("\"x\":\"" + std::string(bytes) + "\""), Verdict::kMalformed});
    cases.push_back({"UTF-8 in a key", with("\"" + std::string(bytes) + "\":1"), Verdict::kMalformed});
    cases.push_back({"UTF-8 in the item", item("\"" + std::string(bytes) + "\""), Verdict::kMalformed});
    cases.push_back({"UTF-8 behind", good + bytes, Verdict::kMalformed});
  }
  for (const char control : {'\0', '\x01', '\t', '\r', '\x1f'}) {
    cases.push_back({"control character", with("\"x\":\"" + std::string(1, control) + "\""), Verdict::kMalformed});
    cases.push_back({"control character", with("\"" + std::string(1, control) + "\":1"), Verdict::kMalformed});
  }
  for (const char* behind : {"}", "]", ",", "{}", " {}", "x", "1", " 1", "\"", "\"\"", "null", ":", "\xef\xbb\xbf"}) {
    cases.push_back({"something behind", good + behind, Verdict::kMalformed});
  }
  cases.push_back({"zero byte behind", good + std::string("\0", 1), Verdict::kMalformed});
  cases.push_back({"precedes filtered and the fields", R"({"content_id":[1,"event_time":"x"})", Verdict::kMalformed});
  cases.push_back({"NaN as item", item("NaN"), Verdict::kMalformed});
  cases.push_back({"NaN as watch", watch("NaN"), Verdict::kMalformed});
  cases.push_back({"leading zero as time", time("007"), Verdict::kMalformed});
  cases.push_back({"broken escape in item", item(R"("a\q")"), Verdict::kMalformed});
  for (const char* lone : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ude00\ud83d")"}) {
    cases.push_back({"lone surrogate in item", item(lone), Verdict::kMalformed});
    cases.push_back({"lone surrogate in category", category(lone), Verdict::kMalformed});
  }
  cases.push_back(
      {"10,000 levels, one short", with("\"x\":" + nested(10'000, "[", "]").substr(0, 20'000)), Verdict::kMalformed});
  cases.push_back({"10,000 levels at the root", nested(10'000, "{\"a\":", "}").substr(1), Verdict::kNotObject});
  check(plain_job(), cases);
}

TEST(Verdict, WellFormedWhateverItsDress) {
  check(plain_job(),
        {
            {"plain", with("\"x\":1"), Verdict::kCounted, kCounted},
            {"white space",
             "  { \"content_id\" : \"m\" ,\t\"event_time\" : 5 , \"watch_ms\":7 , \"category\" :\r \"c\" } \r",
             Verdict::kCounted, kCounted},
            {"pretty-printed",
             "{\n  \"content_id\": \"m\",\n  \"event_time\": 5,\n  \"watch_ms\": 7,\n  \"category\": \"c\"\n}\n",
             Verdict::kCounted, kCounted},
            {"unread values", with(R"("x":[1,{"y":[]},"]}"],"z":{"a":{"b":null}},"w":"\"}","v":1.5e-9,"t":true)"),
             Verdict::kCounted, kCounted},
            {"lone surrogate nobody reads", with(R"("x":"\ud800")"), Verdict::kCounted, kCounted},
            {"10,000 levels", with("\"x\":" + nested(10'000, "[", "]")), Verdict::kCounted, kCounted},
            {"10,000 levels of objects", with("\"x\":" + nested(10'000, "{\"a\":", "}")), Verdict::kCounted, kCounted},
            {"a megabyte", with("\"x\":\"" + std::string(1 << 20, 'x') + "\""), Verdict::kCounted, kCounted},
            {"a megabyte of escapes", with("\"x\":\"" + nested(1 << 17, "\\n", "\\\\") + "\""), Verdict::kCounted,
             kCounted},
            {"escaped keys", R"({"\u0063ontent_id":"m","event\u005ftime":5,"watch_ms":7,"category":"c"})",
             Verdict::kCounted, kCounted},
            {"escaped quote in a key", with(R"("a\"content_id":1)"), Verdict::kCounted, kCounted},
            {"non-ASCII", with(R"("title":"Amélie 😀")"), Verdict::kCounted, kCounted},
            {"empty key", with(R"("":1)"), Verdict::kCounted, kCounted},
        });
}

TEST(Verdict, Item) {
  const std::string longest(256, 'i');
  check(plain_job(),
        {
            {"missing", R"({"event_time":5,"category":"c"})", Verdict::kItemMissing},
            {"empty object", "{}", Verdict::kItemMissing},
            {"null", item("null"), Verdict::kItemMissing},
            {"empty", item("\"\""), Verdict::kItemEmpty},
            {"true", item("true"), Verdict::kItemType},
            {"float", item("1.0"), Verdict::kItemType},
            {"exponent", item("1e3"), Verdict::kItemType},
            {"object", item("{\"a\":1}"), Verdict::kItemType},
            {"array", item("[\"m\"]"), Verdict::kItemType},
            {"too long", item("\"" + longest + "i\""), Verdict::kItemTooLong},
            {"too many digits", item("1" + std::string(256, '0')), Verdict::kItemTooLong},
            {"longest", item("\"" + longest + "\""), Verdict::kCounted, longest + "|c,unknown|5|0"},
            {"integer", item("123456789012345678901234567890"), Verdict::kCounted,
             "123456789012345678901234567890|c,unknown|5|0"},
            {"negative integer", item("-7"), Verdict::kCounted, "-7|c,unknown|5|0"},
            {"minus zero", item("-0"), Verdict::kCounted, "0|c,unknown|5|0"},
            {"escaped", item(R"("\u0041\u00e9\n\ud83d\ude00")"), Verdict::kCounted, "Aé\n😀|c,unknown|5|0"},
            {"long only when escaped", item("\"" + nested(255, "\\u0061", "").substr(0) + "\""), Verdict::kCounted,
             std::string(255, 'a') + "1|c,unknown|5|0"},
            {"blank is text", item("\" \""), Verdict::kCounted, " |c,unknown|5|0"},
        });
}

TEST(Verdict, EscapedAndPlainTextAreTheSameItem) {
  Bench bench(plain_job());
  bench.append(item(R"("A")"));
  bench.append(item(R"("\u0041")"));
  bench.append(item(R"(65)"));
  bench.append(item(R"("65")"));
  bench.run(Framing::kMessages);
  EXPECT_EQ(bench.batch.item()[0], bench.batch.item()[1]);
  EXPECT_EQ(bench.batch.item()[2], bench.batch.item()[3]);
  EXPECT_NE(bench.batch.item()[0], bench.batch.item()[2]);
}

TEST(Verdict, TimeInMilliseconds) {
  const auto at = [](const std::string& ms) { return "m|c,unknown|" + ms + "|0"; };
  check(plain_job(), {
                         {"missing", R"({"content_id":"m","category":"c"})", Verdict::kTimeMissing},
                         {"null", time("null"), Verdict::kTimeMissing},
                         {"fraction", time("5.0"), Verdict::kTimeType},
                         {"exponent", time("5e3"), Verdict::kTimeType},
                         {"true", time("true"), Verdict::kTimeType},
                         {"array", time("[5]"), Verdict::kTimeType},
                         {"empty", time("\"\""), Verdict::kTimeType},
                         {"words", time("\"noon\""), Verdict::kTimeType},
                         {"plus", time("\"+5\""), Verdict::kTimeType},
                         {"blank", time("\" 5\""), Verdict::kTimeType},
                         {"date", time("\"2025-11-13T02:13:20Z\""), Verdict::kTimeType},
                         {"negative", time("-1"), Verdict::kTimeRange},
                         {"negative text", time("\"-1\""), Verdict::kTimeRange},
                         {"huge", time("253402300800000"), Verdict::kTimeRange},
                         {"overflowing", time("99999999999999999999999999"), Verdict::kTimeRange},
                         {"2^63", time("9223372036854775808"), Verdict::kTimeRange},
                         {"2^64+5", time("18446744073709551621"), Verdict::kTimeRange},
                         {"zero", time("0"), Verdict::kCounted, at("0")},
                         {"minus zero", time("-0"), Verdict::kCounted, at("0")},
                         {"minus zero text", time("\"-000\""), Verdict::kCounted, at("0")},
                         {"last", time("253402300799999"), Verdict::kCounted, at("253402300799999")},
                         {"text", time("\"0001763000000123\""), Verdict::kCounted, at("1763000000123")},
                         {"escaped text", time(R"("\u0031\u0032")"), Verdict::kCounted, at("12")},
                     });
}

// good_record()'s own times are not of this unit, so only the cases alone.
void check_alone(const JobSpec& job, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Bench alone(job);
    alone.append(c.record);
    EXPECT_EQ(alone.run(Framing::kMessages), (std::vector<Outcome>{{c.verdict, c.text}})) << c.name << ' ' << c.record;
  }
}

TEST(Verdict, TimeInOtherUnits) {
  const auto at = [](const std::string& ms) { return "m|c,unknown|" + ms + "|0"; };
  JobSpec job = plain_job();
  job.event.time_unit = TimeUnit::kSeconds;
  check_alone(job, {
                       {"s", time("1763000000"), Verdict::kCounted, at("1763000000000")},
                       {"s fraction", time("1763000000.123999"), Verdict::kCounted, at("1763000000123")},
                       {"s text fraction", time("\"1763000000.5\""), Verdict::kCounted, at("1763000000500")},
                       {"s exponent", time("1.7e9"), Verdict::kTimeType},
                       {"s exponent text", time("\"1.7e9\""), Verdict::kTimeType},
                       {"s last", time("253402300799.9999"), Verdict::kCounted, at("253402300799999")},
                       {"s beyond", time("253402300800"), Verdict::kTimeRange},
                       {"s little negative", time("-0.0001"), Verdict::kTimeRange},
                       {"s minus zero", time("-0.000"), Verdict::kCounted, at("0")},
                   });
  job.event.time_unit = TimeUnit::kMicroseconds;
  check_alone(job, {
                       {"us", time("1763000000123999"), Verdict::kCounted, at("1763000000123")},
                       {"us fraction", time("1.5"), Verdict::kTimeType},
                       {"us negative", time("-1"), Verdict::kTimeRange},
                   });
  job.event.time_unit = TimeUnit::kNanoseconds;
  check_alone(job, {
                       {"ns", time("1763000000123999999"), Verdict::kCounted, at("1763000000123")},
                       {"ns beyond 64 bits", time("253402300799999999999"), Verdict::kCounted, at("253402300799999")},
                       {"ns beyond", time("253402300800000000000"), Verdict::kTimeRange},
                   });
  job.event.time_unit = TimeUnit::kRfc3339;
  check_alone(job, {
                       {"date", time("\"2025-11-13T02:13:20.123456Z\""), Verdict::kCounted, at("1763000000123")},
                       {"escaped date", time(R"("2025-11-13T02:13:20\u005a")"), Verdict::kCounted, at("1763000000000")},
                       {"number", time("1763000000123"), Verdict::kTimeType},
                       {"no zone", time("\"2025-11-13T02:13:20\""), Verdict::kTimeType},
                       {"before 1970", time("\"1969-12-31T23:59:59.999Z\""), Verdict::kTimeRange},
                       {"past 9999 by its offset", time("\"9999-12-31T23:59:59-00:01\""), Verdict::kTimeRange},
                   });
}

TEST(Verdict, TimeFutureOnlyAgainstAMessageWithATimestamp) {
  JobSpec job = plain_job();
  job.time.max_future_ms = 1000;
  Bench bench(job);
  bench.append(time("6000"), 5000);
  bench.append(time("6001"), 5000);
  bench.append(time("6001"), -1);
  bench.append(time("1001"), 0);
  bench.append(time("253402300799999"), std::numeric_limits<std::int64_t>::max());
  const std::vector<Outcome> out = bench.run(Framing::kMessages);
  EXPECT_EQ(out[0].verdict, Verdict::kCounted);
  EXPECT_EQ(out[1].verdict, Verdict::kTimeFuture);
  EXPECT_EQ(out[2].verdict, Verdict::kCounted);
  EXPECT_EQ(out[3].verdict, Verdict::kTimeFuture);
  EXPECT_EQ(out[4].verdict, Verdict::kCounted);
}

TEST(Verdict, Watch) {
  const auto ms = [](const std::string& n) { return "m|c,unknown|5|" + n; };
  check(plain_job(), {
                         {"absent", item("\"m\""), Verdict::kCounted, ms("0")},
                         {"null", watch("null"), Verdict::kCounted, ms("0")},
                         {"fraction", watch("12.999"), Verdict::kCounted, ms("12")},
                         {"exponent", watch("1.2e3"), Verdict::kCounted, ms("1200")},
                         {"24 h", watch("86400000"), Verdict::kCounted, ms("86400000")},
                         {"24 h and a bit dropped", watch("86400000.999"), Verdict::kCounted, ms("86400000")},
                         {"over 24 h", watch("86400001"), Verdict::kWatchRange},
                         {"huge", watch("1e400"), Verdict::kWatchRange},
                         {"many digits", watch("99999999999999999999"), Verdict::kWatchRange},
                         {"negative", watch("-1"), Verdict::kWatchRange},
                         {"little negative", watch("-0.0001"), Verdict::kWatchRange},
                         {"minus zero", watch("-0"), Verdict::kCounted, ms("0")},
                         {"text", watch("\"12\""), Verdict::kWatchType},
                         {"false", watch("false"), Verdict::kWatchType},
                         {"object", watch("{}"), Verdict::kWatchType},
                     });
  JobSpec job = plain_job();
  job.event.watch_unit = WatchUnit::kSeconds;
  check_alone(job, {
                       {"s", watch("4.35"), Verdict::kCounted, ms("4350")},
                       {"s 24 h", watch("86400.0001"), Verdict::kCounted, ms("86400000")},
                       {"s over", watch("86400.001"), Verdict::kWatchRange},
                   });
}

TEST(Verdict, Dimensions) {
  const std::string longest(256, 'd');
  const auto is = [](const std::string& c) { return "m|" + c + ",unknown|5|0"; };
  check(plain_job(),
        {
            {"missing", R"({"content_id":"m","event_time":5})", Verdict::kDimensionMissing},
            {"null", category("null"), Verdict::kDimensionMissing},
            {"fraction", category("1.5"), Verdict::kDimensionType},
            {"array", category("[]"), Verdict::kDimensionType},
            {"too long", category("\"" + longest + "d\""), Verdict::kDimensionTooLong},
            {"longest", category("\"" + longest + "\""), Verdict::kCounted, is(longest)},
            {"empty", category("\"\""), Verdict::kCounted, is("")},
            {"true", category("true"), Verdict::kCounted, is("true")},
            {"false", category("false"), Verdict::kCounted, is("false")},
            {"integer", category("-12"), Verdict::kCounted, is("-12")},
            {"minus zero", category("-0"), Verdict::kCounted, is("0")},
            {"escaped", category(R"("\u0063")"), Verdict::kCounted, is("c")},
            {"nested", with(R"("geo":{"city":"x","country":"fr"})"), Verdict::kCounted, "m|c,fr|5|7"},
            {"nested escaped", with(R"("geo":{"city":[{}],"country":"\u0066r"})"), Verdict::kCounted, "m|c,fr|5|7"},
            {"through a string", with(R"("geo":"fr")"), Verdict::kCounted, kCounted},
            {"through an array", with(R"("geo":[{"country":"fr"}])"), Verdict::kCounted, kCounted},
            {"default for null", with(R"("geo":{"country":null})"), Verdict::kCounted, kCounted},
            {"no default for a wrong type", with(R"("geo":{"country":{}})"), Verdict::kDimensionType},
            {"deeper key of that name", with(R"("x":{"geo":{"country":"fr"}})"), Verdict::kCounted, kCounted},
            {"malformed in a nested object", with(R"("geo":{"country":"fr",})"), Verdict::kMalformed},
        });
}

TEST(Verdict, OrderOfTheReasons) {
  check(plain_job(),
        {
            {"item before time", R"({"content_id":1.5,"event_time":"x","watch_ms":"x"})", Verdict::kItemType},
            {"time before watch", R"({"content_id":"m","event_time":"x","watch_ms":"x"})", Verdict::kTimeType},
            {"watch before dimension", R"({"content_id":"m","event_time":1,"watch_ms":"x"})", Verdict::kWatchType},
            {"dimensions by name", R"({"content_id":"m","event_time":1,"geo":{"country":1.5}})",
             Verdict::kDimensionMissing},
        });
}

TEST(Verdict, WhereComesBeforeTheFieldsAndAfterTheSyntax) {
  JobSpec job = plain_job();
  job.event.where = {{{{"action"}}, {"play", "1", "true"}}, {{{"geo", "country"}}, {"de", ""}}};
  const auto record = [](const std::string& action, const std::string& country) {
    return R"({"content_id":"m","event_time":5,"category":"c","action":)" + action + R"(,"geo":{"country":)" + country +
           "}}";
  };
  check_alone(job, {
                       {"both", record("\"play\"", "\"de\""), Verdict::kCounted, "m|c,de|5|0"},
                       {"escaped", record(R"("\u0070lay")", "\"\""), Verdict::kCounted, "m|c,|5|0"},
                       {"integer", record("1", "\"de\""), Verdict::kCounted, "m|c,de|5|0"},
                       {"true", record("true", "\"de\""), Verdict::kCounted, "m|c,de|5|0"},
                       {"other", record("\"stop\"", "\"de\""), Verdict::kFiltered},
                       {"other country", record("\"play\"", "\"fr\""), Verdict::kFiltered},
                       {"fraction", record("1.0", "\"de\""), Verdict::kFiltered},
                       {"null", record("null", "\"de\""), Verdict::kFiltered},
                       {"object", record("{}", "\"de\""), Verdict::kFiltered},
                       {"absent", with("\"x\":1"), Verdict::kFiltered},
                       {"before the item", R"({"action":"stop","content_id":1.5})", Verdict::kFiltered},
                       {"malformed first", R"({"action":"stop","content_id":"m",})", Verdict::kMalformed},
                       {"lone surrogate first", R"({"action":"stop","content_id":"\ud800"})", Verdict::kMalformed},
                   });
}

// Up to 16 bytes are compared in two words, more as bytes: no text passes for another of nearly the same bytes.
TEST(Verdict, WhereTellsTextsOfEveryLengthApart) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const std::string value(size, 'v');
    JobSpec job = plain_job();
    job.event.where = {{{{"action"}}, {"another", value, "a value that is longer than sixteen bytes"}}};
    std::vector<Case> cases;
    const auto add = [&](const std::string& action, bool passes) {
      cases.push_back({action, R"({"content_id":"m","event_time":5,"category":"c","action":")" + action + "\"}",
                       passes ? Verdict::kCounted : Verdict::kFiltered, passes ? "m|c,unknown|5|0" : ""});
    };
    add(value, true);
    add("another", true);
    add("a value that is longer than sixteen bytes", true);
    add("a value that is longer than sixteen byteZ", false);
    add(value + "v", false);
    add(value + "\xc3\xa9", false);
    if (size > 0) {
      add(value.substr(1), false);
      add(value.substr(1) + "w", false);
      add("w" + value.substr(1), false);
    }
    check_alone(job, cases);
  }
}

}  // namespace
}  // namespace marquee::test
