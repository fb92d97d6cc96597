#include "gen/kafka_producer.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gen/event_json.hpp"
#include "gen/kafka_topic.hpp"

namespace marquee::gen {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kStopWithin = std::chrono::seconds(3);
constexpr auto kStalledAfter = std::chrono::seconds(2);  // acknowledgements come within milliseconds, or not at all
constexpr int64_t kDeliveryTimeoutMs = 120'000;

int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// One message's worth of NDJSON that is still filling.
struct Pack {
  std::string lines;
  uint64_t events = 0;
  int64_t event_ms_max = 0;
};

class KafkaProducer final : public Sink {
 public:
  KafkaProducer(const GenOptions& options, const Catalogue& catalogue, GenCounters& counters, const Notice& notice)
      : options_(options), catalogue_(catalogue), counters_(counters), notice_(notice) {}

  ~KafkaProducer() override {
    if (client_ == nullptr) return;
    // What was not delivered by finish() is given up, rather than waited for.
    rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_, 100);
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(client_);
  }

  GenStatus open(const Resolved& resolved, const std::atomic<bool>& stop) {
    if (auto status = connect(resolved); !status.ok()) return status;
    if (auto status = prepare_topic(client_, options_, stop, notice_, partitions_); !status.ok()) {
      const std::lock_guard lock(mutex_);
      if (!last_error_.empty()) status.message += "; the last word of the client: " + last_error_;
      return status;
    }
    topic_ = rd_kafka_topic_new(client_, options_.topic.c_str(), nullptr);
    if (topic_ == nullptr) return GenStatus::usage("'" + options_.topic + "' cannot be a topic's name");
    packs_.resize(partitions_);
    return {};
  }

  uint32_t partitions() const override { return partitions_; }

  GenStatus write(const Block& block, const std::atomic<bool>& stop, uint64_t& taken) override {
    taken = 0;
    const int64_t now_ms = wall_ms();
    const char* begin = block.bytes().data();
    const char* const base = begin;
    for (const RecordNote& note : block.notes()) {
      const char* const end = base + note.end;
      const std::string_view record(begin, static_cast<size_t>(end - begin));
      if (!(options_.pack > 1 ? send_packed(record, note, now_ms, stop) : send_keyed(record, note, now_ms, stop)))
        break;
      begin = end + 1;
      ++taken;
    }
    counters_.sent += taken;
    counters_.bytes += static_cast<uint64_t>(begin - base);
    serve(0);
    return failure();
  }

  void idle() override { serve(0); }

  GenStatus finish(const std::atomic<bool>& stop) override {
    auto deadline = Clock::now() + std::chrono::milliseconds(kDeliveryTimeoutMs) + kStopWithin;
    bool stopping = false;
    uint32_t partition = 0;  // whose last pack is next to go
    while (failure().ok() && Clock::now() < deadline) {
      if (stop && !std::exchange(stopping, true)) deadline = std::min(deadline, Clock::now() + kStopWithin);
      while (partition < packs_.size() && (packs_[partition].events == 0 || send_pack(partition, wall_ms(), stop))) {
        ++partition;
      }
      if (rd_kafka_flush(client_, 100) == RD_KAFKA_RESP_ERR_NO_ERROR && partition == packs_.size()) break;
      watch_acknowledgements();
    }
    if (auto status = failure(); !status.ok()) return status;
    const uint64_t missing = counters_.sent - counters_.acked;
    if (missing == 0) return {};
    return GenStatus::unavailable(std::to_string(missing) + " events were not acknowledged by Kafka at " +
                                  options_.brokers + " before leaving; look whether the broker is up");
  }

 private:
  GenStatus connect(const Resolved& resolved) {
    // Slow streams trade nothing for latency; fast ones fill their batches long before.
    std::vector<std::pair<std::string, std::string>> settings{
        {"bootstrap.servers", options_.brokers},
        {"client.id", "marquee-gen"},
        {"enable.idempotence", options_.idempotent ? "true" : "false"},
        {"compression.codec", options_.compression},
        {"linger.ms", resolved.rate.is_max() ? "50" : "10"},
        {"batch.size", "1000000"},
        {"batch.num.messages", "10000"},
        {"queue.buffering.max.kbytes", "65536"},
        {"queue.buffering.max.messages", "500000"},
        {"message.timeout.ms", std::to_string(kDeliveryTimeoutMs)},
        {"reconnect.backoff.max.ms", "1000"},
        {"topic.metadata.refresh.interval.ms", "60000"}};
    settings.insert(settings.end(), options_.kafka.begin(), options_.kafka.end());
    std::array<char, 512> error{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : settings) {
      if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error.data(), error.size()) == RD_KAFKA_CONF_OK)
        continue;
      rd_kafka_conf_destroy(conf);
      return GenStatus::usage("Kafka setting " + name + "=" + value + ": " + error.data());
    }
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, &KafkaProducer::on_delivery);
    rd_kafka_conf_set_error_cb(conf, &KafkaProducer::on_error);
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error.data(), error.size());
    if (client_ != nullptr) return {};
    rd_kafka_conf_destroy(conf);
    return GenStatus::usage(std::string("the Kafka client cannot be made: ") + error.data());
  }

  void serve(int wait_ms) {
    rd_kafka_poll(client_, wait_ms);
    watch_acknowledgements();
  }

  // A broker that is away and one that hangs look alike here, and the client's own errors tell of the first alone.
  void watch_acknowledgements() {
    if (!notice_) return;
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    const uint64_t acked = counters_.acked;
    if (acked != acked_before_ || rd_kafka_outq_len(client_) == 0) {
      acked_before_ = acked;
      going_at_ = now;
      if (std::exchange(stalled_, false)) notice_("Kafka at " + options_.brokers + " acknowledges events again");
    } else if (!stalled_ && now - going_at_ >= kStalledAfter) {
      stalled_ = true;
      notice_("Kafka at " + options_.brokers + " does not acknowledge events" +
              (last_error_.empty() ? std::string() : " (" + last_error_ + ")") +
              "; trying on, for two minutes with each: look whether the broker is up");
    }
  }

  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    auto& producer = *static_cast<KafkaProducer*>(self);
    // The number of events in the message travels in the place of a pointer.
    const auto events = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(message->_private));
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      producer.counters_.acked += events;
      return;
    }
    producer.counters_.failed += events;
    std::string text = "Kafka at " + producer.options_.brokers + " did not take a record for partition " +
                       std::to_string(message->partition) + " of topic '" + producer.options_.topic +
                       "': " + rd_kafka_err2str(message->err);
    if (message->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP) {
      text += " (event time has run too far ahead of the clock: give a higher --density or an earlier --start)";
    } else if (message->err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT) {
      text += " (no broker took it for two minutes: look whether the broker is up)";
    }
    producer.fail(std::move(text));
  }

  static void on_error(rd_kafka_t* client, int code, const char* reason, void* self) {
    auto& producer = *static_cast<KafkaProducer*>(self);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
      std::array<char, 512> text{};
      rd_kafka_fatal_error(client, text.data(), text.size());
      producer.fail("Kafka at " + producer.options_.brokers + " refused the producer for good: " + text.data());
      return;
    }
    const std::lock_guard lock(producer.mutex_);
    producer.last_error_ = reason;
  }

  void fail(std::string message) {
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = GenStatus::unavailable(std::move(message));
    failed_ = true;
  }

  GenStatus failure() {
    if (!failed_) return {};
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  bool send_keyed(std::string_view record, const RecordNote& note, int64_t now_ms, const std::atomic<bool>& stop) {
    std::array<char, kUserIdBytesMax> key;
    const char* const key_end = write_key(key.data(), note, options_.key, catalogue_);
    // The time of sending; where the stream is ahead of the clock, its own time, so that no event is from the future.
    const int64_t sent_ms = note.fate == Fate::kBad ? now_ms : std::max(now_ms, note.event_ms);
    return produce(note.partition, record, {key.data(), key_end}, sent_ms, 1, stop);
  }

  bool send_packed(std::string_view record, const RecordNote& note, int64_t now_ms, const std::atomic<bool>& stop) {
    Pack& pack = packs_[note.partition];
    if (pack.events >= options_.pack && !send_pack(note.partition, now_ms, stop)) return false;
    pack.lines.append(record).push_back('\n');
    if (note.fate != Fate::kBad) pack.event_ms_max = std::max(pack.event_ms_max, note.event_ms);
    // One that does not go out now is full, and goes before the next record comes in.
    if (++pack.events >= options_.pack) send_pack(note.partition, now_ms, stop);
    return true;
  }

  bool send_pack(uint32_t partition, int64_t now_ms, const std::atomic<bool>& stop) {
    Pack& pack = packs_[partition];
    if (!produce(partition, pack.lines, {}, std::max(now_ms, pack.event_ms_max), pack.events, stop)) return false;
    pack.lines.clear();
    pack.events = 0;
    return true;
  }

  // False when the message was not taken: a failure, or a stop while there was no room.
  bool produce(uint32_t partition, std::string_view value, std::string_view key, int64_t timestamp_ms, uint64_t events,
               const std::atomic<bool>& stop) {
    std::array<rd_kafka_vu_t, 7> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = topic_;
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = static_cast<int32_t>(partition);
    fields[2].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[2].u.mem = {const_cast<char*>(value.data()), value.size()};  // copied, never written
    fields[3].vtype = RD_KAFKA_VTYPE_KEY;
    fields[3].u.mem = {const_cast<char*>(key.data()), key.size()};
    fields[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[4].u.i64 = timestamp_ms;
    fields[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[5].u.i = RD_KAFKA_MSG_F_COPY;
    fields[6].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[6].u.ptr = reinterpret_cast<void*>(static_cast<uintptr_t>(events));
    for (;;) {
      if (failed_) return false;
      rd_kafka_error_t* const error = rd_kafka_produceva(client_, fields.data(), fields.size());
      if (error == nullptr) return true;
      const auto code = rd_kafka_error_code(error);
      const std::string text = rd_kafka_error_string(error);
      rd_kafka_error_destroy(error);
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fail("a record for topic '" + options_.topic + "' at " + options_.brokers + " cannot be sent: " + text);
        return false;
      }
      if (stop) return false;
      serve(10);
    }
  }

  const GenOptions& options_;
  const Catalogue& catalogue_;
  GenCounters& counters_;
  const Notice& notice_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  uint32_t partitions_ = 0;
  std::vector<Pack> packs_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // guards what follows: callbacks run in whichever thread polls
  GenStatus failure_;
  std::string last_error_;
  bool stalled_ = false;
  uint64_t acked_before_ = 0;
  Clock::time_point going_at_ = Clock::now();  // when acknowledgements last came, or none was waited for
};

}  // namespace

GenStatus open_kafka_producer(const GenOptions& options, const Resolved& resolved, const Catalogue& catalogue,
                              const std::atomic<bool>& stop, GenCounters& counters, const Notice& notice,
                              std::unique_ptr<Sink>& out) {
  auto producer = std::make_unique<KafkaProducer>(options, catalogue, counters, notice);
  if (auto status = producer->open(resolved, stop); !status.ok()) return status;
  out = std::move(producer);
  return {};
}

}  // namespace marquee::gen
