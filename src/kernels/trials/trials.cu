#include <algorithm>
#include <chrono>
#include <cstring>

#include "kernels/trials/trial_kernels.cuh"
#include "kernels/trials/trials.hpp"
#include "primitives.cuh"
#include "runtime.cuh"

// Ends the calling function with the Status of the first call that fails.
#define MARQUEE_TRY(call) \
  if (Status status_of_call = (call); !status_of_call.ok()) return status_of_call

namespace marquee::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{30};  // none of the jobs takes one second

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

unsigned blocks_for(std::size_t n, unsigned threads) {
  return static_cast<unsigned>((n + threads - 1) / threads);
}

}  // namespace

struct Trials::Parts {
  Device device;
  Stream stream;
  Stream second;
  Stream third;
  Event event;
  Event other_event;

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

Result<std::unique_ptr<Trials>> Trials::open() {
  const Result<Device> device = Device::open();
  if (!device.ok()) return device.status();
  auto parts = std::make_unique<Parts>();
  parts->device = device.value();
  for (Stream* stream : {&parts->stream, &parts->second, &parts->third}) MARQUEE_TRY(parts->device.make(*stream));
  for (Event* event : {&parts->event, &parts->other_event}) MARQUEE_TRY(parts->device.make(*event));
  return std::unique_ptr<Trials>(new Trials(std::move(parts)));
}

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
  MARQUEE_TRY(parts_->device.launch<WarpKernel>(parts_->stream, {blocks_for(values.size(), kWarpBlock), 1},
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
  MARQUEE_TRY(parts_->device.launch<AtomicKernel>(parts_->stream, {blocks_for(values.size(), kAtomicBlock), rows},
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
    const Clock::time_point begin = Clock::now();
    for (unsigned i = 0; i < times; ++i) MARQUEE_TRY(link(of));
    MARQUEE_TRY(parts_->finish(parts_->stream));
    seconds = since(begin) / times;
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
  const Clock::time_point begin = Clock::now();
  for (unsigned i = 0; i < times; ++i) MARQUEE_TRY(parts_->device.launch<TickKernel>(parts_->stream, {1, 1}, args));
  MARQUEE_TRY(parts_->finish(parts_->stream));
  const double seconds = since(begin) / times;
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
    const Clock::time_point begin = Clock::now();
    MARQUEE_TRY(parts_->device.launch<TickKernel>(parts_->stream, {1, 1}, args));
    MARQUEE_TRY(parts_->finish(parts_->stream));
    one = since(begin);
  }
  std::vector<std::uint64_t> counted(1);
  MARQUEE_TRY(parts_->download(args.ticks, counted));
  if (counted[0] != times) return Status{Code::kInternal, "a launch did not run, or ran twice"};
  std::nth_element(seconds.begin(), seconds.begin() + times / 2, seconds.end());
  return seconds[times / 2];
}

}  // namespace marquee::gpu
