#include "kafka/access_check.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kafka/client.hpp"
#include "kafka/kafka_pane_log.hpp"
#include "kafka/kafka_sink.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/producer_session.hpp"
#include "kafka/topics.hpp"

namespace marquee {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kPoll{50};
constexpr milliseconds kRequest{1'000};
constexpr milliseconds kCoordinator{3'000};
constexpr std::int32_t kNoPartition = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kTooLongMs = 2'000'000'000;  // librdkafka adds to it, in 32 bits
constexpr const char* kProbeKey = "marquee run --check";

struct MetadataDeleter {
  void operator()(const rd_kafka_metadata_t* p) const { rd_kafka_metadata_destroy(p); }
};
struct EventDeleter {
  void operator()(rd_kafka_event_t* p) const { rd_kafka_event_destroy(p); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventDeleter>;

// Asks until `done`, for `patience` at most. False: without an answer.
bool wait_for(const Client& client, milliseconds patience, const std::function<bool()>& done) {
  const auto end = Steady::now() + patience;
  while (true) {
    const bool answered = done();
    rd_kafka_poll(client.handle(), 0);  // errors and logs
    if (answered) return true;
    if (Steady::now() >= end) return false;
  }
}

struct TopicState {
  int error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int32_t partitions = 0;
  std::int32_t leaderless = 0;
};

std::string partitions_text(std::int32_t count) {
  return std::to_string(count) + (count == 1 ? " partition" : " partitions");
}

struct Mute final : Log {
  void write(Level, std::string_view) override {}
};

class AccessCheck {
 public:
  AccessCheck(const KafkaSourceConfig& source, const KafkaSinkConfig& sink, const KafkaPaneLogConfig& pane_log,
              milliseconds patience, Log& log, const std::function<void(const AccessAnswer&)>& tell)
      : source_(source), sink_(sink), pane_log_(pane_log), patience_(patience), log_(log), tell_(tell) {}

  void run() {
    check_source();
    check_sink();
  }

 private:
  void say(std::string what, Status status = {}) { tell_({std::move(what), std::move(status), false, false}); }
  void refuse(std::string what, std::string why) {
    tell_({std::move(what), Status(Code::kUnavailable, std::move(why)), std::exchange(changed_, false), false});
  }

  // A first question, of a client that is new: empty, or why nobody answers. Who is refused is not to wait.
  std::string why_silent(Client& client) const {
    int error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    wait_for(client, patience_, [&] {
      const rd_kafka_metadata_t* metadata = nullptr;
      error = rd_kafka_metadata(client.handle(), 0, nullptr, &metadata, static_cast<int>(kPoll.count() * 5));
      const std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter> owner(metadata);
      return error == RD_KAFKA_RESP_ERR_NO_ERROR || client.is_refused();
    });
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return client.complaint(error);
    client.forget_error();
    return {};
  }

  // Null, said, where librdkafka does not take the settings or the broker does not take us.
  std::unique_ptr<Client> connected(ClientSpec spec, const std::string& section) {
    Result<std::unique_ptr<Client>> made = Client::make(std::move(spec), log_);
    if (!made.ok()) {
      say(section, made.status());
      return nullptr;
    }
    std::unique_ptr<Client> client = std::move(made.value());
    if (const std::string why = why_silent(*client); !why.empty()) {
      refuse(section, why);
      return nullptr;
    }
    const std::string id = client->cluster_id(kRequest);
    say(section + ": Kafka at " + client->brokers() + " answers" + (id.empty() ? "" : ", cluster " + id));
    return client;
  }

  // By name, of a consumer: a producer's question may create the topic.
  TopicState look_at(const Client& consumer, const std::string& topic) const {
    TopicState state;
    const KafkaTopic handle(rd_kafka_topic_new(consumer.handle(), topic.c_str(), nullptr));
    if (!handle) return {rd_kafka_last_error(), 0, 0};
    wait_for(consumer, patience_, [&] {
      const rd_kafka_metadata_t* raw = nullptr;
      state = {};
      state.error = rd_kafka_metadata(consumer.handle(), 0, handle.get(), &raw, static_cast<int>(kRequest.count()));
      const std::unique_ptr<const rd_kafka_metadata_t, MetadataDeleter> metadata(raw);
      if (state.error != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
      if (metadata->topic_cnt != 1) return false;
      const rd_kafka_metadata_topic_t& found = metadata->topics[0];
      state.error = found.err;
      state.partitions = found.partition_cnt;
      for (int i = 0; i < found.partition_cnt; ++i) {
        if (found.partitions[i].leader < 0) ++state.leaderless;
      }
      return found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE && state.leaderless == 0;
    });
    return state;
  }

  // Whether a topic that is there can be used at all; said where not.
  bool is_usable(const std::string& what, const std::string& topic, const TopicState& state, const Client& client) {
    if (state.error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      refuse(what, "this user may not see " + topic + ": give it Describe on topic " + topic);
    } else if (state.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      refuse(what, client.complaint(state.error));
    } else if (state.partitions == 0 || state.leaderless > 0) {
      refuse(what, std::to_string(state.leaderless) + " of " + partitions_text(state.partitions) +
                       " have no leader: is a broker down?");
    } else {
      return true;
    }
    return false;
  }

  // A fetch at the end of every partition: empty, or why not.
  std::string why_not_readable(const Client& consumer, const std::string& topic, std::int32_t partitions) const {
    const KafkaTopic handle(rd_kafka_topic_new(consumer.handle(), topic.c_str(), nullptr));
    const KafkaQueue queue(rd_kafka_queue_new(consumer.handle()));
    std::vector<bool> answered(static_cast<std::size_t>(partitions));
    std::string why;
    std::int32_t started = 0;
    for (; started < partitions && why.empty(); ++started) {
      if (rd_kafka_consume_start_queue(handle.get(), started, RD_KAFKA_OFFSET_END, queue.get()) != 0) {
        why = rd_kafka_err2str(rd_kafka_last_error());
        break;
      }
    }
    const auto left = [&] { return std::count(answered.begin(), answered.end(), false); };
    if (why.empty()) {
      wait_for(consumer, patience_, [&] {
        rd_kafka_message_t* message = nullptr;
        if (rd_kafka_consume_batch_queue(queue.get(), static_cast<int>(kPoll.count()), &message, 1) != 1) return false;
        const rd_kafka_resp_err_t error = message->err;
        const std::int32_t partition = message->partition;
        rd_kafka_message_destroy(message);
        if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
          why = "this user may not read " + topic + ": give it Read on topic " + topic;
        } else if ((error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__PARTITION_EOF) &&
                   partition >= 0 && partition < partitions) {
          answered[static_cast<std::size_t>(partition)] = true;
        }
        return !why.empty() || left() == 0;
      });
      if (why.empty() && left() > 0) {
        why = std::to_string(left()) + " of " + partitions_text(partitions) +
              " give no answer to a fetch: " + consumer.complaint(RD_KAFKA_RESP_ERR__TIMED_OUT);
      }
    }
    for (std::int32_t p = 0; p < started; ++p) rd_kafka_consume_stop(handle.get(), p);
    return why;
  }

  void check_source() {
    ClientSpec spec = KafkaSource::client_spec(source_, 1);
    // A commit waits so long for the group's coordinator, and the client for the commit before it is gone. Nothing else
    // has a use for it here, where nobody subscribes.
    spec.preferred.emplace_back("session.timeout.ms", std::to_string(kCoordinator.count()));
    const std::unique_ptr<Client> client = connected(std::move(spec), "[source]");
    if (!client) return;
    source_cluster_ = client->cluster_id(kRequest);
    const std::string* committable = nullptr;
    for (const std::string& topic : source_.topics) {
      const std::string what = "topic " + topic + ", to read";
      const TopicState state = look_at(*client, topic);
      if (state.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        refuse(what, "there is no such topic: start what writes it, or create it with " +
                         creating_command(source_.brokers, {topic, 4, {}}));
        continue;
      }
      if (!is_usable(what, topic, state, *client)) continue;
      if (const std::string why = why_not_readable(*client, topic, state.partitions); !why.empty()) {
        refuse(what, why);
        continue;
      }
      say(what + ": " + partitions_text(state.partitions));
      committable = &topic;
    }
    if (committable != nullptr) check_group(*client, *committable);
  }

  void check_group(const Client& client, const std::string& topic) {
    const std::string what = "group " + source_.group;
    const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), kNoPartition)->offset = 0;
    const KafkaQueue queue(rd_kafka_queue_new(client.handle()));
    int error = rd_kafka_commit_queue(client.handle(), list.get(), queue.get(), nullptr, nullptr);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = RD_KAFKA_RESP_ERR__TIMED_OUT;
      wait_for(client, patience_, [&] {
        const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kPoll.count())));
        if (client.group_error() == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
          error = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
          return true;
        }
        if (!event || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT) return false;
        error = rd_kafka_event_error(event.get());
        const rd_kafka_topic_partition_list_t* offsets = rd_kafka_event_topic_partition_list(event.get());
        if (offsets != nullptr && offsets->cnt == 1 && offsets->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
          error = offsets->elems[0].err;
        }
        return true;
      });
    }
    if (error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
      refuse(what, "this user may not commit for it: give it Read on group " + source_.group);
    } else if (error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      refuse(what, client.complaint(error));
    } else {
      say(what, KafkaSource::check_group(client, source_, log_));
    }
  }

  ClientSpec reader_spec() const {
    ClientSpec spec;
    spec.kind = ClientKind::kConsumer;
    spec.section = "sink.kafka";
    spec.brokers = sink_.brokers;
    spec.extra = pane_log_.extra;
    spec.fixed = {
        {"enable.partition.eof", "true"}, {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"}};
    spec.preferred = {{"client.id", "marquee"}, {"fetch.wait.max.ms", "50"}};
    return spec;
  }

  ClientSpec writer_spec() {
    ClientSpec spec = ProducerSession::asking_spec(sink_);
    std::erase_if(spec.fixed, [](const auto& setting) { return setting.first == "acks"; });
    spec.fixed.emplace_back("acks", "2");
    spec.fixed.emplace_back("message.timeout.ms", std::to_string(patience_.count()));
    spec.on_delivery = [this](std::uintptr_t tag, int error, std::int64_t) {
      if (tag == probe_) delivery_ = error;  // not of a record that was given up
    };
    return spec;
  }

  // Empty, or why not.
  std::string why_not_writable(const Client& writer, const std::string& topic) {
    delivery_.reset();
    ++probe_;
    std::array<rd_kafka_vu_t, 4> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = 0;
    fields[2].vtype = RD_KAFKA_VTYPE_KEY;
    fields[2].u.mem = {const_cast<char*>(kProbeKey), std::char_traits<char>::length(kProbeKey)};
    fields[3].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[3].u.ptr = reinterpret_cast<void*>(probe_);
    if (rd_kafka_error_t* refused = rd_kafka_produceva(writer.handle(), fields.data(), fields.size())) {
      std::string why = rd_kafka_error_string(refused);
      rd_kafka_error_destroy(refused);
      return why;
    }
    wait_for(writer, patience_ + kRequest, [&] {
      rd_kafka_poll(writer.handle(), static_cast<int>(kPoll.count()));
      return delivery_.has_value();
    });
    const int error = delivery_.value_or(RD_KAFKA_RESP_ERR__TIMED_OUT);
    switch (error) {
      case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
        return {};
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "this user may not write " + topic + ": give it Write on topic " + topic;
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        changed_ = true;
        return std::string("the broker has taken a record that it must refuse (acks=2): a tombstone of the key \"") +
               kProbeKey + "\" now stands in " + topic + ". It is no Apache Kafka, and --check cannot be used with it";
      default:
        return writer.complaint(error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ? RD_KAFKA_RESP_ERR__TIMED_OUT : error);
    }
  }

  std::string why_not_removable(Client& writer, const std::string& topic) const {
    const KafkaPartitions offsets(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(offsets.get(), topic.c_str(), 0)->offset = 0;
    const std::unique_ptr<rd_kafka_DeleteRecords_t, void (*)(rd_kafka_DeleteRecords_t*)> request(
        rd_kafka_DeleteRecords_new(offsets.get()), &rd_kafka_DeleteRecords_destroy);
    const KafkaQueue queue(rd_kafka_queue_new(writer.handle()));
    rd_kafka_DeleteRecords_t* raw = request.get();
    rd_kafka_DeleteRecords(writer.handle(), &raw, 1, nullptr, queue.get());
    int error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    wait_for(writer, patience_, [&] {
      const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kPoll.count())));
      if (!event) return false;
      error = rd_kafka_event_error(event.get());
      if (const auto* result = rd_kafka_event_DeleteRecords_result(event.get()); error == 0 && result != nullptr) {
        const rd_kafka_topic_partition_list_t* found = rd_kafka_DeleteRecords_result_offsets(result);
        if (found->cnt == 1) error = found->elems[0].err;
      }
      return true;
    });
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
      return "this user may not remove what is needless from " + topic + ": give it Delete on topic " + topic;
    }
    return writer.complaint(error);
  }

  // Whether the topic is there, to be written; said where not, or where a start would create it.
  bool is_there(const Client& reader, Client& writer, const TopicWish& wish, bool create, const std::string& what,
                TopicState& state) {
    state = look_at(reader, wish.name);
    if (state.error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return is_usable(what, wish.name, state, reader);
    const std::string command = "create it with " + creating_command(sink_.brokers, wish);
    if (!create) {
      refuse(what, "there is no such topic, and sink.create_topics is false: " + command);
    } else if (const std::string why = why_not_creatable(writer, wish); !why.empty()) {
      refuse(what, "there is no such topic, and the broker would not let us create it (" + why + "): " + command);
    } else {
      say(what + ": is not there, and would be created with " + partitions_text(wish.partitions));
    }
    return false;
  }

  void check_sink() {
    const std::unique_ptr<Client> reader = connected(reader_spec(), "[sink]");
    if (!reader) return;
    const std::string cluster = reader->cluster_id(kRequest);
    if (Status s = one_cluster(sink_.brokers, cluster, source_cluster_); !s.ok()) say("one cluster", std::move(s));
    Result<std::unique_ptr<Client>> made = Client::make(writer_spec(), log_);
    if (!made.ok()) return say("the settings of [sink.kafka]", made.status());
    Client& writer = *made.value();
    if (const std::string why = why_silent(writer); !why.empty()) return refuse("[sink], to write", why);
    TopicState state;
    for (const auto& [kind, wish] : KafkaSink::targets(sink_)) {
      const std::string what = "topic " + wish.name + ", to write";
      if (!is_there(*reader, writer, wish, sink_.create_topics, what, state)) continue;
      if (const std::string why = why_not_writable(writer, wish.name); !why.empty()) {
        refuse(what, why);
      } else {
        say(what + ": " + partitions_text(state.partitions));
      }
    }
    const std::string& panes = pane_log_.topic;
    const std::string what = "topic " + panes + ", the pane log";
    if (is_there(*reader, writer, KafkaPaneLog::wish(pane_log_), pane_log_.create_topic, what, state)) {
      std::string why = why_not_writable(writer, panes);
      if (why.empty()) why = why_not_readable(*reader, panes, state.partitions);
      if (why.empty()) why = why_not_removable(writer, panes);
      if (!why.empty()) {
        refuse(what, why);
      } else {
        const std::atomic<bool> stop{false};
        TopicFound found = topic_settings(writer, panes, stop, log_);
        found.partitions = state.partitions;
        say(what + ": " + partitions_text(state.partitions), KafkaPaneLog::check(pane_log_, sink_.brokers, found));
      }
    }
    check_transactional_id(writer);
  }

  // The longest transaction that the broker allows, as far as it tells us; 0: it does not.
  static std::int64_t transaction_ms_max(Client& client) {
    const std::int32_t broker = rd_kafka_controllerid(client.handle(), static_cast<int>(kRequest.count()));
    const std::map<std::string, std::string> settings = broker_settings(client, broker);
    const auto found = settings.find("transaction.max.timeout.ms");
    std::int64_t ms = 0;
    if (found == settings.end()) return 0;
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), ms);
    return ms;
  }

  void check_transactional_id(Client& writer) {
    const std::string what = "transactional id marquee-" + sink_.group;
    if (transaction_ms_max(writer) >= kTooLongMs) {
      tell_({what + ": not asked, for this broker allows transactions of any length (transaction.max.timeout.ms), and "
                    "asking would take it from who has it",
             Status(), false, true});
      return;
    }
    ClientSpec spec = ProducerSession::client_spec(sink_);
    spec.extra.erase("transaction.timeout.ms");
    spec.fixed.emplace_back("transaction.timeout.ms", std::to_string(kTooLongMs));
    Mute mute;  // librdkafka has loud words for what is refused here on purpose
    Result<std::unique_ptr<Client>> made = Client::make(std::move(spec), mute);
    if (!made.ok()) return say(what, made.status());
    const Client& client = *made.value();
    int error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    wait_for(client, patience_, [&] {
      rd_kafka_error_t* failure = rd_kafka_init_transactions(client.handle(), static_cast<int>(kPoll.count() * 5));
      error = failure == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(failure);
      const bool again =
          failure != nullptr && (rd_kafka_error_is_retriable(failure) != 0 || error == RD_KAFKA_RESP_ERR__TIMED_OUT);
      rd_kafka_error_destroy(failure);
      return !again || client.is_refused();
    });
    if (error == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT) {
      say(what);
    } else if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      changed_ = true;
      refuse(what,
             "this broker allows transactions of any length (transaction.max.timeout.ms), so that asking has taken the "
             "id: an instance of this group that runs has been fenced; start it again, and do not use --check here");
    } else if (const auto permission = ProducerSession::permission_for(error, sink_.group)) {
      refuse(what, "this user may not use it: give it " + *permission);
    } else if (error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
      say(what, Status(Code::kConfig, "transactions need Kafka 2.5 or newer"));
    } else {
      refuse(what, client.complaint(error));
    }
  }

  const KafkaSourceConfig& source_;
  const KafkaSinkConfig& sink_;
  const KafkaPaneLogConfig& pane_log_;
  const milliseconds patience_;
  Log& log_;
  const std::function<void(const AccessAnswer&)>& tell_;
  std::string source_cluster_;
  std::uintptr_t probe_ = 0;     // the record that is out
  std::optional<int> delivery_;  // its answer
  bool changed_ = false;         // by the question that is being asked
};

}  // namespace

void check_access(const KafkaSourceConfig& source, const KafkaSinkConfig& sink, const KafkaPaneLogConfig& pane_log,
                  std::chrono::milliseconds patience, Log& log, const std::function<void(const AccessAnswer&)>& tell) {
  AccessCheck(source, sink, pane_log, patience, log, tell).run();
}

}  // namespace marquee
