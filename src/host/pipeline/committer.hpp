// Committer: the commit thread. One epoch in flight at most, while the engine thread goes on with the next one.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "pipeline/pipeline.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

class Committer {
 public:
  // `done` is called on the commit thread after each epoch, committed or failed.
  Committer(const PipelineParts& parts, std::function<void()> done);
  ~Committer();  // waits for the epoch in flight
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Whether an epoch can be handed over without waiting.
  bool idle() const;
  // Hands an epoch over; waits until the one before has ended. The error of an earlier epoch, if there was one.
  Status submit(std::unique_ptr<Epoch> epoch, const VerdictCounts& verdicts);
  // Waits until nothing is in flight.
  Status wait();
  // The error of an epoch that failed, if there was one.
  Status status() const;
  // Number of the last epoch that has committed, 0: none.
  std::uint64_t committed() const;

 private:
  void loop();
  Status commit(const Epoch& epoch, Acknowledged& acknowledged);
  void publish(const Epoch& epoch, const VerdictCounts& verdicts, const Acknowledged& acknowledged,
               std::int64_t begin_ns);

  PipelineParts parts_;
  std::function<void()> done_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Epoch> next_;
  VerdictCounts verdicts_;
  bool busy_ = false;
  bool leaving_ = false;
  Status failed_;
  std::uint64_t committed_ = 0;
  std::thread thread_;
};

}  // namespace marquee
