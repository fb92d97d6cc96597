// Committer: the commit thread around a CommitStage. One epoch in flight at most, while the engine thread goes on with
// the next one.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "pipeline/commit_stage.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

class Committer {
 public:
  // `stage` outlives it, and is the thread's while an epoch is in flight. `done` is called on the commit thread after
  // each epoch, committed or failed.
  Committer(CommitStage& stage, std::function<void()> done);
  ~Committer();  // waits for the epoch in flight
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Whether an epoch can be handed over without waiting.
  bool idle() const;
  // Hands an epoch over; waits until the one before has ended. The error of an earlier epoch, if there was one.
  Status submit(std::unique_ptr<Epoch> epoch);
  // Waits until nothing is in flight. The error of the epoch that failed, if one did.
  Status wait();
  // That error, without waiting.
  Status status() const;
  // Number of the last epoch that has committed, 0: none.
  std::uint64_t committed() const;

 private:
  void loop();

  CommitStage& stage_;
  std::function<void()> done_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Epoch> next_;
  bool busy_ = false;
  bool leaving_ = false;
  Status failed_;
  std::uint64_t committed_ = 0;
  std::thread thread_;
};

}  // namespace marquee
