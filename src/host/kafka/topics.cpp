#include "kafka/topics.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

namespace marquee {
namespace {

constexpr int kAnswerMs = 1'000;
constexpr int kAdminMs = 5'000;
constexpr int kPollMs = 100;
constexpr std::chrono::milliseconds kRetryPause{200};

using Event = std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)>;

AdminOptions admin_options(rd_kafka_t* rk, rd_kafka_admin_op_t op) {
  AdminOptions options(rd_kafka_AdminOptions_new(rk, op), &rd_kafka_AdminOptions_destroy);
  std::array<char, 256> text{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kAdminMs, text.data(), text.size());
  return options;
}

// The answer to an admin request; null where none came, or `stop` did.
Event answer(rd_kafka_queue_t* queue, const std::atomic<bool>& stop) {
  Event event(nullptr, &rd_kafka_event_destroy);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAdminMs + kAnswerMs);
  while (!event && std::chrono::steady_clock::now() < give_up && !stop.load(std::memory_order_relaxed)) {
    event.reset(rd_kafka_queue_poll(queue, kPollMs));
  }
  return event;
}

// The embedded broker names a controller that is none of its brokers, and librdkafka would wait a request's whole
// timeout for it.
bool has_controller(rd_kafka_t* rk, const rd_kafka_metadata_t& metadata) {
  const std::int32_t id = rd_kafka_controllerid(rk, 0);
  return std::any_of(metadata.brokers, metadata.brokers + metadata.broker_cnt,
                     [&](const rd_kafka_metadata_broker_t& broker) { return broker.id == id; });
}

enum class Presence : std::uint8_t { kReady, kMissing, kLeaderless };

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* p) const { rd_kafka_metadata_destroy(p); }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter>;

Presence presence(const rd_kafka_metadata_t& metadata, const std::string& name) {
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata.topics[i];
    if (name != topic.topic) continue;
    if (topic.partition_cnt == 0) return Presence::kLeaderless;
    for (int p = 0; p < topic.partition_cnt; ++p) {
      if (topic.partitions[p].leader < 0) return Presence::kLeaderless;
    }
    return Presence::kReady;
  }
  return Presence::kMissing;
}

std::int32_t partition_count(const rd_kafka_metadata_t& metadata, const std::string& name) {
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    if (name == metadata.topics[i].topic) return metadata.topics[i].partition_cnt;
  }
  return 0;
}

// Empty when the broker has created the topic (or it is there already: then it is not `ours`); else why not.
// `only_ask`: whether it would.
std::string create_topic(rd_kafka_t* rk, const TopicWish& wish, bool only_ask, const std::atomic<bool>& stop,
                         bool& ours) {
  ours = true;
  std::array<char, 256> text{};
  const std::unique_ptr<rd_kafka_NewTopic_t, void (*)(rd_kafka_NewTopic_t*)> topic(
      rd_kafka_NewTopic_new(wish.name.c_str(), wish.partitions, -1, text.data(), text.size()),
      &rd_kafka_NewTopic_destroy);
  if (!topic) return text.data();
  for (const auto& [name, value] : wish.settings) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  const AdminOptions options = admin_options(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_AdminOptions_set_validate_only(options.get(), only_ask ? 1 : 0, text.data(), text.size());
  const KafkaQueue queue(rd_kafka_queue_new(rk));
  rd_kafka_NewTopic_t* topics = topic.get();
  rd_kafka_CreateTopics(rk, &topics, 1, options.get(), queue.get());
  const Event event = answer(queue.get(), stop);
  if (!event) return "no answer";
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return rd_kafka_event_error_string(event.get());
  }
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) ours = false;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* why = rd_kafka_topic_result_error_string(results[i]);
    return why != nullptr ? why : rd_kafka_err2str(error);
  }
  return {};
}

}  // namespace

std::string creating_command(const std::string& brokers, const TopicWish& wish) {
  std::string text = "kafka-topics.sh --bootstrap-server " + brokers + " --create --topic " + wish.name +
                     " --partitions " + std::to_string(wish.partitions);
  for (const auto& [name, value] : wish.settings) text += " --config " + name + "=" + value;
  return text;
}

std::string why_not_creatable(Client& client, const TopicWish& wish) {
  const std::atomic<bool> stop{false};
  bool ours = false;
  return create_topic(client.handle(), wish, true, stop, ours);
}

namespace {

// The settings of a topic or broker; empty, and `why`, where they are not told.
std::map<std::string, std::string> described(Client& client, rd_kafka_ResourceType_t type, const std::string& name,
                                             const std::atomic<bool>& stop, std::string& why) {
  rd_kafka_t* const rk = client.handle();
  std::map<std::string, std::string> settings;
  const std::unique_ptr<rd_kafka_ConfigResource_t, void (*)(rd_kafka_ConfigResource_t*)> resource(
      rd_kafka_ConfigResource_new(type, name.c_str()), &rd_kafka_ConfigResource_destroy);
  const AdminOptions options = admin_options(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  const KafkaQueue queue(rd_kafka_queue_new(rk));
  rd_kafka_ConfigResource_t* resources = resource.get();
  rd_kafka_DescribeConfigs(rk, &resources, 1, options.get(), queue.get());
  const Event event = answer(queue.get(), stop);
  why = "no answer";
  if (!event) return settings;
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    why = rd_kafka_event_error_string(event.get());
    return settings;
  }
  size_t count = 0;
  const rd_kafka_ConfigResource_t** found =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1) return settings;
  if (rd_kafka_ConfigResource_error(found[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* text = rd_kafka_ConfigResource_error_string(found[0]);
    why = text != nullptr ? text : "refused";
    return settings;
  }
  size_t entries = 0;
  const rd_kafka_ConfigEntry_t** entry = rd_kafka_ConfigResource_configs(found[0], &entries);
  for (size_t i = 0; i < entries; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entry[i]);
    if (value != nullptr) settings[rd_kafka_ConfigEntry_name(entry[i])] = value;
  }
  return settings;
}

}  // namespace

std::map<std::string, std::string> broker_settings(Client& client, std::int32_t broker) {
  const std::atomic<bool> stop{false};
  std::string why;
  return described(client, RD_KAFKA_RESOURCE_BROKER, std::to_string(broker), stop, why);
}

TopicFound topic_settings(Client& client, const std::string& name, const std::atomic<bool>& stop, Log& log) {
  TopicFound topic;
  topic.message_bytes_max = kTopicMessageBytesDefault;
  std::string why;
  topic.settings = described(client, RD_KAFKA_RESOURCE_TOPIC, name, stop, why);
  if (!topic.settings.empty()) {
    const std::string& text = topic.settings["max.message.bytes"];
    std::size_t bytes = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), bytes).ec == std::errc{} && bytes > 0) {
      topic.message_bytes_max = bytes;
      return topic;
    }
    why = "max.message.bytes is not among its settings";
  }
  log.debug("the settings of topic " + name + " cannot be read (" + why + "); going by a max.message.bytes of " +
            std::to_string(kTopicMessageBytesDefault));
  return topic;
}

Result<std::vector<TopicFound>> prepare_topics(Client& client, const std::vector<TopicWish>& wishes, bool create,
                                               const std::atomic<bool>& stop, Waiting& waiting, Log& log) {
  rd_kafka_t* rk = client.handle();
  bool administers = false;
  std::vector<std::int32_t> partitions;
  const Status stopped(Code::kUnavailable, "stopped before the topics to write to were found");
  for (std::size_t i = 0; i < wishes.size();) {
    if (stop.load(std::memory_order_relaxed)) return stopped;
    rd_kafka_poll(rk, 0);  // errors and logs
    const TopicWish& wish = wishes[i];
    // All topics are asked for: a question after a missing one by name may create it, with the broker's settings.
    const rd_kafka_metadata_t* raw_metadata = nullptr;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 1, nullptr, &raw_metadata, kAnswerMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_poll(rk, 0);
      waiting.say(client.trouble(error));
      pause(stop, kRetryPause);
      continue;
    }
    const Metadata metadata(raw_metadata);
    client.forget_error();
    administers = has_controller(rk, *metadata);
    const Presence found = presence(*metadata, wish.name);
    if (found == Presence::kReady) {
      partitions.push_back(partition_count(*metadata, wish.name));
      ++i;
      continue;
    }
    const std::string where = "topic " + wish.name + " on Kafka at " + client.brokers();
    bool ours = false;
    if (found == Presence::kLeaderless) {
      waiting.say(where + " has a partition without a leader; trying on");
    } else if (!create) {
      waiting.say(where + " does not exist, or this user may not see it. Create it with: " +
                  creating_command(client.brokers(), wish));
    } else if (const std::string why =
                   administers ? create_topic(rk, wish, false, stop, ours) : "the cluster has no controller";
               !why.empty()) {
      // To who may not see it, a topic does not exist.
      waiting.say(where + " does not exist, or this user may not see it, and the broker does not let us create it (" +
                  why +
                  "). Give this user Write on it, or create it with: " + creating_command(client.brokers(), wish));
    } else if (ours) {
      log.info("created " + where + " with " + std::to_string(wish.partitions) + " partitions");
    }
    pause(stop, kRetryPause);
  }
  waiting.over();
  std::vector<TopicFound> topics;
  topics.reserve(wishes.size());
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    TopicFound topic;
    topic.message_bytes_max = kTopicMessageBytesDefault;
    if (administers) topic = topic_settings(client, wishes[i].name, stop, log);
    topic.partitions = partitions[i];
    topics.push_back(std::move(topic));
    if (stop.load(std::memory_order_relaxed)) return stopped;
  }
  return topics;
}

}  // namespace marquee
