// KafkaSource: reads every partition of its topics, each on one lane, by manual assignment.
//
// It uses librdkafka's simple consumer (rd_kafka_consume_start_queue): a partition is started straight into its lane's
// queue, and another one added later touches none of those that run. (rd_kafka_assign replaces the whole assignment,
// and rd_kafka_incremental_assign of 2.0.2 raises the version of every partition that is already there, so that what it
// had queued is dropped and never fetched again.) The group's name is used for committed offsets alone; nobody joins a
// group.
//
//   librdkafka's fetchers ──► one queue a lane ──► KafkaLane::read ──► batch
//   polling thread: main queue (errors, logs, statistics, tokens), lag, leaders, new partitions
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/handles.hpp"
#include "kafka/kafka_config.hpp"
#include "kafka/kafka_lane.hpp"
#include "kafka/leader_health.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

class KafkaSource final : public Source {
 public:
  // `log` and `probe` outlive it. Connects to nothing yet.
  KafkaSource(KafkaSourceConfig config, Log& log, Probe& probe);
  // Ends its thread; lanes must be at rest. Blocks until librdkafka has an answer to every request that is out, or has
  // given it up: with a commit that is not answered, up to socket.timeout.ms (a minute).
  ~KafkaSource() override;

  // Once. While there is no broker, no topic or no leader it keeps trying, with the reason in the probe and in the log;
  // it looks at `stop` at least every second, and then returns kUnavailable. `stop` must outlive the source. Fails:
  // kConfig for settings and for a group that has members.
  Status open(std::size_t lanes, const std::atomic<bool>& stop) override;
  // Tries as open() does. kInternal for a committed offset above the end, and, with on_gap = stop, for one that
  // retention has passed.
  Result<std::vector<PartitionStart>> starts() override;
  SourceLane& lane(std::size_t i) override;
  bool sequenced() const override { return false; }
  bool healthy(PartitionIndex partition) const override;
  PartitionStart partition(PartitionIndex partition) const override;
  std::size_t partition_count() const override;
  // Blocks for some milliseconds a partition; needs no broker.
  Status seek(const std::vector<PartitionStart>& starts) override;

  // How its consumer is set up, of which each of `lanes` may hold its share of what is fetched.
  static ClientSpec client_spec(const KafkaSourceConfig& config, std::size_t lanes);
  // kConfig where the group has a subscribed member. Blocks for two seconds at most; where nobody answers it is ok.
  static Status check_group(const Client& client, const KafkaSourceConfig& config, Log& log);

  // The cluster's own name for itself; empty where it has none or does not answer. Any thread, from open() on.
  std::string cluster_id() const;

  // Offsets as librdkafka wants them, with their metadata. Any thread.
  KafkaPartitions offset_list(const std::vector<OffsetOut>& offsets) const;

  // kConfig once the group has been seen to have a subscribed member; looked at as often as for new partitions, because
  // Kafka takes a transaction's offsets beside a member's without a word. Any thread.
  Status group_is_ours() const;

  // `stop` has been set for longer than leave_within_ms: give up what still waits for a broker. Any thread.
  bool leave_is_over() const;

 private:
  struct Topic {
    std::string name;
    KafkaTopic handle;
    std::vector<PartitionState*> partitions;  // by number; all that are read
  };

  Status make_client(std::size_t lanes);
  // The steps of open() and starts(). Each keeps trying, and returns ok when it is done or `stop` is set.
  void find_partitions(Waiting& waiting);
  Result<KafkaPartitions> committed(Waiting& waiting);
  bool answers() const;    // that the broker does, at all
  bool group_is_denied();  // to this user, who may not even ask for its coordinator
  Status resolve_starts(const rd_kafka_topic_partition_list_s& committed, std::vector<PartitionStart>& starts,
                        Waiting& waiting);
  Status judge_gaps(const std::vector<std::string>& gaps);

  // Number of partitions of a topic that all have a leader, or a sentence why not.
  Result<std::size_t> count_partitions(Topic& topic);
  PartitionState& add_partition(std::size_t topic, std::int32_t number);  // under mutex_
  void start_fetching(PartitionState& state, bool discovered);            // under mutex_
  std::size_t topic_of(const PartitionState& state) const;
  Status stopped_while_opening() const;
  bool stopped() const { return stop_->load(std::memory_order_relaxed); }

  // The polling thread.
  void poll_loop();
  void look_for_partitions();
  void look_for_members();
  void measure();
  void ask_failed_partitions();
  void judge_leaders(std::string_view statistics);

  KafkaSourceConfig config_;
  Log& log_;
  Probe& probe_;
  const std::atomic<bool>* stop_ = nullptr;

  std::unique_ptr<Client> client_;
  std::vector<Topic> topics_;  // as many as configured; fixed once open
  std::vector<std::unique_ptr<KafkaLane>> lanes_;
  mutable std::mutex mutex_;  // guards partitions_' growth, seek against discovery, and group_
  std::deque<PartitionState> partitions_;

  Status group_;                   // kConfig: a member was seen
  bool group_was_denied_ = false;  // by the coordinator's word; of starts() alone
  LeaderHealth leader_health_;
  std::atomic<bool> fetching_{false};  // from the first seek() on: the polling thread may look for partitions
  std::atomic<bool> quit_{false};
  mutable std::atomic<std::int64_t> stop_seen_ms_{0};  // monotonic; 0: not yet
  std::thread poller_;
};

}  // namespace marquee
