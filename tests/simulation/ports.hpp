// The pipeline's ports onto an Outside. Before each call a Fate is asked, which may fail it, kill the process (Killed
// is thrown through everything), run others meanwhile, or end the session.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/job.hpp"
#include "differential/rng.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "simulation/outside.hpp"

namespace simulation {

struct Killed {};

enum class Outcome : std::uint8_t {
  kDone,
  kAborted,      // nothing of it was done
  kDoneUnheard,  // of a commit: it was done, and the answer is that it was not
  kLost,         // the session is over
  kLostUnheard,  // of a commit: it was done, and the session is over
};

class Fate {
 public:
  virtual ~Fate() = default;
  virtual Outcome at(std::string_view call) = 0;
};

class SimClock final : public marquee::Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ms_ * 1'000'000; }
  std::int64_t wall_ms() const override { return now_ms_; }
  void advance_ms(std::int64_t ms) { now_ms_ += ms; }

 private:
  std::int64_t now_ms_ = 1'000;
};

class SimLog final : public marquee::Log {
 public:
  explicit SimLog(bool loud) : loud_(loud) {}
  void write(Level level, std::string_view text) override;

 private:
  bool loud_;
};

class SimSource final : public marquee::Source {
 public:
  SimSource(Outside& outside, Fate& fate, differential::Rng rng) : outside_(outside), fate_(fate), rng_(rng) {}

  marquee::Status open(std::size_t lanes, const std::atomic<bool>&) override;
  marquee::Result<std::vector<marquee::PartitionStart>> starts() override;
  marquee::Status seek(const std::vector<marquee::PartitionStart>& starts) override;
  marquee::SourceLane& lane(std::size_t i) override { return *lanes_[i]; }
  bool sequenced() const override { return false; }
  bool healthy(marquee::PartitionIndex) const override { return true; }
  marquee::PartitionStart partition(marquee::PartitionIndex p) const override;
  std::size_t partition_count() const override { return found_; }

 private:
  class Lane;
  Outside& outside_;
  Fate& fate_;
  differential::Rng rng_;
  std::vector<std::int64_t> next_;  // [partition]: offset
  std::size_t found_ = 0;           // partitions that this process knows of
  std::vector<bool> said_;          // [partition]: that it was found while running, to the batch that says so
  std::vector<std::unique_ptr<marquee::SourceLane>> lanes_;
};

class SimSink final : public marquee::Sink {
 public:
  // `name`: of the process.
  SimSink(Outside& outside, Fate& fate, const marquee::JobSpec& job, std::string name)
      : outside_(outside), fate_(fate), job_(job), name_(std::move(name)) {}

  marquee::Status open(const std::atomic<bool>&) override { return {}; }
  marquee::Status acquire() override;
  marquee::Status begin(const marquee::Epoch& epoch) override;
  marquee::Status write(const marquee::Epoch& epoch) override;
  marquee::Status commit(const marquee::Epoch& epoch, marquee::Acknowledged& acknowledged) override;
  marquee::Status abort() override;

  // Whether what is written now belongs to this process's transaction.
  marquee::Status alive() const;
  // What fate says of a call, and alive().
  marquee::Status fated(std::string_view call);
  Outside& outside() const { return outside_; }
  Fate& fate() const { return fate_; }

 private:
  Outside& outside_;
  Fate& fate_;
  const marquee::JobSpec& job_;
  std::string name_;
  std::uint64_t session_ = 0;
};

class SimPaneLog final : public marquee::PaneLog {
 public:
  explicit SimPaneLog(SimSink& sink, std::size_t value_bytes_max) : sink_(sink), value_bytes_max_(value_bytes_max) {}

  marquee::Status open(const std::atomic<bool>&) override { return {}; }
  std::uint32_t partition_count() const override { return static_cast<std::uint32_t>(sink_.outside().log.size()); }
  std::size_t value_bytes_max() const override { return value_bytes_max_; }
  std::string name() const override { return "simulated"; }
  marquee::Status append(std::uint32_t partition, std::string value, bool base) override;
  void note_committed() override;
  marquee::Status read(const std::function<marquee::Status(const Value&)>& apply) override;
  bool durable() const override { return true; }

 private:
  SimSink& sink_;
  std::size_t value_bytes_max_;
};

}  // namespace simulation
