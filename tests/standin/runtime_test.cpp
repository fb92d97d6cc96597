// Streams, events, memory and faults.
#include "runtime.cuh"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "primitives.cuh"
#include "simt.cuh"
#include "standin/bench.hpp"

namespace marquee {
namespace {

using gpu::Fault;
using standin_test::Bench;

struct Append {
  static constexpr unsigned kThreads = 1;
  struct Shared {};
  struct Args {
    std::uint32_t* log;  // [0] is its size
    std::uint32_t what;
  };
  static void run(Shared&, const Args& args) {
    simt::store(&args.log[1 + simt::global::fetch_add(args.log, 1u)], args.what);
  }
};

TEST(Streams, KeepTheirOrderAndGoOnOutOfTheHostsSight) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    auto log = bench.make<std::uint32_t>(20);
    bench.zero(log, 20);
    for (std::uint32_t i = 1; i < 10; ++i) bench.launch<Append>({1}, {log, i});
    EXPECT_EQ(bench.get(log, 10), (std::vector<std::uint32_t>{9, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
}

// Two streams append to one log: in both orders over seeds, and in one when the second waits for the first.
bool first_came_first(std::uint64_t seed, bool waits) {
  Bench bench(seed);
  gpu::Stream other;
  gpu::Event event, end;
  EXPECT_TRUE(bench.device.make(other).ok() && bench.device.make(event).ok() && bench.device.make(end).ok());
  auto log = bench.make<std::uint32_t>(3);
  bench.zero(log, 3);
  bench.wait();
  bench.launch<Append>({1}, {log, 1});
  EXPECT_TRUE(bench.device.record(event, bench.stream).ok());
  EXPECT_TRUE(!waits || bench.device.wait(other, event).ok());
  EXPECT_TRUE(bench.device.record(event, bench.stream).ok());  // recorded again: the wait means the record before
  EXPECT_TRUE(bench.device.launch<Append>(other, {1}, {log, 2}).ok());
  EXPECT_TRUE(bench.device.record(end, other).ok());
  EXPECT_TRUE(bench.device.wait(bench.stream, end).ok());
  const auto got = bench.get(log, 3);
  EXPECT_EQ(got[0], 2u);
  return got[1] == 1;
}

TEST(Streams, ComeInAnyOrderButForEvents) {
  unsigned first = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    EXPECT_TRUE(first_came_first(seed, true)) << seed;
    first += first_came_first(seed, false);
  }
  EXPECT_GT(first, 5u);
  EXPECT_LT(first, 39u);
}

TEST(Events, AreNotPassedBeforeTheirRecord) {
  unsigned polls = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    gpu::Event event;
    ASSERT_TRUE(bench.device.make(event).ok());
    EXPECT_TRUE(bench.device.passed(event).value());  // never recorded
    auto log = bench.make<std::uint32_t>(10);
    auto out = bench.make_pinned<std::uint32_t>(1);
    bench.zero(log, 10);
    for (std::uint32_t i = 1; i < 6; ++i) bench.launch<Append>({1}, {log, i});
    ASSERT_TRUE(bench.device.copy(bench.stream, out, log, 4).ok());
    ASSERT_TRUE(bench.device.record(event, bench.stream).ok());
    for (; !bench.device.passed(event).value(); ++polls) ASSERT_LT(polls, 1000u);
    EXPECT_EQ(*out, 5u);
  }
  EXPECT_GT(polls, 20u);
}

TEST(Events, MadeTimedTellTheTimeBetweenThem) {
  Bench bench(3);
  gpu::Event begin;
  gpu::Event end;
  for (gpu::Event* event : {&begin, &end}) ASSERT_TRUE(bench.device.make_timed(*event).ok());
  auto log = bench.make<std::uint32_t>(10);
  bench.zero(log, 10);
  ASSERT_TRUE(bench.device.record(begin, bench.stream).ok());
  bench.launch<Append>({1}, {log, 1});
  ASSERT_TRUE(bench.device.record(end, bench.stream).ok());
  while (!bench.device.passed(end).value()) {
  }
  EXPECT_GT(bench.device.seconds_between(begin, end).value(), 0);
  EXPECT_LT(bench.device.seconds_between(end, begin).value(), 0);
}

TEST(Copies, ArriveSpoiledWhenTheTestSaysSo) {
  Bench bench(3);
  gpu::Event event;
  ASSERT_TRUE(bench.device.make(event).ok());
  auto there = bench.make<std::uint32_t>(2);
  auto back = bench.make_pinned<std::uint32_t>(2);
  bench.zero(there, 2);
  bench.world.spoil_copy(8, 2, 5, std::byte{3});
  for (const std::uint32_t second : {0u, 0x300u, 0u}) {
    ASSERT_TRUE(bench.device.copy(bench.stream, back, there, 8).ok());
    ASSERT_TRUE(bench.device.record(event, bench.stream).ok());
    while (!bench.device.passed(event).value()) {
    }
    EXPECT_EQ(back[0], 0u);
    EXPECT_EQ(back[1], second);
  }
  EXPECT_TRUE(bench.world.spoiled());
}

TEST(Copies, GoThroughRunsOfDifferentPitch) {
  Bench bench(4);
  auto from = bench.put<std::uint32_t>({1, 2, 3, 4, 5, 6, 7, 8, 9});
  auto to = bench.make<std::uint32_t>(6);
  ASSERT_TRUE(bench.device.copy_runs(bench.stream, to, 8, from + 1, 12, 8, 3).ok());
  EXPECT_EQ(bench.get(to, 6), (std::vector<std::uint32_t>{2, 3, 5, 6, 8, 9}));
  EXPECT_EQ(bench.world.copied().to_device, 36u);
  EXPECT_EQ(bench.world.copied().within_device, 24u);
  EXPECT_EQ(bench.world.copied().from_device, 24u);
}

TEST(Copies, ReadTheirSourceWhenTheyRun) {
#ifdef STANDIN_TSAN
  GTEST_SKIP() << "ThreadSanitizer stops at the first one: race_test.cpp";
#endif
  unsigned early = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Bench bench(seed);
    auto from = bench.make_pinned<std::uint32_t>(4);
    auto to = bench.make<std::uint32_t>(4);
    std::fill_n(from, 4, 7u);
    ASSERT_TRUE(bench.device.copy(bench.stream, to, from, 16).ok());
    const bool in_use = bench.world.in_use(from + 3, 1);
    gpu::World::poison(from, 16);  // without having asked whether the copy is done
    const auto got = bench.get(to, 4);
    EXPECT_EQ(got, std::vector<std::uint32_t>(4, in_use ? 0xa5a5a5a5u : 7u));
    early += in_use;
  }
  EXPECT_GT(early, 10u);
}

TEST(Memory, OfTheDeviceIsPoisonAndPinnedMemoryZero) {
  Bench bench(5);
  EXPECT_EQ(bench.get(bench.make<std::uint32_t>(100), 100), std::vector<std::uint32_t>(100, 0xa5a5a5a5u));
  const auto pinned = bench.make_pinned<std::uint32_t>(100);
  EXPECT_EQ(std::vector<std::uint32_t>(pinned, pinned + 100), std::vector<std::uint32_t>(100, 0));
}

TEST(Memory, OfTheDeviceEnds) {
  gpu::World world({.memory_bytes = 1000});
  const gpu::Device device = world.device();
  EXPECT_EQ(device.memory_free(), 1000u);
  gpu::DeviceMemory a, b, c;
  EXPECT_TRUE(device.allocate(a, 600).ok());
  EXPECT_EQ(device.allocate(b, 500).code(), Code::kUnavailable);
  a = {};
  EXPECT_TRUE(device.allocate(c, 1000).ok());
}

TEST(Sort, IsStableOverTheBitsAsked) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    std::vector<std::uint64_t> keys(500);
    std::vector<std::uint32_t> values(500);
    for (std::uint32_t i = 0; i < 500; ++i) {
      keys[i] = i * 2654435761u;
      values[i] = i;
    }
    gpu::Pair<std::uint64_t> k{bench.put(keys), bench.make<std::uint64_t>(500)};
    gpu::Pair<std::uint32_t> v{bench.put(values), bench.make<std::uint32_t>(500)};
    const std::size_t scratch = gpu::sort_scratch_bytes(500);
    ASSERT_TRUE(gpu::sort_pairs(bench.device, bench.stream, bench.make<char>(scratch), scratch, k, v, 500, 8, 12).ok());
    std::stable_sort(values.begin(), values.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return (keys[a] >> 8 & 15) < (keys[b] >> 8 & 15); });
    EXPECT_EQ(bench.get(v.current, 500), values);
    const auto sorted = bench.get(k.current, 500);
    for (std::uint32_t i = 0; i < 500; ++i) ASSERT_EQ(sorted[i], keys[values[i]]);
  }
}

// --- Faults. A small job that uses every call; returns the status it ended with, kUnavailable too where it gave up.
Status job(const gpu::Device& device, bool& gave_up, std::uint32_t& answer) {
  static std::array<std::uint32_t, 1024> host{};
  host.fill(0);
  gpu::Stream stream, other;
  gpu::Event event;
  gpu::DeviceMemory memory;
  gpu::PinnedMemory out;
  std::uint32_t* at = nullptr;
  gpu::Pair<std::uint64_t> keys;
  gpu::Pair<std::uint32_t> values;
  struct Unpin {
    const gpu::Device& device;
    bool pinned = false;
    ~Unpin() {
      if (pinned) (void)device.unpin(host.data());
    }
  } unpin{device};
  const auto word = [&](std::size_t i) { return memory.data() + i * 8; };
  const auto steps = std::to_array<std::function<Status()>>({
      [&] { return device.make(stream); },
      [&] { return device.make(other); },
      [&] { return device.make(event); },
      [&] { return device.allocate(memory, 4096); },
      [&] { return device.allocate(out, 4); },
      [&] {
        Status s = device.pin(host.data(), sizeof host);
        unpin.pinned = s.ok();
        return s;
      },
      [&] { return device.zero(stream, memory.data(), 4096); },
      [&] { return device.copy(stream, word(1), host.data(), 8); },
      [&] { return device.record(event, stream); },
      [&] { return device.wait(other, event); },
      [&] {
        at = reinterpret_cast<std::uint32_t*>(word(0));
        return device.launch<Append>(other, {1}, {at, 77});
      },
      [&] {
        keys = {reinterpret_cast<std::uint64_t*>(word(100)), reinterpret_cast<std::uint64_t*>(word(102))};
        values = {reinterpret_cast<std::uint32_t*>(word(104)), reinterpret_cast<std::uint32_t*>(word(105))};
        return gpu::sort_pairs(device, other, word(200), gpu::sort_scratch_bytes(2), keys, values, 2, 0, 64);
      },
      [&] { return device.copy(other, out.data(), at + 1, 4); },
      [&] { return device.record(event, other); },
  });
  for (const auto& step : steps) {
    if (Status s = step(); !s.ok()) return s;
  }
  for (int polls = 0; polls < 100; ++polls) {
    Result<bool> passed = device.passed(event);
    if (!passed.ok()) return passed.status();
    if (passed.value()) {
      answer = *reinterpret_cast<std::uint32_t*>(out.data());
      return {};
    }
  }
  gave_up = true;
  return {Code::kUnavailable, "nothing moves"};
}

class Faults : public testing::TestWithParam<std::tuple<Fault, std::uint64_t>> {};

TEST_P(Faults, AtEveryCall) {
  const auto [fault, seed] = GetParam();
  std::uint64_t calls = 0;
  {
    gpu::World world({.seed = seed});
    bool gave_up = false;
    std::uint32_t answer = 0;
    ASSERT_TRUE(job(world.device(), gave_up, answer).ok());
    EXPECT_EQ(answer, 77u);
    EXPECT_FALSE(gave_up);
    calls = world.calls() - 1;  // the last one unpins
    EXPECT_GE(calls, 15u);
    EXPECT_EQ(world.frees_that_block(), 0u);
  }
  unsigned failed = 0;
  for (std::uint64_t n = 1; n <= calls; ++n) {
    gpu::World world({.seed = seed});
    world.fail_at_call(n, fault);
    bool gave_up = false;
    std::uint32_t answer = 0;
    const Status s = job(world.device(), gave_up, answer);
    failed += !s.ok();
    EXPECT_EQ(answer == 77, s.ok());
    EXPECT_EQ(gave_up, fault == Fault::kHang && !s.ok());
    if (fault == Fault::kError) {
      EXPECT_EQ(s.code(), Code::kUnavailable) << n;
      EXPECT_LE(world.calls(), n + 1);  // unpin
      gpu::Stream stream;
      EXPECT_FALSE(world.device().make(stream).ok());  // sticky
    }
    EXPECT_EQ(world.frees_that_block() > 0, gave_up);
  }
  EXPECT_GE(failed, fault == Fault::kError ? calls : calls / 2);
}

INSTANTIATE_TEST_SUITE_P(All, Faults,
                         testing::Combine(testing::Values(Fault::kError, Fault::kLate, Fault::kHang),
                                          testing::Values(1, 2, 3, 4, 5, 6)));

// --- What is wrong is said.

// Where the seed is lazy nothing runs unasked.
std::uint64_t lazy_seed() {
  for (std::uint64_t seed = 0;; ++seed) {
    Bench bench(seed);
    auto memory = bench.make<std::uint32_t>(1);
    for (int i = 0; i < 20; ++i) bench.zero(memory, 1);
    const bool lazy = bench.world.in_use(memory, 4);
    bench.wait();
    if (lazy) return seed;
  }
}

TEST(RuntimeDeathTest, FreeingWhatIsQueued) {
  const auto free_early = [](bool kernel) {
    Bench bench(lazy_seed());
    gpu::DeviceMemory memory;
    (void)bench.device.allocate(memory, 400);
    for (int i = 0; i < 20; ++i) bench.zero(memory.data(), 400);
    if (kernel) {
      bench.wait();
      for (std::uint32_t i = 0; i < 20; ++i) {
        bench.launch<Append>({1}, {reinterpret_cast<std::uint32_t*>(memory.data()) + 1, i});
      }
    }
    memory = {};
  };
  EXPECT_DEATH(free_early(false), "freeing 400 bytes that a queued operation names");
  EXPECT_DEATH(free_early(true), "freeing 400 bytes that a queued operation names");
}

TEST(RuntimeDeathTest, CopyingFromMemoryThatIsNotPinned) {
  Bench bench(1);
  auto to = bench.make<std::uint32_t>(4);
  std::array<std::uint32_t, 4> from{};
  EXPECT_DEATH((void)bench.device.copy(bench.stream, to, from.data(), 16), "copying from: 16 bytes at .* pinned");
  EXPECT_DEATH((void)bench.device.copy(bench.stream, to, bench.make_pinned<std::uint32_t>(3), 16), "copying from");
}

TEST(RuntimeDeathTest, MemoryThatOutlivesItsWorld) {
  EXPECT_DEATH(
      {
        auto memory = std::make_unique<gpu::DeviceMemory>();
        gpu::World world;
        (void)world.device().allocate(*memory, 100);
      },
      "100 bytes are still allocated");
}

}  // namespace
}  // namespace marquee
