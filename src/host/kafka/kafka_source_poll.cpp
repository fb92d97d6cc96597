// The polling thread of KafkaSource: serves librdkafka's main queue for as long as the source lives, and once in a
// while measures the lag, asks after partitions that failed, and looks for new ones.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "kafka/kafka_source.hpp"

namespace marquee {
namespace {

constexpr int kPollMs = 100;
constexpr int kAnswerMs = 1'000;
constexpr std::chrono::seconds kMeasureEvery{1};
constexpr std::chrono::seconds kAskFailedEvery{5};

}  // namespace

void KafkaSource::poll_loop() {
  using Steady = std::chrono::steady_clock;
  const auto metadata_every = std::chrono::milliseconds(config_.metadata_every_ms);
  auto measure_at = Steady::now() + kMeasureEvery;
  auto ask_at = Steady::now() + kAskFailedEvery;
  auto look_at = Steady::now() + metadata_every;
  while (!quit_.load(std::memory_order_relaxed)) {
    rd_kafka_poll(client_->handle(), kPollMs);
    static_cast<void>(leave_is_over());  // so that time counts from when `stop` was set
    if (!fetching_.load()) continue;
    const auto now = Steady::now();
    if (now >= measure_at) {
      measure();
      measure_at = now + kMeasureEvery;
    }
    if (now >= ask_at && !stopped()) {
      ask_failed_partitions();
      ask_at = now + kAskFailedEvery;
    }
    if (now >= look_at && !stopped()) {
      look_for_partitions();
      look_for_members();
      look_at = Steady::now() + metadata_every;
    }
  }
}

void KafkaSource::measure() {
  const std::lock_guard lock(mutex_);
  std::int64_t lag = 0;
  for (PartitionState& state : partitions_) {
    std::int64_t low = -1;
    std::int64_t high = -1;
    rd_kafka_get_watermark_offsets(client_->handle(), state.start.topic.c_str(), state.start.number, &low, &high);
    if (high >= 0) state.high.store(high, std::memory_order_relaxed);
    const std::int64_t behind = std::max<std::int64_t>(
        0, state.high.load(std::memory_order_relaxed) - state.position.load(std::memory_order_relaxed));
    probe_.by_partition.set_lag(raw(state.start.partition), state.start.topic, state.start.number, behind);
    lag += behind;
  }
  probe_.lag_messages.store(lag, std::memory_order_relaxed);
}

// librdkafka reports a partition's error once, and its recovery only by records; an empty partition has none.
void KafkaSource::ask_failed_partitions() {
  std::vector<PartitionState*> failed;
  {
    const std::lock_guard lock(mutex_);
    for (PartitionState& state : partitions_) {
      if (!state.fetched.load(std::memory_order_relaxed)) failed.push_back(&state);
    }
  }
  for (PartitionState* state : failed) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (quit_.load(std::memory_order_relaxed) || stopped()) return;
    const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(client_->handle(), state->start.topic.c_str(),
                                                                       state->start.number, &low, &high, kAnswerMs);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) state->fetched.store(true, std::memory_order_relaxed);
  }
}

void KafkaSource::judge_leaders(std::string_view statistics) {
  const std::lock_guard lock(mutex_);
  leader_health_.judge(statistics, [this](std::string_view topic, std::int32_t number, bool answers) {
    for (Topic& t : topics_) {
      if (t.name != topic) continue;
      const auto index = static_cast<std::size_t>(number);
      if (index < t.partitions.size()) t.partitions[index]->leader_answers.store(answers, std::memory_order_relaxed);
    }
  });
}

void KafkaSource::look_for_members() {
  if (quit_.load(std::memory_order_relaxed) || stopped()) return;
  Status status = check_group(*client_, config_, log_);
  if (status.ok()) return;
  const std::lock_guard lock(mutex_);
  group_ = std::move(status);
}

void KafkaSource::look_for_partitions() {
  for (std::size_t i = 0; i < topics_.size() && !quit_.load(std::memory_order_relaxed) && !stopped(); ++i) {
    const Result<std::size_t> count = count_partitions(topics_[i]);
    if (!count.ok()) continue;  // the next look will tell
    while (topics_[i].partitions.size() < count.value() && !quit_.load(std::memory_order_relaxed)) {
      const auto number = static_cast<std::int32_t>(topics_[i].partitions.size());
      std::int64_t low = 0;
      std::int64_t high = 0;
      if (rd_kafka_query_watermark_offsets(client_->handle(), topics_[i].name.c_str(), number, &low, &high,
                                           kAnswerMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        break;
      }
      const std::lock_guard lock(mutex_);
      PartitionState& state = add_partition(i, number);
      state.start.offset = Offset{low};
      state.start.at_beginning = low == 0;
      state.position.store(low);
      state.high.store(high);
      log_.info("topic " + topics_[i].name + " has a new partition " + std::to_string(number) +
                ": reading it from its beginning");
      start_fetching(state, true);
    }
  }
}

}  // namespace marquee
