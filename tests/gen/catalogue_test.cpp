#include "gen/catalogue.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "gen/mix.hpp"

namespace marquee::gen {
namespace {

TEST(Catalogue, PopularityIsZipf) {
  constexpr uint32_t kTitles = 1000;
  constexpr uint64_t kDraws = 2'000'000;
  const Catalogue catalogue(kTitles, 7);
  std::vector<uint64_t> seen(kTitles);
  for (uint64_t i = 0; i < kDraws; ++i) ++seen[catalogue.sample(draw(1, i))];
  double harmonic = 0;
  for (uint32_t i = 1; i <= kTitles; ++i) harmonic += 1.0 / i;
  for (uint32_t rank = 0; rank < kTitles; ++rank) {
    const double expected = static_cast<double>(kDraws) / (rank + 1) / harmonic;
    EXPECT_NEAR(static_cast<double>(seen[rank]), expected, 6 * std::sqrt(expected)) << rank;
  }
}

TEST(Catalogue, EveryIdAndNameIsUniqueAndFindsItsTitle) {
  for (const uint32_t titles : {1U, 2U, 31U, 32U, 33U, 2'000U, 100'000U}) {
    const Catalogue catalogue(titles, 3);
    std::set<std::string> ids;
    std::set<std::string> names;
    for (uint32_t title = 0; title < titles; ++title) {
      const auto id = catalogue.content_id(title);
      EXPECT_TRUE(ids.insert(id).second) << id;
      EXPECT_EQ(id.size(), 8U);
      EXPECT_EQ(id[0], kCategories[Catalogue::category(title)].letter);
      EXPECT_EQ(catalogue.find(id), title);
      const auto name = Catalogue::title(title);
      EXPECT_TRUE(names.insert(std::to_string(Catalogue::category(title)) + name).second) << name;
      EXPECT_EQ(name.find_first_of("\"\\"), std::string::npos) << name;
      EXPECT_LE(name.size(), kTitleBytesMax);
    }
    for (const auto* wrong : {"", "m-", "x-000000", "m-0000", "m-00000x", "m-999999999"}) {
      EXPECT_FALSE(catalogue.find(wrong)) << wrong;
    }
  }
}

TEST(Catalogue, EveryCategoryIsThereFromThirtyTwoTitlesOn) {
  std::set<size_t> seen;
  for (uint32_t title = 0; title < 32; ++title) seen.insert(Catalogue::category(title));
  EXPECT_EQ(seen.size(), kCategoryCount);
}

TEST(Catalogue, OneTitleAndTheMostTitlesWork) {
  const Catalogue one(1, 1);
  EXPECT_EQ(one.sample(0), 0U);
  EXPECT_EQ(one.sample(~0ULL), 0U);
  const Catalogue most(kTitlesMax, 1);
  uint64_t head = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint32_t title = most.sample(draw(2, i));
    ASSERT_LT(title, kTitlesMax);
    head += title < 100;
  }
  EXPECT_NEAR(static_cast<double>(head), 100'000 * 5.187 / 17.21, 1'500);  // H(100) / H(2^24)
  EXPECT_EQ(most.content_id(5).size(), 10U);
  EXPECT_EQ(most.find(most.content_id(12'345'678)), 12'345'678U);
}

}  // namespace
}  // namespace marquee::gen
