// A job with two leaderboards, a snapshot of them, and what else the serve layer looks at.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.hpp"
#include "pipeline/log.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee::test {

struct SilentLog final : Log {
  void write(Level, std::string_view) override {}
};

inline JobSpec sample_job() {
  JobSpec job;
  job.event.dimensions = {{"category", {{"category"}}, {}}, {"country", {{"country"}}, {}}};
  LeaderboardSpec trending;
  trending.name = "trending";
  trending.by = {0};
  trending.top = 3;
  LeaderboardSpec local;
  local.name = "local";
  local.by = {0, 1};
  local.top = 2;
  job.leaderboards = {trending, local};
  return job;
}

inline std::shared_ptr<const ResultRecord> sample_record(LeaderboardIndex leaderboard, std::vector<std::string> group,
                                                         std::vector<ResultRow> rows) {
  ResultRecord record;
  record.leaderboard = leaderboard;
  record.group = std::move(group);
  record.window_start = 1763800000000;
  record.window_end = 1763800060000;
  for (const ResultRow& row : rows) record.events += row.views;
  record.rows = std::move(rows);
  return std::make_shared<const ResultRecord>(std::move(record));
}

inline std::shared_ptr<Snapshot> sample_snapshot() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->epoch = 42;
  snapshot->watermark = 1763800030000;
  snapshot->published_wall_ms = 1763800035000;
  snapshot->boards.resize(2);
  snapshot->boards[0] = {
      {sample_record(LeaderboardIndex{0}, {"live"}, {{"l-1", 7, 1000}}), nullptr},
      {sample_record(LeaderboardIndex{0}, {"movie"}, {{"m-1", 912, 33012000}, {"m-2", 800, 1}}), nullptr},
  };
  snapshot->boards[1] = {
      {sample_record(LeaderboardIndex{1}, {"movie", "DE"}, {{"m-1", 12, 500}}), nullptr},
      {sample_record(LeaderboardIndex{1}, {"movie", "a \"b\"\n\\"}, {{"m-9", 5, 250}}), nullptr},
  };
  return snapshot;
}

}  // namespace marquee::test
