#include "kafka/kafka_pane_log.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.hpp"
#include "pipeline/phase_hook.hpp"

namespace marquee {
namespace {

constexpr int kAdminMs = 10'000;
constexpr std::size_t kValueBytesMax = 64u << 20;
constexpr std::size_t kRecordBytesBesides = 1'024;  // what a value's record and batch take besides the value

const std::vector<std::pair<std::string, std::string>>& settings_wanted() {
  static const std::vector<std::pair<std::string, std::string>> settings = {
      {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
  return settings;
}

}  // namespace

KafkaPaneLog::KafkaPaneLog(KafkaPaneLogConfig config, std::string brokers, ProducerSession& session, Log& log,
                           Probe& probe)
    : config_(std::move(config)), brokers_(std::move(brokers)), session_(session), log_(log), probe_(probe) {}

Status KafkaPaneLog::open(const std::atomic<bool>& stop) {
  MARQUEE_CHECK(stop_ == nullptr);
  stop_ = &stop;
  Result<std::unique_ptr<Client>> admin = Client::make(session_.asking_spec(), log_);
  if (!admin.ok()) return admin.status();
  admin_ = std::move(admin.value());
  removals_.reset(rd_kafka_queue_new(admin_->handle()));
  Waiting waiting(log_, probe_);
  const Result<std::vector<TopicFound>> found =
      prepare_topics(*admin_, {wish(config_)}, config_.create_topic, stop, waiting, log_);
  if (!found.ok()) return found.status();
  const TopicFound& topic = found.value().front();
  if (Status s = check(config_, brokers_, topic); !s.ok()) return s;
  value_bytes_max_ = std::min(topic.message_bytes_max - kRecordBytesBesides, kValueBytesMax);
  session_.add_topic(config_.topic, topic.message_bytes_max, true);
  return {};
}

TopicWish KafkaPaneLog::wish(const KafkaPaneLogConfig& config) {
  return {config.topic, config.partitions, settings_wanted()};
}

Status KafkaPaneLog::check(const KafkaPaneLogConfig& config, const std::string& brokers, const TopicFound& found) {
  const std::string name = "topic " + config.topic + " on Kafka at " + brokers;
  if (found.partitions != config.partitions) {
    return {Code::kConfig, name + " has " + std::to_string(found.partitions) +
                               " partitions, and pane_log.partitions is " + std::to_string(config.partitions) +
                               ": the number is part of the state and cannot change; set it to what the topic has"};
  }
  if (found.message_bytes_max < 4 * kRecordBytesBesides) {
    return {Code::kConfig, name + " takes messages of " + std::to_string(found.message_bytes_max) +
                               " bytes at most: raise its max.message.bytes"};
  }
  if (found.settings.empty()) return {};
  for (const auto& [setting, wanted] : settings_wanted()) {
    const auto is = found.settings.find(setting);
    if (is == found.settings.end() || is->second == wanted) continue;
    return {Code::kConfig, name + " has " + setting + "=" + is->second + ", and must have " + setting + "=" + wanted +
                               ", or state would be lost: kafka-configs.sh --bootstrap-server " + brokers +
                               " --alter --topic " + config.topic + " --add-config " + setting + "=" + wanted};
  }
  return {};
}

Status KafkaPaneLog::append(std::uint32_t partition, std::string value, bool base) {
  at_phase(base ? PhasePoint::kBase : PhasePoint::kPaneLog);
  if (round_ != session_.round()) base_begins_.clear();  // of an epoch that failed
  round_ = session_.round();
  const std::size_t slot = session_.sent().size();
  const bool known = std::any_of(base_begins_.begin(), base_begins_.end(),
                                 [&](const auto& b) { return b.first == partition && b.second < slot; });
  if (base && !known) base_begins_.emplace_back(partition, slot);
  OutRecord record;
  record.value = std::move(value);
  return session_.produce(config_.topic, static_cast<std::int32_t>(partition), record,
                          {ProducerSession::Kind::kBlock, 0, 0, -1});
}

void KafkaPaneLog::note_committed() {
  look_at_removals();
  const auto begins = std::exchange(base_begins_, {});
  if (begins.empty() || round_ != session_.round()) return;
  const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(static_cast<int>(begins.size())));
  for (const auto& [partition, slot] : begins) {
    const std::int64_t offset = session_.sent().at(slot).offset;
    // A broker that has a batch already, and no longer knows where, answers well and without an offset. To
    // DeleteRecords -1 is the end of the partition: the base itself would go.
    if (offset < 0) continue;
    rd_kafka_topic_partition_list_add(offsets.get(), config_.topic.c_str(), static_cast<std::int32_t>(partition))
        ->offset = offset;
  }
  if (offsets->cnt == 0) return;
  at_phase(PhasePoint::kDeleteRecords);
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(offsets.get());
  std::array<char, 256> text{};
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(admin_->handle(), RD_KAFKA_ADMIN_OP_DELETERECORDS);
  rd_kafka_AdminOptions_set_request_timeout(options, kAdminMs, text.data(), text.size());
  rd_kafka_DeleteRecords(admin_->handle(), &request, 1, options, removals_.get());
  probe_.pane_log_removals.fetch_add(1, std::memory_order_relaxed);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_DeleteRecords_destroy(request);
}

// What could not be removed is removed with the next base.
void KafkaPaneLog::look_at_removals() {
  rd_kafka_poll(admin_->handle(), 0);
  while (rd_kafka_event_t* event = rd_kafka_queue_poll(removals_.get(), 0)) {
    std::string why;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      why = rd_kafka_event_error_string(event);
    } else if (const auto* result = rd_kafka_event_DeleteRecords_result(event)) {
      const rd_kafka_topic_partition_list_t* offsets = rd_kafka_DeleteRecords_result_offsets(result);
      for (int i = 0; i < offsets->cnt; ++i) {
        if (offsets->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) why = rd_kafka_err2str(offsets->elems[i].err);
      }
    }
    if (!why.empty()) {
      probe_.pane_log_removals_failed.fetch_add(1, std::memory_order_relaxed);
      log_.warning("what a base made needless could not be removed from " + name() + " (" + why +
                   "): may this user delete records there? It is tried again with the next base");
    }
    rd_kafka_event_destroy(event);
  }
}

Status KafkaPaneLog::read(const std::function<Status(const Value&)>& apply) {
  MARQUEE_CHECK(stop_ != nullptr);
  return read_pane_topic({brokers_, config_.topic, config_.extra}, config_.partitions, *stop_, log_, probe_, apply);
}

}  // namespace marquee
