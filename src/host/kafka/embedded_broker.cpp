#include "kafka/embedded_broker.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdint>

namespace marquee {

Result<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::start(int count) {
  std::unique_ptr<EmbeddedBroker> broker(new EmbeddedBroker);
  std::array<char, 512> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
  broker->handle_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size()));
  if (!broker->handle_) {
    rd_kafka_conf_destroy(conf);
    return Status(Code::kInternal, std::string("the embedded broker's host could not be made: ") + text.data());
  }
  broker->cluster_.reset(rd_kafka_mock_cluster_new(broker->handle_.get(), count));
  if (!broker->cluster_) {
    return Status(Code::kUnavailable, "the embedded broker could not listen on 127.0.0.1: is loopback up?");
  }
  broker->brokers_ = rd_kafka_mock_cluster_bootstraps(broker->cluster_.get());
  return broker;
}

Status EmbeddedBroker::create_topic(const std::string& topic, int partitions) {
  const rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Status(Code::kInternal, "the embedded broker does not make topic " + topic + ": " + rd_kafka_err2str(error));
}

void EmbeddedBroker::take_down(int broker) {
  rd_kafka_mock_broker_set_down(cluster_.get(), broker);
}
void EmbeddedBroker::bring_up(int broker) {
  rd_kafka_mock_broker_set_up(cluster_.get(), broker);
}
void EmbeddedBroker::set_round_trip_ms(int ms, int broker) {
  rd_kafka_mock_broker_set_rtt(cluster_.get(), broker, ms);
}

void EmbeddedBroker::fail_next(int api_key, const std::vector<int>& errors) {
  std::vector<rd_kafka_resp_err_t> list;
  list.reserve(errors.size());
  for (const int e : errors) list.push_back(static_cast<rd_kafka_resp_err_t>(e));
  rd_kafka_mock_push_request_errors_array(cluster_.get(), static_cast<std::int16_t>(api_key), list.size(), list.data());
}

}  // namespace marquee
