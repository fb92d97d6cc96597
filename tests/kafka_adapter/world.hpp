// What these tests share: an embedded broker, and a plain producer and reader beside our adapters.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "eventually.hpp"
#include "kafka/embedded_broker.hpp"
#include "kafka/kafka_sink.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/producer_session.hpp"

namespace marquee::testing {

class MemoryLog final : public Log {
 public:
  void write(Level level, std::string_view message) override;
  bool has(const std::string& part) const;  // above debug

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

struct PlainRecord {
  std::int32_t partition = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;

  std::string header(const std::string& name) const;  // the last of that name, "<none>" if there is none
};

std::unique_ptr<EmbeddedBroker> start_broker(const std::map<std::string, int>& topics);

// Produces each value to the partition and waits for its acknowledgement. `settings`: of the producer.
void produce(const std::string& brokers, const std::string& topic, int partition,
             const std::vector<PlainRecord>& records, const KafkaSettings& settings = {});
std::vector<PlainRecord> values(const std::vector<std::string>& texts);

// Everything in the topic from the beginning to the end it has now, for whoever reads committed records, or with other
// `settings` of the consumer.
std::vector<PlainRecord> read_all(const std::string& brokers, const std::string& topic, int partitions,
                                  const KafkaSettings& settings = {});

// Commits an offset for group `test` as any consumer does, without a transaction: the embedded broker keeps these
// alone.
void commit_plainly(const std::string& brokers, const std::string& topic, int partition, std::int64_t offset,
                    const std::string& metadata);

// One transaction of the session that holds nothing but offsets.
Status commit_offsets(ProducerSession& session, const std::vector<OffsetOut>& offsets);

// What lanes handed out, by topic/partition.
struct Collected {
  struct Entry {
    std::int64_t offset;
    std::string value;
    std::string envelope;
    std::int64_t timestamp_ms;
  };
  std::map<std::uint32_t, std::vector<Entry>> messages;  // by PartitionIndex
  std::map<std::uint32_t, bool> at_end;                  // as of the last span seen
  std::map<std::uint32_t, std::int64_t> next;
  std::map<std::uint32_t, bool> discovered;
  std::size_t count() const;
};

// One read of a lane into a fresh batch, checked for what every batch must hold, and added to `into`.
ReadOutcome read_once(SourceLane& lane, Collected& into, const BatchShape& shape = {}, std::size_t bytes_max = 1 << 20,
                      bool keep_letters = false);

}  // namespace marquee::testing
