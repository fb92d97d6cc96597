#include "gen/kafka_topic.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string_view>
#include <thread>

namespace marquee::gen {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kReachWithin = std::chrono::seconds(10);
constexpr auto kLeadersWithin = std::chrono::seconds(20);
constexpr int kRequestMs = 2'000;

struct TopicState {
  rd_kafka_resp_err_t request = RD_KAFKA_RESP_ERR_NO_ERROR;  // whether the cluster answered at all
  rd_kafka_resp_err_t topic = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  uint32_t partitions = 0;
  bool every_leader = false;
  std::set<int32_t> brokers;
};

// Asking for all topics, not for this one, creates nothing; asking for one makes many brokers create it.
TopicState ask(rd_kafka_t* client, const std::string& name, rd_kafka_topic_t* only) {
  TopicState state;
  const rd_kafka_metadata_t* raw = nullptr;
  state.request = rd_kafka_metadata(client, only == nullptr ? 1 : 0, only, &raw, kRequestMs);
  if (state.request != RD_KAFKA_RESP_ERR_NO_ERROR) return state;
  const std::unique_ptr<const rd_kafka_metadata_t, decltype(&rd_kafka_metadata_destroy)> metadata(
      raw, &rd_kafka_metadata_destroy);
  for (int i = 0; i < metadata->broker_cnt; ++i) state.brokers.insert(metadata->brokers[i].id);
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const auto& topic = metadata->topics[i];
    if (name != topic.topic) continue;
    state.topic = topic.err;
    state.partitions = static_cast<uint32_t>(topic.partition_cnt);
    state.every_leader = topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0;
    for (int p = 0; p < topic.partition_cnt; ++p) state.every_leader &= topic.partitions[p].leader >= 0;
  }
  return state;
}

// Empty when the broker created the topic or found it there; else its reason.
std::string create(rd_kafka_t* client, const GenOptions& options, const std::set<int32_t>& brokers) {
  // Without a controller, as in the mock cluster, librdkafka would wait for one for a minute.
  if (!brokers.contains(rd_kafka_controllerid(client, kRequestMs))) return "the cluster has no controller";
  std::array<char, 512> error{};
  using Topic = std::unique_ptr<rd_kafka_NewTopic_t, decltype(&rd_kafka_NewTopic_destroy)>;
  const Topic topic(rd_kafka_NewTopic_new(options.topic.c_str(), static_cast<int>(options.partitions), -1, error.data(),
                                          error.size()),
                    &rd_kafka_NewTopic_destroy);
  if (topic == nullptr) return error.data();
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(rd_kafka_queue_new(client),
                                                                                   &rd_kafka_queue_destroy);
  std::array<rd_kafka_NewTopic_t*, 1> topics{topic.get()};
  rd_kafka_CreateTopics(client, topics.data(), topics.size(), nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), 10'000), &rd_kafka_event_destroy);
  if (event == nullptr) return "no answer within 10 s";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return rd_kafka_event_error_string(event.get());
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  size_t count = 0;
  const auto* const* results = rd_kafka_CreateTopics_result_topics(result, &count);
  if (count != 1) return "the broker did not say";
  const auto code = rd_kafka_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return {};
  const char* text = rd_kafka_topic_result_error_string(results[0]);
  return text != nullptr ? text : rd_kafka_err2str(code);
}

GenStatus create_or_ask(rd_kafka_t* client, const GenOptions& options, const std::set<int32_t>& brokers) {
  const std::string refused = create(client, options, brokers);
  if (refused.empty()) return {};
  // Some brokers, and the mock cluster, create a topic when somebody asks for it by name.
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(client, options.topic.c_str(), nullptr), &rd_kafka_topic_destroy);
  for (int attempt = 0; topic != nullptr && attempt < 5; ++attempt) {
    const TopicState state = ask(client, options.topic, topic.get());
    if (state.request == RD_KAFKA_RESP_ERR_NO_ERROR && state.topic == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return GenStatus::unavailable(
      "topic '" + options.topic + "' does not exist at " + options.brokers + " and could not be created (" + refused +
      "); create it with: kafka-topics.sh --bootstrap-server " + options.brokers + " --create --topic " +
      options.topic + " --partitions " + std::to_string(options.partitions));
}

}  // namespace

GenStatus prepare_topic(rd_kafka_t* client, const GenOptions& options, const std::atomic<bool>& stop,
                        uint32_t& partitions) {
  partitions = 0;
  TopicState state;
  for (const auto deadline = Clock::now() + kReachWithin; !stop;) {
    state = ask(client, options.topic, nullptr);
    if (state.request == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (Clock::now() >= deadline) {
      return GenStatus::unavailable("no Kafka broker answers at " + options.brokers + " (" +
                                    rd_kafka_err2str(state.request) +
                                    "); start one there, or name another with --brokers HOST:PORT");
    }
  }
  if (!stop && state.topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    if (auto status = create_or_ask(client, options, state.brokers); !status.ok()) return status;
  }
  for (const auto deadline = Clock::now() + kLeadersWithin; !stop;) {
    state = ask(client, options.topic, nullptr);
    if (state.every_leader) {
      partitions = state.partitions;
      return {};
    }
    if (Clock::now() >= deadline) {
      return GenStatus::unavailable("topic '" + options.topic + "' at " + options.brokers +
                                    " has partitions without a leader, or may not be read (" +
                                    rd_kafka_err2str(state.topic) + "); look at the brokers' health and at its ACLs");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return {};
}

}  // namespace marquee::gen
