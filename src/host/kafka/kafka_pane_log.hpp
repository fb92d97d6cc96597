// KafkaPaneLog: the pane log as a topic. Values are produced in the epoch's transaction, each to its partition, without
// a key; they are read back read-committed; what a base made needless is removed with DeleteRecords.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/kafka_config.hpp"
#include "kafka/producer_session.hpp"
#include "kafka/topics.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

class KafkaPaneLog final : public PaneLog {
 public:
  // All outlive it.
  KafkaPaneLog(KafkaPaneLogConfig config, std::string brokers, ProducerSession& session, Log& log, Probe& probe);

  // What the topic is to be: its name, partitions and settings.
  static TopicWish wish(const KafkaPaneLogConfig& config);
  // kConfig for a topic that is something else.
  static Status check(const KafkaPaneLogConfig& config, const std::string& brokers, const TopicFound& found);

  // kConfig for a topic with other settings than it must have, or another number of partitions.
  Status open(const std::atomic<bool>& stop) override;
  std::uint32_t partition_count() const override { return static_cast<std::uint32_t>(config_.partitions); }
  std::size_t value_bytes_max() const override { return value_bytes_max_; }
  std::string name() const override { return "topic " + config_.topic + " on Kafka at " + brokers_; }
  Status append(std::uint32_t partition, std::string value, bool base) override;
  // Asks for what a base made needless to be removed, and looks whether earlier ones were; waits for neither.
  void note_committed() override;
  Status read(const std::function<Status(const Value&)>& apply) override;
  bool durable() const override { return true; }

 private:
  struct Reading;
  void look_at_removals();

  KafkaPaneLogConfig config_;
  std::string brokers_;
  ProducerSession& session_;
  Log& log_;
  Probe& probe_;
  const std::atomic<bool>* stop_ = nullptr;
  std::size_t value_bytes_max_ = 0;
  std::unique_ptr<Client> admin_;  // asks about topics, removes records
  KafkaQueue removals_;            // answers to DeleteRecords
  // First part of the base in the epoch in hand: its partition, and its place in the session's list of this round.
  std::vector<std::pair<std::uint32_t, std::size_t>> base_begins_;
  std::uint32_t round_ = 0;
};

// Every committed value of a topic's partitions, each partition's oldest first, to the end as of now, an undecided
// transaction's included: it is waited for. `read_bytes` counts. Blocks, retrying, until done, an error of `apply`, or
// `stop` (kUnavailable). For KafkaPaneLog, and for whoever only looks (`marquee panelog`).
struct PaneTopic {
  std::string brokers;
  std::string topic;
  KafkaSettings extra;
};
Status read_pane_topic(const PaneTopic& topic, std::int32_t partitions, const std::atomic<bool>& stop, Log& log,
                       Probe& probe, const std::function<Status(const PaneLog::Value&)>& apply);

}  // namespace marquee
