// The floor that the CUDA engine stands on: launches, atomics, warps, sorting, copies and events, against the host.
#include "kernels/trials/trials.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <random>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

using gpu::AtomicSums;
using gpu::Trials;
using gpu::WarpAnswer;

class TrialsTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Trials>> opened = Trials::open();
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    trials_ = std::move(opened.value());
    RecordProperty("seed", std::to_string(seed_));
  }
  void TearDown() override {
    if (HasFailure()) std::printf("repeat with MARQUEE_SEED=%llu\n", static_cast<unsigned long long>(seed_));
  }
  template <class T>
  std::vector<T> random(std::size_t n, T below_or_all = 0) {
    std::vector<T> out(n);
    for (T& value : out) value = below_or_all == 0 ? static_cast<T>(rng_()) : static_cast<T>(rng_() % below_or_all);
    return out;
  }

  const std::uint64_t seed_ = seed_or(std::random_device()());
  std::mt19937_64 rng_{seed_};
  std::unique_ptr<Trials> trials_;
};

TEST_F(TrialsTest, SharedAndGlobalCountersLoseNothing) {
  for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 255u, 256u, 257u, 300'000u}) {
    for (const unsigned blocks : {1u, 7u, 200u}) {
      for (const std::uint32_t distinct : {1u, 100u, Trials::kBuckets}) {
        SCOPED_TRACE(testing::Message() << n << " values below " << distinct << ", " << blocks << " blocks");
        const auto values = random<std::uint32_t>(n, distinct);
        std::vector<std::uint64_t> expected(Trials::kBuckets);
        for (const std::uint32_t value : values) ++expected[value];
        const auto got = trials_->histogram(values, blocks);
        ASSERT_TRUE(got.ok()) << got.status().message();
        ASSERT_EQ(got.value(), expected);
      }
    }
  }
}

std::vector<WarpAnswer> expected_answers(const std::vector<std::uint32_t>& values) {
  std::vector<WarpAnswer> out(values.size());
  const auto value_at = [&](std::size_t i) { return i < values.size() ? values[i] : 0; };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t lane = i % 32;  // a block is whole warps, so warps follow each other over blocks too
    const std::size_t first = i - lane;
    WarpAnswer& answer = out[i];
    for (std::size_t l = 0; l < 32; ++l) {
      const std::uint32_t bit = std::uint32_t{1} << l;
      if ((value_at(first + l) & 1) != 0) answer.odd_lanes |= bit;
      if ((values[i] & 1) != 0 && (value_at(first + l) & 3) == 3) answer.twos |= bit;
    }
    answer.from_next = value_at(first + (lane + 1) % 32);
    answer.from_before = lane == 0 ? values[i] : values[i - 1];
    answer.lowest_bit = static_cast<std::uint32_t>(std::countr_zero(values[i]));
    answer.bits_set = static_cast<std::uint32_t>(std::popcount(values[i]));
    answer.bit_width = static_cast<std::uint32_t>(std::bit_width(std::uint64_t{values[i]} << 32 | values[i]));
    answer.lane_and_warp = static_cast<std::uint32_t>(i % Trials::kWarpBlock);
  }
  return out;
}

TEST_F(TrialsTest, LanesSeeEachOther) {
  for (const std::size_t n : {1u, 31u, 32u, 33u, 95u, 96u, 97u, 10'000u}) {
    SCOPED_TRACE(testing::Message() << n << " values");
    std::vector<std::uint32_t> values = random<std::uint32_t>(n);
    values[n / 2] = 0;
    const auto got = trials_->warp_answers(values);
    ASSERT_TRUE(got.ok()) << got.status().message();
    ASSERT_TRUE(got.value() == expected_answers(values));
  }
}

TEST_F(TrialsTest, EveryAtomicCountsEveryThread) {
  for (const std::size_t n : {1u, 127u, 128u, 129u, 20'000u}) {
    for (const unsigned rows : {1u, 3u}) {
      SCOPED_TRACE(testing::Message() << n << " values, " << rows << " rows");
      const auto values = random<std::uint64_t>(n, std::uint64_t{1} << 40);
      std::vector<std::uint64_t> all;
      AtomicSums expected;
      for (std::uint32_t row = 0; row < rows; ++row) {
        for (const std::uint64_t value : values) {
          all.push_back(value + row);
          expected.ones += 1 + row;
          expected.bits |= static_cast<std::uint32_t>(value + row);
        }
      }
      auto got = trials_->atomics(values, rows);
      ASSERT_TRUE(got.ok()) << got.status().message();
      const AtomicSums& sums = got.value().sums;
      EXPECT_EQ(sums.sum, std::accumulate(all.begin(), all.end(), std::uint64_t{0}));
      EXPECT_EQ(sums.largest, *std::max_element(all.begin(), all.end()));
      EXPECT_EQ(sums.ones, expected.ones);
      EXPECT_EQ(sums.bits, expected.bits);
      EXPECT_EQ(sums.count, all.size());
      EXPECT_EQ(sums.tickets, all.size());
      EXPECT_EQ(sums.chairs, (n + Trials::kAtomicBlock - 1) / Trials::kAtomicBlock * rows);
      EXPECT_NE(std::find(all.begin(), all.end(), sums.first), all.end());
      std::vector<std::uint64_t>& taken = got.value().taken;
      std::sort(taken.begin(), taken.end());
      std::sort(all.begin(), all.end());
      ASSERT_TRUE(taken == all);
    }
  }
}

TEST_F(TrialsTest, SortingIsStableAndLooksAtTheNamedBitsAlone) {
  struct Bits {
    int begin;
    int end;
  };
  for (const std::size_t n : {0u, 1u, 2u, 1'000u, 200'000u}) {
    for (const Bits bits : {Bits{0, 64}, Bits{8, 40}, Bits{60, 64}, Bits{5, 5}}) {
      SCOPED_TRACE(testing::Message() << n << " pairs by bits " << bits.begin << " to " << bits.end);
      std::vector<std::uint64_t> keys = random<std::uint64_t>(n);
      std::vector<std::uint32_t> values(n);
      std::iota(values.begin(), values.end(), 0u);
      const std::vector<std::uint64_t> before = keys;
      std::vector<std::uint32_t> expected = values;
      const auto part = [&](std::uint32_t i) {
        if (bits.begin == bits.end) return std::uint64_t{0};
        return before[i] << (64 - bits.end) >> (64 - bits.end + bits.begin);
      };
      std::stable_sort(expected.begin(), expected.end(),
                       [&](std::uint32_t a, std::uint32_t b) { return part(a) < part(b); });
      const Status sorted = trials_->sort(keys, values, bits.begin, bits.end);
      ASSERT_TRUE(sorted.ok()) << sorted.message();
      ASSERT_TRUE(values == expected);
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(keys[i], before[values[i]]) << i;
    }
  }
}

TEST_F(TrialsTest, BytesSurviveThreeStreams) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{4096}, (std::size_t{8} << 20) + 3}) {
    SCOPED_TRACE(testing::Message() << n << " bytes");
    const auto bytes = random<unsigned char>(n);
    const auto sent = std::as_bytes(std::span(bytes));
    const auto got = trials_->round_trip(sent);
    ASSERT_TRUE(got.ok()) << got.status().message();
    ASSERT_TRUE(std::equal(sent.begin(), sent.end(), got.value().begin(), got.value().end()));
  }
}

}  // namespace
}  // namespace marquee::test
