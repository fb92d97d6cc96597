// Batch: arena, columns, scratch, coming home.
#include "core/batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace marquee {
namespace {

BatchShape small() {
  return {.events_max = 8, .arena_bytes = 64, .leaderboard_count = 2};
}

// Every column of every event holds a number of its own …
void number(Batch& batch, std::uint32_t events) {
  for (std::uint32_t i = 0; i < events; ++i) {
    batch.item()[i] = ItemId{i};
    batch.combination()[i] = CombinationId{i + 1};
    batch.slot()[i] = i + 2;
    batch.watch_ms()[i] = i + 3;
    batch.time_ms()[i] = i + 4;
    batch.record()[i] = i + 5;
  }
}

// … and still does: no column lies over another.
void expect_numbered(const Batch& batch, std::uint32_t events) {
  for (std::uint32_t i = 0; i < events; ++i) {
    ASSERT_EQ(batch.item()[i], ItemId{i});
    ASSERT_EQ(batch.combination()[i], CombinationId{i + 1});
    ASSERT_EQ(batch.slot()[i], i + 2);
    ASSERT_EQ(batch.watch_ms()[i], i + 3);
    ASSERT_EQ(batch.time_ms()[i], EventTimeMs{i} + 4);
    ASSERT_EQ(batch.record()[i], i + 5);
  }
}

TEST(Batch, ColumnsLieOneBehindTheOtherIn16BytesAnEventOnAPage) {
  Batch batch(BatchShape{.events_max = 1000, .arena_bytes = 64, .leaderboard_count = 1});
  EXPECT_EQ(batch.columns_bytes(), 16'000u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(batch.columns_data()) % 4096, 0u);
  number(batch, 1000);
  expect_numbered(batch, 1000);
}

TEST(Batch, MessagesAreCopiedAndSeparatedByLineFeeds) {
  Batch batch(small());
  EXPECT_TRUE(batch.append("one", 0, Offset{5}, 77));
  EXPECT_TRUE(batch.append("", 1, Offset{6}, -1));
  EXPECT_TRUE(batch.append("two", 1, Offset{9}, -1));
  EXPECT_EQ(std::string_view(batch.arena(), batch.arena_used), "one\n\ntwo\n");
  ASSERT_EQ(batch.messages.size(), 3u);
  EXPECT_EQ(batch.bytes(batch.messages[2]), "two");
  EXPECT_EQ(batch.messages[0].timestamp_ms, 77);
  EXPECT_EQ(batch.messages[2].offset, Offset{9});
  EXPECT_EQ(batch.messages[1].size, 0u);
}

TEST(Batch, AFullArenaRefusesAndStaysAsItWas) {
  Batch batch(small());
  EXPECT_TRUE(batch.append(std::string(40, 'a'), 0, Offset{0}, -1));
  EXPECT_FALSE(batch.append(std::string(40, 'b'), 0, Offset{1}, -1));
  EXPECT_EQ(batch.messages.size(), 1u);
  EXPECT_TRUE(batch.append(std::string(22, 'c'), 0, Offset{1}, -1)) << "one byte less than room, and its line feed";
  EXPECT_EQ(batch.arena_room(), 0u);
  EXPECT_FALSE(batch.append("", 0, Offset{2}, -1));
}

TEST(Batch, AnEmptyArenaGrowsForOneHugeMessageAndShrinksAgain) {
  Batch batch(small());
  const std::string huge(1'000'000, 'h');
  EXPECT_TRUE(batch.append(huge, 0, Offset{0}, -1));
  EXPECT_EQ(batch.bytes(batch.messages[0]), huge);
  EXPECT_FALSE(batch.append("x", 0, Offset{1}, -1));
  batch.clear();
  EXPECT_EQ(batch.arena_room(), 64u);
  EXPECT_TRUE(batch.append("x", 0, Offset{1}, -1));
}

TEST(Batch, ColumnsGrowForOneLongMessageAndComeBack) {
  Batch batch(small());
  std::byte* const own = batch.columns_data();
  batch.reserve_events(8);
  EXPECT_EQ(batch.columns_data(), own);
  constexpr std::uint32_t kEvents = 100'003;
  batch.reserve_events(kEvents);
  EXPECT_EQ(batch.events_room(), kEvents);
  EXPECT_EQ(batch.columns_bytes(), 16u * kEvents);
  batch.event_count = kEvents;
  EXPECT_EQ(batch.events_room(), 0u);
  number(batch, kEvents);
  expect_numbered(batch, kEvents);
  batch.clear();
  EXPECT_EQ(batch.columns_data(), own);
  EXPECT_EQ(batch.events_max(), 8u);
}

TEST(Batch, ScratchNeverMovesWhatItHandedOut) {
  Batch batch(small());
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (std::size_t i = 1; i < 300; ++i) {
    const std::size_t size = i % 50 == 0 ? 300'000 : i * 13 % 2000 + 1;
    char* const piece = batch.scratch(size);
    std::fill(piece, piece + size, static_cast<char>(i));
    pieces.emplace_back(piece, size);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto [piece, size] = pieces[i];
    EXPECT_TRUE(std::all_of(piece, piece + size, [i](char c) { return c == static_cast<char>(i + 1); })) << i;
  }
  batch.clear();
  std::fill_n(batch.scratch(100), 100, 'x');
}

TEST(Batch, AClearedBatchIsLikeANewOne) {
  Batch batch(small());
  batch.append("one", 0, Offset{5}, 77);
  batch.event_count = 3;
  batch.slot_panes.insert(batch.slot_panes.end(), {PaneIndex{4}, kNoPane});
  batch.slot_events.push_back(3);
  EXPECT_EQ(batch.pane(1, LeaderboardIndex{0}), PaneIndex{4});
  batch.spans.push_back({});
  batch.event_count = 0;
  batch.reserve_events(9);
  batch.event_count = 9;
  batch.verdicts[Verdict::kCounted] = 3;
  batch.clear();
  EXPECT_EQ(batch.event_count, 0u);
  EXPECT_EQ(batch.slot_count(), 1u);
  EXPECT_EQ(batch.pane(0, LeaderboardIndex{0}), kNoPane);
  EXPECT_EQ(batch.pane(0, LeaderboardIndex{1}), kNoPane);
  EXPECT_EQ(batch.arena_used, 0u);
  EXPECT_TRUE(batch.messages.empty() && batch.spans.empty());
  EXPECT_EQ(batch.events_room(), 8u);
  EXPECT_EQ(batch.verdicts.read(), 0u);
}

TEST(BatchPtr, SendsItsBatchHomeWhenLetGo) {
  struct Home final : BatchHome {
    void take_back(Batch* batch) noexcept override { back = batch; }
    Batch* back = nullptr;
  } home;
  Batch batch(small());
  {
    const BatchPtr held(&batch, SendHome{&home});
  }
  EXPECT_EQ(home.back, &batch);
}

TEST(VerdictCounts, ReadIsTheSumOfTheFourKinds) {
  VerdictCounts counts;
  for (std::size_t v = 0; v < kVerdictCount; ++v) counts[static_cast<Verdict>(v)] = v + 1;
  VerdictCounts twice = counts;
  twice += counts;
  EXPECT_EQ(twice.read(), 2 * counts.read());
  EXPECT_EQ(counts.read(),
            counts[Verdict::kCounted] + counts[Verdict::kFiltered] + counts[Verdict::kLate] + counts.invalid());
  EXPECT_FALSE(is_invalid(Verdict::kLate));
  EXPECT_TRUE(is_invalid(Verdict::kEmpty));
  EXPECT_EQ(name_of(Verdict::kDimensionTooLong), "dimension_too_long");
}

}  // namespace
}  // namespace marquee
