#include "serve/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "serve_fixture.hpp"

namespace marquee::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using LabelSet = std::map<std::string, std::string>;

// A strict reader of text format 0.0.4: HELP and TYPE before the samples of a family, families whole, no duplicate
// series, names and escapes to the letter. Fails the test on anything else.
class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read_line(line);
  }

  std::optional<double> value(const std::string& name, const LabelSet& labels = {}) const {
    const auto found = samples_.find({name, labels});
    return found == samples_.end() ? std::nullopt : std::optional(found->second);
  }
  std::size_t count(const std::string& name) const {
    std::size_t n = 0;
    for (const auto& [key, value] : samples_) n += key.first == name;
    return n;
  }
  const std::map<std::string, std::string>& types() const { return types_; }
  const std::map<std::pair<std::string, LabelSet>, double>& samples() const { return samples_; }

 private:
  void read_line(const std::string& line) {
    if (line.starts_with("# HELP ")) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families_.insert(name).second) << "twice: " << name;
      EXPECT_GT(line.size(), 8 + name.size() + 5) << "no help: " << name;
      family_ = name;
    } else if (line.starts_with("# TYPE ")) {
      std::istringstream words(line.substr(7));
      std::string name, type;
      words >> name >> type;
      EXPECT_EQ(name, family_);
      types_[name] = type;
    } else {
      read_sample(line);
    }
  }
  static bool name_ok(const std::string& name) {
    return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") ==
               std::string::npos;
  }
  void read_sample(const std::string& line) {
    std::size_t at = line.find_first_of("{ ");
    ASSERT_NE(at, std::string::npos) << line;
    const std::string name = line.substr(0, at);
    EXPECT_TRUE(name_ok(name)) << line;
    const bool histogram = types_[family_] == "histogram";
    EXPECT_TRUE(histogram ? name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count"
                          : name == family_)
        << line;
    LabelSet labels;
    if (line[at] == '{') {
      ++at;
      while (line[at] != '}') {
        const std::size_t equals = line.find('=', at);
        ASSERT_NE(equals, std::string::npos) << line;
        const std::string label = line.substr(at, equals - at);
        EXPECT_TRUE(name_ok(label)) << line;
        at = equals + 1;
        ASSERT_EQ(line[at++], '"') << line;
        std::string text;
        while (line[at] != '"') {
          ASSERT_LT(at, line.size()) << line;
          if (line[at] == '\\') {
            ++at;
            ASSERT_TRUE(line[at] == '\\' || line[at] == '"' || line[at] == 'n') << line;
            text += line[at] == 'n' ? '\n' : line[at];
          } else {
            text += line[at];
          }
          ++at;
        }
        ++at;
        EXPECT_TRUE(labels.emplace(label, text).second) << line;
        if (line[at] == ',') ++at;
      }
      ++at;
    }
    ASSERT_EQ(line[at], ' ') << line;
    const std::string number = line.substr(at + 1);
    EXPECT_EQ(number.find(' '), std::string::npos) << line;
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_TRUE(samples_.emplace(std::pair(name, labels), value).second) << "duplicate series: " << line;
  }

  std::string family_;
  std::set<std::string> families_;
  std::map<std::string, std::string> types_;
  std::map<std::pair<std::string, LabelSet>, double> samples_;
};

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() { board.publish(sample_snapshot()); }
  std::string text() { return Metrics(config, job, probe, board, http).text(); }

  JobSpec job = sample_job();
  Probe probe;
  SnapshotBoard board;
  HttpProbe http;
  ServeConfig config;
};

TEST_F(MetricsTest, EveryNameFollowsTheConventions) {
  const Exposition exposition(text());
  for (const auto& [name, type] : exposition.types()) {
    EXPECT_TRUE(name.starts_with("marquee_")) << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
  }
  EXPECT_GT(exposition.types().size(), 40u);
}

TEST_F(MetricsTest, RecordsByVerdictAndReason) {
  probe.verdicts[static_cast<std::size_t>(Verdict::kCounted)] = 10;
  probe.verdicts[static_cast<std::size_t>(Verdict::kFiltered)] = 3;
  probe.verdicts[static_cast<std::size_t>(Verdict::kLate)] = 2;
  probe.verdicts[static_cast<std::size_t>(Verdict::kItemEmpty)] = 1;
  const Exposition exposition(text());
  EXPECT_EQ(exposition.value("marquee_records_total", {{"verdict", "counted"}}), 10);
  EXPECT_EQ(exposition.value("marquee_records_total", {{"verdict", "filtered"}}), 3);
  EXPECT_EQ(exposition.value("marquee_records_total", {{"verdict", "late"}}), 2);
  EXPECT_EQ(exposition.value("marquee_records_total", {{"verdict", "invalid"}, {"reason", "item_empty"}}), 1);
  EXPECT_EQ(exposition.value("marquee_records_total", {{"verdict", "invalid"}, {"reason", "malformed"}}), 0);
  EXPECT_EQ(exposition.count("marquee_records_total"), kVerdictCount);
}

TEST_F(MetricsTest, LargeCountersAreExact) {
  probe.messages_read = 999'999'999'999'999;
  EXPECT_EQ(Exposition(text()).value("marquee_messages_total"), 999'999'999'999'999.0);
}

TEST_F(MetricsTest, HistogramsAreCumulativeInSeconds) {
  probe.decode.observe_ns(50'000);
  probe.decode.observe_ns(100'000);
  probe.decode.observe_ns(100'001);
  probe.decode.observe_ns(600'000'000'000);
  const Exposition exposition(text());
  const std::string name = "marquee_stage_duration_seconds";
  EXPECT_EQ(exposition.value(name + "_bucket", {{"stage", "decode"}, {"le", "0.0001"}}), 2);
  EXPECT_EQ(exposition.value(name + "_bucket", {{"stage", "decode"}, {"le", "0.0002"}}), 3);
  EXPECT_EQ(exposition.value(name + "_bucket", {{"stage", "decode"}, {"le", "52.4288"}}), 3);
  EXPECT_EQ(exposition.value(name + "_bucket", {{"stage", "decode"}, {"le", "+Inf"}}), 4);
  EXPECT_EQ(exposition.value(name + "_count", {{"stage", "decode"}}), 4);
  EXPECT_NEAR(exposition.value(name + "_sum", {{"stage", "decode"}}).value_or(0), 600.000250001, 1e-9);
  for (const char* stage : {"fetch", "decode", "aggregate", "rank", "commit"}) {
    EXPECT_TRUE(exposition.value(name + "_count", {{"stage", stage}})) << stage;
  }
  EXPECT_EQ(exposition.value("marquee_event_to_result_seconds_count"), 0);
}

TEST_F(MetricsTest, UnknownWatermarkAndLagAreAbsent) {
  EXPECT_THAT(text(), Not(HasSubstr("marquee_watermark_timestamp_seconds")));
  EXPECT_THAT(text(), Not(HasSubstr("marquee_source_lag_messages")));
  probe.watermark_ms = 1763800030125;
  probe.watermark_known = true;
  probe.lag_messages = 0;
  EXPECT_EQ(Exposition(text()).value("marquee_watermark_timestamp_seconds"), 1763800030.125);
  EXPECT_EQ(Exposition(text()).value("marquee_source_lag_messages"), 0);
}

TEST_F(MetricsTest, TopHasOneSeriesForEveryRank) {
  const Exposition exposition(text());
  const auto labels = [](const char* group, const char* rank) {
    return LabelSet{{"leaderboard", "trending"}, {"group", group}, {"rank", rank}};
  };
  EXPECT_EQ(exposition.value("marquee_top_views", labels("movie", "1")), 912);
  EXPECT_EQ(exposition.value("marquee_top_views", labels("movie", "2")), 800);
  EXPECT_EQ(exposition.value("marquee_top_views", labels("movie", "3")), 0);
  EXPECT_EQ(exposition.value("marquee_top_views", labels("movie", "4")), std::nullopt);
  EXPECT_EQ(exposition.value("marquee_top_watch_seconds", labels("movie", "1")), 33012);
  EXPECT_EQ(exposition.value("marquee_top_watch_seconds", labels("movie", "2")), 0.001);
  EXPECT_EQ(exposition.count("marquee_top_views"), 2 * 3 + 2 * 2u);
  EXPECT_EQ(exposition.value("marquee_groups_left_out"), 0);
}

TEST_F(MetricsTest, GroupsOfSeveralDimensionsAreEscapedJson) {
  const std::string exposed = text();
  EXPECT_THAT(exposed, HasSubstr(R"(group="[\"movie\",\"DE\"]")"));
  EXPECT_EQ(
      Exposition(exposed).value("marquee_top_views",
                                {{"leaderboard", "local"}, {"group", R"(["movie","a \"b\"\n\\"])"}, {"rank", "1"}}),
      5);
}

TEST_F(MetricsTest, PlainGroupsWithQuotesAndLineFeedsAreEscaped) {
  auto snapshot = sample_snapshot();
  const std::string group = "a\"b\\c\nd";
  snapshot->boards[0] = {{sample_record(LeaderboardIndex{0}, {group}, {{"x", 3, 0}}), nullptr}};
  board.publish(snapshot);
  const std::string exposed = text();
  EXPECT_THAT(exposed, HasSubstr(R"(group="a\"b\\c\nd")"));
  EXPECT_EQ(Exposition(exposed).value("marquee_window_events", {{"leaderboard", "trending"}, {"group", group}}), 3);
}

TEST_F(MetricsTest, GroupLabels) {
  EXPECT_EQ(group_label({"movie"}), "movie");
  EXPECT_EQ(group_label({}), "[]");
  EXPECT_EQ(group_label({"a", "b\"c"}), R"(["a","b\"c"])");
}

TEST_F(MetricsTest, SeriesOfTheTopAreCapped) {
  config.top_series_max = 5;  // room for one group of trending (3) and one of local (2)
  const Exposition exposition(text());
  EXPECT_EQ(exposition.count("marquee_top_views"), 5u);
  EXPECT_EQ(exposition.value("marquee_groups_left_out"), 2);
}

TEST_F(MetricsTest, ItemsAreLabelsOnlyWhenAskedForAndUnderACap) {
  EXPECT_THAT(text(), Not(HasSubstr("item=")));
  config.item_labels_max = 2;
  Metrics metrics(config, job, probe, board, http);
  const Exposition exposition(metrics.text());
  EXPECT_EQ(exposition.value("marquee_top_views",
                             {{"leaderboard", "trending"}, {"group", "movie"}, {"rank", "1"}, {"item", "m-1"}}),
            912);
  EXPECT_EQ(exposition.value("marquee_top_views", {{"leaderboard", "trending"}, {"group", "movie"}, {"rank", "2"}}),
            800);
  std::set<std::string> items;
  for (const auto& [key, value] : exposition.samples()) {
    if (const auto item = key.second.find("item"); item != key.second.end()) items.insert(item->second);
  }
  EXPECT_EQ(items.size(), 2u);
}

TEST_F(MetricsTest, AnEmptySnapshotHasNoBoards) {
  board.publish(std::make_shared<Snapshot>());
  const Exposition exposition(text());
  EXPECT_EQ(exposition.count("marquee_top_views"), 0u);
  EXPECT_EQ(exposition.count("marquee_snapshot_timestamp_seconds"), 0u);
}

TEST_F(MetricsTest, BuildPhaseAndProcess) {
  probe.engine = "cuda";
  probe.phase = Phase::kRestoring;
  const Exposition exposition(text());
  EXPECT_EQ(exposition.value("marquee_build_info", {{"version", MARQUEE_VERSION}, {"engine", "cuda"}}), 1);
  EXPECT_EQ(exposition.value("marquee_phase", {{"phase", "restoring"}}), 1);
  EXPECT_EQ(exposition.value("marquee_phase", {{"phase", "running"}}), 0);
  EXPECT_EQ(exposition.value("marquee_ready"), 0);
  EXPECT_GT(exposition.value("marquee_process_resident_memory_bytes").value_or(0), 1e6);
  EXPECT_GT(exposition.value("marquee_process_cpu_seconds_total").value_or(-1), 0);
  EXPECT_GE(exposition.value("marquee_process_open_fds").value_or(0), 3);
  EXPECT_GE(exposition.value("marquee_process_threads").value_or(0), 1);
  EXPECT_GT(exposition.value("marquee_process_start_time_seconds").value_or(0), 1.6e9);
}

TEST_F(MetricsTest, CommitPaneLogAndRecovery) {
  probe.commit_failures = 1;
  probe.recoveries = 2;
  probe.letters_dropped = 3;
  probe.gap_messages = 4;
  probe.pane_log_bytes = 5;
  probe.pane_log_bases = 6;
  probe.pane_log_removals = 8;
  probe.pane_log_removals_failed = 9;
  probe.restored_bytes = 7;
  probe.restore_records_total = 400;
  probe.restore_records_left = 280;
  probe.restore.observe_ns(1'000'000'000);
  const Exposition exposition(text());
  EXPECT_EQ(exposition.value("marquee_commit_failures_total"), 1);
  EXPECT_EQ(exposition.value("marquee_recoveries_total"), 2);
  EXPECT_EQ(exposition.value("marquee_letters_dropped_total"), 3);
  EXPECT_EQ(exposition.value("marquee_source_gap_messages_total"), 4);
  EXPECT_EQ(exposition.value("marquee_pane_log_written_bytes_total"), 5);
  EXPECT_EQ(exposition.value("marquee_pane_log_bases_total"), 6);
  EXPECT_EQ(exposition.value("marquee_pane_log_removals_total"), 8);
  EXPECT_EQ(exposition.value("marquee_pane_log_removals_failed_total"), 9);
  EXPECT_EQ(exposition.value("marquee_restored_bytes"), 7);
  EXPECT_EQ(exposition.value("marquee_restore_records"), 400);
  EXPECT_EQ(exposition.value("marquee_restore_records_left"), 280);
  EXPECT_EQ(exposition.value("marquee_restore_duration_seconds_count"), 1);
  EXPECT_EQ(exposition.value("marquee_restore_duration_seconds_sum"), 1);
}

TEST_F(MetricsTest, PartitionsAreToldOnceTheirPlaceIsKnown) {
  probe.by_partition.set_watermark(1, true, 1'763'800'000'125, false);
  EXPECT_EQ(Exposition(text()).count("marquee_source_partition_watermark_timestamp_seconds"), 0u);
  probe.by_partition.set_lag(1, "watch-events", 7, 42);
  probe.by_partition.set_lag(0, "watch-events", 3, 0);
  probe.by_partition.set_watermark(0, false, 0, true);
  const Exposition exposition(text());
  const std::map<std::string, std::string> seventh = {{"topic", "watch-events"}, {"partition", "7"}};
  const std::map<std::string, std::string> third = {{"topic", "watch-events"}, {"partition", "3"}};
  EXPECT_EQ(exposition.value("marquee_source_partition_lag_messages", seventh), 42);
  EXPECT_EQ(exposition.value("marquee_source_partition_watermark_timestamp_seconds", seventh), 1'763'800'000.125);
  EXPECT_EQ(exposition.value("marquee_source_partition_idle", seventh), 0);
  EXPECT_EQ(exposition.value("marquee_source_partition_lag_messages", third), 0);
  EXPECT_EQ(exposition.value("marquee_source_partition_idle", third), 1);
  EXPECT_EQ(exposition.count("marquee_source_partition_watermark_timestamp_seconds"), 1u);
}

TEST_F(MetricsTest, BudgetsPoolAndLastCommit) {
  EXPECT_EQ(Exposition(text()).count("marquee_last_commit_timestamp_seconds"), 0u);
  job.budgets.items = 11;
  job.budgets.entries = 12;
  job.budgets.title_bytes = 13;
  probe.batches_in_pool = 14;
  probe.committed_wall_ms = 1'763'800'000'500;
  const Exposition exposition(text());
  EXPECT_EQ(exposition.value("marquee_limit", {{"limit", "items"}}), 11);
  EXPECT_EQ(exposition.value("marquee_limit", {{"limit", "entries"}}), 12);
  EXPECT_EQ(exposition.value("marquee_limit", {{"limit", "title_bytes"}}), 13);
  EXPECT_EQ(exposition.count("marquee_limit"), 6u);
  EXPECT_EQ(exposition.value("marquee_batches"), 14);
  EXPECT_EQ(exposition.value("marquee_last_commit_timestamp_seconds"), 1'763'800'000.5);
}

TEST_F(MetricsTest, TheTableOfTheReadmeNamesEveryMetric) {
  probe.watermark_known = true;
  probe.lag_messages = 0;
  probe.committed_wall_ms = 1;
  probe.by_partition.set_lag(0, "watch-events", 0, 0);
  probe.by_partition.set_watermark(0, true, 0, false);
  const std::string table = metrics_markdown();
  const Exposition exposition(text());
  for (const auto& [name, type] : exposition.types())
    EXPECT_THAT(table, HasSubstr("| `" + name + "` | " + type + " |"));
  std::size_t lines = 0;
  for (const char c : table) lines += c == '\n';
  EXPECT_EQ(lines, exposition.types().size() + 2);
}

}  // namespace
}  // namespace marquee::test
