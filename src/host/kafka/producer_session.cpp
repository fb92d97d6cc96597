#include "kafka/producer_session.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "core/check.hpp"
#include "pipeline/phase_hook.hpp"

namespace marquee {
namespace {

constexpr int kPollMs = 100;
constexpr int kAnswerMs = 1'000;              // how long one call may take before `stop` is looked at again
constexpr std::chrono::seconds kPatience{2};  // before a wait is told
constexpr std::chrono::milliseconds kRetryPause{50};
constexpr std::size_t kClientMessageBytesMax = 1'000'000'000;
constexpr std::size_t kBatchBytesMax = 1'000'000;

// A record's place is told to librdkafka as its opaque: round in the upper half, slot in the lower.
static_assert(sizeof(void*) == 8);
std::uintptr_t tag_of(std::uint32_t round, std::size_t slot) {
  return (static_cast<std::uintptr_t>(round) << 32) | static_cast<std::uint32_t>(slot);
}

// librdkafka wants requests to time out before the transaction does.
std::int64_t answer_ms_max(const KafkaSettings& settings) {
  std::int64_t ms = 10'000;
  if (const auto found = settings.find("transaction.timeout.ms"); found != settings.end()) {
    std::int64_t transaction_ms = ms;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), transaction_ms);
    ms = std::clamp<std::int64_t>(transaction_ms, 1'000, ms);
  }
  return ms;
}

}  // namespace

ProducerSession::ProducerSession(KafkaSinkConfig config, KafkaSource& source, Log& log, Probe& probe)
    : config_(std::move(config)), source_(source), log_(log), probe_(probe) {}

ProducerSession::~ProducerSession() {
  let_go();
}

void ProducerSession::let_go() {
  if (client_ == nullptr) return;
  ++round_;
  rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_->handle(), kPollMs);
  handles_.clear();
  client_.reset();
}

void ProducerSession::add_topic(const std::string& name, std::size_t message_bytes_max, bool compressed) {
  topics_.push_back({name, message_bytes_max, compressed});
}

ClientSpec ProducerSession::asking_spec(const KafkaSinkConfig& config) {
  ClientSpec spec = client_spec(config);
  // Without a producer id, which asking needs no permission for.
  std::erase_if(spec.fixed,
                [](const auto& f) { return f.first == "transactional.id" || f.first == "enable.idempotence"; });
  spec.extra.erase("transaction.timeout.ms");
  return spec;
}

ClientSpec ProducerSession::client_spec(const KafkaSinkConfig& config) {
  ClientSpec spec;
  spec.kind = ClientKind::kProducer;
  spec.section = "sink.kafka";
  spec.brokers = config.brokers;
  spec.extra = config.extra;
  spec.fixed = {{"transactional.id", "marquee-" + config.group},
                {"enable.idempotence", "true"},
                {"acks", "all"},
                {"delivery.report.only.error", "false"},  // every answer is waited for
                {"partitioner", "murmur2_random"}};
  // Without a time-out of its own a message waits as long as its transaction may.
  spec.reserved = {"request.required.acks", "message.timeout.ms", "delivery.timeout.ms"};
  const std::size_t queue_kib = std::clamp<std::size_t>(config.queued_bytes_max / 1024, 1024, 2'097'151);
  spec.preferred = {{"client.id", "marquee"},
                    {"compression.type", "lz4"},
                    // send_offsets_to_transaction waits for its answer as long as this, whatever time-out it is given.
                    {"socket.timeout.ms", std::to_string(answer_ms_max(config.extra))},
                    {"linger.ms", "5"},
                    {"queue.buffering.max.messages", "1000000"},
                    {"queue.buffering.max.kbytes", std::to_string(queue_kib)},
                    {"reconnect.backoff.max.ms", "2000"},
                    {"socket.keepalive.enable", "true"}};
  return spec;
}

Status ProducerSession::acquire(const std::atomic<bool>& stop) {
  MARQUEE_CHECK(!topics_.empty());
  let_go();
  ClientSpec spec = client_spec(config_);
  std::size_t largest = 1'000;
  std::size_t smallest = kBatchBytesMax;
  for (const TopicLimit& topic : topics_) {
    largest = std::max(largest, std::min(topic.message_bytes_max, kClientMessageBytesMax));
    smallest = std::min(smallest, topic.message_bytes_max);
  }
  spec.fixed.emplace_back("message.max.bytes", std::to_string(largest));
  spec.fixed.emplace_back("batch.size", std::to_string(smallest));
  spec.on_delivery = [this](std::uintptr_t tag, int error, std::int64_t offset) { on_delivery(tag, error, offset); };
  Result<std::unique_ptr<Client>> client = Client::make(std::move(spec), log_);
  if (!client.ok()) return client.status();
  client_ = std::move(client.value());
  for (const TopicLimit& topic : topics_) {
    rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(client_->handle());
    std::array<char, 256> text{};
    if (topic.compressed) rd_kafka_topic_conf_set(conf, "compression.codec", "none", text.data(), text.size());
    handles_.emplace_back(rd_kafka_topic_new(client_->handle(), topic.name.c_str(), conf));
    if (!handles_.back()) {
      return {Code::kConfig,
              "\"" + topic.name + "\" cannot be a topic's name (" + rd_kafka_err2str(rd_kafka_last_error()) + ")"};
    }
  }
  Waiting waiting(log_, probe_);
  const auto since = std::chrono::steady_clock::now();
  while (rd_kafka_error_t* error = rd_kafka_init_transactions(client_->handle(), kAnswerMs)) {
    rd_kafka_poll(client_->handle(), 0);
    const int code = rd_kafka_error_code(error);
    if (Status s = sort(error, "begin to write for group " + config_.group); !s.ok()) return s;
    if (stop.load(std::memory_order_relaxed)) {
      return {Code::kUnavailable, "stopped before the group's transactional id was ours: " + client_->trouble(code)};
    }
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("waiting for the transactional id marquee-" + config_.group + ": " + client_->trouble(code));
    }
    pause(stop, kRetryPause);
  }
  sent_.clear();
  answered_ = 0;
  return {};
}

std::optional<std::string> ProducerSession::permission_for(int error, const std::string& group) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "Write and Describe on the transactional id marquee-" + group;
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "IdempotentWrite on the cluster";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "Write and Describe on every topic written to, the pane log's too";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "Read on group " + group;
    default:
      return std::nullopt;
  }
}

Status ProducerSession::sort(rd_kafka_error_s* error, const std::string& what) {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  const bool retriable = rd_kafka_error_is_retriable(error) != 0 || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
  const bool abortable = rd_kafka_error_txn_requires_abort(error) != 0;
  const bool fatal = rd_kafka_error_is_fatal(error) != 0 || code == RD_KAFKA_RESP_ERR__FENCED ||
                     code == RD_KAFKA_RESP_ERR__FATAL ||
                     rd_kafka_fatal_error(client_->handle(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
  const std::string text =
      "Kafka at " + config_.brokers + " does not let us " + what + " (" + rd_kafka_error_string(error) + ")";
  rd_kafka_error_destroy(error);
  if (const auto permission = permission_for(code, config_.group)) {
    return {Code::kUnavailable, text + ": give this user " + *permission};
  }
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return {Code::kConfig,
              text + ": a subscribed consumer uses the same group; stop it, or set another source.group"};
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return {Code::kConfig, text +
                                 ": lower sink.kafka's transaction.timeout.ms, or raise the broker's "
                                 "transaction.max.timeout.ms"};
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return {Code::kConfig, text + ": transactions need Kafka 2.5 or newer"};
    default:
      break;
  }
  if (fatal) return {Code::kLost, text};
  if (abortable) return {Code::kAborted, text};
  if (retriable) return {};
  return {Code::kInternal, text};
}

Status ProducerSession::begin() {
  MARQUEE_CHECK(client_ != nullptr);
  sent_.clear();
  answered_ = 0;
  ++round_;
  if (rd_kafka_error_t* error = rd_kafka_begin_transaction(client_->handle())) {
    Status s = sort(error, "begin a transaction");
    return s.ok() ? Status{Code::kAborted, "a transaction cannot begin at the moment"} : s;
  }
  at_phase(PhasePoint::kBegin);
  return {};
}

Status ProducerSession::produce(const std::string& topic, std::int32_t partition, const OutRecord& record, Sent sent) {
  const std::size_t slot = sent_.size();
  sent_.push_back(sent);
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (true) {
    rd_kafka_headers_t* headers = nullptr;
    if (!record.headers.empty()) headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value ? value->data() : nullptr,
                          value ? static_cast<ssize_t>(value->size()) : 0);
    }
    std::array<rd_kafka_vu_t, 7> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[1].u.i = RD_KAFKA_MSG_F_COPY;
    fields[2].vtype = RD_KAFKA_VTYPE_KEY;
    fields[2].u.mem = {record.key ? const_cast<char*>(record.key->data()) : nullptr,
                       record.key ? record.key->size() : 0};
    fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[3].u.mem = {record.value ? const_cast<char*>(record.value->data()) : nullptr,
                       record.value ? record.value->size() : 0};
    fields[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[4].u.ptr = reinterpret_cast<void*>(tag_of(round_, slot));
    fields[5].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[5].u.i32 = partition < 0 ? RD_KAFKA_PARTITION_UA : partition;
    fields[6].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[6].u.headers = headers;
    rd_kafka_error_t* error =
        rd_kafka_produceva(client_->handle(), fields.data(), headers == nullptr ? fields.size() - 1 : fields.size());
    if (error == nullptr) return {};
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {  // as if the broker had said so
      on_delivery(tag_of(round_, slot), code, -1);
      return {};
    }
    rd_kafka_poll(client_->handle(), kPollMs);
    if (Status status = still_possible("the epoch is not written"); !status.ok()) return status;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("writing waits: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
  }
}

Status ProducerSession::still_possible(const std::string& what) {
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_->handle(), text.data(), text.size());
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {Code::kLost, "the producer for Kafka at " + config_.brokers + " is broken for good (" +
                             rd_kafka_err2str(fatal) + ": " + text.data() + ")"};
  }
  if (source_.leave_is_over()) {
    return {Code::kUnavailable, "left while " + what + ": " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT) +
                                    "; its input will be read again"};
  }
  return {};
}

void ProducerSession::on_delivery(std::uintptr_t tag, int error, std::int64_t offset) {
  if (static_cast<std::uint32_t>(tag >> 32) != round_) return;
  const std::size_t slot = tag & 0xffffffffu;
  MARQUEE_CHECK(slot < sent_.size());
  sent_[slot].error = error;
  sent_[slot].offset = offset;
  ++answered_;
}

Status ProducerSession::wait_for_answers() {
  at_phase(PhasePoint::kFlush);
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (answered_ < sent_.size()) {
    rd_kafka_flush(client_->handle(), kPollMs);
    if (answered_ == sent_.size()) break;
    if (Status status = still_possible("an epoch is not acknowledged"); !status.ok()) return status;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say(std::to_string(sent_.size() - answered_) +
                  " records are not acknowledged yet: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
  }
  return {};
}

Status ProducerSession::failure() {
  // The one call that tells and changes nothing: with a transaction open it is always refused, by the error that this
  // has met, else by __STATE.
  rd_kafka_error_t* const error = rd_kafka_begin_transaction(client_->handle());
  MARQUEE_CHECK(error != nullptr);
  if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE && rd_kafka_error_is_fatal(error) == 0) {
    rd_kafka_error_destroy(error);
    return {};
  }
  return sort(error, "write");
}

Status ProducerSession::send_offsets(const std::vector<OffsetOut>& offsets) {
  at_phase(PhasePoint::kOffsets);
  if (Status s = source_.group_is_ours(); !s.ok()) return s;
  const KafkaPartitions list = source_.offset_list(offsets);
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t, void (*)(rd_kafka_consumer_group_metadata_t*)> group(
      rd_kafka_consumer_group_metadata_new(config_.group.c_str()), &rd_kafka_consumer_group_metadata_destroy);
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (rd_kafka_error_t* error =
             rd_kafka_send_offsets_to_transaction(client_->handle(), list.get(), group.get(), kAnswerMs)) {
    rd_kafka_poll(client_->handle(), 0);
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      // Of the topics whose offsets these are, not of those that are written to.
      const std::string why = rd_kafka_error_string(error);
      rd_kafka_error_destroy(error);
      return {Code::kUnavailable, "Kafka at " + config_.brokers + " does not let us commit offsets of group " +
                                      config_.group + " (" + why +
                                      "): give this user Read on every topic that is read"};
    }
    if (Status s = sort(error, "commit offsets of group " + config_.group); !s.ok()) return s;
    if (Status s = still_possible("offsets were not committed"); !s.ok()) return s;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("the offsets of group " + config_.group +
                  " are not committed yet: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    std::this_thread::sleep_for(kRetryPause);
  }
  return {};
}

Status ProducerSession::commit() {
  at_phase(PhasePoint::kCommit);
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (rd_kafka_error_t* error = rd_kafka_commit_transaction(client_->handle(), kAnswerMs)) {
    rd_kafka_poll(client_->handle(), 0);
    Status s = sort(error, "commit a transaction");
    // A request to commit may still be under way: only a new producer epoch makes sure that it finds nothing to commit.
    if (s.code() == Code::kAborted) return {Code::kLost, s.message()};
    if (!s.ok()) return s;
    if (Status left = still_possible("an epoch was not committed"); !left.ok()) return left;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("an epoch is not committed yet: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    std::this_thread::sleep_for(kRetryPause);
  }
  at_phase(PhasePoint::kCommitted);
  return {};
}

Status ProducerSession::abort() {
  MARQUEE_CHECK(client_ != nullptr);
  ++round_;
  sent_.clear();
  answered_ = 0;
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (rd_kafka_error_t* error = rd_kafka_abort_transaction(client_->handle(), kAnswerMs)) {
    rd_kafka_poll(client_->handle(), 0);
    // Nothing is open: the transaction never began, or it was committed and its answer was lost.
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE && rd_kafka_error_is_fatal(error) == 0) {
      rd_kafka_error_destroy(error);
      return {};
    }
    Status s = sort(error, "abort a transaction");
    if (s.code() == Code::kAborted || s.code() == Code::kInternal) return {Code::kLost, s.message()};
    if (!s.ok()) return s;
    if (Status left = still_possible("a transaction was not aborted"); !left.ok()) return left;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("a transaction is not aborted yet: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    std::this_thread::sleep_for(kRetryPause);
  }
  return {};
}

}  // namespace marquee
