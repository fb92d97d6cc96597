// The verbs of the command line, one file each. A verb adds itself to the parser and says what to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hpp"

namespace marquee {

// What main runs once everything is parsed; gives the exit code.
using Action = std::function<int()>;

void add_run(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_gen(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
void add_validate(CLI::App& app, Action& action);
void add_config(CLI::App& app, Action& action);
void add_healthcheck(CLI::App& app, Action& action);
void add_panelog(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);  // last: it completes the verbs added before it

// All of them.
void add_verbs(CLI::App& app, Action& action);

// --- What several verbs share (verb_options.cpp)

struct ConfigOptions {
  std::string file;
  std::vector<std::string> sets;
};

// --config FILE and --set section.key=value.
void add_config_options(CLI::App& verb, ConfigOptions& options, bool required);

struct ConfigNeeds {
  bool topic = false;
  bool job = true;
};
// The configuration with its overrides, the environment's included; or none, and every problem is on standard error.
std::optional<Config> load_or_complain(const ConfigOptions& options, const ConfigNeeds& needs);

// Whether librdkafka has something against [source.kafka] or [sink.kafka]; every problem is then on standard error.
bool complain_of_kafka_settings(const Config& config);

// Prints "marquee: sentence" to standard error unless the status is ok. The exit code.
int report(const Status& status);

// What `marquee version` and `--version` print.
std::string version_text();

// The completion script of a shell, "bash" or "zsh", for the verbs and options of `app`.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace marquee
