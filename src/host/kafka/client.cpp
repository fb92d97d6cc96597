#include "kafka/client.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace marquee {

void KafkaDeleter::operator()(rd_kafka_s* p) const {
  rd_kafka_destroy_flags(p, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
void KafkaDeleter::operator()(rd_kafka_topic_s* p) const {
  rd_kafka_topic_destroy(p);
}
void KafkaDeleter::operator()(rd_kafka_queue_s* p) const {
  rd_kafka_queue_destroy(p);
}
void KafkaDeleter::operator()(rd_kafka_topic_partition_list_s* p) const {
  rd_kafka_topic_partition_list_destroy(p);
}
void KafkaDeleter::operator()(rd_kafka_mock_cluster_s* p) const {
  rd_kafka_mock_cluster_destroy(p);
}

bool is_unreadable(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return true;
    default:
      return false;
  }
}

namespace {

// An error's sentence without what librdkafka adds for those who mend it: "(after 0ms in state CONNECT, 1 identical
// …)".
std::string_view without_state(std::string_view reason) {
  const std::size_t at = reason.rfind(" (after ");
  return at == std::string_view::npos || !reason.ends_with(')') ? reason : reason.substr(0, at);
}

}  // namespace

struct ClientCallbacks {
  static void log(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
    Client& client = *static_cast<Client*>(rd_kafka_opaque(rk));
    const std::string line = std::string("librdkafka ") + facility + ": " + text;
    // Failed connections come by the dozen; the error callback's sentence stands for them.
    if (std::strcmp(facility, "CONFWARN") == 0) {
      client.log_.warning(line);
    } else if (level <= 2) {
      client.log_.error(line);
    } else {
      client.log_.debug(line);
    }
  }

  static void error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    Client& client = *static_cast<Client*>(opaque);
    client.log_.debug(std::string("Kafka: ") + reason);
    const std::lock_guard lock(client.mutex_);
    // "All brokers are down" says less than the failed connection before it.
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !client.last_error_.empty()) return;
    client.last_error_ = without_state(reason);
    client.last_error_code_ = code;
  }

  static int statistics(rd_kafka_t*, char* json, size_t size, void* opaque) {
    static_cast<Client*>(opaque)->spec_.on_statistics({json, size});
    return 0;  // librdkafka frees it
  }

  static void delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    static_cast<Client*>(opaque)->spec_.on_delivery(reinterpret_cast<std::uintptr_t>(message->_private), message->err,
                                                    message->offset);
  }
};

namespace {

bool is_secret(std::string_view name) {
  constexpr std::array<std::string_view, 5> kParts = {"password", "secret", "pem", "oauthbearer.config", "key"};
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* p) const { rd_kafka_conf_destroy(p); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

rd_kafka_conf_res_t set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value, std::string& why) {
  std::array<char, 512> text{};
  const rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size());
  why = text.data();
  return result;
}

Status refuse(const ClientSpec& spec, const std::string& name, const std::string& why) {
  return Status(Code::kConfig, "[" + spec.section + "] " + name + ": " + why);
}

// Puts the settings of a client into librdkafka's own, name by name.
Status apply(const ClientSpec& s, rd_kafka_conf_t* conf) {
  std::string why;
  for (const auto& [name, value] : s.preferred) {
    if (s.extra.count(name) != 0) continue;
    if (set(conf, name, value, why) == RD_KAFKA_CONF_INVALID) return refuse(s, name, why);
  }
  for (const auto& [name, value] : s.extra) {
    const bool ours = name == "bootstrap.servers" || name == "metadata.broker.list" ||
                      std::count(s.reserved.begin(), s.reserved.end(), name) != 0 ||
                      std::any_of(s.fixed.begin(), s.fixed.end(), [&](const auto& f) { return f.first == name; });
    if (ours) return refuse(s, name, "is set by marquee and cannot be changed here; remove the line");
    if (set(conf, name, value, why) != RD_KAFKA_CONF_OK) {
      return refuse(s, name, is_secret(name) ? "librdkafka refuses this value" : why);
    }
  }
  for (const auto& [name, value] : s.fixed) {
    if (set(conf, name, value, why) != RD_KAFKA_CONF_OK) return refuse(s, name, why);
  }
  if (set(conf, "bootstrap.servers", s.brokers, why) != RD_KAFKA_CONF_OK) return refuse(s, "brokers", why);
  if (set(conf, "log.queue", "true", why) != RD_KAFKA_CONF_OK) return refuse(s, "log.queue", why);
  return {};
}

}  // namespace

Status Client::check(const ClientSpec& spec) {
  const Conf conf(rd_kafka_conf_new());
  return apply(spec, conf.get());
}

Result<std::unique_ptr<Client>> Client::make(ClientSpec spec, Log& log) {
  std::unique_ptr<Client> client(new Client(std::move(spec), log));
  const ClientSpec& s = client->spec_;
  Conf conf(rd_kafka_conf_new());
  if (Status status = apply(s, conf.get()); !status.ok()) return status;
  rd_kafka_conf_set_opaque(conf.get(), client.get());
  rd_kafka_conf_set_log_cb(conf.get(), &ClientCallbacks::log);
  rd_kafka_conf_set_error_cb(conf.get(), &ClientCallbacks::error);
  if (s.on_statistics) rd_kafka_conf_set_stats_cb(conf.get(), &ClientCallbacks::statistics);
  if (s.on_delivery) rd_kafka_conf_set_dr_msg_cb(conf.get(), &ClientCallbacks::delivery);
  // A producer is polled only while an epoch is written: tokens have to be refreshed without that.
  const bool background_sasl = s.kind == ClientKind::kProducer;
  if (background_sasl) rd_kafka_conf_enable_sasl_queue(conf.get(), 1);

  std::array<char, 512> text{};
  const rd_kafka_type_t type = s.kind == ClientKind::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  client->handle_.reset(rd_kafka_new(type, conf.get(), text.data(), text.size()));
  if (!client->handle_) {
    return Status(Code::kConfig, "librdkafka refuses the settings for " + s.brokers + ": " + text.data() +
                                     "; look at [" + s.section + "]");
  }
  static_cast<void>(conf.release());  // the handle owns it now
  rd_kafka_set_log_queue(client->handle(), nullptr);
  if (background_sasl) {
    if (rd_kafka_error_t* error = rd_kafka_sasl_background_callbacks_enable(client->handle())) {
      rd_kafka_error_destroy(error);  // not OAUTHBEARER: nothing to refresh
    }
  }
  return client;
}

std::string Client::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void Client::forget_error() {
  const std::lock_guard lock(mutex_);
  last_error_.clear();
  last_error_code_ = 0;
}

namespace {

// Before it, every exchange of SCRAM has the client's nonce once too often, which Kafka 4 does not overlook.
constexpr int kScramMendedIn = 0x02060100;

bool uses_scram(const KafkaSettings& settings) {
  return std::any_of(settings.begin(), settings.end(), [](const auto& setting) {
    return setting.first.starts_with("sasl.mechanism") && setting.second.starts_with("SCRAM");
  });
}

bool is_of_credentials(int code) {
  return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

}  // namespace

bool Client::is_refused() const {
  const std::lock_guard lock(mutex_);
  return is_of_credentials(last_error_code_) || last_error_code_ == RD_KAFKA_RESP_ERR__SSL;
}

std::string Client::complaint(int error) const {
  const std::lock_guard lock(mutex_);
  const bool no_answer = error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                         error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__WAIT_COORD;
  const int code = no_answer && last_error_code_ != 0 ? last_error_code_ : error;
  const std::string why =
      no_answer && !last_error_.empty() ? last_error_ : rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error));
  const std::string where = "Kafka at " + spec_.brokers;
  if (is_of_credentials(code)) {
    std::string text = where + " refuses the credentials (" + why + "): check sasl.* under [" + spec_.section + "]";
    if (uses_scram(spec_.extra) && rd_kafka_version() < kScramMendedIn) {
      text += std::string("; or it is Kafka 4, to which this librdkafka (") + rd_kafka_version_str() +
              ") cannot prove itself with SCRAM (its issue 4895, mended in 2.6.1)";
    }
    return text;
  }
  if (code == RD_KAFKA_RESP_ERR__SSL) {
    return where + " cannot be reached over TLS (" + why + "): check ssl.* and security.protocol under [" +
           spec_.section + "]";
  }
  if (code == RD_KAFKA_RESP_ERR__RESOLVE || no_answer) {
    return where + " does not answer (" + why + "): is it running, and is the address right?";
  }
  return where + " answers with an error (" + why + ").";
}

std::string Client::trouble(int error) const {
  std::string text = complaint(error);
  if (text.ends_with('?') || text.ends_with('.')) text += " Trying on";
  return text;
}

int Client::group_error() const {
  const KafkaQueue queue(rd_kafka_queue_get_consumer(handle()));
  int error = RD_KAFKA_RESP_ERR_NO_ERROR;
  while (queue) {
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue.get(), 0);
    if (event == nullptr) break;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) error = rd_kafka_event_error(event);
    rd_kafka_event_destroy(event);
  }
  return error;
}

std::string Client::cluster_id(std::chrono::milliseconds patience) const {
  char* const id = rd_kafka_clusterid(handle(), static_cast<int>(patience.count()));
  std::string text = id == nullptr ? "" : id;
  if (id != nullptr) rd_kafka_mem_free(handle(), id);
  return text;
}

Status one_cluster(const std::string& sink_brokers, const std::string& sink_id, const std::string& source_id) {
  if (sink_id.empty() || source_id.empty() || sink_id == source_id) return {};
  return {Code::kConfig, "[sink] brokers: " + sink_brokers + " (cluster " + sink_id +
                             ") are another cluster than the source's (" + source_id +
                             "): results and offsets are committed in one transaction, which no two clusters share. "
                             "Write here, and copy the results over with MirrorMaker"};
}

}  // namespace marquee
