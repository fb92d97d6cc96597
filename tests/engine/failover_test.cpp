// A GPU that fails in any call of its runtime, at once, later, or by never answering again: the results are the CPU's.
// Every call is tried in turn; with sanitizers, and of hangs, every few, but for MARQUEE_STEP=1.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "engine/standin_engine.hpp"
#include "pipeline/lost_engine_run.hpp"

namespace marquee::test {
namespace {

constexpr std::int64_t kEvents = 40;  // a partition
constexpr std::uint64_t kSeed = 5;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStep = 7;
#else
constexpr std::uint64_t kStep = 1;
#endif

std::uint64_t step_or(std::uint64_t fallback) {
  const char* const text = std::getenv("MARQUEE_STEP");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

class FailoverTest : public testing::TestWithParam<StandinOptions::Failure> {};

TEST_P(FailoverTest, WhicheverCallFailsTheResultsAreTheCpus) {
  const Outcome expected = run_losing(kSeed, kEvents, Emission::kSettled, make_cpu_engine);
  const std::uint64_t step = step_or(GetParam() == StandinOptions::Failure::kHang ? 29 : kStep);
  std::uint64_t lost = 0;
  std::uint64_t unharmed = 0;
  // Until runs end before the call comes that would fail. How many calls a run makes is the seed's and the lanes'.
  for (std::uint64_t n = 1; unharmed < 3; n += step) {
    StandinOptions options;
    options.seed = n;
    options.arena_bytes = 16u << 20;
    options.fold_rows_max = 4096;
    options.deadline = std::chrono::milliseconds(50);
    options.fails_at_call = n;
    options.failure = GetParam();
    bool made = false;
    const Outcome got = run_losing(kSeed, kEvents, Emission::kSettled, [&](const EngineConfig& config) {
      Result<std::unique_ptr<Engine>> engine = make_standin_engine(config, options);
      made = engine.ok();
      return engine;
    });
    expect_equal(got, expected);
    if (HasFailure()) FAIL() << "call " << n << " failed";
    lost += got.died ? 1 : 0;
    unharmed += made && !got.died ? 1 : 0;
  }
  std::printf("%llu runs lost their GPU\n", static_cast<unsigned long long>(lost));
  EXPECT_GT(lost, 10u);
}

INSTANTIATE_TEST_SUITE_P(Failures, FailoverTest,
                         testing::Values(StandinOptions::Failure::kError, StandinOptions::Failure::kLate,
                                         StandinOptions::Failure::kHang),
                         [](const auto& failure) {
                           switch (failure.param) {
                             case StandinOptions::Failure::kLate:
                               return "Late";
                             case StandinOptions::Failure::kHang:
                               return "Hang";
                             case StandinOptions::Failure::kError:
                               break;
                           }
                           return "Error";
                         });

}  // namespace
}  // namespace marquee::test
