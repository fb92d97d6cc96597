#include "kafka/leader_health.hpp"

#include <simdjson.h>

#include <unordered_map>

namespace marquee {

struct LeaderHealth::Parser {
  simdjson::dom::parser json;
  std::unordered_map<std::int64_t, bool> answers;  // by broker id
};

LeaderHealth::LeaderHealth() : parser_(std::make_unique<Parser>()) {}
LeaderHealth::~LeaderHealth() = default;

void LeaderHealth::judge(std::string_view statistics_json, const Tell& tell) {
  simdjson::dom::object root;
  simdjson::dom::object brokers;
  simdjson::dom::object topics;
  if (parser_->json.parse(statistics_json.data(), statistics_json.size()).get(root) != simdjson::SUCCESS) return;
  if (root["brokers"].get(brokers) != simdjson::SUCCESS || root["topics"].get(topics) != simdjson::SUCCESS) return;

  auto& answers = parser_->answers;
  answers.clear();
  for (const auto& [name, broker] : brokers) {
    // The group's coordinator is listed apart, by the number of the broker that it is, over a connection of its own:
    // that one is silent while nothing is committed.
    std::string_view source;
    if (broker["source"].get(source) == simdjson::SUCCESS && source == "logical") continue;
    std::int64_t id = -1;
    std::int64_t silence_us = -1;
    std::string_view state;
    if (broker["nodeid"].get(id) != simdjson::SUCCESS || broker["state"].get(state) != simdjson::SUCCESS ||
        broker["rxidle"].get(silence_us) != simdjson::SUCCESS) {
      continue;
    }
    if (id >= 0) answers[id] = state == "UP" && silence_us >= 0 && silence_us < kSilenceUsMax;
  }
  for (const auto& [topic, body] : topics) {
    simdjson::dom::object partitions;
    if (body["partitions"].get(partitions) != simdjson::SUCCESS) continue;
    for (const auto& [name, partition] : partitions) {
      std::int64_t number = -1;
      std::int64_t leader = -1;
      if (partition["partition"].get(number) != simdjson::SUCCESS || number < 0) continue;
      if (partition["leader"].get(leader) != simdjson::SUCCESS) continue;
      const auto found = answers.find(leader);
      tell(topic, static_cast<std::int32_t>(number), found != answers.end() && found->second);
    }
  }
}

}  // namespace marquee
