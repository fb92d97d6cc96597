// Trials over the three narrow headers: compiled by nvcc (trials.cu) and, for the tests, by g++ over the stand-in.
// Include it in one file of a program alone. trials_engine.cuh has the part that is the engine's own work.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/table.cuh"
#include "kernels/trials/trial_kernels.cuh"
#include "kernels/trials/trials.hpp"
#include "primitives.cuh"
#include "runtime.cuh"
#include "sort_and_reduce.cuh"

// Ends the calling function with the Status of the first call that fails.
#define MARQUEE_TRY(call) \
  if (Status status_of_call = (call); !status_of_call.ok()) return status_of_call

namespace marquee::gpu {

struct Trials::Parts {
  // `beneath` goes last: what the device stands on, where that is not CUDA.
  Parts(Device taken, std::shared_ptr<void> beneath) : beneath_(std::move(beneath)), device(std::move(taken)) {}
  Status open() {
    for (Stream* made : {&stream, &second, &third}) MARQUEE_TRY(device.make(*made));
    for (Event* made : {&event, &other_event}) MARQUEE_TRY(device.make(*made));
    for (Event* made : {&timed_begin, &timed_end}) MARQUEE_TRY(device.make_timed(*made));
    return {};
  }

 private:
  std::shared_ptr<void> beneath_;

 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{120};  // no job takes a second; a sanitizer's may

  Device device;
  Stream stream;
  Stream second;
  Stream third;
  Event event;
  Event other_event;
  Event timed_begin;
  Event timed_end;

  // Events of a bench, and the table that they are aggregated into.
  struct Resident {
    std::uint32_t count = 0;
    std::uint32_t combinations = 0;
    DeviceMemory columns[4];  // item, combination, slot, watch_ms
    DeviceMemory group_of;
    DeviceMemory table_of;
    DeviceMemory table;
    DeviceMemory list;
    DeviceMemory counts;
    TableRef ref{};
    DeviceMemory sorting;
    SortAndReduce::Sums reduced;
  };
  Resident resident;
  struct Rows {
    std::uint32_t count = 0;
    DeviceMemory columns[2];  // key, views
    DeviceMemory keys[2];
    DeviceMemory values[2];
    DeviceMemory scratch;
    Pair<std::uint32_t> order;
  };
  Rows rows;

  static double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
  static unsigned blocks_for(std::size_t n, unsigned threads) {
    return static_cast<unsigned>((n + threads - 1) / threads);
  }
  // Blocks that fill the device, and no more than there is work for: as Gpu::blocks_for(), which the engine uses.
  unsigned full_blocks(std::size_t n, unsigned threads, unsigned per_multiprocessor) const {
    return std::min(blocks_for(n, threads), device.multiprocessors() * per_multiprocessor);
  }

  template <class T>
  T* at(const DeviceMemory& memory) const {
    return reinterpret_cast<T*>(memory.data());
  }

  // Waits for what is in `on`.
  Status finish(const Stream& on) {
    MARQUEE_TRY(device.record(event, on));
    const Clock::time_point begin = Clock::now();
    for (;;) {
      const Result<bool> passed = device.passed(event);
      if (!passed.ok()) return passed.status();
      if (passed.value()) return {};
      if (Clock::now() - begin > kPatience) return {Code::kUnavailable, "the GPU is lost: it does not finish"};
    }
  }

  // Device memory that holds `bytes`.
  Status upload(DeviceMemory& out, std::span<const std::byte> bytes) {
    PinnedMemory pinned;
    MARQUEE_TRY(device.allocate(out, std::max<std::size_t>(bytes.size(), 1)));
    MARQUEE_TRY(device.allocate(pinned, std::max<std::size_t>(bytes.size(), 1)));
    std::copy(bytes.begin(), bytes.end(), pinned.data());
    MARQUEE_TRY(device.copy(stream, out.data(), pinned.data(), bytes.size()));
    return finish(stream);
  }
  Status zeroed(DeviceMemory& out, std::size_t size) {
    MARQUEE_TRY(device.allocate(out, std::max<std::size_t>(size, 1)));
    return device.zero(stream, out.data(), size);
  }

  // Seconds of the device's clock that what `work` puts into `stream` takes.
  template <class Work>
  Result<double> timed(const Work& work) {
    MARQUEE_TRY(device.record(timed_begin, stream));
    MARQUEE_TRY(work());
    MARQUEE_TRY(device.record(timed_end, stream));
    MARQUEE_TRY(finish(stream));
    return device.seconds_between(timed_begin, timed_end);
  }

  // The first out.size() elements at `from`, after all that is in `stream`.
  template <class T>
  Status download(const T* from, std::vector<T>& out) {
    PinnedMemory pinned;
    const std::size_t size = out.size() * sizeof(T);
    MARQUEE_TRY(device.allocate(pinned, std::max<std::size_t>(size, 1)));
    MARQUEE_TRY(device.copy(stream, pinned.data(), from, size));
    MARQUEE_TRY(finish(stream));
    if (size != 0) std::memcpy(out.data(), pinned.data(), size);
    return {};
  }
};

Trials::Trials(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Trials::~Trials() = default;

Result<std::vector<std::uint64_t>> Trials::histogram(std::span<const std::uint32_t> values, unsigned blocks) {
  DeviceMemory input;
  DeviceMemory counts;
  MARQUEE_TRY(parts_->upload(input, std::as_bytes(values)));
  MARQUEE_TRY(parts_->zeroed(counts, kBuckets * sizeof(std::uint64_t)));
  auto* const first = parts_->at<std::uint64_t>(counts);
  MARQUEE_TRY(parts_->device.launch<HistogramKernel>(parts_->stream, {blocks, 1},
                                                     {parts_->at<std::uint32_t>(input), values.size(), first}));
  std::vector<std::uint64_t> out(kBuckets);
  MARQUEE_TRY(parts_->download(first, out));
  return out;
}

Result<std::vector<WarpAnswer>> Trials::warp_answers(std::span<const std::uint32_t> values) {
  DeviceMemory input;
  DeviceMemory answers;
  MARQUEE_TRY(parts_->upload(input, std::as_bytes(values)));
  MARQUEE_TRY(parts_->zeroed(answers, values.size() * sizeof(WarpAnswer)));
  auto* const first = parts_->at<WarpAnswer>(answers);
  MARQUEE_TRY(parts_->device.launch<WarpKernel>(parts_->stream, {Parts::blocks_for(values.size(), kWarpBlock), 1},
                                                {parts_->at<std::uint32_t>(input), values.size(), first}));
  std::vector<WarpAnswer> out(values.size());
  MARQUEE_TRY(parts_->download(first, out));
  return out;
}

Result<Trials::AtomicAnswer> Trials::atomics(std::span<const std::uint64_t> values, unsigned rows) {
  DeviceMemory input;
  DeviceMemory sums;
  DeviceMemory taken;
  MARQUEE_TRY(parts_->upload(input, std::as_bytes(values)));
  MARQUEE_TRY(parts_->zeroed(sums, sizeof(AtomicSums)));
  MARQUEE_TRY(parts_->zeroed(taken, values.size() * rows * sizeof(std::uint64_t)));
  MARQUEE_TRY(parts_->device.launch<AtomicKernel>(parts_->stream,
                                                  {Parts::blocks_for(values.size(), kAtomicBlock), rows},
                                                  {parts_->at<std::uint64_t>(input), values.size(),
                                                   parts_->at<AtomicSums>(sums), parts_->at<std::uint64_t>(taken)}));
  std::vector<AtomicSums> one(1);
  AtomicAnswer out{{}, std::vector<std::uint64_t>(values.size() * rows)};
  MARQUEE_TRY(parts_->download(parts_->at<AtomicSums>(sums), one));
  MARQUEE_TRY(parts_->download(parts_->at<std::uint64_t>(taken), out.taken));
  out.sums = one[0];
  return out;
}

Status Trials::sort(std::vector<std::uint64_t>& keys, std::vector<std::uint32_t>& values, int begin_bit, int end_bit) {
  MARQUEE_CHECK(keys.size() == values.size());
  DeviceMemory memory[4];
  DeviceMemory scratch;
  const std::size_t scratch_bytes = sort_scratch_bytes(keys.size());
  MARQUEE_TRY(parts_->upload(memory[0], std::as_bytes(std::span(keys))));
  MARQUEE_TRY(parts_->zeroed(memory[1], keys.size() * sizeof(keys[0])));
  MARQUEE_TRY(parts_->upload(memory[2], std::as_bytes(std::span(values))));
  MARQUEE_TRY(parts_->zeroed(memory[3], values.size() * sizeof(values[0])));
  MARQUEE_TRY(parts_->zeroed(scratch, scratch_bytes));
  Pair<std::uint64_t> key{parts_->at<std::uint64_t>(memory[0]), parts_->at<std::uint64_t>(memory[1])};
  Pair<std::uint32_t> value{parts_->at<std::uint32_t>(memory[2]), parts_->at<std::uint32_t>(memory[3])};
  MARQUEE_TRY(sort_pairs(parts_->device, parts_->stream, scratch.data(), scratch_bytes, key, value, keys.size(),
                         begin_bit, end_bit));
  MARQUEE_TRY(parts_->download(key.current, keys));
  return parts_->download(value.current, values);
}

Result<std::vector<std::byte>> Trials::round_trip(std::span<const std::byte> bytes) {
  const Device& device = parts_->device;
  std::vector<std::byte> out(bytes.begin(), bytes.end());  // pinned where it lies, as the batch pool is
  PinnedMemory back;
  DeviceMemory here;
  DeviceMemory there;
  MARQUEE_TRY(device.allocate(back, out.size()));
  MARQUEE_TRY(device.allocate(here, out.size()));
  MARQUEE_TRY(device.allocate(there, out.size()));
  MARQUEE_TRY(device.pin(out.data(), out.size()));
  MARQUEE_TRY(device.copy(parts_->stream, here.data(), out.data(), out.size()));
  MARQUEE_TRY(device.record(parts_->event, parts_->stream));
  MARQUEE_TRY(device.wait(parts_->second, parts_->event));
  MARQUEE_TRY(device.copy(parts_->second, there.data(), here.data(), out.size()));
  MARQUEE_TRY(device.record(parts_->other_event, parts_->second));
  MARQUEE_TRY(device.wait(parts_->third, parts_->other_event));
  MARQUEE_TRY(device.copy(parts_->third, back.data(), there.data(), out.size()));
  MARQUEE_TRY(parts_->finish(parts_->third));
  MARQUEE_TRY(device.unpin(out.data()));
  std::copy(back.data(), back.data() + out.size(), out.begin());
  return out;
}

Result<double> Trials::copy_seconds(CopyPath path, std::size_t size, unsigned times) {
  const Device& device = parts_->device;
  PinnedMemory sent;
  PinnedMemory arrived;
  DeviceMemory here;
  DeviceMemory there;
  MARQUEE_TRY(device.allocate(sent, size));
  MARQUEE_TRY(device.allocate(arrived, size));
  MARQUEE_TRY(device.allocate(here, size));
  MARQUEE_TRY(device.allocate(there, size));
  for (std::size_t i = 0; i < size; ++i) sent.data()[i] = static_cast<std::byte>(i * 2654435761u >> 13);
  // The measured copies are one link of a chain sent → here → there → arrived; the rest is done once, around them.
  const auto link = [&](CopyPath of) {
    if (of == CopyPath::kHostToDevice) return device.copy(parts_->stream, here.data(), sent.data(), size);
    if (of == CopyPath::kWithinDevice) return device.copy(parts_->stream, there.data(), here.data(), size);
    return device.copy(parts_->stream, arrived.data(), there.data(), size);
  };
  double seconds = 0;
  for (const CopyPath of : {CopyPath::kHostToDevice, CopyPath::kWithinDevice, CopyPath::kDeviceToHost}) {
    MARQUEE_TRY(link(of));
    MARQUEE_TRY(parts_->finish(parts_->stream));
    if (of != path) continue;
    const Parts::Clock::time_point begin = Parts::Clock::now();
    for (unsigned i = 0; i < times; ++i) MARQUEE_TRY(link(of));
    MARQUEE_TRY(parts_->finish(parts_->stream));
    seconds = Parts::since(begin) / times;
  }
  if (std::memcmp(sent.data(), arrived.data(), size) != 0) return Status{Code::kInternal, "a copy arrived changed"};
  return seconds;
}

Result<double> Trials::launch_seconds(unsigned times) {
  DeviceMemory ticks;
  MARQUEE_TRY(parts_->zeroed(ticks, sizeof(std::uint64_t)));
  const TickKernel::Args args{parts_->at<std::uint64_t>(ticks)};
  MARQUEE_TRY(parts_->device.launch<TickKernel>(parts_->stream, {1, 1}, args));
  MARQUEE_TRY(parts_->finish(parts_->stream));
  const Parts::Clock::time_point begin = Parts::Clock::now();
  for (unsigned i = 0; i < times; ++i) MARQUEE_TRY(parts_->device.launch<TickKernel>(parts_->stream, {1, 1}, args));
  MARQUEE_TRY(parts_->finish(parts_->stream));
  const double seconds = Parts::since(begin) / times;
  std::vector<std::uint64_t> counted(1);
  MARQUEE_TRY(parts_->download(args.ticks, counted));
  if (counted[0] != std::uint64_t{times} + 1) return Status{Code::kInternal, "a launch did not run, or ran twice"};
  return seconds;
}

Result<double> Trials::launch_and_wait_seconds(unsigned times) {
  DeviceMemory ticks;
  MARQUEE_TRY(parts_->zeroed(ticks, sizeof(std::uint64_t)));
  const TickKernel::Args args{parts_->at<std::uint64_t>(ticks)};
  std::vector<double> seconds(times);
  for (double& one : seconds) {
    MARQUEE_TRY(parts_->finish(parts_->stream));
    const Parts::Clock::time_point begin = Parts::Clock::now();
    MARQUEE_TRY(parts_->device.launch<TickKernel>(parts_->stream, {1, 1}, args));
    MARQUEE_TRY(parts_->finish(parts_->stream));
    one = Parts::since(begin);
  }
  std::vector<std::uint64_t> counted(1);
  MARQUEE_TRY(parts_->download(args.ticks, counted));
  if (counted[0] != times) return Status{Code::kInternal, "a launch did not run, or ran twice"};
  std::nth_element(seconds.begin(), seconds.begin() + times / 2, seconds.end());
  return seconds[times / 2];
}

}  // namespace marquee::gpu

#include "kernels/trials/trials_engine.cuh"  // IWYU pragma: export
