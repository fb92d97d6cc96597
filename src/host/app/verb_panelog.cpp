// marquee panelog dump: the pane log as JSON lines, for whoever wants to know what is in it.

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/stop_signal.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"
#include "kafka/kafka_pane_log.hpp"
#include "kafka/topic_tail.hpp"
#include "pipeline/pane_block.hpp"
#include "pipeline/pane_block_text.hpp"

namespace marquee {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000};

struct PanelogOptions {
  std::string what;
  ConfigOptions config;
  bool rows = false;
};

int dump(const PanelogOptions& options) {
  const std::optional<Config> config = load_or_complain(options.config, {.topic = false, .job = false});
  if (!config) return static_cast<int>(Code::kConfig);
  const std::atomic<bool>& stop = stop_on_signals();
  LogSection log_section = config->log;
  if (log_section.level == LogLevel::kInfo) log_section.level = LogLevel::kWarning;
  ConsoleLog log(log_section);
  Probe probe;
  const KafkaPaneLogConfig pane_log = kafka_pane_log_config(*config);
  const std::string brokers = kafka_sink_config(*config).brokers;
  // As many as there are, whatever the configuration says: who looks wants to see all of it.
  const Result<std::int32_t> partitions = partition_count({brokers, pane_log.topic, pane_log.extra}, kPatience, log);
  if (!partitions.ok()) return report(partitions.status());
  std::uint64_t damaged = 0;
  std::string out;
  const Status status = read_pane_topic(
      {brokers, pane_log.topic, pane_log.extra}, partitions.value(), stop, log, probe,
      [&](const PaneLog::Value& value) -> Status {
        out.clear();
        const Result<PaneBlock> block = decode_pane_block(value.bytes);
        if (block.ok()) {
          append_pane_block_json(out, block.value(), {value.partition, value.position, value.bytes.size()});
          if (options.rows) append_pane_rows_json(out, block.value());
        } else {
          ++damaged;
          std::fprintf(stderr, "marquee: topic %s, partition %u, offset %lld: %s\n", pane_log.topic.c_str(),
                       value.partition, static_cast<long long>(value.position), block.status().message().c_str());
        }
        if (std::fwrite(out.data(), 1, out.size(), stdout) == out.size()) return {};
        return {Code::kUnavailable, "standard output cannot be written"};
      });
  if (!status.ok()) return report(status);
  if (std::fflush(stdout) != 0) return report({Code::kUnavailable, "standard output cannot be written"});
  if (damaged == 0) return 0;
  return report({Code::kInternal, std::to_string(damaged) + " values are not the pane log's, or damaged"});
}

}  // namespace

void add_panelog(CLI::App& app, Action& action) {
  auto options = std::make_shared<PanelogOptions>();
  CLI::App* verb = app.add_subcommand("panelog", "Look at the pane log, from which state is rebuilt");
  verb->footer(R"(Examples:
  marquee panelog dump --config marquee.toml
  marquee panelog dump --config marquee.toml --rows | grep '"item":"m-000123"'
dump prints every committed value as a line of JSON: 0 when all of it could be read, 70 when some of it is damaged. What
is in a value: docs/pane-log.md.)");
  verb->add_option("what", options->what, "dump")->type_name("WHAT")->required()->check(one_of({"dump"}));
  add_config_options(*verb, options->config, true);
  verb->add_flag("--rows", options->rows, "print its rows behind each value, a line each");
  verb->callback([options, &action] { action = [options] { return dump(*options); }; });
}

}  // namespace marquee
