#include "gen/kafka_topic.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

namespace marquee::gen {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kReachWithin = std::chrono::seconds(10);
constexpr auto kLeadersWithin = std::chrono::seconds(20);
constexpr int kRequestMs = 2'000;
constexpr int kLookMs = 10;  // a signal handler raises a flag and can wake nobody: so long a pause goes on after a stop
constexpr int kPauseMs = 100;

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

// Serves the client's callbacks for as long as a retry should wait, or until `stop`.
void pause(rd_kafka_t* client, const std::atomic<bool>& stop) {
  const auto end = Clock::now() + std::chrono::milliseconds(kPauseMs);
  while (!stop && Clock::now() < end) rd_kafka_poll(client, kLookMs);
}

GenStatus create_or_ask(rd_kafka_t* client, const GenOptions& options, const std::set<int32_t>& brokers,
                        const std::atomic<bool>& stop) {
  const std::string refused = create(client, options, brokers);
  if (refused.empty()) return {};
  // Some brokers, and the mock cluster, create a topic when somebody asks for it by name.
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(client, options.topic.c_str(), nullptr), &rd_kafka_topic_destroy);
  for (int attempt = 0; topic != nullptr && attempt < 5 && !stop; ++attempt) {
    const TopicState state = ask(client, options.topic, topic.get());
    if (state.request == RD_KAFKA_RESP_ERR_NO_ERROR && state.topic == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    pause(client, stop);
  }
  return GenStatus::unavailable(
      "topic '" + options.topic + "' does not exist at " + options.brokers + " and could not be created (" + refused +
      "); create it with: kafka-topics.sh --bootstrap-server " + options.brokers + " --create --topic " +
      options.topic + " --partitions " + std::to_string(options.partitions));
}

GenStatus stopped_before(const std::string& what) {
  return GenStatus::unavailable("stopped before " + what + "; nothing was sent");
}

}  // namespace

GenStatus prepare_topic(rd_kafka_t* client, const GenOptions& options, const std::atomic<bool>& stop,
                        const Notice& notice, uint32_t& partitions) {
  partitions = 0;
  TopicState state;
  bool told = false;
  for (const auto deadline = Clock::now() + kReachWithin;;) {
    if (stop) return stopped_before("a Kafka broker answered at " + options.brokers);
    state = ask(client, options.topic, nullptr);
    rd_kafka_poll(client, 0);
    if (state.request == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const std::string nobody =
        "no Kafka broker answers at " + options.brokers + " (" + rd_kafka_err2str(state.request) + ")";
    if (Clock::now() >= deadline) {
      return GenStatus::unavailable(nobody + "; start one there, or name another with --brokers HOST:PORT");
    }
    if (notice && !stop && !std::exchange(told, true)) notice(nobody + "; trying for ten seconds");
  }
  if (state.topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !stop) {
    if (auto status = create_or_ask(client, options, state.brokers, stop); !status.ok() && !stop) return status;
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
    pause(client, stop);
  }
  return stopped_before("topic '" + options.topic + "' at " + options.brokers + " was ready");
}

}  // namespace marquee::gen
