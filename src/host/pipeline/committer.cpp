#include "pipeline/committer.hpp"

namespace marquee {

Committer::Committer(const PipelineParts& parts, std::function<void()> done)
    : parts_(parts), done_(std::move(done)), thread_([this] { loop(); }) {}

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

Status Committer::submit(std::unique_ptr<Epoch> epoch, const VerdictCounts& verdicts) {
  if (Status s = wait(); !s.ok()) return s;
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(epoch);
    verdicts_ = verdicts;
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
    const std::unique_ptr<Epoch> epoch = std::move(next_);
    const VerdictCounts verdicts = verdicts_;
    const bool skip = !failed_.ok();
    lock.unlock();
    Status status;
    if (!skip) {
      const std::int64_t begin_ns = parts_.clock->monotonic_ns();
      Acknowledged acknowledged;
      status = commit(*epoch, acknowledged);
      if (status.ok()) {
        publish(*epoch, verdicts, acknowledged, begin_ns);
      } else {
        parts_.probe->commit_failures.fetch_add(1, std::memory_order_relaxed);
      }
    }
    lock.lock();
    if (!status.ok()) failed_ = status;
    if (!skip && status.ok()) committed_ = epoch->number;
    busy_ = false;
    changed_.notify_all();
    lock.unlock();
    done_();
    lock.lock();
  }
}

Status Committer::commit(const Epoch& epoch, Acknowledged& acknowledged) {
  if (Status s = parts_.sink->begin(epoch); !s.ok()) return s;
  if (Status s = parts_.pane_log->append(epoch); !s.ok()) return s;
  if (Status s = parts_.sink->write(epoch); !s.ok()) return s;
  return parts_.sink->commit(epoch, acknowledged);
}

// Everything that others may see of an epoch is published here, after it has committed.
void Committer::publish(const Epoch& epoch, const VerdictCounts& verdicts, const Acknowledged& acknowledged,
                        std::int64_t begin_ns) {
  Probe& probe = *parts_.probe;
  const auto relaxed = std::memory_order_relaxed;
  for (std::size_t v = 0; v < kVerdictCount; ++v) probe.verdicts[v].fetch_add(verdicts.by_verdict[v], relaxed);
  probe.results.fetch_add(acknowledged.results, relaxed);
  probe.letters_dead.fetch_add(acknowledged.letters_dead, relaxed);
  probe.letters_late.fetch_add(acknowledged.letters_late, relaxed);
  probe.epochs.fetch_add(1, relaxed);
  const std::int64_t now_ns = parts_.clock->monotonic_ns();
  probe.commit.observe_ns(now_ns - begin_ns);
  if (epoch.oldest_read_ns != 0 && !epoch.results.empty())
    probe.event_to_result.observe_ns(now_ns - epoch.oldest_read_ns);
  if (epoch.snapshot != nullptr) parts_.snapshots->publish(epoch.snapshot);
}

}  // namespace marquee
