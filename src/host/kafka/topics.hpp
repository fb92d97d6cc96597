// Topics that we write to: found or created, and how large a record each takes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"

namespace marquee {

struct TopicFound {
  std::size_t message_bytes_max = 0;
  std::int32_t partitions = 0;
  std::map<std::string, std::string> settings;  // by name; empty where the broker does not tell
};

struct TopicWish {
  std::string name;
  std::int32_t partitions = 4;                                // if we create it
  std::vector<std::pair<std::string, std::string>> settings;  // likewise, besides the broker's defaults
};

// Apache Kafka's default of max.message.bytes; what we go by where the broker does not tell.
inline constexpr std::size_t kTopicMessageBytesDefault = 1'048'588;

// Blocks until every topic exists with a leader for each partition, creating what is missing where `create` says so and
// the broker lets us; else says the command that creates it and goes on waiting. Returns kUnavailable when `stop` is
// set, which it looks at every second at least. The result: what was found of each, in the order of `wishes`.
Result<std::vector<TopicFound>> prepare_topics(Client& client, const std::vector<TopicWish>& wishes, bool create,
                                               const std::atomic<bool>& stop, Waiting& waiting, Log& log);

// The command with which an operator creates it.
std::string creating_command(const std::string& brokers, const TopicWish& wish);

// Whether the broker would let us create the topic, which it is only asked: empty, or why not. Blocks some seconds.
std::string why_not_creatable(Client& client, const TopicWish& wish);

// A broker's settings by name; empty where it does not tell us. Blocks some seconds where it does not answer.
std::map<std::string, std::string> broker_settings(Client& client, std::int32_t broker);

// What the broker tells of a topic that is there. Blocks some seconds where it does not answer, or until `stop`.
TopicFound topic_settings(Client& client, const std::string& name, const std::atomic<bool>& stop, Log& log);

}  // namespace marquee
