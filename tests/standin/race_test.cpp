// Built with ThreadSanitizer alone: what is not ordered is reported on its line, what is ordered is not.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime.cuh"
#include "simt.cuh"
#include "standin/bench.hpp"

namespace marquee {
namespace {

using standin_test::Bench;

enum class Order { kBarrier, kWarpBarrier, kBallot, kFlag, kNothing };

// Lane 0 or thread 0 writes a word of shared memory, its neighbour reads it.
template <Order kOrder>
struct Neighbours {
  static constexpr unsigned kThreads = 32;
  struct Shared {
    std::uint32_t word;
    std::uint32_t flag;
  };
  struct Args {
    std::uint32_t* out;
  };
  static constexpr int kLine = __LINE__ + 2;
  static void run(Shared& shared, const Args& args) {
    if (simt::thread() == 0) shared.word = 7;
    if constexpr (kOrder == Order::kFlag) {
      if (simt::thread() == 0) simt::store(&shared.flag, 1u);
      if (simt::thread() == 1 && simt::load(&shared.flag) == 1) args.out[0] = shared.word;
    } else {
      if constexpr (kOrder == Order::kBarrier) simt::barrier();
      if constexpr (kOrder == Order::kWarpBarrier) simt::warp_barrier(simt::kAllLanes);
      if constexpr (kOrder == Order::kBallot) (void)simt::ballot(simt::kAllLanes, true);
      if (simt::thread() == 1) args.out[0] = shared.word;
    }
  }
};

template <Order kOrder>
void neighbours() {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    bench.launch<Neighbours<kOrder>>({1}, {bench.make<std::uint32_t>(1)});
    bench.wait();
  }
  std::exit(0);
}

std::string on_line(int line) {
  return "data race(.|\n)*race_test.cpp:" + std::to_string(line) + " ";
}
constexpr int kReported = 66;  // ThreadSanitizer's exit code

TEST(RaceDeathTest, AMissingBarrierIsReportedOnTheLineOfTheAccess) {
  EXPECT_EXIT(neighbours<Order::kNothing>(), testing::ExitedWithCode(kReported),
              on_line(Neighbours<Order::kNothing>::kLine));
}

TEST(RaceDeathTest, ABarrierOrders) {
  EXPECT_EXIT(neighbours<Order::kBarrier>(), testing::ExitedWithCode(0), "");
}

TEST(RaceDeathTest, AWarpBarrierOrders) {
  EXPECT_EXIT(neighbours<Order::kWarpBarrier>(), testing::ExitedWithCode(0), "");
}

TEST(RaceDeathTest, ABallotDoesNot) {
  EXPECT_EXIT(neighbours<Order::kBallot>(), testing::ExitedWithCode(kReported),
              on_line(Neighbours<Order::kBallot>::kLine));
}

TEST(RaceDeathTest, ARelaxedFlagDoesNot) {
  EXPECT_EXIT(neighbours<Order::kFlag>(), testing::ExitedWithCode(kReported), on_line(Neighbours<Order::kFlag>::kLine));
}

// Every block adds to one word.
template <bool kAtomic>
struct AddUp {
  static constexpr unsigned kThreads = 1;
  struct Shared {};
  struct Args {
    std::uint32_t* sum;
  };
  static constexpr int kLine = __LINE__ + 5;
  static void run(Shared&, const Args& args) {
    if constexpr (kAtomic) {
      simt::global::add(args.sum, 1u);
    } else {
      *args.sum += 1;
    }
  }
};

template <bool kAtomic>
void add_up() {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    auto sum = bench.make<std::uint32_t>(1);
    bench.zero(sum, 1);
    bench.launch<AddUp<kAtomic>>({10}, {sum});
    if (bench.get(sum, 1)[0] != 10) std::exit(1);
  }
  std::exit(0);
}

TEST(RaceDeathTest, BlocksAreNotOrdered) {
  EXPECT_EXIT(add_up<false>(), testing::ExitedWithCode(kReported), on_line(AddUp<false>::kLine));
}

TEST(RaceDeathTest, AtomicsDoNotRaceAndKernelsOfAStreamAreOrdered) {
  EXPECT_EXIT(add_up<true>(), testing::ExitedWithCode(0), "");
}

void two_streams(bool waits) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    gpu::Stream other;
    gpu::Event event;
    (void)bench.device.make(other);
    (void)bench.device.make(event);
    auto sum = bench.make<std::uint32_t>(1);
    bench.zero(sum, 1);
    bench.wait();
    bench.launch<AddUp<false>>({1}, {sum});
    (void)bench.device.record(event, bench.stream);
    if (waits) (void)bench.device.wait(other, event);
    (void)bench.device.launch<AddUp<false>>(other, {1}, {sum});
    (void)bench.device.record(event, other);
    while (!bench.device.passed(event).value()) {
    }
    bench.wait();
  }
  std::exit(0);
}

TEST(RaceDeathTest, StreamsAreNotOrdered) {
  EXPECT_EXIT(two_streams(false), testing::ExitedWithCode(kReported), on_line(AddUp<false>::kLine));
}

TEST(RaceDeathTest, EventsOrderStreams) {
  EXPECT_EXIT(two_streams(true), testing::ExitedWithCode(0), "");
}

// The host writes to what a copy reads; the only copy of a seed has run when it is asked for.
void reuse(bool asks) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    auto from = bench.make_pinned<std::uint32_t>(4);
    auto to = bench.make<std::uint32_t>(4);
    for (std::uint32_t round = 0; round < 3; ++round) {
      for (int i = 0; i < 4; ++i) from[i] = round;
      (void)bench.device.copy(bench.stream, to, from, 16);
      if (asks) bench.wait();
    }
    bench.wait();
  }
  std::exit(0);
}

TEST(RaceDeathTest, ReusingPinnedMemoryEarlyIsReported) {
  EXPECT_EXIT(reuse(false), testing::ExitedWithCode(kReported), "data race");
}

TEST(RaceDeathTest, AnEventThatIsPassedGivesPinnedMemoryBack) {
  EXPECT_EXIT(reuse(true), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace marquee
