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

StreamJob::StreamJob(const Config& config, Probe& probe, SnapshotBoard& snapshots, Log& log)
    : config_(config), probe_(probe), snapshots_(snapshots), log_(log) {}

Status StreamJob::run(const std::atomic<bool>& stop) {
  // HTTP first: while Kafka is not there, /readyz says why.
  std::optional<HttpServer> http;
  if (config_.http.enabled) {
    ServeConfig serve;
    serve.listen = config_.http.listen;
    http.emplace(serve, config_.job, probe_, snapshots_, log_);
    if (Status s = http->start(); !s.ok()) return s;
    http_port_.store(http->port());
    log_.info("metrics, health and API are at " + config_.http.listen + " (/metrics, /readyz, /api/v1/top)");
  }
  KafkaSource source(source_config(config_), log_, probe_);
  KafkaSink sink(sink_config(config_), config_.job, source, log_, probe_);
  MemoryPaneLog pane_log;
  SystemClock clock;
  Pipeline pipeline(
      config_.job, pipeline_options(config_),
      {&source, &sink, &pane_log, &clock, &log_, &probe_, &snapshots_, engine_factory(config_.engine.kind, log_)});
  return pipeline.run(stop);
}

}  // namespace marquee
