// What marquee-gpu-bench measures, on the host stand-in and in tiny sizes: its answers are checked, a wrong one is
// caught, and what it writes can be read.
#include "gpu/figures.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "gpu/document.hpp"
#include "gpu/standin_trials.hpp"
#include "oracle/json.hpp"

namespace marquee::test {
namespace {

bench::Scale tiny() {
  bench::Scale scale;
  scale.rounds = 2;
  scale.copy_bytes = {4096, 65'536};
  scale.copies_max = 3;
  scale.launches = 20;
  scale.events = 3'000;
  scale.keys = {50, 1'000};
  scale.batches = {256, 4'096};
  scale.pinned_events = 2'048;
  scale.pinned_keys = 300;
  scale.pinned_batches = {512, 1'024};
  scale.hand_overs = 8;
  scale.rows = 2'000;
  scale.groups = {3, 40};
  scale.tops = {5, 30};
  scale.cores = 2;
  return scale;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(Figures, AreAllMeasuredAndWritten) {
  bench::Figures figures;
  Result<std::unique_ptr<gpu::Trials>> trials = gpu::Trials::open();
  const Status measured = bench::measure(*trials.value(), tiny(), figures);
  ASSERT_TRUE(measured.ok()) << measured.message();
  const std::string json = figures.json();
  ASSERT_TRUE(oracle::json::parse(json)) << json;
  // Keys x skews, each by Thrust and the CPU, and by the CUDA engine for each of the batches.
  EXPECT_EQ(count_of(json, "\"figure\": \"aggregate\""), 2u * 3 * (2 + 2));
  EXPECT_EQ(count_of(json, "\"engine\": \"thrust sort + reduce\""), 2u * 3);
  EXPECT_EQ(count_of(json, "\"engine\": \"cpu\", \"keys\""), 2u * 3);
  EXPECT_EQ(count_of(json, "\"figure\": \"pinned_to_aggregated\""), 2u);
  EXPECT_EQ(count_of(json, "\"figure\": \"pinned_to_end_of_epoch\""), 2u);
  EXPECT_EQ(count_of(json, "\"figure\": \"hand_over_to_aggregated\""), 1u);
  // (Groups x spreads x K, and the tied one) x (sort, and two engines with and without a floor).
  EXPECT_EQ(count_of(json, "\"figure\": \"rank\""), (2u * 2 * 2 + 1) * 5);
  EXPECT_EQ(count_of(json, "share_of_device_copy"), count_of(json, "share_of_pcie_copy"));
  EXPECT_EQ(count_of(json, "share_of_pcie_copy"), 2u * 3 * 4 + 4 + 9 * 5);
  EXPECT_EQ(count_of(json, "\"median\": 0,"), 0u);
  EXPECT_EQ(count_of(json, "inf") + count_of(json, "nan"), 0u);
}

TEST(Figures, AreMediansAndPercentiles) {
  bench::Figures figures;
  std::vector<double> values;
  for (int i = 0; i < 1'000; ++i) values.push_back((i * 7) % 1'000);
  const bench::Settings with{{"batch", "5"}};
  figures.add("latency", with, "us", values);
  figures.add("latency", {}, "us", {3, 1, 2});
  EXPECT_EQ(figures.median("latency", with), 500);
  EXPECT_EQ(figures.median("latency", {}), 2);
  EXPECT_EQ(figures.median("latency", {{"batch", "6"}}), std::nullopt);
  EXPECT_NE(figures.json().find("{\"figure\": \"latency\", \"batch\": 5, \"unit\": \"us\", \"median\": 500, "
                                "\"p99\": 990, \"rounds\": 1000}"),
            std::string::npos)
      << figures.json();
  EXPECT_NE(figures.json().find("\"all\": [3, 1, 2]"), std::string::npos);
}

TEST(Figures, StandInOneDocumentWithWhatTheyWereMeasuredOn) {
  bench::Figures figures;
  figures.add("launch", {}, "us", {3, 1, 2});
  bench::About about;
  about.device = {"NVIDIA \"H100\"", "9.0", "580.65.06, CUDA 13.0", std::uint64_t{80} << 30, 0, ""};
  about.runtime = "CUDA 13.0";
  about.commit = "abc";
  const std::string good = bench::document(about, figures);
  ASSERT_TRUE(oracle::json::parse(good)) << good;
  EXPECT_NE(good.find(R"("gpu": {"name": "NVIDIA \"H100\"", "compute_capability": "9.0", )"
                      R"("driver": "580.65.06, CUDA 13.0", "runtime": "CUDA 13.0", "memory_gib": 80})"),
            std::string::npos)
      << good;
  EXPECT_EQ(good.find("error"), std::string::npos);
  about.measured = {Code::kInternal, "wrong answer"};
  const std::string bad = bench::document(about, figures);
  ASSERT_TRUE(oracle::json::parse(bad)) << bad;
  EXPECT_NE(bad.find("\"error\": \"wrong answer\""), std::string::npos);
}

struct Spoiled {
  const char* what;
  std::size_t size;  // of the copy, which no other copy of the run has
  std::uint64_t n;
  std::size_t at;
};

class WrongAnswer : public testing::TestWithParam<Spoiled> {};

TEST_P(WrongAnswer, EndsTheRunBeforeItsFigure) {
  const Spoiled& spoiled = GetParam();
  bench::Figures figures;
  bool arrived = false;
  Status measured;
  {
    Result<std::unique_ptr<gpu::Trials>> trials = gpu::Trials::open();
    newest_world().spoil_copy(spoiled.size, spoiled.n, spoiled.at, std::byte{0x20});
    measured = bench::measure(*trials.value(), tiny(), figures);
    arrived = newest_world().spoiled();
  }
  EXPECT_TRUE(arrived) << "there was no such copy";
  EXPECT_EQ(measured.code(), Code::kInternal) << measured.message();
  EXPECT_TRUE(measured.message().starts_with("wrong answer, so no figure: ") ||
              measured.message() == "a copy arrived changed")
      << measured.message();
  EXPECT_EQ(figures.json().find("\"tied\""), std::string::npos) << "it went on to the last one";
}

INSTANTIATE_TEST_SUITE_P(Copies, WrongAnswer,
                         testing::Values(Spoiled{"Copy", 65'536, 6, 777},         // what copies are measured with
                                         Spoiled{"EventItem", 12'000, 1, 5'000},  // of the first workload
                                         Spoiled{"EventWatch", 12'000, 4, 6'001},
                                         Spoiled{"PinnedWatch", 4 * 512 * 4, 3, 3 * 512 * 4 + 401},
                                         Spoiled{"RowOrder", 2'000 * 4, 1, 4'000},  // as the full sort has it
                                         Spoiled{"RestoredViews", 2'000 * 24, 1, 24 * 1'000 + 10}),
                         [](const auto& spoiled) { return spoiled.param.what; });

TEST(Figures, ALostGpuEndsTheRun) {
  bench::Scale least = tiny();
  least.keys = {50};
  least.groups = {3};
  least.tops = {5};
  bench::Figures none;
  std::uint64_t calls = 0;
  {
    Result<std::unique_ptr<gpu::Trials>> trials = gpu::Trials::open();
    ASSERT_TRUE(bench::measure(*trials.value(), least, none).ok());
    calls = newest_world().calls();
  }
  for (std::uint64_t i = 1; i < 6; ++i) {
    const std::uint64_t call = calls * i / 6;
    Result<std::unique_ptr<gpu::Trials>> trials = gpu::Trials::open();
    newest_world().fail_at_call(call, gpu::Fault::kError);
    bench::Figures figures;
    const Status measured = bench::measure(*trials.value(), least, figures);
    EXPECT_EQ(measured.code(), Code::kUnavailable) << "call " << call << ": " << measured.message();
  }
}

}  // namespace
}  // namespace marquee::test
