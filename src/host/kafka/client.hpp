// Client: one librdkafka handle with its settings checked and its callbacks turned into sentences.
//
// Callbacks (log, errors, statistics, delivery reports) run in whichever thread calls rd_kafka_poll or rd_kafka_flush
// on the handle, never in a thread of librdkafka.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.hpp"
#include "kafka/handles.hpp"
#include "kafka/kafka_config.hpp"
#include "pipeline/log.hpp"

namespace marquee {

// Whether a fetch that failed with this (rd_kafka_resp_err_t) fails whenever it is tried: what is stored is damaged, or
// written in a way that this librdkafka does not know.
bool is_unreadable(int error);

// kConfig where source and sink are two clusters, which share no transaction. An id that is empty is not known.
Status one_cluster(const std::string& sink_brokers, const std::string& sink_id, const std::string& source_id);

enum class ClientKind : std::uint8_t { kConsumer, kProducer };

struct ClientSpec {
  using Setting = std::pair<std::string, std::string>;
  ClientKind kind = ClientKind::kConsumer;
  std::string section;  // "source.kafka": how sentences name where `extra` was written
  std::string brokers;
  std::vector<Setting> fixed;         // what we rely on: `extra` may not change them
  std::vector<std::string> reserved;  // likewise, though we set nothing
  std::vector<Setting> preferred;     // `extra` may change them; what this librdkafka does not know is left out
  KafkaSettings extra;
  std::function<void(std::string_view json)> on_statistics;  // may be empty
  // May be empty. error: rd_kafka_resp_err_t; offset: where it was written, else -1.
  std::function<void(std::uintptr_t tag, int error, std::int64_t offset)> on_delivery;
};

class Client {
 public:
  // Fails with kConfig for a setting that librdkafka refuses or that is ours. `log` outlives it. Connects to nothing
  // yet.
  static Result<std::unique_ptr<Client>> make(ClientSpec spec, Log& log);
  // What of that needs no client: names and values that librdkafka does not know, or that are ours. kConfig.
  static Status check(const ClientSpec& spec);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_s* handle() const { return handle_.get(); }
  const std::string& brokers() const { return spec_.brokers; }

  // What librdkafka complained of last (connection, authentication), empty if nothing since the last forget. Any
  // thread.
  std::string last_error() const;
  void forget_error();
  // Whether that is of credentials or TLS, which no waiting mends. Any thread.
  bool is_refused() const;
  // One sentence on why Kafka does not answer and what to do, from `error` and the last complaint. Any thread.
  std::string complaint(int error) const;
  // The same for who goes on trying, and says so.
  std::string trouble(int error) const;
  // Of a consumer with a group: what the group's coordinator cannot be found for (rd_kafka_resp_err_t), as far as that
  // was said since the last call; 0: nothing. librdkafka tells it to nobody who waits for offsets. Any thread.
  int group_error() const;
  // Of the cluster it is connected to; empty where it is not told within `patience`.
  std::string cluster_id(std::chrono::milliseconds patience) const;

 private:
  friend struct ClientCallbacks;
  Client(ClientSpec spec, Log& log) : spec_(std::move(spec)), log_(log) {}

  ClientSpec spec_;
  Log& log_;
  mutable std::mutex mutex_;
  std::string last_error_;
  int last_error_code_ = 0;
  KafkaHandle handle_;
};

}  // namespace marquee
