#include "app/stream_job.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <random>
#include <string>

#include "app/engine_choice.hpp"
#include "app/kafka_sections.hpp"
#include "app/system_clock.hpp"
#include "app/token_file.hpp"
#include "kafka/kafka_pane_log.hpp"
#include "kafka/kafka_sink.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/producer_session.hpp"
#include "pipeline/pipeline.hpp"
#include "serve/http_server.hpp"

namespace marquee {
namespace {

// host:process:random, unlike any other process's.
std::string instance_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string name = host[0] == '\0' ? "host" : host.data();
  std::replace_if(name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~'; }, '_');
  std::random_device random;
  return name + ":" + std::to_string(::getpid()) + ":" + std::to_string(random());
}

PipelineOptions pipeline_options(const Config& config) {
  PipelineOptions options;
  options.instance = instance_name();
  options.lanes = config.engine.threads;
  options.batches = config.engine.batches;
  options.batch_events = config.engine.batch_events;
  options.batch_bytes = config.engine.batch_bytes;
  options.commit_every_ms = config.sink.commit_every_ms;
  options.base_bytes_besides = config.pane_log.base_after_bytes;
  options.history = {config.http.history_windows, config.http.history_bytes};
  options.keep_dead_letters = !config.sink.dead_letter_topic.empty();
  options.keep_late_letters = !config.sink.late_topic.empty();
  return options;
}

}  // namespace

// Destroyed from the last to the first: the pipeline before what it is made of, the server that shows it all at the
// end.
struct StreamJob::Parts {
  Parts(const Config& config, Probe& probe, SnapshotBoard& snapshots, Log& log)
      : source(kafka_source_config(config), log, probe),
        session(kafka_sink_config(config), source, log, probe),
        sink(kafka_sink_config(config), config.job, source, session, log, probe),
        pane_log(kafka_pane_log_config(config), kafka_sink_config(config).brokers, session, log, probe),
        options(pipeline_options(config)),
        pipeline(
            config.job, options,
            {&source, &sink, &pane_log, &clock, &log, &probe, &snapshots, engine_factory(config.engine.kind, log)}) {}

  std::optional<HttpServer> http;
  KafkaSource source;
  ProducerSession session;
  KafkaSink sink;
  KafkaPaneLog pane_log;
  SystemClock clock;
  const PipelineOptions options;
  Pipeline pipeline;
};

StreamJob::StreamJob(const Config& config, Probe& probe, SnapshotBoard& snapshots, Log& log)
    : config_(config),
      probe_(probe),
      snapshots_(snapshots),
      log_(log),
      parts_(std::make_unique<Parts>(config, probe, snapshots, log)) {}
StreamJob::~StreamJob() = default;

Status StreamJob::serve() {
  if (!config_.http.enabled) return {};
  ServeConfig serve;
  serve.listen = config_.http.listen;
  if (!config_.http.token_file.empty()) {
    Result<std::string> token = read_token(config_.http.token_file);
    if (!token.ok()) return token.status();
    serve.token = std::move(token.value());
  }
  serve.cors_origins = config_.http.cors_origins;
  serve.history = {config_.http.history_windows, config_.http.history_bytes};
  serve.item_labels_max = config_.http.item_labels;
  serve.about = {config_.source.group, parts_->options.instance, config_.sink.commit_every_ms};
  HttpServer& http = parts_->http.emplace(serve, config_.job, probe_, snapshots_, log_);
  if (Status s = http.start(); !s.ok()) return s;
  log_.info("the page, the API and metrics are at " + config_.http.listen + " (/, /api, /metrics)");
  return {};
}

std::uint16_t StreamJob::http_port() const {
  return parts_->http ? parts_->http->port() : 0;
}

Status StreamJob::run(const std::atomic<bool>& stop) {
  return parts_->pipeline.run(stop);
}

}  // namespace marquee
