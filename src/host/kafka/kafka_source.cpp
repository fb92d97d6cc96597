#include "kafka/kafka_source.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/check.hpp"

namespace marquee {
namespace {

constexpr int kAnswerMs = 1'000;                       // how long one request may take before `stop` is looked at again
constexpr std::chrono::milliseconds kRetryPause{100};  // ends with a stop
constexpr int kAskDeniedS = 5;                         // how long to ask whether the group is still denied
constexpr std::chrono::seconds kEndMayLag{3};          // after a new leader the end may stand below what was committed

using Steady = std::chrono::steady_clock;

std::string place(const PartitionStart& start) {
  return "topic " + start.topic + ", partition " + std::to_string(start.number);
}

}  // namespace

KafkaSource::KafkaSource(KafkaSourceConfig config, Log& log, Probe& probe)
    : config_(std::move(config)), log_(log), probe_(probe) {}

KafkaSource::~KafkaSource() {
  quit_.store(true);
  if (poller_.joinable()) poller_.join();
  for (const PartitionState& state : partitions_) {
    if (state.started) rd_kafka_consume_stop(state.topic, state.start.number);
  }
  lanes_.clear();
  topics_.clear();
  client_.reset();
}

ClientSpec KafkaSource::client_spec(const KafkaSourceConfig& config, std::size_t lanes) {
  // Fetched messages are bounded per queue, and there is one a lane.
  const std::size_t queue_kib = std::clamp<std::size_t>(config.queued_bytes_max / 1024 / lanes, 1024, 2'097'151);
  ClientSpec spec;
  spec.kind = ClientKind::kConsumer;
  spec.section = "source.kafka";
  spec.brokers = config.brokers;
  spec.extra = config.extra;
  spec.fixed = {{"group.id", config.group},
                {"enable.auto.commit", "false"},
                {"enable.auto.offset.store", "false"},
                {"enable.partition.eof", "true"},
                {"auto.offset.reset", "error"},
                {"statistics.interval.ms", "1000"},
                // Of records, and of committed offsets: one that an open transaction may change is waited for.
                {"isolation.level", "read_committed"}};
  spec.reserved = {"auto.commit.enable"};  // nothing commits by itself: no partition starts at its stored offset
  spec.preferred = {
      {"client.id", "marquee"},
      // At the default of 100,000 messages a consumer slower than the fetcher backs off a second at a time.
      {"queued.min.messages", "2000000"},
      {"queued.max.messages.kbytes", std::to_string(queue_kib)},
      {"fetch.queue.backoff.ms", "5"},  // librdkafka 2.2 and newer
      {"fetch.error.backoff.ms", "200"},
      {"reconnect.backoff.max.ms", "2000"},
      {"socket.keepalive.enable", "true"}};
  return spec;
}

Status KafkaSource::make_client(std::size_t lanes) {
  if (config_.topics.empty()) return Status(Code::kConfig, "[source] topic: name at least one topic to read");
  ClientSpec spec = client_spec(config_, lanes);
  spec.on_statistics = [this](std::string_view json) { judge_leaders(json); };
  Result<std::unique_ptr<Client>> client = Client::make(std::move(spec), log_);
  if (!client.ok()) return client.status();
  client_ = std::move(client.value());

  topics_.resize(config_.topics.size());
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    topics_[i].name = config_.topics[i];
    rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(client_->handle());
    rd_kafka_topic_conf_set_opaque(conf, reinterpret_cast<void*>(static_cast<std::uintptr_t>(i)));
    topics_[i].handle.reset(rd_kafka_topic_new(client_->handle(), topics_[i].name.c_str(), conf));
    if (!topics_[i].handle) {
      return Status(Code::kConfig, "[source] topic: \"" + topics_[i].name + "\" cannot be a topic's name (" +
                                       rd_kafka_err2str(rd_kafka_last_error()) + ")");
    }
  }
  return {};
}

Status KafkaSource::open(std::size_t lanes, const std::atomic<bool>& stop) {
  MARQUEE_CHECK(lanes > 0 && client_ == nullptr);
  stop_ = &stop;
  if (Status status = make_client(lanes); !status.ok()) return status;
  poller_ = std::thread([this] { poll_loop(); });
  for (std::size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<KafkaLane>(client_->handle(), config_.brokers, log_));
  }

  Waiting waiting(log_, probe_);
  find_partitions(waiting);
  if (stopped()) return stopped_while_opening();
  return check_group(*client_, config_, log_);
}

Result<std::vector<PartitionStart>> KafkaSource::starts() {
  Waiting waiting(log_, probe_);
  const Result<KafkaPartitions> offsets = committed(waiting);
  if (stopped()) return stopped_while_opening();
  if (!offsets.ok()) return offsets.status();
  std::vector<PartitionStart> starts;
  if (Status status = resolve_starts(*offsets.value(), starts, waiting); !status.ok()) return status;
  if (stopped()) return stopped_while_opening();
  return starts;
}

Status KafkaSource::stopped_while_opening() const {
  return Status(Code::kUnavailable, "stopped before the partitions to read were found: " + probe_.reason());
}

void KafkaSource::find_partitions(Waiting& waiting) {
  for (std::size_t i = 0; i < topics_.size() && !stopped();) {
    Result<std::size_t> count = count_partitions(topics_[i]);
    if (!count.ok()) {
      waiting.say(count.status().message());
      pause(*stop_, kRetryPause);
      continue;
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t number = 0; number < count.value(); ++number) {
      add_partition(i, static_cast<std::int32_t>(number));
    }
    ++i;
  }
}

Result<std::size_t> KafkaSource::count_partitions(Topic& topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(client_->handle(), 0, topic.handle.get(), &metadata, kAnswerMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Status(Code::kUnavailable, client_->trouble(error));
  client_->forget_error();
  const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> owner(
      metadata, &rd_kafka_metadata_destroy);
  const std::string where = "topic " + topic.name + " on Kafka at " + config_.brokers;
  if (metadata->topic_cnt != 1) return Status(Code::kUnavailable, where + " is not described; trying on");
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return Status(Code::kUnavailable, where +
                                          " does not exist yet: start what writes it, or create it with "
                                          "kafka-topics.sh --bootstrap-server " +
                                          config_.brokers + " --create --topic " + topic.name +
                                          " --partitions 4. Trying on");
  }
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Status(Code::kUnavailable, where + " cannot be read (" + rd_kafka_err2str(found.err) +
                                          "): may this user describe and read it? Trying on");
  }
  for (int i = 0; i < found.partition_cnt; ++i) {
    if (found.partitions[i].leader < 0) {
      return Status(Code::kUnavailable,
                    where + ": partition " + std::to_string(found.partitions[i].id) + " has no leader; trying on");
    }
  }
  if (found.partition_cnt == 0) return Status(Code::kUnavailable, where + " has no partition yet; trying on");
  return static_cast<std::size_t>(found.partition_cnt);
}

PartitionState& KafkaSource::add_partition(std::size_t topic, std::int32_t number) {
  Topic& owner = topics_[topic];
  MARQUEE_CHECK(owner.partitions.size() == static_cast<std::size_t>(number));
  PartitionState& state = partitions_.emplace_back();
  state.start.partition = PartitionIndex{static_cast<std::uint32_t>(partitions_.size() - 1)};
  state.start.topic = owner.name;
  state.start.number = number;
  state.topic = owner.handle.get();
  state.lane = (partitions_.size() - 1) % lanes_.size();
  owner.partitions.push_back(&state);
  return state;
}

std::size_t KafkaSource::topic_of(const PartitionState& state) const {
  return reinterpret_cast<std::uintptr_t>(rd_kafka_topic_opaque(state.topic));
}

Status KafkaSource::check_group(const Client& client, const KafkaSourceConfig& config, Log& log) {
  // Not rd_kafka_DescribeConsumerGroups: in 2.0.2 its failure can deadlock the library's main thread, and in later ones
  // trip an assertion (librdkafka issue 4605).
  const rd_kafka_group_list* raw_list = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_list_groups(client.handle(), config.group.c_str(), &raw_list, 2 * kAnswerMs);
  const std::unique_ptr<const rd_kafka_group_list, void (*)(const rd_kafka_group_list*)> list(
      raw_list, &rd_kafka_group_list_destroy);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || !list) {
    log.debug("group " + config.group + " could not be described (" + rd_kafka_err2str(error) +
              "): a subscribed member of it would not be noticed");
    return {};
  }
  for (int i = 0; i < list->group_cnt; ++i) {
    const rd_kafka_group_info& group = list->groups[i];
    if (config.group != group.group || group.err != RD_KAFKA_RESP_ERR_NO_ERROR || group.member_cnt == 0) continue;
    return Status(Code::kConfig, "group " + config.group + " on Kafka at " + config.brokers + " has " +
                                     std::to_string(group.member_cnt) + " subscribed member(s) (" +
                                     group.members[0].client_id + " on " + group.members[0].client_host +
                                     "), which would commit over us: stop them, or set another source.group");
  }
  return {};
}

Result<KafkaPartitions> KafkaSource::committed(Waiting& waiting) {
  const std::string offsets = "the committed offsets of group " + config_.group;
  KafkaPartitions list(rd_kafka_topic_partition_list_new(16));
  {
    const std::lock_guard lock(mutex_);
    for (const PartitionState& state : partitions_) {
      rd_kafka_topic_partition_list_add(list.get(), state.start.topic.c_str(), state.start.number);
    }
  }
  while (!stopped()) {
    rd_kafka_resp_err_t error = rd_kafka_committed(client_->handle(), list.get(), 2 * kAnswerMs);
    for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) error = list->elems[i].err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || group_is_denied()) {
      return Status(Code::kUnavailable, offsets + " on Kafka at " + config_.brokers + " cannot be read (" +
                                            rd_kafka_err2str(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) +
                                            "): give this user Read on group " + config_.group);
    }
    // librdkafka asks again while a transaction holds the offsets back, and then says no more than that time is up.
    if (error == RD_KAFKA_RESP_ERR__TIMED_OUT && answers()) {
      waiting.say(offsets + " on Kafka at " + config_.brokers +
                  " are held back by a transaction that has not ended. One that a process has left behind ends after "
                  "its transaction.timeout.ms; one that never does was lost by the broker: see kafka-transactions.sh "
                  "--bootstrap-server " +
                  config_.brokers + " find-hanging --topic __consumer_offsets. Trying on");
    } else {
      waiting.say(offsets + " cannot be read: " + client_->trouble(error));
    }
    pause(*stop_, kRetryPause);
  }
  return list;
}

// Said once, when the group's coordinator was first asked for, which may be long ago: so a new client asks again.
bool KafkaSource::group_is_denied() {
  if (client_->group_error() == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) group_was_denied_ = true;
  if (!group_was_denied_) return false;
  const Result<std::unique_ptr<Client>> asking = Client::make(client_spec(config_, 1), log_);
  if (!asking.ok()) return true;
  const KafkaPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topics_.front().name.c_str(), 0);
  for (int second = 0; second < kAskDeniedS && !stopped(); ++second) {
    if (rd_kafka_committed(asking.value()->handle(), list.get(), kAnswerMs) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      group_was_denied_ = false;  // given back meanwhile
      return false;
    }
    if (asking.value()->group_error() == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) return true;
  }
  return false;  // nobody knows: asked again at the next time-out
}

bool KafkaSource::answers() const {
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client_->handle(), 0, topics_.front().handle.get(), &metadata, kAnswerMs) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  rd_kafka_metadata_destroy(metadata);
  return true;
}

Status KafkaSource::resolve_starts(const rd_kafka_topic_partition_list_s& committed,
                                   std::vector<PartitionStart>& starts, Waiting& waiting) {
  const auto count = static_cast<std::size_t>(committed.cnt);  // others may be found meanwhile
  std::vector<PartitionState*> states;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count; ++i) states.push_back(&partitions_[i]);
  }
  std::vector<bool> topic_has_commits(topics_.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (committed.elems[i].offset >= 0) topic_has_commits[topic_of(*states[i])] = true;
  }
  std::vector<std::string> gaps;
  std::uint64_t gap_messages = 0;
  for (std::size_t i = 0; i < count && !stopped();) {
    PartitionState& state = *states[i];
    const rd_kafka_topic_partition_t& commit = committed.elems[i];
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto give_up = Steady::now() + kEndMayLag;
    rd_kafka_resp_err_t error;
    do {
      error = rd_kafka_query_watermark_offsets(client_->handle(), state.start.topic.c_str(), state.start.number, &low,
                                               &high, kAnswerMs);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR && commit.offset <= high) break;
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) waiting.say(place(state.start) + ": " + client_->trouble(error));
      pause(*stop_, kRetryPause);
    } while (Steady::now() < give_up && !stopped());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) continue;  // ask again

    PartitionStart start = state.start;
    start.committed = commit.offset >= 0;
    std::int64_t offset = low;
    if (start.committed) {
      if (commit.offset > high) {
        return Status(Code::kInternal, place(start) + " ends at " + std::to_string(high) + ", but group " +
                                           config_.group + " has committed " + std::to_string(commit.offset) +
                                           ": was the topic made anew? Set another source.group; what was counted from "
                                           "the old one is in this one's pane log");
      }
      if (commit.offset < low) {
        gaps.push_back(place(start) + ": offsets " + std::to_string(commit.offset) + " to " + std::to_string(low - 1));
        // Until it is committed over, every recovery meets it again.
        gap_messages +=
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, low - std::max(commit.offset, state.gap_end)));
        state.gap_end = low;
        start.gap = true;
      } else {
        offset = commit.offset;
      }
      if (commit.metadata_size > 0) {
        start.metadata.assign(static_cast<const char*>(commit.metadata), commit.metadata_size);
      }
    } else if (!topic_has_commits[topic_of(state)] && config_.start == KafkaStart::kLatest) {
      offset = high;
    }  // else earliest; a partition that is new to a group which has read its topic is read from its beginning
    start.offset = Offset{offset};
    start.at_beginning = offset == 0;
    state.high.store(high);
    starts.push_back(std::move(start));
    ++i;
  }
  if (gaps.empty()) return {};
  if (Status status = judge_gaps(gaps); !status.ok()) return status;
  probe_.gap_messages.fetch_add(gap_messages, std::memory_order_relaxed);
  return {};
}

Status KafkaSource::judge_gaps(const std::vector<std::string>& gaps) {
  std::string ranges;
  for (const std::string& gap : gaps) ranges += (ranges.empty() ? "" : "; ") + gap;
  if (config_.on_gap == KafkaOnGap::kStop) {
    return Status(Code::kInternal, "retention has removed records that group " + config_.group + " had not read (" +
                                       ranges +
                                       "): set source.on_gap = \"continue\" to go on without them, with windows open "
                                       "then marked \"exact\": false, and give the topic a longer retention");
  }
  log_.warning("retention has removed records that were not read (" + ranges +
               "); going on without them, and results of windows open now say \"exact\": false");
  return {};
}

void KafkaSource::start_fetching(PartitionState& state, bool discovered) {
  KafkaLane& lane = *lanes_[state.lane];
  state.started = true;
  lane.adopt(topic_of(state), state, discovered);
  MARQUEE_CHECK(rd_kafka_consume_start_queue(state.topic, state.start.number, state.position.load(), lane.queue()) ==
                0);
}

SourceLane& KafkaSource::lane(std::size_t i) {
  return *lanes_.at(i);
}

bool KafkaSource::healthy(PartitionIndex partition) const {
  const std::lock_guard lock(mutex_);
  const PartitionState& state = partitions_.at(raw(partition));
  return state.fetched.load(std::memory_order_relaxed) && state.leader_answers.load(std::memory_order_relaxed);
}

PartitionStart KafkaSource::partition(PartitionIndex partition) const {
  const std::lock_guard lock(mutex_);
  return partitions_.at(raw(partition)).start;
}

std::size_t KafkaSource::partition_count() const {
  const std::lock_guard lock(mutex_);
  return partitions_.size();
}

Status KafkaSource::seek(const std::vector<PartitionStart>& starts) {
  const std::lock_guard lock(mutex_);
  // Stopped first, all of them: the version that this raises makes librdkafka throw away what it had queued.
  for (const PartitionStart& start : starts) {
    const PartitionState& state = partitions_.at(raw(start.partition));
    if (state.started && rd_kafka_consume_stop(state.topic, state.start.number) != 0) {
      return Status(Code::kInternal,
                    place(state.start) + " cannot be stopped to seek: " + rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
  for (const PartitionStart& start : starts) {
    PartitionState& state = partitions_.at(raw(start.partition));
    state.position.store(raw(start.offset));
    if (!state.started) {
      start_fetching(state, false);
      continue;
    }
    lanes_[state.lane]->reposition(topic_of(state), state);
    if (rd_kafka_consume_start_queue(state.topic, state.start.number, raw(start.offset), lanes_[state.lane]->queue()) !=
        0) {
      return Status(Code::kInternal, place(state.start) + " cannot be started at " + std::to_string(raw(start.offset)) +
                                         ": " + rd_kafka_err2str(rd_kafka_last_error()));
    }
  }
  fetching_.store(true);
  return {};
}

Status KafkaSource::group_is_ours() const {
  const std::lock_guard lock(mutex_);
  return group_;
}

bool KafkaSource::leave_is_over() const {
  if (!stopped()) return false;
  const std::int64_t now_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now().time_since_epoch()).count();
  std::int64_t seen_ms = 0;
  if (stop_seen_ms_.compare_exchange_strong(seen_ms, now_ms, std::memory_order_relaxed)) seen_ms = now_ms;
  return now_ms - seen_ms >= config_.leave_within_ms;
}

std::string KafkaSource::cluster_id() const {
  return client_->cluster_id(std::chrono::milliseconds{kAnswerMs});
}

KafkaPartitions KafkaSource::offset_list(const std::vector<OffsetOut>& offsets) const {
  KafkaPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const OffsetOut& offset : offsets) {
    const PartitionStart start = partition(offset.partition);
    rd_kafka_topic_partition_t* entry =
        rd_kafka_topic_partition_list_add(list.get(), start.topic.c_str(), start.number);
    entry->offset = raw(offset.next);
    if (!offset.metadata.empty()) {
      entry->metadata = std::malloc(offset.metadata.size());  // the list frees it
      MARQUEE_CHECK(entry->metadata != nullptr);
      std::memcpy(entry->metadata, offset.metadata.data(), offset.metadata.size());
      entry->metadata_size = offset.metadata.size();
    }
  }
  return list;
}

}  // namespace marquee
