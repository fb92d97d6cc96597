// Config: everything one TOML file says, checked. The keys, their types, defaults and meaning stand in one list
// (config_keys.cpp), from which reading, printing and the README's table are made.
//
// A value is taken from the last of: its default, the file, the environment (MARQUEE_SECTION__KEY), --set
// section.key=value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/job.hpp"
#include "core/status.hpp"

namespace marquee {

enum class StartAt : std::uint8_t { kEarliest, kLatest };
enum class OnGap : std::uint8_t { kStop, kContinue };
enum class EngineKind : std::uint8_t { kAuto, kCpu, kCuda };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kAuto, kHuman, kJson };

// librdkafka's own settings, name to value as text.
using KafkaSettings = std::map<std::string, std::string>;

struct SourceSection {
  std::string brokers = "127.0.0.1:9092";
  std::vector<std::string> topics;
  std::string group = "marquee";
  StartAt start = StartAt::kEarliest;
  OnGap on_gap = OnGap::kStop;
  KafkaSettings kafka;
};

struct SinkSection {
  std::string brokers;  // empty: those of the source
  std::string topic = "popularity";
  std::int64_t commit_every_ms = 1'000;
  std::string dead_letter_topic;  // empty: dead letters are only counted
  std::string late_topic;         // empty: late events are only counted
  bool create_topics = true;
  KafkaSettings kafka;
};

struct PaneLogSection {
  std::string topic;  // empty: "<source.group>-panes"
  std::uint32_t partitions = 4;
  std::uint64_t base_after_bytes = 1u << 20;
};

struct EngineSection {
  EngineKind kind = EngineKind::kAuto;
  std::uint32_t threads = 2;
  std::uint32_t batch_events = 16'384;
  std::uint64_t batch_bytes = 1u << 20;
  std::uint32_t batches = 8;
};

struct HttpSection {
  bool enabled = true;
  std::string listen = "127.0.0.1:8080";
  std::string token_file;  // empty: no token is asked for
  std::vector<std::string> cors_origins;
  std::uint64_t history_windows = 60;
  std::uint64_t history_bytes = 64u << 20;
  std::uint64_t item_labels = 0;
};

struct LogSection {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kAuto;
};

// A [[leaderboard]] as written; `by` holds names.
struct LeaderboardSection {
  std::string name;
  std::vector<std::string> by;
  WindowSpec window;
  Measure measure = Measure::kViews;
  std::uint32_t top = 10;
  std::int64_t emit_every_ms = 1'000;
  FieldPath display;  // without keys: none
};

struct Config {
  Config() { job.event.watch.keys = {"watch_ms"}; }

  JobSpec job;  // event.dimensions and leaderboards are made from the two below, once all is read
  std::vector<DimensionSpec> dimensions;  // all that are configured, sorted by name
  std::vector<LeaderboardSection> leaderboards;
  SourceSection source;
  SinkSection sink;
  PaneLogSection pane_log;
  EngineSection engine;
  HttpSection http;
  LogSection log;
};

// One problem, ready to print: "marquee.toml:12: event.itm is not a key; did you mean event.item?"
using Problems = std::vector<std::string>;

struct ConfigRequest {
  std::string file;                                              // empty: none, only defaults and overrides
  std::vector<std::pair<std::string, std::string>> environment;  // MARQUEE_…__… variables; see marquee_environment()
  std::vector<std::string> sets;                                 // "section.key=value"
  bool needs_topic = false;                                      // source.topic must be given (run)
  bool needs_job = true;           // event.item, event.time and a leaderboard must be given
  std::uint64_t memory_bytes = 0;  // budgets must fit; 0: not checked
};

// Reads, overrides, checks. All problems are found in one go; the Config is whole only if there are none.
struct ConfigOutcome {
  Config config;
  Problems problems;
  Code code = Code::kOk;  // kConfig with problems, kUnavailable where the file cannot be read
};
ConfigOutcome load_config(const ConfigRequest& request);
// The same from text; `name` stands in messages in place of the file.
ConfigOutcome parse_config(std::string_view text, const std::string& name, const ConfigRequest& request);

// This process's environment variables that configure marquee: MARQUEE_ and a "__" behind it.
std::vector<std::pair<std::string, std::string>> marquee_environment();

// The effective configuration as TOML that reads back to the same, but for secrets, which are masked.
std::string print_config(const Config& config);
// The table of keys for the README, in Markdown.
std::string config_docs();

// Whether a librdkafka setting holds something that must not be shown.
bool is_secret(std::string_view kafka_setting);

// What the budgets may come to in memory when they are used up; a lower bound on what an engine takes.
std::uint64_t budget_bytes(const Budgets& budgets);
// Physical memory, or the control group's limit where that is lower; 0 if unknown.
std::uint64_t memory_there_is();

}  // namespace marquee
