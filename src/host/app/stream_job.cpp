#include "app/stream_job.hpp"

#include <optional>

#include "app/engine_choice.hpp"
#include "app/system_clock.hpp"
#include "file/memory_pane_log.hpp"
#include "kafka/kafka_sink.hpp"
#include "kafka/kafka_source.hpp"
#include "pipeline/pipeline.hpp"
#include "serve/http_server.hpp"

namespace marquee {
namespace {

KafkaSourceConfig source_config(const Config& config) {
  KafkaSourceConfig out;
  out.brokers = config.source.brokers;
  out.topics = config.source.topics;
  out.group = config.source.group;
  out.start = config.source.start == StartAt::kLatest ? KafkaStart::kLatest : KafkaStart::kEarliest;
  out.extra = config.source.kafka;
  return out;
}

KafkaSinkConfig sink_config(const Config& config) {
  KafkaSinkConfig out;
  out.brokers = config.sink.brokers.empty() ? config.source.brokers : config.sink.brokers;
  out.topic = config.sink.topic;
  out.dead_letter_topic = config.sink.dead_letter_topic;
  out.late_topic = config.sink.late_topic;
  out.ce_source = "/marquee/" + config.source.group;
  out.extra = config.sink.kafka;
  out.create_topics = config.sink.create_topics;
  return out;
}

PipelineOptions pipeline_options(const Config& config) {
  PipelineOptions options;
  options.lanes = config.engine.threads;
  options.batches = config.engine.batches;
  options.batch_events = config.engine.batch_events;
  options.batch_bytes = config.engine.batch_bytes;
  options.commit_every_ms = config.sink.commit_every_ms;
  options.keep_dead_letters = !config.sink.dead_letter_topic.empty();
  options.keep_late_letters = !config.sink.late_topic.empty();
  return options;
}

}  // namespace

// Destroyed from the last to the first: the pipeline before what it is made of, the server that shows it all at the
// end.
struct StreamJob::Parts {
  Parts(const Config& config, Probe& probe, SnapshotBoard& snapshots, Log& log)
      : source(source_config(config), log, probe),
        sink(sink_config(config), config.job, source, log, probe),
        pipeline(
            config.job, pipeline_options(config),
            {&source, &sink, &pane_log, &clock, &log, &probe, &snapshots, engine_factory(config.engine.kind, log)}) {}

  std::optional<HttpServer> http;
  KafkaSource source;
  KafkaSink sink;
  MemoryPaneLog pane_log;
  SystemClock clock;
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
  HttpServer& http = parts_->http.emplace(serve, config_.job, probe_, snapshots_, log_);
  if (Status s = http.start(); !s.ok()) return s;
  log_.info("metrics, health and API are at " + config_.http.listen + " (/metrics, /readyz, /api/v1/top)");
  return {};
}

std::uint16_t StreamJob::http_port() const {
  return parts_->http ? parts_->http->port() : 0;
}

Status StreamJob::run(const std::atomic<bool>& stop) {
  return parts_->pipeline.run(stop);
}

}  // namespace marquee
