// Fakes of the pipeline's ports: a source that delivers what a test puts into its partitions, in reads cut by a seed; a
// sink and a pane log that keep what they get; a clock that a test turns.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"

namespace marquee::test {

class FakeClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns_.load(); }
  std::int64_t wall_ms() const override { return now_ns_.load() / 1'000'000; }
  void advance_ms(std::int64_t ms) { now_ns_.fetch_add(ms * 1'000'000); }

 private:
  std::atomic<std::int64_t> now_ns_{1'000'000'000};
};

class QuietLog final : public Log {
 public:
  void write(Level, std::string_view) override {}
};

struct FakeMessage {
  std::string value;
  std::int64_t timestamp_ms = -1;
};

// Partition p is read by lane p % lanes. Once everything was delivered a lane ends (finite) or says that nothing came.
class FakeSource final : public Source {
 public:
  FakeSource(std::vector<std::vector<FakeMessage>> partitions, std::uint64_t seed, bool finite = true)
      : partitions_(partitions.size()), seed_(seed), finite_(finite) {
    for (std::size_t p = 0; p < partitions.size(); ++p) partitions_[p].messages = std::move(partitions[p]);
  }

  // --- what a test does while the pipeline runs
  void add(std::size_t partition, FakeMessage message) {
    const std::lock_guard lock(mutex_);
    partitions_[partition].messages.push_back(std::move(message));
    partitions_[partition].end_said = false;
  }
  void discover() {
    const std::lock_guard lock(mutex_);
    partitions_.emplace_back().discovered = true;
  }
  void set_healthy(std::size_t partition, bool healthy) {
    const std::lock_guard lock(mutex_);
    partitions_[partition].healthy = healthy;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    finite_ = true;
  }
  void fail_reads(Status status) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(status);
  }
  // Where the group goes on, as if that had been committed.
  void start_at(std::size_t partition, Offset offset, std::string metadata) {
    partitions_[partition].committed = offset;
    partitions_[partition].metadata = std::move(metadata);
  }

  bool gap = false;                           // retention has taken something before every start
  std::function<void(const Batch&)> on_read;  // called by lanes, one at a time, as a read returns something

  // --- Source
  Status open(std::size_t lanes, const std::atomic<bool>&) override {
    for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(*this, i, lanes, seed_ + i));
    return {};
  }
  Result<std::vector<PartitionStart>> starts() override {
    std::vector<PartitionStart> starts;
    for (std::size_t p = 0; p < partition_count(); ++p) {
      PartitionStart start = partition(PartitionIndex{static_cast<std::uint32_t>(p)});
      const std::lock_guard lock(mutex_);
      start.committed = partitions_[p].committed.has_value();
      start.offset = partitions_[p].committed.value_or(Offset{0});
      start.metadata = partitions_[p].metadata;
      start.at_beginning = raw(start.offset) == 0;
      start.gap = gap;
      starts.push_back(start);
    }
    return starts;
  }
  SourceLane& lane(std::size_t i) override { return *lanes_[i]; }
  bool sequenced() const override { return false; }
  bool healthy(PartitionIndex p) const override {
    const std::lock_guard lock(mutex_);
    return partitions_[raw(p)].healthy;
  }
  PartitionStart partition(PartitionIndex p) const override {
    PartitionStart s;
    s.partition = p;
    s.topic = "fake";
    s.number = static_cast<std::int32_t>(raw(p));
    return s;
  }
  std::size_t partition_count() const override {
    const std::lock_guard lock(mutex_);
    return partitions_.size();
  }
  Status seek(const std::vector<PartitionStart>& starts) override {
    const std::lock_guard lock(mutex_);
    for (const PartitionStart& s : starts) {
      // As a pipe would have it: nothing is asked for but what is not committed.
      EXPECT_GE(raw(s.offset), raw(partitions_[raw(s.partition)].committed.value_or(Offset{0})));
      partitions_[raw(s.partition)].next = static_cast<std::size_t>(raw(s.offset));
      partitions_[raw(s.partition)].end_said = false;
    }
    return {};
  }

  void note_committed(const std::vector<OffsetOut>& offsets) override {
    const std::lock_guard lock(mutex_);
    for (const OffsetOut& offset : offsets) {
      partitions_[raw(offset.partition)].committed = offset.next;
      partitions_[raw(offset.partition)].metadata = offset.metadata;
    }
  }

 private:
  struct Partition {
    std::vector<FakeMessage> messages;
    std::size_t next = 0;
    bool end_said = false;
    bool healthy = true;
    bool discovered = false;
    std::optional<Offset> committed;
    std::string metadata;
  };

  class Lane final : public SourceLane {
   public:
    Lane(FakeSource& source, std::size_t index, std::size_t lanes, std::uint64_t seed)
        : source_(source), index_(index), lanes_(lanes), random_(seed) {}

    Result<ReadOutcome> read(Batch& batch, std::size_t bytes_max, std::chrono::milliseconds) override {
      const std::lock_guard lock(source_.mutex_);
      if (!source_.failure_.ok()) return source_.failure_;
      std::vector<std::size_t> open;
      for (std::size_t p = index_; p < source_.partitions_.size(); p += lanes_) {
        const Partition& q = source_.partitions_[p];
        if (q.next < q.messages.size() || !q.end_said) open.push_back(p);
      }
      if (open.empty()) {
        if (source_.finite_) return ReadOutcome::kEnd;
        std::this_thread::yield();
        return ReadOutcome::kNothing;
      }
      const std::size_t p = open[random_() % open.size()];
      Partition& q = source_.partitions_[p];
      const std::uint32_t span = span_for(batch, p, q);
      std::size_t left = 1 + random_() % 40;
      std::size_t bytes = 0;
      while (left-- > 0 && q.next < q.messages.size() && bytes < bytes_max) {
        const FakeMessage& m = q.messages[q.next];
        const auto offset = Offset{static_cast<std::int64_t>(q.next)};
        if (!batch.append(m.value, span, offset, m.timestamp_ms)) return ReadOutcome::kFull;
        if (batch.keep_letters) {
          Message& kept = batch.messages.back();
          kept.envelope_begin = static_cast<std::uint32_t>(batch.envelopes.size());
          batch.envelopes += "key " + std::to_string(q.next);
          kept.envelope_size = static_cast<std::uint32_t>(batch.envelopes.size()) - kept.envelope_begin;
        }
        bytes += m.value.size() + 1;
        ++q.next;
        batch.spans[span].next = Offset{static_cast<std::int64_t>(q.next)};
        batch.spans[span].at_end = false;
      }
      if (q.next == q.messages.size()) {
        q.end_said = true;
        batch.spans[span].at_end = true;
      }
      if (source_.on_read) source_.on_read(batch);
      return ReadOutcome::kRead;
    }

   private:
    static std::uint32_t span_for(Batch& batch, std::size_t p, Partition& q) {
      const PartitionIndex index{static_cast<std::uint32_t>(p)};
      for (std::uint32_t i = 0; i < batch.spans.size(); ++i) {
        if (batch.spans[i].partition == index) return i;
      }
      PartitionSpan span;
      span.partition = index;
      span.first = span.next = Offset{static_cast<std::int64_t>(q.next)};
      span.discovered = std::exchange(q.discovered, false);
      batch.spans.push_back(span);
      return static_cast<std::uint32_t>(batch.spans.size() - 1);
    }
    FakeSource& source_;
    const std::size_t index_;
    const std::size_t lanes_;
    std::mt19937_64 random_;
  };

  mutable std::mutex mutex_;
  std::vector<Partition> partitions_;
  std::uint64_t seed_;
  bool finite_;
  Status failure_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

// Keeps every committed epoch's results, letters and offsets.
class FakeSink final : public Sink {
 public:
  Status open(const std::atomic<bool>&) override { return {}; }
  Status acquire() override { return {}; }
  Status begin(const Epoch&) override { return {}; }
  Status abort() override {
    ++aborts;
    return {};
  }
  Status write(const Epoch& epoch) override {
    if (before_write) {
      if (Status s = before_write(); !s.ok()) return s;
    }
    written_ = epoch.results;
    letters_written_ = epoch.letters;
    return write_status;
  }
  Status commit(const Epoch& epoch, Acknowledged& acknowledged) override {
    acknowledged.results = epoch.results.size();
    const std::lock_guard lock(mutex_);
    results_.insert(results_.end(), written_.begin(), written_.end());
    letters_.insert(letters_.end(), letters_written_.begin(), letters_written_.end());
    offsets_ = epoch.offsets;
    if (on_commit) on_commit(epoch);
    ++epochs_;
    changed_.notify_all();
    return {};
  }
  // Waits until `holds` is true of what has been committed so far.
  void wait_for(const std::function<bool(const FakeSink&)>& holds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return holds(*this); });
  }
  const std::vector<ResultRecord>& results() const { return results_; }
  const std::vector<LetterOut>& letters() const { return letters_; }
  const std::vector<OffsetOut>& offsets() const { return offsets_; }
  std::size_t epochs() const { return epochs_; }

  Status write_status;
  std::function<Status()> before_write;  // commit thread, or the engine thread for a claim
  int aborts = 0;
  std::function<void(const Epoch&)> on_commit;  // commit thread

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ResultRecord> written_, results_;
  std::vector<LetterOut> letters_written_, letters_;
  std::vector<OffsetOut> offsets_;
  std::size_t epochs_ = 0;
};

// Keeps every value that was committed; with `trims`, a base removes what is before it.
class FakePaneLog final : public PaneLog {
 public:
  explicit FakePaneLog(bool durable = false, std::uint32_t partitions = 1, bool trims = false)
      : values(partitions), durable_(durable), trims_(trims) {}
  Status open(const std::atomic<bool>&) override { return {}; }
  std::uint32_t partition_count() const override { return static_cast<std::uint32_t>(values.size()); }
  std::size_t value_bytes_max() const override { return 1u << 20; }
  std::string name() const override { return "fake"; }
  Status append(std::uint32_t partition, std::string value, bool base) override {
    in_epoch_.push_back({partition, std::move(value), base});
    return {};
  }
  void note_committed() override {
    std::vector<bool> trimmed(values.size());
    for (Appended& a : in_epoch_) {
      if (trims_ && a.base && !trimmed[a.partition]) values[a.partition].clear();
      trimmed[a.partition] = trimmed[a.partition] || a.base;
      values[a.partition].push_back(std::move(a.value));
    }
    in_epoch_.clear();
  }
  Status read(const std::function<Status(const Value&)>& apply) override {
    in_epoch_.clear();
    for (std::uint32_t p = 0; p < values.size(); ++p) {
      for (std::size_t i = 0; i < values[p].size(); ++i) {
        if (Status s = apply({p, static_cast<std::int64_t>(i), values[p][i]}); !s.ok()) return s;
      }
    }
    return {};
  }
  bool durable() const override { return durable_; }

  std::vector<std::vector<std::string>> values;  // [partition]

 private:
  struct Appended {
    std::uint32_t partition;
    std::string value;
    bool base;
  };
  std::vector<Appended> in_epoch_;
  bool durable_;
  bool trims_;
};

}  // namespace marquee::test
