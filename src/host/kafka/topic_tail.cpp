#include "kafka/topic_tail.hpp"

#include <librdkafka/rdkafka.h>

#include <utility>

namespace marquee {
namespace {

constexpr std::size_t kMessagesMax = 1'024;
constexpr std::chrono::milliseconds kAskEvery{1'000};
constexpr std::chrono::milliseconds kAnswerWithin{500};

Result<std::unique_ptr<Client>> make_consumer(const TopicTailConfig& config, Log& log) {
  ClientSpec spec;
  spec.kind = ClientKind::kConsumer;
  spec.section = "sink.kafka";
  spec.brokers = config.brokers;
  spec.extra = config.extra;
  spec.fixed = {{"isolation.level", "read_committed"},
                {"enable.partition.eof", "true"},
                {"auto.offset.reset", "earliest"},
                {"enable.auto.commit", "false"}};
  spec.preferred = {{"client.id", "marquee"}, {"fetch.wait.max.ms", "100"}, {"queued.max.messages.kbytes", "65536"}};
  return Client::make(std::move(spec), log);
}

std::string name_of(const TopicTailConfig& config) {
  return "topic " + config.topic + " on Kafka at " + config.brokers;
}

Result<std::int32_t> count_partitions(const Client& client, rd_kafka_topic_t* topic, const std::string& where,
                                      std::chrono::milliseconds patience) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client.handle(), 0, topic, &metadata, static_cast<int>(patience.count()));
  rd_kafka_poll(client.handle(), 0);  // what it has to complain of
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Status{Code::kUnavailable, where + " cannot be read: " + client.trouble(error)};
  }
  const rd_kafka_resp_err_t of_topic =
      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  const std::int32_t partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  if (of_topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || partitions == 0) {
    return Status{Code::kUnavailable, "there is no " + where};
  }
  if (of_topic != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Status{Code::kUnavailable, where + " cannot be read: " + rd_kafka_err2str(of_topic)};
  }
  return partitions;
}

}  // namespace

Result<std::int32_t> partition_count(const TopicTailConfig& config, std::chrono::milliseconds patience, Log& log) {
  const Result<std::unique_ptr<Client>> client = make_consumer(config, log);
  if (!client.ok()) return client.status();
  const KafkaTopic topic(rd_kafka_topic_new(client.value()->handle(), config.topic.c_str(), nullptr));
  return count_partitions(*client.value(), topic.get(), name_of(config), patience);
}

TopicTail::TopicTail(TopicTailConfig config, std::unique_ptr<Client> client)
    : config_(std::move(config)), client_(std::move(client)) {}

TopicTail::~TopicTail() {
  for (std::size_t p = 0; p < at_end_.size(); ++p) rd_kafka_consume_stop(topic_.get(), static_cast<std::int32_t>(p));
}

Result<std::unique_ptr<TopicTail>> TopicTail::open(TopicTailConfig config, std::chrono::milliseconds patience,
                                                   Log& log) {
  Result<std::unique_ptr<Client>> client = make_consumer(config, log);
  if (!client.ok()) return client.status();
  const std::string where = name_of(config);
  auto tail = std::unique_ptr<TopicTail>(new TopicTail(std::move(config), std::move(client.value())));
  rd_kafka_t* const rk = tail->client_->handle();
  tail->topic_.reset(rd_kafka_topic_new(rk, tail->config_.topic.c_str(), nullptr));
  tail->queue_.reset(rd_kafka_queue_new(rk));
  const Result<std::int32_t> partitions = count_partitions(*tail->client_, tail->topic_.get(), where, patience);
  if (!partitions.ok()) return partitions.status();
  for (std::int32_t p = 0; p < partitions.value(); ++p) {
    if (rd_kafka_consume_start_queue(tail->topic_.get(), p, RD_KAFKA_OFFSET_BEGINNING, tail->queue_.get()) != 0) {
      return Status{Code::kInternal, where + ", partition " + std::to_string(p) +
                                         " cannot be read: " + rd_kafka_err2str(rd_kafka_last_error())};
    }
    tail->at_end_.push_back(false);
  }
  return tail;
}

Status TopicTail::poll(std::chrono::milliseconds wait, const std::function<void(std::string_view value)>& take) {
  rd_kafka_poll(client_->handle(), 0);
  std::vector<rd_kafka_message_t*> messages(kMessagesMax);
  ssize_t n = rd_kafka_consume_batch_queue(queue_.get(), 0, messages.data(), messages.size());
  // A batch waits until it is full: the first record alone is waited for.
  if (n <= 0) n = rd_kafka_consume_batch_queue(queue_.get(), static_cast<int>(wait.count()), messages.data(), 1);
  Status status;
  for (ssize_t i = 0; i < n; ++i) {
    rd_kafka_message_t* const message = messages[static_cast<std::size_t>(i)];
    const auto partition = static_cast<std::size_t>(message->partition);
    const bool known = message->partition >= 0 && partition < at_end_.size();
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      client_->forget_error();
      if (known && at_end_[partition]) {
        at_end_[partition] = false;
        --at_end_count_;
      }
      if (message->payload != nullptr) {
        take(std::string_view(static_cast<const char*>(message->payload), message->len));
      }
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      client_->forget_error();
      if (known && !at_end_[partition]) {
        at_end_[partition] = true;
        ++at_end_count_;
      }
    } else if (is_unreadable(message->err) && status.ok()) {
      status = {Code::kInternal, "topic " + config_.topic + ", partition " + std::to_string(message->partition) +
                                     " cannot be read: " + rd_kafka_message_errstr(message)};
    } else if (status.ok() && message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      status = {Code::kUnavailable, "this user may not read topic " + config_.topic};
    }
    rd_kafka_message_destroy(message);
  }
  return status;
}

std::string TopicTail::trouble() {
  if (client_->last_error().empty()) return {};
  std::string trouble = client_->trouble(RD_KAFKA_RESP_ERR__TRANSPORT);
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ < kAskEvery) return trouble;
  asked_ = now;
  const Result<std::int32_t> partitions = count_partitions(*client_, topic_.get(), name_of(config_), kAnswerWithin);
  if (!partitions.ok()) return trouble;
  client_->forget_error();
  return {};
}

}  // namespace marquee
