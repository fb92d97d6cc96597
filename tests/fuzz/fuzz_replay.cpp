// The whole replay on bytes that mean nothing to anybody: one thread and large batches against three threads and tiny
// ones must print the same bytes, give the same verdicts, and keep read = counted + filtered + late + invalid, whose
// sum is the number of lines. Each input runs the real pipeline twice, threads and all.
//
// Input: a byte that chooses the job, a byte that chooses the batches, then the file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cpu/cpu_engine.hpp"
#include "file/file_source.hpp"
#include "file/memory_pane_log.hpp"
#include "file/stdout_sink.hpp"
#include "pipeline/fakes.hpp"
#include "pipeline/pipeline.hpp"

namespace {

using namespace marquee;

JobSpec make_job(std::uint8_t choice) {
  JobSpec job;
  job.event.item = {{"i"}};
  job.event.time = {{"t"}};
  job.event.time_unit = choice & 1 ? TimeUnit::kSeconds : TimeUnit::kMilliseconds;
  job.event.watch = {{"w"}};
  job.event.dimensions = {{"c", {{"c"}}, "-"}};
  job.time = {choice & 2 ? 0 : 10, choice & 4 ? 0 : 25, std::nullopt, 0};
  const WindowSpec windows[] = {
      {WindowKind::kTumbling, 10, 10, 3}, {WindowKind::kHopping, 30, 20, 0}, {WindowKind::kCumulative, 40, 10, -7}};
  for (std::size_t i = 0; i < 3; ++i) {
    LeaderboardSpec board;
    board.name = std::string(1, static_cast<char>('a' + i));
    if (i != 1) board.by = {0};
    board.window = windows[i];
    board.measure = choice & 8 ? Measure::kWatchMs : Measure::kViews;
    board.top = 1 + (choice >> 4);
    job.leaderboards.push_back(board);
  }
  job.budgets = {1 << 16, 1 << 12, 1 << 12, 1 << 20, 1 << 16};
  return job;
}

// A file in memory, reached by its descriptor.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("fuzz", 0)) { MARQUEE_CHECK(fd_ >= 0); }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const { return fd_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  void put(std::string_view bytes) {
    MARQUEE_CHECK(pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  std::string get() const {
    std::string bytes;
    char buffer[4096];
    for (ssize_t n; (n = pread(fd_, buffer, sizeof(buffer), static_cast<off_t>(bytes.size()))) > 0;) {
      bytes.append(buffer, static_cast<std::size_t>(n));
    }
    return bytes;
  }

 private:
  int fd_;
};

struct Outcome {
  std::string output;
  VerdictCounts verdicts;
  int code = 0;
};

Outcome replay(const JobSpec& job, const MemoryFile& input, std::size_t lanes, std::uint32_t batch_events,
               std::size_t batch_bytes) {
  MemoryFile output;
  FileSource source({input.path()});
  StdoutSink sink(job, output.fd(), "output");
  MemoryPaneLog pane_log;
  test::FakeClock clock;
  test::QuietLog log;
  Probe probe;
  SnapshotBoard snapshots;
  PipelineOptions options;
  options.lanes = lanes;
  options.batch_events = batch_events;
  options.batch_bytes = batch_bytes;
  options.emission = Emission::kSettled;
  const std::atomic<bool> stop{false};
  Pipeline pipeline(job, options,
                    {&source, &sink, &pane_log, &clock, &log, &probe, &snapshots,
                     [](const EngineConfig& c, std::unique_ptr<Engine>) -> Result<std::unique_ptr<Engine>> {
                       return make_cpu_engine(c);
                     }});
  Outcome outcome;
  outcome.code = pipeline.run(stop).exit_code();
  outcome.output = output.get();
  for (std::size_t v = 0; v < kVerdictCount; ++v) outcome.verdicts.by_verdict[v] = probe.verdicts[v].load();
  MARQUEE_CHECK(probe.refused.load() == 0);
  return outcome;
}

std::uint64_t lines_of(std::string_view file) {
  std::uint64_t lines = 0;
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(line.size() == file.size() ? line.size() : line.size() + 1);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) ++lines;
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 20'000) return 0;
  const JobSpec job = make_job(data[0]);
  const std::string_view file(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view magic = file.substr(0, 4);
  // Packed input would be unpacked: gzip, zstd, zstd's skippable frames.
  if (magic.starts_with("\x1f\x8b") || magic == "\x28\xb5\x2f\xfd" || magic.substr(1) == "\x2a\x4d\x18") return 0;
  MemoryFile input;
  input.put(file);
  const Outcome one = replay(job, input, 1, 4096, 1 << 20);
  const Outcome three = replay(job, input, 3, 1u + data[1] % 16, 64);
  MARQUEE_CHECK(one.code == 0 && three.code == 0);
  MARQUEE_CHECK(one.output == three.output);
  MARQUEE_CHECK(one.verdicts.by_verdict == three.verdicts.by_verdict);
  MARQUEE_CHECK(one.verdicts.read() == lines_of(file));
  return 0;
}
