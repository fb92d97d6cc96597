// marquee replay FILE…: files in, results on standard output. No Kafka.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "app/console_log.hpp"
#include "app/engine_choice.hpp"
#include "app/replay_progress.hpp"
#include "app/replay_summary.hpp"
#include "app/stop_signal.hpp"
#include "app/system_clock.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"
#include "file/file_source.hpp"
#include "file/memory_pane_log.hpp"
#include "file/stdout_sink.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee {
namespace {

constexpr const char* kExamples = R"(Examples:
  marquee replay events.ndjson --config marquee.toml
  zcat events.ndjson.gz | marquee replay - --config marquee.toml --summary summary.json > results.ndjson
  marquee replay mon.ndjson.zst tue.ndjson.zst --config marquee.toml --threads 4 --set time.lateness=1h)";

struct ReplayOptions {
  std::vector<std::string> files;
  ConfigOptions config;
  std::string summary;
  std::uint32_t threads = 0;
  std::string engine;
  bool updates = false;
};

int run_replay(const ReplayOptions& options) {
  ConfigOptions config_options = options.config;
  if (!options.engine.empty()) config_options.sets.push_back("engine.kind=" + options.engine);
  std::optional<Config> config = load_or_complain(config_options, {});
  if (!config) return static_cast<int>(Code::kConfig);
  if (!options.summary.empty()) {
    // Told before an hour of work, not after it.
    if (const Status s = write_file(options.summary, ""); !s.ok()) return report(s);
  }
  const std::atomic<bool>& stop = stop_on_signals();

  PipelineOptions pipeline_options;
  pipeline_options.lanes = options.threads > 0 ? options.threads : config->engine.threads;
  pipeline_options.batches = config->engine.batches;
  pipeline_options.batch_events = config->engine.batch_events;
  pipeline_options.batch_bytes = config->engine.batch_bytes;
  // Nothing is committed where others see it; what is held of a pipe for a GPU's loss is held until then.
  pipeline_options.commit_every_ms = std::min<std::int64_t>(config->sink.commit_every_ms, 1'000);
  pipeline_options.emission = Emission::kSettled;
  pipeline_options.updates = options.updates;

  LogSection log_section = config->log;
  if (log_section.level == LogLevel::kInfo)
    log_section.level = LogLevel::kWarning;  // its standard error is for the summary
  ConsoleLog log(log_section);
  FileSource source(options.files, std::min<std::size_t>(kHeldBytesMax, memory_there_is() / 8));
  StdoutSink sink(config->job, STDOUT_FILENO, "standard output");
  MemoryPaneLog pane_log;
  SystemClock clock;
  Probe probe;
  SnapshotBoard snapshots;
  Pipeline pipeline(
      config->job, pipeline_options,
      {&source, &sink, &pane_log, &clock, &log, &probe, &snapshots, engine_factory(config->engine.kind, log)});
  const auto begin = std::chrono::steady_clock::now();
  Status status;
  {
    const ReplayProgress progress(STDERR_FILENO, source, probe);
    status = pipeline.run(stop);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const ReplaySummary summary = summary_of(probe, seconds);
  if (!status.ok()) return report(status);
  if (stop.load()) {
    std::fprintf(stderr, "marquee: interrupted; what was settled is printed, the rest is not. %s\n",
                 summary_text(summary).c_str());
    return 128 + stop_signal();
  }
  std::fprintf(stderr, "%s\n", summary_text(summary).c_str());
  return options.summary.empty() ? 0 : report(write_file(options.summary, summary_json(summary)));
}

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* verb = app.add_subcommand("replay", "Compute the boards of files: NDJSON, plain, gzip or zstd; no Kafka");
  verb->footer(kExamples);
  verb->add_option("files", options->files, "files, read one after the other; - is standard input")
      ->type_name("FILE")
      ->required();
  add_config_options(*verb, options->config, true);
  verb->add_option("--summary", options->summary, "write how many records got which verdict, as JSON")
      ->type_name("FILE");
  verb->add_option("--threads", options->threads, "threads that read and decode; the output is the same for any number")
      ->type_name("N")
      ->check(whole_number(1, 256));
  verb->add_flag("--updates", options->updates, "print provisional results too, by the clock of the events");
  verb->add_option("--engine", options->engine, "auto, cpu or cuda")->check(one_of({"auto", "cpu", "cuda"}));
  verb->callback([options, &action] { action = [options] { return run_replay(*options); }; });
}

}  // namespace marquee
