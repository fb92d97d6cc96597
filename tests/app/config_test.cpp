#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "app/config_values.hpp"
#include "temporary.hpp"

namespace marquee {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kLeast = R"([source]
topic = "watch-events"
[event]
item = "content_id"
time = "event_time"
[[leaderboard]]
name = "trending"
)";

ConfigRequest for_run() {
  ConfigRequest request;
  request.needs_topic = true;
  return request;
}

ConfigOutcome parse(std::string_view text, const ConfigRequest& request = for_run()) {
  return parse_config(text, "m.toml", request);
}

Problems problems_of(std::string_view text, const ConfigRequest& request = for_run()) {
  return parse(text, request).problems;
}

Config config_of(std::string_view text, const ConfigRequest& request = for_run()) {
  ConfigOutcome outcome = parse(text, request);
  EXPECT_THAT(outcome.problems, IsEmpty());
  return outcome.config;
}

TEST(Config, NeedsOnlyTopicItemTimeAndOneLeaderboard) {
  const Config config = config_of(kLeast);
  EXPECT_THAT(config.source.topics, ElementsAre("watch-events"));
  EXPECT_EQ(config.source.brokers, "127.0.0.1:9092");
  EXPECT_EQ(config.source.group, "marquee");
  EXPECT_EQ(config.sink.topic, "popularity");
  EXPECT_THAT(config.job.event.item.keys, ElementsAre("content_id"));
  EXPECT_THAT(config.job.event.watch.keys, ElementsAre("watch_ms"));
  EXPECT_EQ(config.job.time.disorder_ms, 5'000);
  EXPECT_EQ(config.job.time.lateness_ms, 60'000);
  EXPECT_EQ(config.job.time.idle_after_ms, 10'000);
  EXPECT_EQ(config.job.time.max_future_ms, 300'000);
  ASSERT_EQ(config.job.leaderboards.size(), 1u);
  EXPECT_EQ(config.job.leaderboards[0].window.size_ms, 60'000);
  EXPECT_EQ(config.job.leaderboards[0].top, 10u);
}

TEST(Config, AnEmptyFileLacksFourThings) {
  EXPECT_THAT(
      problems_of(""),
      ElementsAre(StartsWith("m.toml: source.topic is missing"), StartsWith("m.toml: event.item is missing"),
                  StartsWith("m.toml: event.time is missing"), StartsWith("m.toml: there is no [[leaderboard]]")));
}

TEST(Config, ReplayNeedsNoTopic) {
  ConfigRequest request;
  EXPECT_THAT(problems_of("event.item = 'a'\nevent.time = 't'\n[[leaderboard]]\nname = 'x'", request), IsEmpty());
}

TEST(Config, ReadsEveryKey) {
  const Config config = config_of(R"(
[source]
brokers = "a:1,b:2"
topic = ["one", "two"]
group = "g"
start = "latest"
[source.kafka]
security.protocol = "SASL_SSL"
"sasl.password" = "hunter2"
fetch.wait.max.ms = 50
check.crcs = true
[event]
item = "content.id"
time = "t"
time_unit = "rfc3339"
watch = ""
watch_unit = "s"
dimensions = { zone = "z", category = "category", country = { path = "geo.country", default = "unknown" }, unused = "u" }
where = { action = ["play", "heartbeat"], "a.b" = 5, live = true }
[time]
disorder = "1s"
lateness = "0s"
idle_after = "never"
max_future = "1h"
[sink]
brokers = "c:3"
topic = "out"
commit_every = "250ms"
dead_letter_topic = "dead"
late_topic = "late"
create_topics = false
kafka = { "linger.ms" = 5 }
[engine]
kind = "cpu"
threads = 4
batches = 12
batch_events = 1024
batch_bytes = "1MiB"
[limits]
items = 1
combinations = 2
groups = 3
entries = 4
open_panes = 500
title_bytes = "1MiB"
[http]
enabled = false
listen = "[::1]:9999"
token_file = "/run/secrets/token"
cors_origins = ["https://a.example", "*"]
history_windows = 7
history_bytes = "1MiB"
[log]
level = "debug"
format = "json"
[[leaderboard]]
name = "a"
by = ["zone", "country"]
window = "cumulative 1d step 6h offset 5h30m"
measure = "watch_ms"
top = 1000
emit_every = "2s"
display = "content.title"
[[leaderboard]]
name = "b"
by = ["category"]
[[leaderboard]]
name = "c"
display = "content.title"
)");
  EXPECT_EQ(config.source.brokers, "a:1,b:2");
  EXPECT_THAT(config.source.topics, ElementsAre("one", "two"));
  EXPECT_EQ(config.source.group, "g");
  EXPECT_EQ(config.source.start, StartAt::kLatest);
  EXPECT_EQ(config.source.kafka, (KafkaSettings{{"security.protocol", "SASL_SSL"},
                                                {"sasl.password", "hunter2"},
                                                {"fetch.wait.max.ms", "50"},
                                                {"check.crcs", "true"}}));
  EXPECT_THAT(config.job.event.item.keys, ElementsAre("content", "id"));
  EXPECT_EQ(config.job.event.time_unit, TimeUnit::kRfc3339);
  EXPECT_THAT(config.job.event.watch.keys, IsEmpty());
  EXPECT_EQ(config.job.event.watch_unit, WatchUnit::kSeconds);
  ASSERT_EQ(config.job.event.where.size(), 3u);
  EXPECT_THAT(config.job.event.where[0].path.keys, ElementsAre("a", "b"));
  EXPECT_THAT(config.job.event.where[0].values, ElementsAre("5"));
  EXPECT_THAT(config.job.event.where[1].values, ElementsAre("play", "heartbeat"));
  EXPECT_THAT(config.job.event.where[2].values, ElementsAre("true"));
  EXPECT_EQ(config.job.time.disorder_ms, 1'000);
  EXPECT_EQ(config.job.time.lateness_ms, 0);
  EXPECT_EQ(config.job.time.idle_after_ms, std::nullopt);
  EXPECT_EQ(config.job.time.max_future_ms, 3'600'000);
  EXPECT_EQ(config.sink.brokers, "c:3");
  EXPECT_EQ(config.sink.topic, "out");
  EXPECT_EQ(config.sink.commit_every_ms, 250);
  EXPECT_EQ(config.sink.dead_letter_topic, "dead");
  EXPECT_EQ(config.sink.late_topic, "late");
  EXPECT_FALSE(config.sink.create_topics);
  EXPECT_EQ(config.sink.kafka, (KafkaSettings{{"linger.ms", "5"}}));
  EXPECT_EQ(config.engine.kind, EngineKind::kCpu);
  EXPECT_EQ(config.engine.threads, 4u);
  EXPECT_EQ(config.engine.batches, 12u);
  EXPECT_EQ(config.engine.batch_events, 1024u);
  EXPECT_EQ(config.engine.batch_bytes, 1u << 20);
  EXPECT_EQ(config.job.budgets.items, 1u);
  EXPECT_EQ(config.job.budgets.combinations, 2u);
  EXPECT_EQ(config.job.budgets.groups, 3u);
  EXPECT_EQ(config.job.budgets.entries, 4u);
  EXPECT_EQ(config.job.budgets.open_panes, 500u);
  EXPECT_EQ(config.job.budgets.title_bytes, 1u << 20);
  EXPECT_FALSE(config.http.enabled);
  EXPECT_EQ(config.http.listen, "[::1]:9999");
  EXPECT_EQ(config.http.token_file, "/run/secrets/token");
  EXPECT_THAT(config.http.cors_origins, ElementsAre("https://a.example", "*"));
  EXPECT_EQ(config.http.history_windows, 7u);
  EXPECT_EQ(config.http.history_bytes, 1u << 20);
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_EQ(config.log.format, LogFormat::kJson);

  // Only used dimensions, sorted by name; leaderboards point into them in their own order.
  ASSERT_EQ(config.job.event.dimensions.size(), 3u);
  EXPECT_EQ(config.job.event.dimensions[0].name, "category");
  EXPECT_EQ(config.job.event.dimensions[1].name, "country");
  EXPECT_EQ(config.job.event.dimensions[1].default_value, "unknown");
  EXPECT_THAT(config.job.event.dimensions[1].path.keys, ElementsAre("geo", "country"));
  EXPECT_EQ(config.job.event.dimensions[2].name, "zone");
  ASSERT_EQ(config.job.leaderboards.size(), 3u);
  ASSERT_EQ(config.job.event.displays.size(), 1u);
  EXPECT_THAT(config.job.event.displays[0].keys, ElementsAre("content", "title"));
  EXPECT_EQ(config.job.leaderboards[0].display, 0u);
  EXPECT_EQ(config.job.leaderboards[1].display, std::nullopt);
  EXPECT_EQ(config.job.leaderboards[2].display, 0u);
  EXPECT_THAT(config.job.leaderboards[0].by, ElementsAre(2u, 1u));
  EXPECT_THAT(config.job.leaderboards[1].by, ElementsAre(0u));
  EXPECT_EQ(config.job.leaderboards[0].window.offset_ms, 19'800'000);
  EXPECT_EQ(config.job.leaderboards[0].measure, Measure::kWatchMs);
  EXPECT_EQ(config.job.leaderboards[0].top, 1000u);
  EXPECT_EQ(config.job.leaderboards[0].emit_every_ms, 2'000);
}

TEST(Config, UnknownKeysNameFileLineKeyAndTheNearest) {
  const std::string text = std::string(kLeast) +
                           "tpo = 3\n[time]\ndisordr = '5s'\n[sorce]\ntopic = 'x'\n[sink]\n"
                           "start = 'latest'\nxyzzy = 1\n[source.kafak]\na = 'b'\n";
  EXPECT_THAT(problems_of(text),
              ::testing::UnorderedElementsAre("m.toml:8: leaderboard.tpo is not a key; the nearest is leaderboard.top",
                                              "m.toml:10: time.disordr is not a key; the nearest is time.disorder",
                                              "m.toml:11: sorce is not a section; the nearest is source",
                                              "m.toml:14: sink.start is not a key; the nearest is source.start",
                                              AllOf(StartsWith("m.toml:15: sink.xyzzy is not a key; ")),
                                              "m.toml:16: source.kafak is not a key; the nearest is source.kafka"));
}

TEST(Config, EveryWrongValueIsToldWithItsLine) {
  struct Case {
    const char* text;
    const char* line;
    const char* says;
  };
  const Case cases[] = {
      {"[source]\nbrokers = 5", "m.toml:2", "source.brokers must be text in quotes; it is the number 5"},
      {"[source]\nbrokers = ''", "m.toml:2", "source.brokers must not be empty"},
      {"[source]\ntopic = []", "m.toml:2", "source.topic must not be empty"},
      {"[source]\ntopic = ['a', 5]", "m.toml:2", "source.topic must hold only text"},
      {"[source]\ntopic = ['a', 'a']", "m.toml:2", "source.topic names \"a\" twice"},
      {"[source]\ntopic = {}", "m.toml:2", "source.topic must be text in quotes or an array"},
      {"[source]\nstart = 'newest'", "m.toml:2", "source.start must be \"earliest\" or \"latest\"; it is \"newest\""},
      {"[source]\nkafka = 'x'", "m.toml:2", "source.kafka must be a table"},
      {"[source.kafka]\na = 'b'\ngroup.id = 'x'", "m.toml:3", "source.kafka may not hold group.id"},
      {"[source.kafka]\na = 'b'\nx = []", "m.toml:3", "source.kafka holds x, which must be text"},
      {"source = 5", "m.toml:1", "source must be a section, [source]; it is the number 5"},
      {"[event]\nitem = 'a..b'", "m.toml:2", "event.item must be the path of a field"},
      {"[event]\nitem = ''", "m.toml:2", "event.item must be the path of a field"},
      {"[event]\nwatch = '.'", "m.toml:2", "event.watch must be the path"},
      {"[event]\ntime_unit = 'h'", "m.toml:2", "event.time_unit must be \"s\", \"ms\", \"us\", \"ns\" or \"rfc3339\""},
      {"[event]\ndimensions = 'x'", "m.toml:2", "event.dimensions must be a table"},
      {"[event.dimensions]\nok = 'x'\na = 5", "m.toml:3", "which must be a path, or {"},
      {"[event.dimensions]\nok = 'x'\na = { default = 'x' }", "m.toml:3", "needs a path"},
      {"[event.dimensions]\na = { path = 'x', dflt = 'x' }", "m.toml:2", "unknown key dflt"},
      {"[event.dimensions]\na = { path = 'x', default = 1.5 }", "m.toml:2", "default of text, a whole number"},
      {"[event]\nwhere = 'x'", "m.toml:2", "event.where must be a table"},
      {"[event.where]\nok = 1\naction = []", "m.toml:3", "nothing would be counted"},
      {"[event.where]\naction = [1.5]", "m.toml:2", "must be text, a whole number, true, false"},
      {"[time]\ndisorder = 5", "m.toml:2", "time.disorder must be a duration such as \"500ms\""},
      {"[time]\ndisorder = '5 s'", "m.toml:2", "it is \"5 s\""},
      {"[time]\nidle_after = '0s'", "m.toml:2", "time.idle_after must be at least 1ms"},
      {"[time]\nlateness = 'never'", "m.toml:2", "time.lateness must be a duration"},
      {"[sink]\ncommit_every = '0s'", "m.toml:2", "sink.commit_every must be at least 1ms"},
      {"[sink]\ncreate_topics = 'yes'", "m.toml:2", "sink.create_topics must be true or false; it is text"},
      {"[sink]\ndead_letter_topic = 'popularity'", "m.toml:2", "must not be the topic of the results"},
      {"[sink]\nlate_topic = 'popularity'", "m.toml:2", "must not be the topic of the results"},
      {"[engine]\nkind = 'gpu'", "m.toml:2", "engine.kind must be \"auto\", \"cpu\" or \"cuda\"; it is \"gpu\""},
      {"[engine]\nthreads = 0", "m.toml:2", "engine.threads must be a whole number from 1 to 256"},
      {"[engine]\nbatch_events = 99999999", "m.toml:2", "from 1 to 4194304"},
      {"[engine]\nthreads = 8", "m.toml:2", "engine.batches must be at least engine.threads + 3, that is 11; it is 8"},
      {"[engine]\nbatch_bytes = '1B'", "m.toml:2", "engine.batch_bytes must be a size from 4KiB to 1GiB"},
      {"[limits]\nitems = 0", "m.toml:2", "limits.items must be a whole number from 1"},
      {"[limits]\nentries = -5", "m.toml:2", "limits.entries must be a whole number from 1"},
      {"[limits]\nitems = 4294967296", "m.toml:2", "limits.items must be a whole number"},
      {"[http]\nlisten = '8080'", "m.toml:2", "http.listen must be address:port"},
      {"[http]\ncors_origins = 'https://a.example'", "m.toml:2", "http.cors_origins must be an array of text"},
      {"[http]\nhistory_windows = -1", "m.toml:2", "http.history_windows must be a whole number from 0"},
      {"[http]\nhistory_bytes = 'much'", "m.toml:2", "http.history_bytes must be a size"},
      {"[log]\nlevel = 'loud'", "m.toml:2", "log.level must be"},
      {"[[leaderboard]]\nname = ''", "m.toml:2", "leaderboard.name must not be empty"},
      {"[[leaderboard]]\ntop = 5", "m.toml:1", "leaderboard.name is missing"},
      {"[[leaderboard]]\nname = 'x'\ntop = 1001", "m.toml:3", "leaderboard.top must be a whole number from 1 to 1000"},
      {"[[leaderboard]]\nname = 'x'\ntop = 0", "m.toml:3", "from 1 to 1000"},
      {"[[leaderboard]]\nname = 'x'\nby = 'category'", "m.toml:3", "leaderboard.by must be an array of text"},
      {"[[leaderboard]]\nname = 'x'\nby = ['c', 'c']", "m.toml:3", "names \"c\" twice"},
      {"[[leaderboard]]\nname = 'x'\nmeasure = 'likes'", "m.toml:3", "must be \"views\" or \"watch_ms\""},
      {"[[leaderboard]]\nname = 'x'\nemit_every = '0s'", "m.toml:3", "must be at least 1ms"},
      {"[[leaderboard]]\nname = 'x'\nwindow = 'cumulative 1d step 7h'", "m.toml:3", "does not divide"},
      {"[[leaderboard]]\nname = 'x'\nwindow = 'hopping 1m every 2m'", "m.toml:3", "at most the size"},
      {"[[leaderboard]]\nname = 'x'\n[[leaderboard]]\nname = 'x'", "m.toml:4", "is taken by the one at m.toml:2"},
      {"[leaderboard]\nname = 'x'", "m.toml:1", "must be written in double brackets"},
      {"[event.dimensions]\ncategory = 'c'\n[[leaderboard]]\nname = 'x'\nby = ['categori']", "m.toml:5",
       "is not in event.dimensions; the nearest is \"category\""},
      {"[[leaderboard]]\nname = 'x'\nwindow = 'hopping 10d every 7001ms'", "m.toml:3", "panes of 1ms"},
      {"[limits]\nopen_panes = 99\n[[leaderboard]]\nname = 'x'\nwindow = 'hopping 100m every 1m'", "m.toml:5",
       "has 100 panes open, more than limits.open_panes = 99"},
      {"[event\nitem = 'x'", "m.toml:1", "not TOML"},
      {"[event]\nitem = 'x'\nitem = 'y'", "m.toml:3", "not TOML"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(problems_of(c.text), Contains(AllOf(StartsWith(std::string(c.line) + ": "), HasSubstr(c.says))))
        << c.text;
  }
}

TEST(Config, TellsAllProblemsAtOnce) {
  const Problems problems = problems_of(
      "[source]\ntopic = 5\nbrokers = 5\n[event]\nitem = 5\ntime = 5\nfoo = 5\n"
      "[[leaderboard]]\nname = 5\ntop = 'x'\n");
  EXPECT_EQ(problems.size(), 7u) << ::testing::PrintToString(problems);
}

// What is in it is removed by and by.
TEST(Config, ThePaneLogSharesItsTopicWithNothing) {
  const std::string least(kLeast);
  EXPECT_THAT(
      problems_of(least + "[pane_log]\ntopic = 'watch-events'"),
      ElementsAre(HasSubstr("pane_log.topic must be a topic of its own: \"watch-events\" is source.topic too")));
  EXPECT_THAT(problems_of(least + "[pane_log]\ntopic = 'popularity'"), ElementsAre(HasSubstr("is sink.topic too")));
  EXPECT_THAT(problems_of(least + "[sink]\ndead_letter_topic = 'a'\nlate_topic = 'b'\n[pane_log]\ntopic = 'a'"),
              ElementsAre(HasSubstr("is sink.dead_letter_topic too")));
  EXPECT_THAT(problems_of(least + "[sink]\ndead_letter_topic = 'a'\nlate_topic = 'b'\n[pane_log]\ntopic = 'b'"),
              ElementsAre(HasSubstr("is sink.late_topic too")));
  EXPECT_THAT(problems_of(least + "[sink]\ntopic = 'marquee-panes'"),
              ElementsAre(HasSubstr("\"marquee-panes\" is sink.topic too")))
      << "the topic that it has by default";
  EXPECT_THAT(problems_of(least + "[pane_log]\ntopic = 'its-own'"), IsEmpty());
}

TEST(Config, WouldNotReadItsOwnOutput) {
  EXPECT_THAT(problems_of(std::string(kLeast) + "[sink]\ntopic = 'watch-events'"),
              ElementsAre(HasSubstr("it would read its own output")));
  EXPECT_THAT(problems_of(std::string(kLeast) + "[sink]\ntopic = 'watch-events'\nbrokers = 'elsewhere:9092'"),
              IsEmpty());
}

TEST(Config, BudgetsMustFitTheMemoryThereIs) {
  ConfigRequest request = for_run();
  request.memory_bytes = 64u << 20;
  EXPECT_THAT(problems_of(kLeast, request),
              ElementsAre(AllOf(HasSubstr("64 MiB here"), HasSubstr("lower limits.entries"))));
  EXPECT_THAT(
      problems_of(std::string(kLeast) +
                      "[limits]\nitems = 1000\nentries = 10000\ncombinations = 10\ngroups = 10\nopen_panes = 10\n",
                  request),
      IsEmpty());
  EXPECT_GT(memory_there_is(), 64u << 20);
}

TEST(Config, SetBeatsEnvironmentBeatsFileBeatsDefault) {
  ConfigRequest request = for_run();
  EXPECT_EQ(config_of(kLeast, request).sink.topic, "popularity");
  const std::string text = std::string(kLeast) + "[sink]\ntopic = 'file'\n";
  EXPECT_EQ(config_of(text, request).sink.topic, "file");
  request.environment = {{"MARQUEE_SINK__TOPIC", "environment"}};
  EXPECT_EQ(config_of(text, request).sink.topic, "environment");
  request.sets = {"sink.topic=first", "sink.topic=set"};
  EXPECT_EQ(config_of(text, request).sink.topic, "set");
}

TEST(Config, OverridesAreTomlElseText) {
  ConfigRequest request = for_run();
  request.sets = {"engine.threads=3",
                  "source.topic=[\"a\", \"b\"]",
                  "time.disorder=7s",
                  "sink.topic=\"quoted\"",
                  "source.group=12345",
                  "sink.create_topics=false",
                  "event.dimensions={ device = \"device\" }",
                  "event.dimensions.country=geo.country",
                  "event.where.action=play",
                  "source.kafka.security.protocol=SSL",
                  "sink.late_topic=a = b",
                  "sink.dead_letter_topic="};
  request.environment = {{"MARQUEE_EVENT__TIME_UNIT", "s"},
                         {"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD", "hunter2"},
                         {"MARQUEE_SOURCE__KAFKA__SSL__CA", "pem"},
                         {"MARQUEE_SINK__KAFKA__LINGER_MS", "7"}};
  const Config config =
      config_of(std::string(kLeast) + "[source.kafka]\nsecurity.protocol = 'PLAINTEXT'\na.b = 'c'\n", request);
  EXPECT_EQ(config.engine.threads, 3u);
  EXPECT_THAT(config.source.topics, ElementsAre("a", "b"));
  EXPECT_EQ(config.job.time.disorder_ms, 7'000);
  EXPECT_EQ(config.sink.topic, "quoted");
  EXPECT_EQ(config.source.group, "12345");
  EXPECT_FALSE(config.sink.create_topics);
  ASSERT_EQ(config.dimensions.size(), 2u);
  EXPECT_EQ(config.dimensions[0].name, "country");
  ASSERT_EQ(config.job.event.where.size(), 1u);
  EXPECT_EQ(
      config.source.kafka,
      (KafkaSettings{{"security.protocol", "SSL"}, {"a.b", "c"}, {"sasl.password", "hunter2"}, {"ssl_ca", "pem"}}));
  EXPECT_EQ(config.sink.late_topic, "a = b");
  EXPECT_EQ(config.sink.dead_letter_topic, "");
  EXPECT_EQ(config.job.event.time_unit, TimeUnit::kSeconds);
  EXPECT_EQ(config.sink.kafka, (KafkaSettings{{"linger.ms", "7"}}));
}

TEST(Config, WrongOverridesNameWhereTheyCameFrom) {
  ConfigRequest request = for_run();
  request.sets = {"sink.topik=x", "nonsense", "leaderboard.top=5", "time.disorder=soon", "source.kafka.group.id=x"};
  request.environment = {{"MARQUEE_TIME__LATENES", "1s"}, {"MARQUEE_ENGINE__THREADS", "many"}};
  EXPECT_THAT(
      problems_of(kLeast, request),
      ::testing::UnorderedElementsAre(
          "--set sink.topik: sink.topik is not a key; the nearest is sink.topic",
          "--set nonsense: must be section.key=value", StartsWith("--set leaderboard.top: leaderboards are written"),
          StartsWith("--set time.disorder: time.disorder must be a duration"),
          StartsWith("--set source.kafka.group.id: source.kafka may not hold group.id"),
          "environment MARQUEE_TIME__LATENES: time.latenes is not a key; the nearest is time.lateness",
          StartsWith("environment MARQUEE_ENGINE__THREADS: engine.threads must be a whole number")));
}

TEST(Config, TheEnvironmentIsOnlyWhatHasTwoUnderscores) {
  ::setenv("MARQUEE_SINK__TOPIC", "from-here", 1);
  ::setenv("MARQUEE_SERVICE_HOST", "10.0.0.1", 1);
  EXPECT_THAT(marquee_environment(), Contains(std::pair<std::string, std::string>("MARQUEE_SINK__TOPIC", "from-here")));
  for (const auto& [name, value] : marquee_environment()) EXPECT_NE(name, "MARQUEE_SERVICE_HOST");
  ::unsetenv("MARQUEE_SINK__TOPIC");
  ::unsetenv("MARQUEE_SERVICE_HOST");
}

constexpr std::string_view kRich = R"([source]
topic = ["a", "b"]
[event]
item = "x.y"
time = "t"
watch = ""
dimensions = { "odd name" = { path = "p.q", default = "" }, category = "c" }
where = { "a.b" = [1, true, "x\"y"] }
[time]
idle_after = "never"
disorder = "1h2m3s4ms"
[engine]
batch_bytes = "3MiB"
[[leaderboard]]
name = "one\ntwo"
by = ["odd name", "category"]
window = "hopping 1h every 7m offset -1h"
[[leaderboard]]
name = "b"
)";

TEST(Config, PrintsWhatReadsBackToTheSame) {
  const std::string printed = print_config(config_of(kRich));
  const Config again = config_of(printed);
  EXPECT_EQ(print_config(again), printed);
  EXPECT_EQ(again.leaderboards[0].name, "one\ntwo");
  EXPECT_EQ(again.job.time.disorder_ms, 3'723'004);
  EXPECT_EQ(again.job.event.dimensions[1].default_value, "");
}

TEST(Config, MasksSecretsAndNeverSaysThemInProblems) {
  ConfigRequest request = for_run();
  request.environment = {{"MARQUEE_SINK__KAFKA__SSL_KEY_PASSWORD", "hunter3"}};
  const std::string text =
      std::string(kLeast) +
      "[source.kafka]\nsasl.password = 'hunter2'\nsasl.jaas.config = 'hunter4'\n"
      "sasl.oauthbearer.client.secret = 'hunter5'\nssl.key.pem = 'hunter6'\nsecurity.protocol = 'SSL'\n";
  const std::string printed = print_config(config_of(text, request));
  EXPECT_THAT(printed, Not(HasSubstr("hunter")));
  EXPECT_THAT(printed, HasSubstr("\"sasl.password\" = \"***\""));
  EXPECT_THAT(printed, HasSubstr("\"security.protocol\" = \"SSL\""));
  for (const std::string& problem :
       problems_of(std::string(kLeast) +
                   "[source.kafka]\nsasl.password = ['hunter2']\n[source.kafak]\nsasl.password = 'hunter2'\n")) {
    EXPECT_THAT(problem, Not(HasSubstr("hunter")));
  }
}

TEST(Config, SecretsAreNotForTheCommandLine) {
  for (const std::string set : {"sink.kafka.sasl.password=hunter2", "sink.kafka={sasl.password=\"hunter2\"}",
                                "sink.kafka={ \"security.protocol\" = \"SSL\", \"sasl.password\" = \"hunter2\" }",
                                "sink.kafka.sasl={password=\"hunter2\"}", "sink.kafka={sasl={password=\"hunter2\"}}"}) {
    ConfigRequest request = for_run();
    request.sets = {set};
    const std::vector<std::string> problems = problems_of(kLeast, request);
    ASSERT_EQ(problems.size(), 1u) << set;
    EXPECT_THAT(problems[0], HasSubstr("sink.kafka.sasl.password is a secret"));
    EXPECT_THAT(problems[0], HasSubstr("set MARQUEE_SINK__KAFKA__SASL_PASSWORD, or"));
    EXPECT_THAT(problems[0], Not(HasSubstr("hunter")));
  }
  ConfigRequest request = for_run();
  request.sets = {"sink.kafka.sasl.password:hunter2"};
  EXPECT_THAT(problems_of(kLeast, request).at(0), Not(HasSubstr("hunter")));
  request.sets = {"sink.kafka.sasl.password:hunter2=="};
  EXPECT_THAT(problems_of(kLeast, request).at(0), Not(HasSubstr("hunter")));
  request.sets = {"source.kafka.ssl_x.key_password=hunter2"};
  EXPECT_THAT(problems_of(kLeast, request).at(0), HasSubstr("MARQUEE_SOURCE__KAFKA__SSL__X_KEY__PASSWORD"));
}

TEST(Config, SecretsOfTheEnvironmentAreTakenAsTheyAreAndFromFiles) {
  ConfigRequest request = for_run();
  request.environment = {{"MARQUEE_SINK__KAFKA__SASL_PASSWORD", "\"quoted\""},
                         {"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE", test::file_with("password", "of a file\n")},
                         {"MARQUEE_SOURCE__KAFKA__SSL_KEY_LOCATION", "/keys/client"}};
  const Config config = config_of(kLeast, request);
  EXPECT_EQ(config.sink.kafka.at("sasl.password"), "\"quoted\"");
  EXPECT_EQ(config.source.kafka.at("sasl.password"), "of a file");
  EXPECT_EQ(config.source.kafka.count("sasl.password.file"), 0u);
  EXPECT_EQ(config.source.kafka.at("ssl.key.location"), "/keys/client");

  request.environment = {{"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE", test::temporary("not there")}};
  const std::vector<std::string> problems = problems_of(kLeast, request);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], HasSubstr("environment MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE"));
  EXPECT_THAT(problems[0], HasSubstr("cannot be read"));
  request.environment = {{"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE", "/tmp"}};
  EXPECT_THAT(problems_of(kLeast, request).at(0), HasSubstr("the file /tmp cannot be read"));
  for (const std::string& bytes : {std::string("\n"), std::string("\r\n"), std::string("a\0b\n", 4)}) {
    request.environment = {{"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE", test::file_with("password", bytes)}};
    EXPECT_EQ(problems_of(kLeast, request).size(), 1u);
  }
  request.environment = {{"MARQUEE_SOURCE__KAFKA__SASL_PASSWORD_FILE", test::file_with("password", "a\r\n")}};
  EXPECT_EQ(config_of(kLeast, request).source.kafka.at("sasl.password"), "a");
  request.environment.emplace_back("MARQUEE_SOURCE__KAFKA__SASL_PASSWORD", "b");
  EXPECT_THAT(problems_of(kLeast, request).at(0), HasSubstr("MARQUEE_SOURCE__KAFKA__SASL_PASSWORD is set too"));
}

TEST(Config, DocumentsEveryKeyOnceWithItsDefault) {
  const std::string docs = config_docs();
  EXPECT_THAT(docs, HasSubstr("| `source.topic` | text or array | required |"));
  EXPECT_THAT(docs, HasSubstr("| `time.disorder` | duration | `\"5s\"` |"));
  EXPECT_THAT(docs, HasSubstr("| `[[leaderboard]] top` | number | `10` |"));
  EXPECT_THAT(docs, HasSubstr("| `limits.items` | number | `4000000` |"));
  std::set<std::string> names;
  std::istringstream lines(docs);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 5) << line;
    EXPECT_TRUE(names.insert(line.substr(0, line.find('|', 1))).second) << line;
  }
}

TEST(Config, AMissingFileIsOneSentence) {
  ConfigRequest request;
  request.file = ::testing::TempDir() + "no-such-file.toml";
  EXPECT_THAT(load_config(request).problems, ElementsAre(AllOf(HasSubstr("No such file"), HasSubstr("--config"))));
  request.file = ::testing::TempDir();
  EXPECT_EQ(load_config(request).problems.size(), 1u);
}

TEST(Config, TheFilesThatShipAreRight) {
  const char* root = std::getenv("MARQUEE_SOURCE_DIR");
  if (root == nullptr) GTEST_SKIP() << "MARQUEE_SOURCE_DIR is not set (ctest sets it)";
  ConfigRequest request = for_run();
  request.file = std::string(root) + "/tests/data/example.toml";
  EXPECT_THAT(load_config(request).problems, IsEmpty());
  request.needs_topic = false;
  request.file = std::string(root) + "/tests/data/movietweetings.toml";
  EXPECT_THAT(load_config(request).problems, IsEmpty());
}

}  // namespace
}  // namespace marquee
