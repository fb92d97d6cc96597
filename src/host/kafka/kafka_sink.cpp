#include "kafka/kafka_sink.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/check.hpp"
#include "kafka/topics.hpp"

namespace marquee {
namespace {

constexpr int kPollMs = 100;
constexpr std::chrono::seconds kPatience{2};  // before a wait is told
constexpr std::size_t kClientMessageBytesMax = 1'000'000'000;
constexpr std::size_t kBatchBytesMax = 1'000'000;

// A record's place is told to librdkafka as its opaque: round in the upper half, slot in the lower.
static_assert(sizeof(void*) == 8);
std::uintptr_t tag_of(std::uint32_t round, std::size_t slot) {
  return (static_cast<std::uintptr_t>(round) << 32) | static_cast<std::uint32_t>(slot);
}

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

bool passes(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
      return true;
    default:
      return false;
  }
}

std::string text_of(int error) {
  return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error));
}

}  // namespace

KafkaSink::KafkaSink(KafkaSinkConfig config, const JobSpec& job, KafkaSource& source, Log& log, Probe& probe)
    : config_(std::move(config)), job_(job), source_(source), log_(log), probe_(probe) {}

KafkaSink::~KafkaSink() {
  if (client_) forget_in_flight();
  targets_.clear();
}

ClientSpec KafkaSink::client_spec() const {
  ClientSpec spec;
  spec.kind = ClientKind::kProducer;
  spec.section = "sink.kafka";
  spec.brokers = config_.brokers;
  spec.extra = config_.extra;
  spec.fixed = {{"enable.idempotence", "true"},
                {"acks", "all"},
                {"message.timeout.ms", "0"},  // no end: the epoch waits for the broker
                {"partitioner", "murmur2_random"}};
  spec.reserved = {"transactional.id", "request.required.acks", "delivery.timeout.ms"};
  const std::size_t queue_kib = std::clamp<std::size_t>(config_.queued_bytes_max / 1024, 1024, 2'097'151);
  spec.preferred = {{"client.id", "marquee"},
                    {"compression.type", "lz4"},
                    {"linger.ms", "5"},
                    {"queue.buffering.max.messages", "1000000"},
                    {"queue.buffering.max.kbytes", std::to_string(queue_kib)},
                    {"reconnect.backoff.max.ms", "2000"},
                    {"socket.keepalive.enable", "true"}};
  return spec;
}

Status KafkaSink::open(const std::atomic<bool>& stop) {
  MARQUEE_CHECK(client_ == nullptr);
  std::vector<TopicWish> wishes = {{config_.topic, config_.partitions, {{"cleanup.policy", "compact,delete"}}}};
  std::vector<Kind> kinds = {Kind::kResult};
  if (!config_.dead_letter_topic.empty()) {
    wishes.push_back({config_.dead_letter_topic, config_.partitions, {}});
    kinds.push_back(Kind::kDead);
  }
  if (!config_.late_topic.empty()) {
    wishes.push_back({config_.late_topic, config_.partitions, {}});
    kinds.push_back(Kind::kLate);
  }
  std::vector<std::size_t> limits;
  {
    // How large messages may be is a setting of a producer and known only from the topics: so one client to ask with.
    Result<std::unique_ptr<Client>> asking = Client::make(client_spec(), log_);
    if (!asking.ok()) return asking.status();
    asking_ = std::move(asking.value());
    Waiting waiting(log_, probe_);
    Result<std::vector<std::size_t>> found =
        prepare_topics(*asking_, wishes, config_.create_topics, stop, waiting, log_);
    if (!found.ok()) return found.status();
    limits = std::move(found.value());
    asking_.reset();
  }
  ClientSpec spec = client_spec();
  const std::size_t largest = std::min(*std::max_element(limits.begin(), limits.end()), kClientMessageBytesMax);
  const std::size_t smallest = *std::min_element(limits.begin(), limits.end());
  spec.fixed.emplace_back("message.max.bytes", std::to_string(std::max<std::size_t>(largest, 1000)));
  spec.fixed.emplace_back("batch.size", std::to_string(std::min(smallest, kBatchBytesMax)));
  spec.on_delivery = [this](std::uintptr_t tag, int error) { on_delivery(tag, error); };
  Result<std::unique_ptr<Client>> client = Client::make(std::move(spec), log_);
  if (!client.ok()) return client.status();
  client_ = std::move(client.value());
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    Target& target = targets_[kinds[i]];
    target.name = wishes[i].name;
    target.message_bytes_max = std::min(limits[i], kClientMessageBytesMax);
    target.handle.reset(rd_kafka_topic_new(client_->handle(), target.name.c_str(), nullptr));
    if (!target.handle) {
      return Status(Code::kConfig, "[sink] topic: \"" + target.name + "\" cannot be a topic's name (" +
                                       rd_kafka_err2str(rd_kafka_last_error()) + ")");
    }
  }
  return {};
}

Status KafkaSink::begin(const Epoch&) {
  MARQUEE_CHECK(client_ != nullptr);
  if (answered_ < sent_.size()) forget_in_flight();  // the last epoch failed on the way
  sent_.clear();
  answered_ = 0;
  ++round_;
  return {};
}

Status KafkaSink::write(const Epoch& epoch) {
  for (std::uint32_t i = 0; i < epoch.results.size(); ++i) {
    if (Status status = send(epoch, {Kind::kResult, i, 0}); !status.ok()) return status;
  }
  for (std::uint32_t i = 0; i < epoch.letters.size(); ++i) {
    const Kind kind = epoch.letters[i].verdict == Verdict::kLate ? Kind::kLate : Kind::kDead;
    if (targets_.count(kind) == 0) continue;
    if (Status status = send(epoch, {kind, i, 0}); !status.ok()) return status;
  }
  return {};
}

std::string KafkaSink::name_of_record(const Epoch& epoch, const Sent& sent) const {
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

Status KafkaSink::send(const Epoch& epoch, const Sent& sent) {
  Target& target = targets_.at(sent.kind);
  OutRecord record;
  if (sent.kind == Kind::kResult) {
    record = result_record(job_, epoch.results[sent.index], config_.ce_source);
    if (record.bytes() > target.message_bytes_max) {
      return Status(Code::kInternal, name_of_record(epoch, sent) + " takes " + std::to_string(record.bytes()) +
                                         " bytes, and topic " + target.name + " takes " +
                                         std::to_string(target.message_bytes_max) +
                                         ": raise its max.message.bytes, or lower the leaderboard's top");
    }
  } else {
    const LetterOut& letter = epoch.letters[sent.index];
    const auto refused = refusals_.find(id_of(letter));
    const LetterForm form = refused == refusals_.end() ? LetterForm::kWhole : LetterForm::kHeadersOnly;
    record = letter_record(letter, source_.partition(letter.partition), form, target.message_bytes_max);
  }
  sent_.push_back(sent);
  return produce(target, record, sent_.size() - 1);
}

Status KafkaSink::produce(Target& target, const OutRecord& record, std::size_t slot) {
  const auto since = std::chrono::steady_clock::now();
  Waiting waiting(log_, probe_);
  while (true) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers) {
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value ? value->data() : nullptr,
                          value ? static_cast<ssize_t>(value->size()) : 0);
    }
    std::array<rd_kafka_vu_t, 6> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = target.handle.get();
    fields[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[1].u.i = RD_KAFKA_MSG_F_COPY;
    fields[2].vtype = RD_KAFKA_VTYPE_KEY;
    fields[2].u.mem = {record.key ? const_cast<char*>(record.key->data()) : nullptr,
                       record.key ? record.key->size() : 0};
    fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[3].u.mem = {record.value ? const_cast<char*>(record.value->data()) : nullptr,
                       record.value ? record.value->size() : 0};
    fields[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[4].u.headers = headers;
    fields[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[5].u.ptr = reinterpret_cast<void*>(tag_of(round_, slot));
    rd_kafka_error_t* error = rd_kafka_produceva(client_->handle(), fields.data(), fields.size());
    if (error == nullptr) return {};
    rd_kafka_headers_destroy(headers);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {  // as if the broker had said so; commit judges it
      on_delivery(tag_of(round_, slot), code);
      return {};
    }
    rd_kafka_poll(client_->handle(), kPollMs);
    if (Status status = still_possible("the epoch is not written"); !status.ok()) return status;
    if (std::chrono::steady_clock::now() - since > kPatience) {
      waiting.say("writing waits: " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
  }
}

Status KafkaSink::still_possible(const std::string& what) {
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_->handle(), text.data(), text.size());
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Status(Code::kInternal, "the producer for Kafka at " + config_.brokers + " is broken for good (" +
                                       text_of(fatal) + ": " + text.data() + "): start again");
  }
  if (source_.leave_is_over()) {
    return Status(Code::kUnavailable, "left while " + what + ": " + client_->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT) +
                                          "; its input will be read again");
  }
  return {};
}

void KafkaSink::on_delivery(std::uintptr_t tag, int error) {
  if (static_cast<std::uint32_t>(tag >> 32) != round_) return;
  const std::size_t slot = tag & 0xffffffffu;
  MARQUEE_CHECK(slot < sent_.size());
  sent_[slot].error = error;
  ++answered_;
}

void KafkaSink::forget_in_flight() {
  ++round_;
  rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_->handle(), kPollMs);
}

Status KafkaSink::wait_for_answers(Waiting& waiting) {
  const auto since = std::chrono::steady_clock::now();
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

Status KafkaSink::judge(const Epoch& epoch, const Sent& sent, std::vector<Sent>& again) {
  const Target& target = targets_.at(sent.kind);
  if (passes(sent.error)) {
    again.push_back({sent.kind, sent.index, 0});
    return {};
  }
  const std::string refused = "Kafka at " + config_.brokers + " refuses " + name_of_record(epoch, sent) + " in topic " +
                              target.name + " (" + text_of(sent.error) + ")";
  if (!refuses_content(sent.error)) {
    return Status(Code::kUnavailable, refused + ": does the topic still exist, and may this user write to it?");
  }
  if (sent.kind == Kind::kResult) {
    return Status(Code::kInternal, refused + ": check the topic's max.message.bytes and timestamp settings");
  }
  if (++refusals_[id_of(epoch.letters[sent.index])] < 2) {
    log_.warning(refused + "; trying again with its headers only");
    again.push_back({sent.kind, sent.index, 0});
    return {};
  }
  log_.error(refused + " twice; dropped");
  letters_dropped_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

std::uint64_t& KafkaSink::count_of(Acknowledged& acknowledged, Kind kind) {
  switch (kind) {
    case Kind::kResult:
      return acknowledged.results;
    case Kind::kDead:
      return acknowledged.letters_dead;
    case Kind::kLate:
      break;
  }
  return acknowledged.letters_late;
}

Status KafkaSink::commit(const Epoch& epoch, Acknowledged& acknowledged) {
  Waiting waiting(log_, probe_);
  while (true) {
    if (Status status = wait_for_answers(waiting); !status.ok()) return status;
    std::vector<Sent> again;
    const std::vector<Sent> round = std::exchange(sent_, {});
    for (const Sent& sent : round) {
      if (sent.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++count_of(acknowledged, sent.kind);
      } else if (Status status = judge(epoch, sent, again); !status.ok()) {
        return status;
      }
    }
    answered_ = 0;
    ++round_;
    if (again.empty()) break;
    for (const Sent& sent : again) {
      if (Status status = send(epoch, sent); !status.ok()) return status;
    }
  }
  waiting.over();
  if (Status status = source_.commit_offsets(epoch.offsets); !status.ok()) return status;
  refusals_.clear();
  return {};
}

}  // namespace marquee
