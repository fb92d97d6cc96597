// ProducerSession: the transactional producer that results, letters, pane-log values and offsets go through together.
// One session is one librdkafka producer from init_transactions on; acquire() begins another and fences whoever had the
// group's transactional id before.
//
//   acquire ─► begin ─► produce* ─► wait_for_answers ─► send_offsets ─► commit
//                └────────────── abort ◄─────────────────────┘
//
// librdkafka's errors, sorted as it documents them: abortable ones are kAborted, fatal ones kLost (fenced, timed out, a
// broken sequence), retriable ones are tried again here for as long as it takes, or until the source's leave_is_over().
// Missing permissions are kUnavailable. One thread at a time; everything blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/kafka_config.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/records.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

struct rd_kafka_error_s;

namespace marquee {

class ProducerSession {
 public:
  // Who is to judge the answer to a record, and which of theirs it is.
  enum class Kind : std::uint8_t { kResult, kDead, kLate, kBlock };
  struct Sent {
    Kind kind = Kind::kResult;
    std::uint32_t index = 0;
    int error = 0;             // rd_kafka_resp_err_t
    std::int64_t offset = -1;  // where it was written
  };

  // All outlive it. Offsets name partitions of `source`.
  ProducerSession(KafkaSinkConfig config, KafkaSource& source, Log& log, Probe& probe);
  // Drops what is in flight.
  ~ProducerSession();

  // A topic that will be written to. Before acquire(). `compressed`: its values are, and are not to be packed again.
  void add_topic(const std::string& name, std::size_t message_bytes_max, bool compressed);
  // The settings of a producer that writes where this one does, for asking about topics.
  ClientSpec asking_spec() const { return asking_spec(config_); }
  static ClientSpec asking_spec(const KafkaSinkConfig& config);
  // Those of the transactional one, but for what depends on the topics.
  static ClientSpec client_spec(const KafkaSinkConfig& config);
  // What to do about an error that is a permission missing; nothing where it is another.
  static std::optional<std::string> permission_for(int error, const std::string& group);

  // Until librdkafka has a producer id, or `stop` (kUnavailable).
  Status acquire(const std::atomic<bool>& stop);
  Status begin();
  // Blocks while the producer's queue is full. partition < 0: by the key. What librdkafka refuses at once is an answer
  // too.
  Status produce(const std::string& topic, std::int32_t partition, const OutRecord& record, Sent sent);
  // Until every record of this transaction was answered, well or not.
  Status wait_for_answers();
  // In the order of produce(); until the next begin().
  const std::vector<Sent>& sent() const { return sent_; }
  // Another one in each transaction: what was remembered of `sent()` under one is void under the next.
  std::uint32_t round() const { return round_; }
  // What librdkafka holds against the transaction that is open; ok if nothing. A record that it gave up because of that
  // only says that it was given up. Never blocks for long.
  Status failure();
  // kConfig: the group has a subscribed member.
  Status send_offsets(const std::vector<OffsetOut>& offsets);
  Status commit();
  // kLost: only acquire() can settle it; so it may be where records are still in flight, for librdkafka then ends what
  // the broker may not know yet to have begun.
  Status abort();

 private:
  // What to do about an error of librdkafka's, which is let go: ok is to try again.
  Status sort(rd_kafka_error_s* error, const std::string& what);
  Status still_possible(const std::string& what);
  void on_delivery(std::uintptr_t tag, int error, std::int64_t offset);
  void let_go();

  struct TopicLimit {
    std::string name;
    std::size_t message_bytes_max;
    bool compressed;
  };
  KafkaSinkConfig config_;
  KafkaSource& source_;
  Log& log_;
  Probe& probe_;
  std::vector<TopicLimit> topics_;
  std::unique_ptr<Client> client_;
  std::vector<KafkaTopic> handles_;  // of topics with settings of their own

  std::uint32_t round_ = 0;  // raised by each begin and abort: answers to an older round are ignored
  std::vector<Sent> sent_;
  std::size_t answered_ = 0;
};

}  // namespace marquee
