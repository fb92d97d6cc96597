// marquee run: the service.

#include <cstdint>
#include <memory>

#include "app/access_report.hpp"
#include "app/console_log.hpp"
#include "app/operator_signals.hpp"
#include "app/stop_signal.hpp"
#include "app/stream_job.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"

namespace marquee {
namespace {

// For letting go of Kafka's clients; with what a last commit may take (leave_within_ms) under five seconds.
constexpr std::int64_t kTearDownMs = 500;

// From the first signal on, whatever librdkafka does: it waits for some answers without end
// (send_offsets_to_transaction while the group's coordinator is away, its issue 5456). What is not committed by then is
// read again.
constexpr unsigned kLeaveWithinS = 25;

struct RunOptions {
  ConfigOptions config;
  std::string log_format;
  std::string log_level;
  bool check = false;
};

int run_stream(const RunOptions& options) {
  ConfigOptions config_options = options.config;
  if (!options.log_format.empty()) config_options.sets.push_back("log.format=" + options.log_format);
  if (!options.log_level.empty()) config_options.sets.push_back("log.level=" + options.log_level);
  const std::optional<Config> config = load_or_complain(config_options, {.topic = true, .job = true});
  if (!config) return static_cast<int>(Code::kConfig);
  if (complain_of_kafka_settings(*config)) return static_cast<int>(Code::kConfig);
  ConsoleLog log(config->log);
  if (options.check) {
    leave_on_signals();
    return report_access(*config, log);
  }
  const std::atomic<bool>& stop = stop_on_signals(nullptr, kLeaveWithinS);
  const OperatorSignals signals(log, config->log.level);
  Probe probe;
  SnapshotBoard snapshots;
  log.info("marquee " MARQUEE_VERSION " starts");
  StreamJob job(*config, probe, snapshots, log);
  Status status = job.serve();
  if (status.ok()) status = job.run(stop);
  int code = status.exit_code();
  if (status.ok()) {
    log.info("marquee has left; everything read is committed");
  } else if (stop.load() && status.code() == Code::kUnavailable) {
    log.warning(status.message());  // told to leave while the broker is away: nothing is lost, and it is no failure
    code = 0;
  } else {
    log.error(status.message());
  }
  end_process_within(kTearDownMs, code);
  return code;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* verb =
      app.add_subcommand("run", "Read watch events from Kafka, write the boards to Kafka, until told to stop");
  verb->footer(R"(Examples:
  marquee run --config marquee.toml
  marquee run --config marquee.toml --log-format json --set source.brokers=kafka:9092
  MARQUEE_SOURCE__KAFKA__SASL_PASSWORD=… marquee run --config marquee.toml
  marquee run --config marquee.toml --check
The first SIGTERM or SIGINT drains and leaves with 0; the second leaves at once.
SIGUSR1 makes the log say everything, SIGUSR2 what is configured again. SIGHUP reads nothing anew: restart it.)");
  add_config_options(*verb, options->config, true);
  verb->add_option("--log-format", options->log_format, "auto, human or json")
      ->check(one_of({"auto", "human", "json"}));
  verb->add_option("--log-level", options->log_level, "debug, info, warning or error")
      ->check(one_of({"debug", "info", "warning", "error"}));
  verb->add_flag("--check", options->check,
                 "try what a run needs (brokers, credentials, topics, permissions), change nothing, and leave");
  verb->callback([options, &action] { action = [options] { return run_stream(*options); }; });
}

}  // namespace marquee
