#include "kafka/kafka_sink.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/check.hpp"
#include "pipeline/phase_hook.hpp"

namespace marquee {
namespace {

constexpr std::chrono::milliseconds kAnswer{1'000};

// What the broker says of the record itself: sending the same again cannot help.
bool refuses_content(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return true;
    default:
      return false;
  }
}

std::string text_of(int error) {
  return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error));
}

}  // namespace

KafkaSink::KafkaSink(KafkaSinkConfig config, const JobSpec& job, KafkaSource& source, ProducerSession& session,
                     Log& log, Probe& probe)
    : config_(std::move(config)), job_(job), source_(source), session_(session), log_(log), probe_(probe) {}

std::vector<std::pair<KafkaSink::Kind, TopicWish>> KafkaSink::targets(const KafkaSinkConfig& config) {
  std::vector<std::pair<Kind, TopicWish>> targets;
  targets.emplace_back(Kind::kResult,
                       TopicWish{config.topic, config.partitions, {{"cleanup.policy", "compact,delete"}}});
  if (!config.dead_letter_topic.empty()) {
    targets.emplace_back(Kind::kDead, TopicWish{config.dead_letter_topic, config.partitions, {}});
  }
  if (!config.late_topic.empty())
    targets.emplace_back(Kind::kLate, TopicWish{config.late_topic, config.partitions, {}});
  return targets;
}

Status KafkaSink::open(const std::atomic<bool>& stop) {
  MARQUEE_CHECK(stop_ == nullptr);
  stop_ = &stop;
  std::vector<TopicWish> wishes;
  std::vector<Kind> kinds;
  for (auto& [kind, wish] : targets(config_)) {
    kinds.push_back(kind);
    wishes.push_back(std::move(wish));
  }
  // How large messages may be is a setting of a producer and known only from the topics: so one client to ask with.
  Result<std::unique_ptr<Client>> asking = Client::make(session_.asking_spec(), log_);
  if (!asking.ok()) return asking.status();
  asking_ = std::move(asking.value());
  Waiting waiting(log_, probe_);
  const Result<std::vector<TopicFound>> found =
      prepare_topics(*asking_, wishes, config_.create_topics, stop, waiting, log_);
  if (!found.ok()) return found.status();
  cluster_id_ = asking_->cluster_id(kAnswer);
  asking_.reset();
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    targets_[kinds[i]] = {wishes[i].name, found.value()[i].message_bytes_max};
    session_.add_topic(wishes[i].name, found.value()[i].message_bytes_max, false);
  }
  return {};
}

Status KafkaSink::acquire() {
  MARQUEE_CHECK(stop_ != nullptr);
  if (Status s = one_cluster(config_.brokers, cluster_id_, source_.cluster_id()); !s.ok()) return s;
  return session_.acquire(*stop_);
}

Status KafkaSink::begin(const Epoch&) {
  return session_.begin();
}

Status KafkaSink::write(const Epoch& epoch) {
  for (std::uint32_t i = 0; i < epoch.results.size(); ++i) {
    if (Status status = send(epoch, Kind::kResult, i); !status.ok()) return status;
  }
  for (std::uint32_t i = 0; i < epoch.letters.size(); ++i) {
    const Kind kind = epoch.letters[i].verdict == Verdict::kLate ? Kind::kLate : Kind::kDead;
    if (targets_.count(kind) == 0) continue;
    if (Status status = send(epoch, kind, i); !status.ok()) return status;
  }
  return {};
}

std::string KafkaSink::name_of_record(const Epoch& epoch, const Sent& sent) const {
  if (sent.kind == Kind::kBlock) return "a value of the pane log";
  if (sent.kind == Kind::kResult) {
    std::string key;
    append_result_key(key, job_, epoch.results[sent.index]);
    return "the result " + key;
  }
  const LetterOut& letter = epoch.letters[sent.index];
  const PartitionStart from = source_.partition(letter.partition);
  return "the letter for topic " + from.topic + ", partition " + std::to_string(from.number) + ", offset " +
         std::to_string(raw(letter.offset));
}

Status KafkaSink::send(const Epoch& epoch, Kind kind, std::uint32_t index) {
  at_phase(PhasePoint::kProduce);
  const Target& target = targets_.at(kind);
  const Sent sent{kind, index, 0, -1};
  OutRecord record;
  if (kind == Kind::kResult) {
    record = result_record(job_, epoch.results[index], config_.ce_source);
    if (record.bytes() > target.message_bytes_max) {
      return Status(Code::kInternal, name_of_record(epoch, sent) + " takes " + std::to_string(record.bytes()) +
                                         " bytes, and topic " + target.name + " takes " +
                                         std::to_string(target.message_bytes_max) +
                                         ": raise its max.message.bytes, or lower the leaderboard's top");
    }
  } else {
    const LetterOut& letter = epoch.letters[index];
    const auto refused = refusals_.find(id_of(letter));
    if (refused != refusals_.end() && refused->second > 1) return {};  // dropped, and counted when it was
    const LetterForm form = refused == refusals_.end() ? LetterForm::kWhole : LetterForm::kHeadersOnly;
    record = letter_record(letter, source_.partition(letter.partition), form, target.message_bytes_max);
  }
  return session_.produce(target.name, -1, record, sent);
}

// Whatever was not acknowledged, the epoch is made again, or never.
Status KafkaSink::judge(const Epoch& epoch, const Sent& sent) {
  const std::string refused = "Kafka at " + config_.brokers + " does not take " + name_of_record(epoch, sent) + " (" +
                              text_of(sent.error) + ")";
  switch (sent.error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {Code::kUnavailable, refused + ": does the topic still exist, and may this user write to it?"};
    default:
      break;
  }
  if (!refuses_content(sent.error)) {
    Status why = session_.failure();
    return why.ok() ? Status{Code::kAborted, refused} : why;
  }
  if (sent.kind == Kind::kResult || sent.kind == Kind::kBlock) {
    return {Code::kInternal, refused + ": check the topic's max.message.bytes and timestamp settings"};
  }
  if (++refusals_[id_of(epoch.letters[sent.index])] < 2) {
    log_.warning(refused + "; the epoch is made again, and the letter then has its headers only");
  } else {
    log_.error(refused + " with its headers only; dropped");
    probe_.letters_dropped.fetch_add(1, std::memory_order_relaxed);
  }
  return {Code::kAborted, refused};
}

Status KafkaSink::commit(const Epoch& epoch, Acknowledged& acknowledged) {
  if (Status status = session_.wait_for_answers(); !status.ok()) return status;
  Status failed;
  for (const Sent& sent : session_.sent()) {
    switch (sent.kind) {
      case Kind::kResult:
        ++acknowledged.results;
        break;
      case Kind::kDead:
        ++acknowledged.letters_dead;
        break;
      case Kind::kLate:
        ++acknowledged.letters_late;
        break;
      case Kind::kBlock:
        break;
    }
    if (sent.error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    // Letters are all looked at, so that one more try is enough for them all; the worst that is said counts.
    Status status = judge(epoch, sent);
    if (failed.ok() || status.code() != Code::kAborted) failed = std::move(status);
    if (failed.code() != Code::kAborted) break;
  }
  if (!failed.ok()) return failed;
  if (Status status = session_.send_offsets(epoch.offsets); !status.ok()) return status;
  if (Status status = session_.commit(); !status.ok()) return status;
  for (const LetterOut& letter : epoch.letters) refusals_.erase(id_of(letter));
  return {};
}

}  // namespace marquee
