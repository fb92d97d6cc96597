// Allocations per event after warm-up: replays FILE once and FILE twice over, in one process each pass, and divides the
// additional calls of operator new by the additional events. What is left is per batch, epoch and result, not per
// event.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "cpu/cpu_engine.hpp"
#include "file/file_source.hpp"
#include "file/memory_pane_log.hpp"
#include "file/stdout_sink.hpp"
#include "pipeline/pipeline.hpp"

static std::atomic<unsigned long long> allocations{0};

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  std::abort();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const auto a = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  std::abort();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace {

using namespace marquee;

class StillClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return 1; }
  std::int64_t wall_ms() const override { return 1; }
};
class NoLog final : public Log {
 public:
  void write(Level, std::string_view) override {}
};

struct Pass {
  unsigned long long allocations = 0;
  unsigned long long events = 0;
};

Pass replay(std::vector<std::string> files) {
  JobSpec job;
  job.event.item = {{"content_id"}};
  job.event.time = {{"event_time"}};
  job.event.watch = {{"watch_ms"}};
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}};
  job.time.idle_after_ms = std::nullopt;
  job.time.lateness_ms = 365 * std::int64_t{86'400'000};  // the second time over nothing is late
  LeaderboardSpec board;
  board.name = "trending";
  board.by = {0};
  board.window = {WindowKind::kTumbling, 3'600'000, 3'600'000, 0};
  job.leaderboards = {board};
  const int null = open("/dev/null", O_WRONLY);
  FileSource source(std::move(files));
  StdoutSink sink(job, null, "/dev/null");
  MemoryPaneLog pane_log;
  StillClock clock;
  NoLog log;
  Probe probe;
  SnapshotBoard snapshots;
  PipelineOptions options;
  options.emission = Emission::kSettled;
  const std::atomic<bool> stop{false};
  const unsigned long long before = allocations.load();
  Pipeline pipeline(job, options,
                    {&source, &sink, &pane_log, &clock, &log, &probe, &snapshots,
                     [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
                       return make_cpu_engine(c);
                     }});
  if (!pipeline.run(stop).ok()) std::abort();
  close(null);
  return {allocations.load() - before, probe.verdicts[static_cast<std::size_t>(Verdict::kCounted)].load()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: allocations FILE\n");
    return 64;
  }
  const Pass once = replay({argv[1]});
  const Pass twice = replay({argv[1], argv[1]});
  if (twice.events != 2 * once.events) return 70;
  const double more = static_cast<double>(twice.allocations) - static_cast<double>(once.allocations);
  std::printf("{\"events\":%llu,\"allocations_once\":%llu,\"allocations_twice\":%llu,\"per_event\":%.6f}\n",
              once.events, once.allocations, twice.allocations, more / static_cast<double>(once.events));
  return 0;
}
