#include "gen/gen.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "gen/file_writer.hpp"
#include "gen/kafka_producer.hpp"
#include "gen/ledger.hpp"
#include "gen/workload.hpp"

namespace marquee::gen {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kBlockEvents = 8192;  // 1.6 MB of small events
constexpr int64_t kPaceMs = 10;          // a paced stream is sent in steps of so long,
constexpr int64_t kSlowPaceMs = 50;      // a slow one in steps of a few events, no longer than this:
constexpr uint64_t kSlowEvents = 16;     // waking librdkafka for each single event costs more than all else
constexpr auto kStopLatency = std::chrono::milliseconds(50);

uint64_t events_a_step(const Rate& rate) {
  if (rate.is_max()) return kBlockEvents;
  const uint64_t slow = std::min(kSlowEvents, rate.events_in(kSlowPaceMs));
  return std::min(kBlockEvents, std::max(slow, rate.events_in(kPaceMs)));
}

// The threads' common ground. Each takes the next block of the stream, fills it whenever it can, and hands it over when
// every earlier block has been: so the stream is one, whatever the number of threads.
class Line {
 public:
  Line(const Workload& workload, const BlockShape& shape, const Resolved& resolved, Sink& sink, Ledger* ledger,
       const std::atomic<bool>& stop)
      : workload_(workload),
        shape_(shape),
        rate_(resolved.rate),
        total_(resolved.total),
        step_(events_a_step(rate_)),
        sink_(sink),
        ledger_(ledger),
        stop_(stop),
        began_(Clock::now()) {}

  GenStatus run(uint32_t threads) {
    std::vector<std::thread> workers;
    for (uint32_t i = 0; i < threads; ++i) {
      try {
        workers.emplace_back([this] { work(); });
      } catch (const std::system_error& error) {
        if (workers.empty()) return {70, std::string("no thread can be started: ") + error.what()};
        break;  // fewer threads make the same stream
      }
    }
    for (auto& worker : workers) worker.join();
    return status_;
  }

 private:
  void work() {
    // Signals are the caller's business; a reader that goes away is to be an error of write(2), not the end.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    Block block;
    for (;;) {
      const uint64_t turn = next_.fetch_add(1);
      if (turn > (std::numeric_limits<uint64_t>::max() >> 16) || turn * step_ >= total_) return;
      const uint64_t first = turn * step_;
      const uint64_t count = std::min(step_, total_ - first);
      if (!rate_.is_max()) wait_until_due(first + count - 1);
      std::optional<GenStatus> trouble;
      try {
        if (!stop_) block.fill(workload_, shape_, first, count);
      } catch (const std::bad_alloc&) {
        trouble = GenStatus{70, "out of memory while making events; ask for fewer --threads"};
      }
      if (!hand_over(turn, block, trouble)) return;
    }
  }

  // Returns at once when the stream is behind, early when it is to end.
  void wait_until_due(uint64_t index) {
    const auto due = began_ + std::chrono::microseconds(rate_.offset_us(static_cast<int64_t>(index)));
    for (auto now = Clock::now(); now < due && !stop_; now = Clock::now()) {
      if (ended_) return;
      if (due - now <= kStopLatency) {
        std::this_thread::sleep_until(due);
        return;
      }
      std::this_thread::sleep_for(kStopLatency);
      sink_.idle();
    }
  }

  // False when the stream has ended. Every turn that was taken passes here, so that none waits for ever.
  bool hand_over(uint64_t turn, const Block& block, std::optional<GenStatus>& trouble) {
    std::unique_lock lock(mutex_);
    turn_changed_.wait(lock, [&] { return turn_ == turn; });
    if (!ended_ && trouble) end(std::move(*trouble));
    if (!ended_ && stop_) end({});
    if (!ended_) {
      uint64_t taken = 0;
      auto status = sink_.write(block, stop_, taken);
      if (ledger_ != nullptr) {
        for (uint64_t i = 0; i < taken; ++i) ledger_->add(block.notes()[i]);
      }
      if (!status.ok() || taken < block.count()) end(std::move(status));
    }
    ++turn_;
    turn_changed_.notify_all();
    return !ended_;
  }

  void end(GenStatus status) {
    status_ = std::move(status);
    ended_ = true;
  }

  const Workload& workload_;
  const BlockShape shape_;
  const Rate rate_;
  const uint64_t total_;
  const uint64_t step_;
  Sink& sink_;
  Ledger* const ledger_;
  const std::atomic<bool>& stop_;
  const Clock::time_point began_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> ended_{false};  // changed only under the mutex
  std::mutex mutex_;                // guards turn_, status_, and the calls to sink and ledger
  std::condition_variable turn_changed_;
  uint64_t turn_ = 0;
  GenStatus status_;
};

int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

GenStatus Generator::run(const std::atomic<bool>& stop) {
  Resolved resolved;
  if (auto status = resolve(options_, wall_ms(), resolved); !status.ok()) return status;
  const bool to_kafka = options_.output.empty();
  // A ledger that cannot be written is better found out now than in ten hours.
  if (!options_.ledger.empty()) {
    if (auto status = write_file(options_.ledger, ""); !status.ok()) return status;
  }
  std::unique_ptr<Sink> sink;
  std::optional<Catalogue> catalogue;
  try {
    catalogue.emplace(options_.titles, options_.seed);
  } catch (const std::bad_alloc&) {
    return {70, "no memory for a catalogue of " + std::to_string(options_.titles) + " titles; ask for fewer --titles"};
  }
  auto status = to_kafka ? open_kafka_producer(options_, resolved, *catalogue, stop, counters_, notice_, sink)
                         : open_file_writer(options_.output, counters_, sink);
  if (!status.ok()) return status;
  // "Now" is when the first event goes out, not when the connection was begun.
  if (to_kafka && !options_.start_ms) resolved.start_ms = wall_ms();
  const Workload workload(options_, resolved, *catalogue);

  BlockShape shape;
  shape.profile = options_.profile;
  shape.key = options_.key;
  shape.partitions = sink->partitions();
  shape.bad_kinds = !to_kafka ? kBadKindsFile : options_.pack > 1 ? kBadKindsPacked : kBadKindsMessage;
  std::optional<Ledger> ledger;
  if (!options_.ledger.empty()) ledger.emplace(shape.partitions);
  shape.with_notes = to_kafka || ledger;

  Line line(workload, shape, resolved, *sink, ledger ? &*ledger : nullptr, stop);
  status = line.run(options_.threads);
  if (auto finished = sink->finish(stop); status.ok()) status = std::move(finished);
  if (ledger) {
    auto written = write_file(options_.ledger, ledger->json({options_.seed, resolved.start_ms, status.ok()}));
    if (status.ok()) status = std::move(written);
  }
  return status;
}

GenStatus run_gen(const GenOptions& options, const std::atomic<bool>& stop) {
  return Generator(options).run(stop);
}

}  // namespace marquee::gen
