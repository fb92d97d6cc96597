#include "app/kafka_sections.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "kafka/client.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/producer_session.hpp"

namespace marquee {

KafkaSettings connection_settings(const KafkaSettings& settings) {
  constexpr std::array<std::string_view, 9> kPrefixes = {"security.", "sasl.",      "ssl.",      "enable.s", "socket.",
                                                         "broker.",   "reconnect.", "client.id", "plugin."};
  KafkaSettings out;
  for (const auto& [name, value] : settings) {
    if (std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view p) { return name.starts_with(p); }))
      out[name] = value;
  }
  return out;
}

std::vector<std::string> kafka_settings_problems(const Config& config) {
  std::vector<std::string> problems;
  const auto judge = [&](const ClientSpec& spec) {
    const Status whole = Client::check(spec);
    if (whole.ok()) return;
    const std::size_t before = problems.size();
    ClientSpec one = spec;  // setting by setting, for librdkafka tells of the first alone
    for (const auto& setting : spec.extra) {
      one.extra = {setting};
      if (const Status status = Client::check(one); !status.ok()) problems.push_back(status.message());
    }
    if (problems.size() == before) problems.push_back(whole.message());
  };
  judge(KafkaSource::client_spec(kafka_source_config(config), 1));
  judge(ProducerSession::client_spec(kafka_sink_config(config)));
  return problems;
}

KafkaSourceConfig kafka_source_config(const Config& config) {
  KafkaSourceConfig out;
  out.brokers = config.source.brokers;
  out.topics = config.source.topics;
  out.group = config.source.group;
  out.start = config.source.start == StartAt::kLatest ? KafkaStart::kLatest : KafkaStart::kEarliest;
  out.on_gap = config.source.on_gap == OnGap::kContinue ? KafkaOnGap::kContinue : KafkaOnGap::kStop;
  out.extra = config.source.kafka;
  return out;
}

KafkaSinkConfig kafka_sink_config(const Config& config) {
  KafkaSinkConfig out;
  out.brokers = config.sink.brokers.empty() ? config.source.brokers : config.sink.brokers;
  out.group = config.source.group;
  out.topic = config.sink.topic;
  out.dead_letter_topic = config.sink.dead_letter_topic;
  out.late_topic = config.sink.late_topic;
  out.ce_source = "/marquee/" + config.source.group;
  out.extra = config.sink.kafka;
  out.create_topics = config.sink.create_topics;
  return out;
}

KafkaPaneLogConfig kafka_pane_log_config(const Config& config) {
  KafkaPaneLogConfig out;
  out.topic = config.pane_log.topic.empty() ? config.source.group + "-panes" : config.pane_log.topic;
  out.partitions = static_cast<std::int32_t>(config.pane_log.partitions);
  out.create_topic = config.sink.create_topics;
  out.extra = connection_settings(config.sink.kafka);
  return out;
}

}  // namespace marquee
