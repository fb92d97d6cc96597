#include "pipeline/committer.hpp"

#include <utility>

namespace marquee {

Committer::Committer(CommitStage& stage, std::function<void()> done)
    : stage_(stage), done_(std::move(done)), committed_(stage.committed()), thread_([this] { loop(); }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Committer::idle() const {
  const std::lock_guard lock(mutex_);
  return !busy_;
}

Status Committer::status() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::uint64_t Committer::committed() const {
  const std::lock_guard lock(mutex_);
  return committed_;
}

Status Committer::submit(std::unique_ptr<Epoch> epoch) {
  if (Status s = wait(); !s.ok()) return s;
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(epoch);
    busy_ = true;
  }
  changed_.notify_all();
  return {};
}

Status Committer::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !busy_; });
  return failed_;
}

void Committer::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return next_ != nullptr || leaving_; });
    if (next_ == nullptr) return;
    std::unique_ptr<Epoch> epoch = std::move(next_);
    lock.unlock();
    stage_.start(std::move(epoch));
    while (stage_.step()) {
    }
    lock.lock();
    failed_ = stage_.status();
    committed_ = stage_.committed();
    busy_ = false;
    changed_.notify_all();
    lock.unlock();
    done_();
    lock.lock();
  }
}

}  // namespace marquee
