#include "kafka_adapter/world.hpp"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace marquee::testing {

void MemoryLog::write(Level level, std::string_view message) {
  if (std::getenv("MARQUEE_TEST_LOG") != nullptr)
    std::fprintf(
        stderr, "%lld %.*s\n",
        static_cast<long long>(std::chrono::steady_clock::now().time_since_epoch().count() / 1000000 % 1000000),
        static_cast<int>(message.size()), message.data());
  if (level == Level::kDebug) return;
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(message);
}

bool MemoryLog::has(const std::string& part) const {
  const std::lock_guard lock(mutex_);
  for (const std::string& line : lines_) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string PlainRecord::header(const std::string& name) const {
  std::string found = "<none>";
  for (const auto& [n, text] : headers) {
    if (n == name) found = text.value_or("<null>");
  }
  return found;
}

std::unique_ptr<EmbeddedBroker> start_broker(const std::map<std::string, int>& topics) {
  Result<std::unique_ptr<EmbeddedBroker>> broker = EmbeddedBroker::start();
  EXPECT_TRUE(broker.ok()) << broker.status().message();
  for (const auto& [name, partitions] : topics) EXPECT_TRUE(broker.value()->create_topic(name, partitions).ok());
  return std::move(broker.value());
}

namespace {

KafkaHandle plain_client(rd_kafka_type_t type, const std::string& brokers, const KafkaSettings& settings) {
  char text[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), text, sizeof text);
  for (const auto& [name, value] : settings) {
    EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text), RD_KAFKA_CONF_OK) << text;
  }
  return KafkaHandle(rd_kafka_new(type, conf, text, sizeof text));
}

std::optional<std::string> text_or_null(const void* bytes, std::size_t size) {
  if (bytes == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(bytes), size);
}

}  // namespace

void produce(const std::string& brokers, const std::string& topic, int partition,
             const std::vector<PlainRecord>& records, const KafkaSettings& settings) {
  const KafkaHandle rk = plain_client(RD_KAFKA_PRODUCER, brokers, settings);
  for (const PlainRecord& record : records) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, text] : record.headers) {
      rd_kafka_header_add(headers, name.c_str(), -1, text ? text->data() : nullptr,
                          text ? static_cast<ssize_t>(text->size()) : 0);
    }
    const char* key = record.key ? record.key->data() : nullptr;
    const std::size_t key_size = record.key ? record.key->size() : 0;
    const char* value = record.value ? record.value->data() : nullptr;
    const std::size_t value_size = record.value ? record.value->size() : 0;
    rd_kafka_vu_t fields[6] = {};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = partition;
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
    fields[3].vtype = RD_KAFKA_VTYPE_KEY;
    fields[3].u.mem = {const_cast<char*>(key), key_size};
    fields[4].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[4].u.mem = {const_cast<char*>(value), value_size};
    fields[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[5].u.headers = headers;
    rd_kafka_error_t* error = rd_kafka_produceva(rk.get(), fields, 6);
    ASSERT_EQ(error, nullptr) << rd_kafka_error_string(error);
  }
  ASSERT_EQ(rd_kafka_flush(rk.get(), 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

std::vector<PlainRecord> values(const std::vector<std::string>& texts) {
  std::vector<PlainRecord> records;
  for (const std::string& text : texts) records.push_back({0, std::nullopt, text, {}});
  return records;
}

std::vector<PlainRecord> read_all(const std::string& brokers, const std::string& topic, int partitions,
                                  const KafkaSettings& settings) {
  KafkaSettings all = {{"enable.partition.eof", "true"}, {"group.id", "reader"}};
  all.insert(settings.begin(), settings.end());
  const KafkaHandle rk = plain_client(RD_KAFKA_CONSUMER, brokers, all);
  rd_kafka_poll_set_consumer(rk.get());
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(partitions));
  for (int p = 0; p < partitions; ++p) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(rk.get(), list.get());
  std::vector<PlainRecord> records;
  int ends = 0;
  EXPECT_TRUE(eventually([&] {
    rd_kafka_message_t* m = rd_kafka_consumer_poll(rk.get(), 100);
    if (m == nullptr) return false;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ends;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      PlainRecord r{m->partition, text_or_null(m->key, m->key_len), text_or_null(m->payload, m->len), {}};
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name;
        const void* value;
        size_t size;
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
          r.headers.emplace_back(name, text_or_null(value, size));
      }
      records.push_back(std::move(r));
    }
    rd_kafka_message_destroy(m);
    return ends == partitions;
  }));
  return records;
}

void commit_plainly(const std::string& brokers, const std::string& topic, int partition, std::int64_t offset,
                    const std::string& metadata) {
  const KafkaHandle rk = plain_client(RD_KAFKA_CONSUMER, brokers, {{"group.id", "test"}});
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* entry = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  entry->offset = offset;
  if (!metadata.empty()) {
    entry->metadata = std::malloc(metadata.size());  // the list frees it
    std::memcpy(entry->metadata, metadata.data(), metadata.size());
    entry->metadata_size = metadata.size();
  }
  ASSERT_EQ(rd_kafka_commit(rk.get(), list.get(), 0), RD_KAFKA_RESP_ERR_NO_ERROR);
}

Status commit_offsets(ProducerSession& session, const std::vector<OffsetOut>& offsets) {
  if (Status s = session.begin(); !s.ok()) return s;
  if (Status s = session.send_offsets(offsets); !s.ok()) return s;
  return session.commit();
}

std::size_t Collected::count() const {
  std::size_t n = 0;
  for (const auto& [partition, list] : messages) n += list.size();
  return n;
}

ReadOutcome read_once(SourceLane& lane, Collected& into, const BatchShape& shape, std::size_t bytes_max,
                      bool keep_letters) {
  Batch batch(shape);
  batch.keep_letters = keep_letters;
  const Result<ReadOutcome> outcome = lane.read(batch, bytes_max, std::chrono::milliseconds(20));
  EXPECT_TRUE(outcome.ok()) << outcome.status().message();
  if (!outcome.ok()) return ReadOutcome::kEnd;
  for (const PartitionSpan& span : batch.spans) {
    const std::uint32_t p = raw(span.partition);
    EXPECT_LE(raw(span.first), raw(span.next));
    if (into.next.count(p) != 0) {
      EXPECT_GE(raw(span.first), into.next[p]);
    }
    into.next[p] = raw(span.next);
    into.at_end[p] = span.at_end;
    if (span.discovered) into.discovered[p] = true;
  }
  for (const Message& m : batch.messages) {
    const PartitionSpan& span = batch.spans.at(m.span);
    EXPECT_GE(raw(m.offset), raw(span.first));
    EXPECT_LT(raw(m.offset), raw(span.next));
    into.messages[raw(span.partition)].push_back({raw(m.offset), std::string(batch.bytes(m)),
                                                  batch.envelopes.substr(m.envelope_begin, m.envelope_size),
                                                  m.timestamp_ms});
  }
  return outcome.value();
}

}  // namespace marquee::testing
