// Reading a pane-log topic whole.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "kafka/kafka_pane_log.hpp"

namespace marquee {
namespace {

constexpr int kAnswerMs = 1'000;
constexpr int kPollMs = 100;
constexpr std::size_t kMessagesMax = 256;
constexpr std::chrono::milliseconds kRetryPause{100};
constexpr std::chrono::seconds kPatience{2};
constexpr std::chrono::seconds kTellEvery{5};

struct Partition {
  std::int64_t low = 0;
  std::int64_t end = 0;       // of everything written so far, decided or not
  std::int64_t position = 0;  // everything before it has been read
};

Result<std::unique_ptr<Client>> make_consumer(const PaneTopic& topic, const char* isolation, Log& log) {
  ClientSpec spec;
  spec.kind = ClientKind::kConsumer;
  spec.section = "sink.kafka";
  spec.brokers = topic.brokers;
  spec.extra = topic.extra;
  spec.fixed = {{"isolation.level", isolation},
                {"enable.partition.eof", "true"},
                // What a base made needless may be removed at any moment; a hole would be noticed by whoever reads.
                {"auto.offset.reset", "earliest"},
                {"check.crcs", "true"},
                {"enable.auto.commit", "false"}};
  spec.preferred = {{"client.id", "marquee"},
                    {"fetch.wait.max.ms", "50"},
                    {"fetch.error.backoff.ms", "100"},
                    {"queued.min.messages", "1000"},
                    {"queued.max.messages.kbytes", "65536"},
                    {"reconnect.backoff.max.ms", "2000"}};
  return Client::make(std::move(spec), log);
}

// Stops what it started, before the client goes.
struct Consuming {
  KafkaTopic topic;
  KafkaQueue queue;
  std::int32_t started = 0;
  ~Consuming() {
    for (std::int32_t p = 0; p < started; ++p) rd_kafka_consume_stop(topic.get(), p);
  }
};

}  // namespace

Status read_pane_topic(const PaneTopic& topic, std::int32_t partition_count, const std::atomic<bool>& stop, Log& log,
                       Probe& probe, const std::function<Status(const PaneLog::Value&)>& apply) {
  const std::string where = "topic " + topic.topic + " on Kafka at " + topic.brokers;
  Status stopped(Code::kUnavailable, "stopped while " + where + " was read");
  Waiting waiting(log, probe);
  std::vector<Partition> partitions(static_cast<std::size_t>(partition_count));
  {
    // The end for whoever reads uncommitted: what is before it will be decided.
    Result<std::unique_ptr<Client>> asking = make_consumer(topic, "read_uncommitted", log);
    if (!asking.ok()) return asking.status();
    for (std::int32_t p = 0; p < partition_count;) {
      if (stop.load()) return stopped;
      Partition& partition = partitions[static_cast<std::size_t>(p)];
      const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(asking.value()->handle(), topic.topic.c_str(),
                                                                         p, &partition.low, &partition.end, kAnswerMs);
      rd_kafka_poll(asking.value()->handle(), 0);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        waiting.say(where + " cannot be read: " + asking.value()->trouble(error));
        pause(stop, kRetryPause);
        continue;
      }
      partition.position = partition.low;
      ++p;
    }
  }
  Result<std::unique_ptr<Client>> client = make_consumer(topic, "read_committed", log);
  if (!client.ok()) return client.status();
  rd_kafka_t* const rk = client.value()->handle();
  Consuming consuming{KafkaTopic(rd_kafka_topic_new(rk, topic.topic.c_str(), nullptr)),
                      KafkaQueue(rd_kafka_queue_new(rk))};
  std::int64_t records = 0;
  for (std::int32_t p = 0; p < partition_count; ++p) {
    const Partition& partition = partitions[static_cast<std::size_t>(p)];
    records += partition.end - partition.low;
    if (rd_kafka_consume_start_queue(consuming.topic.get(), p, partition.low, consuming.queue.get()) != 0) {
      return {Code::kInternal, where + ", partition " + std::to_string(p) +
                                   " cannot be read: " + rd_kafka_err2str(rd_kafka_last_error())};
    }
    consuming.started = p + 1;
  }
  const auto left = [&] {
    std::int64_t n = 0;
    for (const Partition& p : partitions) n += std::max<std::int64_t>(0, p.end - p.position);
    return n;
  };
  const auto tell = [&] {
    probe.restore_records_left.store(left());
    return "restoring: " + std::to_string(records - left()) + " of " + std::to_string(records) + " offsets of " +
           where + " are read";
  };
  probe.restore_records_total.store(records);
  probe.restore_records_left.store(records);
  std::vector<rd_kafka_message_t*> messages(kMessagesMax);
  auto heard = std::chrono::steady_clock::now();
  auto told = heard;
  Status status;
  while (left() > 0 && status.ok()) {
    if (stop.load()) return stopped;
    rd_kafka_poll(rk, 0);
    ssize_t n = rd_kafka_consume_batch_queue(consuming.queue.get(), 0, messages.data(), messages.size());
    if (n <= 0) n = rd_kafka_consume_batch_queue(consuming.queue.get(), kPollMs, messages.data(), 1);
    if (n > 0) {
      heard = std::chrono::steady_clock::now();
      waiting.over();
    }
    if (std::chrono::steady_clock::now() - heard > kPatience) {
      waiting.say(
          where + ": " + std::to_string(left()) +
          " offsets are still to be read, and nothing comes. Either a transaction is not decided yet (where that "
          "lasts, the broker has forgotten it: kafka-transactions.sh --bootstrap-server " +
          topic.brokers + " find-hanging --topic " + topic.topic +
          " names it, and abort ends it), or: " + client.value()->trouble(RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    for (ssize_t i = 0; i < n; ++i) {
      const rd_kafka_message_t& message = *messages[static_cast<std::size_t>(i)];
      if (status.ok() && message.rkt != nullptr && message.partition >= 0 && message.partition < partition_count) {
        Partition& partition = partitions[static_cast<std::size_t>(message.partition)];
        if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          status = apply({static_cast<std::uint32_t>(message.partition), message.offset,
                          std::string_view(static_cast<const char*>(message.payload), message.len)});
          partition.position = message.offset + 1;
        } else if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
          // Behind the last record there are offsets without one: ends of transactions, what was aborted.
          partition.position = std::max(partition.position, message.offset);
        } else if (is_unreadable(message.err)) {
          status = {Code::kInternal,
                    where + ", partition " + std::to_string(message.partition) + ", offset " +
                        std::to_string(partition.position) + " cannot be read (" + rd_kafka_message_errstr(&message) +
                        "): the log on the broker is damaged, or uses what this librdkafka (" + rd_kafka_version_str() +
                        ") does not know. State cannot be rebuilt from it; set another source.group to begin anew"};
        } else {
          waiting.say(where + ", partition " + std::to_string(message.partition) + ": " +
                      rd_kafka_message_errstr(&message));
        }
      }
      rd_kafka_message_destroy(messages[static_cast<std::size_t>(i)]);
    }
    if (n > 0 && !waiting.waits()) {
      const std::string text = tell();
      if (heard - told > kTellEvery) {
        log.info(text);
        told = heard;
      }
    }
  }
  probe.restore_records_left.store(0);
  return status;
}

}  // namespace marquee
