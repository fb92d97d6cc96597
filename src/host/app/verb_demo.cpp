// marquee demo: broker, generator, pipeline and view in one process. Nothing is simulated but the broker.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <stop_token>
#include <thread>

#include "app/boards_view.hpp"
#include "app/config_values.hpp"
#include "app/console_log.hpp"
#include "app/demo_config.hpp"
#include "app/kafka_sections.hpp"
#include "app/snapshot_feed.hpp"
#include "app/stop_signal.hpp"
#include "app/stream_job.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"
#include "gen/gen.hpp"
#include "kafka/embedded_broker.hpp"

namespace marquee {
namespace {

constexpr int kPartitions = 4;
constexpr std::chrono::milliseconds kStopLatency{100};  // a signal handler can wake nobody: its flag is looked at

struct DemoOptions {
  std::string duration;
  std::string rate = "20000/min";
  std::string listen;
  std::uint64_t seed = 1;
  bool no_color = false;
  std::vector<std::string> sets;
};

// Its threads, and who tells whom to stop: the generator first, then the pipeline, which drains.
class Demo {
 public:
  Demo(Config config, gen::GenOptions gen_options, std::unique_ptr<EmbeddedBroker> broker, const DemoOptions& options)
      : config_(std::move(config)),
        broker_(std::move(broker)),
        options_(options),
        terminal_(is_terminal(STDOUT_FILENO)),
        log_({terminal_ ? LogLevel::kError : LogLevel::kWarning, LogFormat::kAuto}),
        generator_(std::move(gen_options)),
        job_(config_, probe_, snapshots_, log_) {}

  Status run(const std::atomic<bool>& told_to_stop, std::optional<std::int64_t> for_ms) {
    if (Status s = job_.serve(); !s.ok()) return s;
    std::thread pipeline([this] {
      status_ = job_.run(stop_pipeline_);
      pipeline_over_.store(true);
    });
    std::thread generator([this] {
      gen_status_ = generator_.run(stop_generator_);
      generator_over_.store(true);
    });
    std::stop_source stop_view;
    std::thread watch([&] {
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(for_ms.value_or(0));
      while (!told_to_stop.load() && !pipeline_over_.load() && !generator_over_.load() && !view_over_.load()) {
        const auto now = std::chrono::steady_clock::now();
        if (for_ms && now >= end) break;
        std::this_thread::sleep_until(for_ms ? std::min(now + kStopLatency, end) : now + kStopLatency);
      }
      stop_view.request_stop();
    });
    SnapshotFeed feed(config_.job, probe_, snapshots_);
    BoardsView view(feed, view_options());
    view.run([&] { return stop_view.stop_requested(); });
    view_over_.store(true);
    watch.join();
    stop_generator_.store(true);
    generator.join();
    stop_pipeline_.store(true);
    pipeline.join();
    if (!gen_status_.ok()) return {static_cast<Code>(gen_status_.code), "the generator: " + gen_status_.message};
    return status_;
  }

 private:
  BoardsViewOptions view_options() const {
    BoardsViewOptions view;
    view.terminal = terminal_;
    if (terminal_ && is_terminal(STDIN_FILENO)) view.in_fd = STDIN_FILENO;
    view.color = wants_color(STDOUT_FILENO, options_.no_color);
    if (job_.http_port() != 0) {
      const std::optional<ListenAddress> address = parse_listen(config_.http.listen);
      const std::string base = "http://" + address->host + ":" + std::to_string(job_.http_port());
      view.links.push_back("page      " + base + "/");
      view.links.push_back("metrics   " + base + "/metrics");
    }
    view.links.push_back("results   kcat -b " + broker_->brokers() + " -C -t " + config_.sink.topic + " -o end");
    return view;
  }

  const Config config_;
  std::unique_ptr<EmbeddedBroker> broker_;
  const DemoOptions& options_;
  const bool terminal_;
  ConsoleLog log_;
  gen::Generator generator_;
  Probe probe_;
  SnapshotBoard snapshots_;
  StreamJob job_;
  std::atomic<bool> stop_generator_{false};
  std::atomic<bool> stop_pipeline_{false};
  std::atomic<bool> generator_over_{false};
  std::atomic<bool> pipeline_over_{false};
  std::atomic<bool> view_over_{false};
  Status status_;
  gen::GenStatus gen_status_;
};

int run_demo(const DemoOptions& options) {
  std::optional<std::int64_t> for_ms;
  if (!options.duration.empty()) {
    for_ms = parse_duration_ms(options.duration);
    if (!for_ms) return report({Code::kUsage, "--for must be a duration such as 30s or 5m, not " + options.duration});
  }
  std::string error;
  gen::GenOptions gen_options;
  gen_options.rate = gen::parse_rate(options.rate, error);
  if (!gen_options.rate) return report({Code::kUsage, "--rate: " + error});
  gen_options.seed = options.seed;
  gen_options.partitions = kPartitions;

  Result<std::unique_ptr<EmbeddedBroker>> broker = EmbeddedBroker::start();
  if (!broker.ok()) return report(broker.status());
  gen_options.brokers = broker.value()->brokers();

  ConfigRequest request;
  request.environment = marquee_environment();
  request.sets = options.sets;
  request.sets.push_back("source.brokers=" + gen_options.brokers);
  // Any free port unless one is asked for: a demo does not fail over a port that something else has.
  request.sets.push_back("http.listen=" + (options.listen.empty() ? std::string("127.0.0.1:0") : options.listen));
  request.needs_topic = true;
  ConfigOutcome outcome = parse_config(kDemoToml, "demo", request);
  for (const std::string& problem : outcome.problems) std::fprintf(stderr, "%s\n", printable(problem).c_str());
  if (!outcome.problems.empty()) return static_cast<int>(Code::kConfig);
  gen_options.topic = outcome.config.source.topics.front();
  for (const std::string& topic : {gen_options.topic, outcome.config.sink.topic}) {
    if (const Status s = broker.value()->create_topic(topic, kPartitions); !s.ok()) return report(s);
  }
  const KafkaPaneLogConfig pane_log = kafka_pane_log_config(outcome.config);
  if (const Status s = broker.value()->create_topic(pane_log.topic, pane_log.partitions); !s.ok()) return report(s);
  const std::atomic<bool>& stop = stop_on_signals(&TerminalScreen::restore);
  Demo demo(std::move(outcome.config), std::move(gen_options), std::move(broker.value()), options);
  return report(demo.run(stop, for_ms));
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* verb = app.add_subcommand("demo", "Watch it work: a broker, a generator and the boards, all in one");
  verb->footer(R"(Examples:
  marquee demo
  marquee demo --for 30s --rate 100k/s
  marquee demo --listen 127.0.0.1:8080 --set time.disorder=5s)");
  verb->add_option("--for", options->duration, "leave after this long")->type_name("DURATION");
  verb->add_option("--rate", options->rate, "events to make: 20000/min, 500k/s")
      ->type_name("RATE")
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "of the generator")
      ->type_name("N")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()))
      ->capture_default_str();
  verb->add_option("--listen", options->listen, "address:port for metrics and API; any free port unless given")
      ->type_name("ADDRESS");
  verb->add_flag("--no-color", options->no_color, "plain text on a terminal too");
  verb->add_option("--set", options->sets, "overrides one key of the demo's configuration; may be repeated")
      ->type_name("SECTION.KEY=VALUE")
      ->expected(1)
      ->take_all();
  verb->callback([options, &action] { action = [options] { return run_demo(*options); }; });
}

}  // namespace marquee
