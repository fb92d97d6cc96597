// The pane log's values: what is encoded comes back, what is damaged never does, and no value is larger than was said.
#include "pipeline/pane_block.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "pipeline/pane_block_body.hpp"
#include "pipeline/pane_block_text.hpp"
#include "pipeline/pane_blocks.hpp"
#include "pipeline/pane_row_order.hpp"
#include "pipeline/varint.hpp"

namespace marquee {
namespace {

using test::add_row;
using test::BlockMaker;
using test::group_key;
using test::head_of;
using test::named_rows;
using test::small_block;
using testing::HasSubstr;

constexpr std::size_t kHeadBytes = 32;

std::uint64_t seed() {
  const char* const given = std::getenv("MARQUEE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'125;
}

PaneBlock decoded(std::string_view bytes) {
  Result<PaneBlock> block = decode_pane_block(bytes);
  EXPECT_TRUE(block.ok()) << block.status().message();
  return block.ok() ? std::move(block.value()) : PaneBlock{};
}

std::string fault(std::string_view bytes, std::size_t bytes_max = 1 << 20) {
  const Result<PaneBlock> block = decode_pane_block(bytes, bytes_max);
  if (block.ok()) return "none";
  EXPECT_EQ(block.status().code(), Code::kInternal);
  return block.status().message();
}

// The value with this body, otherwise as it should be.
std::string fault_of_body(std::string_view body) {
  return fault(pack_pane_block_body(1, false, 7, body));
}

// What it is like once its rows are in order.
PaneBlock in_order(PaneBlock block) {
  std::vector<PartialBlock::Row> rows;
  for (const std::uint32_t i : pane_row_order(block.partials)) rows.push_back(block.partials.rows[i]);
  block.partials.rows = std::move(rows);
  return block;
}

TEST(PaneBlock, ComesBackWithAllThatWasPutIn) {
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed()));
  BlockMaker maker(seed());
  for (std::size_t round = 0; round < 300; ++round) {
    const PaneBlock block = maker.make(maker.below(60), 1 + maker.below(300));
    const PaneBlock back = decoded(encode_pane_block(block));
    ASSERT_EQ(head_of(back), head_of(block)) << "round " << round;
    ASSERT_EQ(named_rows(back), named_rows(in_order(block))) << "round " << round;
  }
}

TEST(PaneBlock, WithoutLeaderboardsGroupsOrRowsComesBackToo) {
  PaneBlock block;
  block.written = {{0, 0}};
  const PaneBlock back = decoded(encode_pane_block(block));
  EXPECT_EQ(head_of(back), head_of(block));
  EXPECT_TRUE(back.partials.rows.empty());
}

TEST(PaneBlock, KeepsTheEndsOfEveryRange) {
  PaneBlock block = small_block();
  block.base = true;
  block.epoch = std::numeric_limits<std::uint64_t>::max();
  block.part = 0xfffffffe;
  block.parts = 0xffffffff;
  block.partition = 0xfffffffe;
  block.partition_count = 0xffffffff;
  block.written = {{0, std::numeric_limits<std::uint64_t>::max()}, {0xfffffffe, 0}};
  block.covered = {{"", std::numeric_limits<std::int32_t>::min(), kNotCovered, Offset{0}},
                   {"", std::numeric_limits<std::int32_t>::max(), Offset{std::numeric_limits<std::int64_t>::max()},
                    Offset{std::numeric_limits<std::int64_t>::min()}}};
  block.boards[0].state = {
      kNoTime,
      {PaneIndex{std::numeric_limits<std::int64_t>::min()}, PaneIndex{std::numeric_limits<std::int64_t>::max()}}};
  block.partials.groups = {group_key({}), group_key({""}), group_key({"", std::string(0xffff, 'x')})};
  block.partials.rows.clear();
  for (const std::int64_t pane : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    for (const std::uint32_t group : {0u, 1u, 2u}) {
      add_row(block, 0, pane, group, std::string(256, 'i'), std::numeric_limits<std::uint64_t>::max(), 0);
    }
  }
  const PaneBlock back = decoded(encode_pane_block(block));
  EXPECT_EQ(head_of(back), head_of(block));
  EXPECT_EQ(named_rows(back), named_rows(block));
}

TEST(PaneBlock, TitlesMakeItsVersionTwo) {
  PaneBlock block = small_block();
  EXPECT_EQ(encode_pane_block(block)[4], 1);
  add_row(block, 0, 29396666, 0, "m-2", 1, 0);
  block.partials.set_title(block.partials.rows[1], 1763800000000, "The Third Man");
  const std::string bytes = encode_pane_block(block);
  EXPECT_EQ(bytes[4], 2);
  const PaneBlock back = decoded(bytes);
  EXPECT_EQ(named_rows(back), named_rows(block));
  EXPECT_EQ(back.partials.rows[0].title, PartialBlock::kNoTitle);
  EXPECT_EQ(back.partials.text_of(back.partials.titles.at(back.partials.rows[1].title)), "The Third Man");
}

TEST(PaneBlock, MarksAreNotItems) {
  PaneBlock block = small_block();
  add_row(block, 0, 29396666, 0, "", 5, 50);
  add_row(block, 0, 29396666, PartialBlock::kNoGroup, "", 6, 60);
  const PaneBlock back = decoded(encode_pane_block(block));
  ASSERT_EQ(back.partials.rows.size(), 3u);
  EXPECT_EQ(back.partials.rows[0].group, PartialBlock::kNoGroup) << "marks without a group stand first";
  EXPECT_TRUE(back.partials.rows[0].refused);
  EXPECT_FALSE(back.partials.rows[1].refused);
  EXPECT_TRUE(back.partials.rows[2].refused);
  EXPECT_EQ(back.partials.rows[2].views, 5u);
}

TEST(PaneBlock, RowsComeBackByLeaderboardPaneAndGroupAndElseAsTheyStood) {
  PaneBlock block = small_block();
  block.boards.push_back({"second", "", false, {}});
  block.partials.groups.push_back(group_key({"series"}));
  block.partials.rows.clear();
  add_row(block, 1, -5, 0, "a", 1, 0);
  add_row(block, 0, 3, 1, "z", 2, 0);
  add_row(block, 0, 3, 0, "b", 3, 0);
  add_row(block, 0, 3, 1, "a", 4, 0);
  add_row(block, 0, -4, 1, "c", 5, 0);
  add_row(block, 0, 3, 1, "z", 6, 0);
  const PaneBlock back = decoded(encode_pane_block(block));
  std::vector<std::uint64_t> views;
  views.reserve(back.partials.rows.size());
  for (const PartialBlock::Row& row : back.partials.rows) views.push_back(row.views);
  EXPECT_EQ(views, (std::vector<std::uint64_t>{5, 3, 2, 4, 6, 1}));
}

TEST(PaneBlock, SameBlockHasTheSameBytesAndItsRunsMayStandInAnyOrder) {
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed()));
  BlockMaker maker(seed());
  for (std::size_t round = 0; round < 50; ++round) {
    const PaneBlock block = maker.make(200);
    const std::string bytes = encode_pane_block(block);
    EXPECT_EQ(encode_pane_block(block), bytes);
    EXPECT_EQ(encode_pane_block(in_order(block)), bytes);
    EXPECT_EQ(encode_pane_block(decoded(bytes)), bytes);
  }
}

TEST(PaneBlock, EveryFlippedBitIsNoticed) {
  BlockMaker maker(seed());
  for (const PaneBlock& block : {small_block(), maker.make(20)}) {
    std::string bytes = encode_pane_block(block);
    ASSERT_LT(bytes.size(), 4096u);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      const auto flip = static_cast<char>(1 << bit % 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
      EXPECT_NE(fault(bytes), "none") << "bit " << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    }
    EXPECT_EQ(fault(bytes), "none");
  }
}

TEST(PaneBlock, IsRefusedWhereItIsCutOffOrSomethingFollows) {
  const std::string bytes = encode_pane_block(small_block());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_NE(fault(bytes.substr(0, size)), "none") << size;
  EXPECT_NE(fault(bytes + '\0'), "none");
  EXPECT_NE(fault(bytes + bytes), "none");
  EXPECT_THAT(fault(""), HasSubstr("does not begin with MQPL"));
  EXPECT_THAT(fault("{\"schema\":1}"), HasSubstr("does not begin with MQPL"));
  EXPECT_THAT(fault(bytes.substr(0, 31)), HasSubstr("cut off after 31 bytes"));
  EXPECT_THAT(fault(bytes + 'x'), HasSubstr("checksum"));
}

TEST(PaneBlock, UnknownVersionIsSaidBeforeAnythingElseIsLookedAt) {
  EXPECT_THAT(fault("MQPL\3"), HasSubstr("format is version 3, and this marquee reads versions 1 to 2"));
  EXPECT_THAT(fault(std::string("MQPL\0", 5)), HasSubstr("format is version 0"));
  EXPECT_THAT(fault(std::string("MQPL\xff no checksum, no body, nothing of ours", 40)), HasSubstr("version 255"));
}

TEST(PaneBlock, WhatItTakesUnpackedIsBoundedBeforeItIsUnpacked) {
  const std::string body(100'000, '\0');
  const std::string bytes = pack_pane_block_body(1, false, 7, body);
  EXPECT_THAT(fault(bytes, body.size() - 1), HasSubstr("takes 100000 bytes unpacked, and 99999 are allowed"));
  EXPECT_THAT(fault(bytes, body.size()), HasSubstr("body is not as version 1 has it"));
}

// A value whose head or frame is another one's, under a checksum that is right.
std::string with_checksum(std::string bytes) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 12; i < bytes.size(); ++i) {
    crc ^= static_cast<unsigned char>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  crc = ~crc;
  for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>(crc >> (8 * i));
  return bytes;
}

TEST(PaneBlock, HeadThatDoesNotFitItsFrameIsRefused) {
  const std::string bytes = encode_pane_block(small_block());
  ASSERT_EQ(with_checksum(bytes), bytes);
  const auto with = [&](std::size_t at, char c) {
    std::string changed = bytes;
    changed[at] = c;
    return fault(with_checksum(changed));
  };
  EXPECT_THAT(with(12, 2), HasSubstr("of a kind that version 1 does not have"));
  EXPECT_THAT(with(13, 1), HasSubstr("of a kind that version 1 does not have"));
  EXPECT_THAT(with(16, static_cast<char>(bytes[16] + 1)), HasSubstr("not one zstd frame of the size"));
  EXPECT_THAT(with(23, 1), HasSubstr("are allowed"));
  EXPECT_THAT(with(kHeadBytes, 'x'), HasSubstr("not one zstd frame"));
  EXPECT_THAT(fault(with_checksum(bytes + bytes.substr(kHeadBytes))), HasSubstr("not one zstd frame"));
  EXPECT_THAT(fault(with_checksum(bytes.substr(0, kHeadBytes))), HasSubstr("not one zstd frame"));
  EXPECT_EQ(with(12, 1), "none") << "a base";
}

// --- The body -------------------------------------------------------------------------------------------------------

// Text of these numbers, each a varint.
std::string numbers(const std::vector<std::uint64_t>& list) {
  std::string out;
  for (const std::uint64_t n : list) append_varint(out, n);
  return out;
}

// Part 0 of 1, partition 0 of 1, that one written, nothing covered, no meaning; one leaderboard without name and
// meaning.
const std::string kPlainHead = numbers({0, 1, 0, 1, 1, 0, 0, 0, 0}) + numbers({1, 0, 0, 0, 0, 2, 0});

TEST(PaneBlockBody, IsRefusedWhereItEndsEarlyOrGoesOn) {
  const std::string body = encode_pane_block_body(small_block());
  EXPECT_EQ(fault_of_body(body), "none");
  for (std::size_t size = 0; size < body.size(); ++size) EXPECT_NE(fault_of_body(body.substr(0, size)), "none") << size;
  EXPECT_THAT(fault_of_body(body + 'x'), HasSubstr("bytes follow its end"));
}

TEST(PaneBlockBody, OneGroupOneRunOneRow) {
  const std::string body = kPlainHead + numbers({1, 1, 1}) + "g" + numbers({1, 0, 2, 1, 1}) + numbers({1, 8, 9}) + "i";
  const PaneBlock block = decoded(pack_pane_block_body(1, true, 3, body));
  EXPECT_TRUE(block.base);
  EXPECT_EQ(block.epoch, 3u);
  EXPECT_EQ(named_rows(block),
            (std::vector<test::NamedRow>{{"", 1, "key " + group_key({"g"}), false, "i", 8, 9, "", 0}}));
  EXPECT_EQ(encode_pane_block_body(block), body);
}

TEST(PaneBlockBody, WhatEncodingWouldNotHaveWrittenIsRefused) {
  const auto rest = [](const std::string& after_head) { return fault_of_body(kPlainHead + after_head); };
  EXPECT_EQ(rest(numbers({0, 0})), "none");
  EXPECT_THAT(fault_of_body(numbers({1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0})), HasSubstr("part is not one of its parts"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0})), HasSubstr("not one of the pane log's"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0})), HasSubstr("not among those"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 1, 0, 0, 0, 0, 0, 0})), HasSubstr("not among those"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0})), HasSubstr("not among those")) << "1 ago";
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0})),
              HasSubstr("written to are not in order"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 2, 2, 0, 0, 2, 0, 0, 0, 0, 0})),
              HasSubstr("written to that the pane log lacks"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 1, 1, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})),
              HasSubstr("source partitions are not in order"));
  EXPECT_THAT(fault_of_body(numbers({0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 2, 0, 0, 0})), HasSubstr("a flag"));
  EXPECT_THAT(fault_of_body(std::string("\x80\x00\x01\x00\x01\x01\x00\x00\x00\x00\x00\x00", 12)),
              HasSubstr("broken within its part or partition"))
      << "0 in two bytes";
  EXPECT_THAT(fault_of_body(numbers({std::uint64_t{1} << 32, 1, 0, 1})), HasSubstr("broken within its part"));
  EXPECT_THAT(rest(numbers({0, 1, 1, 0, 0, 1, 0, 1, 1})), HasSubstr("a row has none of its leaderboards"));
  EXPECT_THAT(rest(numbers({0, 1, 0, 0, 1, 1, 0, 1, 1})), HasSubstr("a row has none of its groups"));
  EXPECT_THAT(rest(numbers({0, 1, 0, 0, 0, 0})), HasSubstr("a run of rows is empty"));
  EXPECT_THAT(rest(numbers({0, 1, 0, 0, 0, 1}) + numbers({1, 1, 1}) + "i"), HasSubstr("without a group has an item"));
  EXPECT_THAT(rest(numbers({0, 1, 0, 0, 0, 2}) + numbers({0, 0, 1, 1, 1})), HasSubstr("fewer rows than its runs say"));
  EXPECT_THAT(rest(numbers({1, 1, 65'536}) + std::string(65'536, 'v') + numbers({0})), HasSubstr("value of a group"));
  const std::string marks = numbers({0, 0, 1, 1, 1, 1});
  EXPECT_EQ(rest(numbers({0, 2, 0, 0, 0, 1, 0, 2, 0, 1}) + marks), "none");
  EXPECT_THAT(rest(numbers({0, 2, 0, 2, 0, 1, 0, 1, 0, 1}) + marks), HasSubstr("not in order")) << "panes 1, 0";
  EXPECT_THAT(rest(numbers({0, 2, 0, 0, 0, 1, 0, 0, 0, 1}) + marks), HasSubstr("not in order")) << "the same twice";
}

TEST(PaneBlockBody, TitlesThatEncodingWouldNotHaveWrittenAreRefused) {
  PaneBlock block = small_block();
  add_row(block, 0, 29396666, 0, "", 5, 50);  // a mark, behind the item
  const std::string rows = encode_pane_block_body(block);
  const auto fault_of = [&](std::string_view titles) {
    return fault(pack_pane_block_body(2, false, 7, rows + std::string(titles)));
  };
  using std::string_view_literals::operator""sv;
  // One: of the first row, at time 1, of one byte.
  EXPECT_EQ(fault_of("\1\0\2\1T"sv), "none");
  EXPECT_THAT(fault_of(""), HasSubstr("broken within its titles"));
  EXPECT_THAT(fault_of("\0"sv), HasSubstr("version 2 and has no titles"));
  EXPECT_THAT(fault_of("\1\1\2\1T"sv), HasSubstr("a mark has a title"));
  EXPECT_THAT(fault_of("\1\2\2\1T"sv), HasSubstr("a title has none of its rows"));
  EXPECT_THAT(fault_of("\1\0\2\0T"sv), HasSubstr("a title is empty, or too long"));
  EXPECT_THAT(fault_of("\1\0\2\x81\2T"sv), HasSubstr("a title is empty, or too long"));
  EXPECT_THAT(fault_of("\1\0\2\2T"sv), HasSubstr("broken within its titles"));
  EXPECT_THAT(fault_of("\1\0\2\1TT"sv), HasSubstr("bytes follow its end"));
  EXPECT_THAT(fault_of("\2\0\2\1T\1\1\1"sv), HasSubstr("title"));
  EXPECT_THAT(fault(pack_pane_block_body(1, false, 7, rows + "\1\0\2\1T")), HasSubstr("bytes follow its end"));
}

TEST(PaneBlockBody, CountsThatCannotBeAreRefusedBeforeAnythingIsMadeForThem) {
  const std::uint64_t many = std::numeric_limits<std::uint64_t>::max();
  const std::string start = numbers({0, 1, 0, 1});
  EXPECT_THAT(fault_of_body(start + numbers({many})), HasSubstr("written to"));
  EXPECT_THAT(fault_of_body(start + numbers({1, 0, 0, many})), HasSubstr("what it covers"));
  EXPECT_THAT(fault_of_body(start + numbers({1, 0, 0, 0, many})), HasSubstr("meaning"));
  EXPECT_THAT(fault_of_body(start + numbers({1, 0, 0, 0, 0, many})), HasSubstr("leaderboards"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({many})), HasSubstr("groups"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({1, many})), HasSubstr("groups"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({0, many})), HasSubstr("runs"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({0, 1, 0, 0, 0, many})), HasSubstr("fewer rows"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({0, 2, 0, 0, 0, 2, 0, 2, 0, many - 1})), HasSubstr("fewer rows"));
  EXPECT_THAT(fault_of_body(kPlainHead + numbers({1, 0, 1, 0, 0, 1, 1}) + numbers({0xffffffff, 0, 0})),
              HasSubstr("broken within its items"));
}

TEST(PaneBlockDeathTest, WhatCannotBeRestoredIsNotWritten) {
  const auto dies = [](auto change) {
    PaneBlock block = small_block();
    change(block);
    EXPECT_DEATH(encode_pane_block(block), "CHECK failed");
  };
  dies([](PaneBlock& b) { b.written = {}; });
  dies([](PaneBlock& b) { b.part = b.parts; });
  dies([](PaneBlock& b) { b.partition_count = 3, b.written = {{0, 0}, {2, 1}, {1, 1}}; });
  dies([](PaneBlock& b) { b.covered.push_back(b.covered[0]); });
  dies([](PaneBlock& b) { b.partials.rows[0].leaderboard = 1; });
  dies([](PaneBlock& b) { b.partials.rows[0].group = 1; });
  dies([](PaneBlock& b) { b.partials.rows[0].group = PartialBlock::kNoGroup; });
  dies([](PaneBlock& b) { b.partials.rows[0].refused = true; });
  dies([](PaneBlock& b) { b.partials.rows[0].item_size = 0; });
  dies([](PaneBlock& b) { b.partials.rows[0].item_begin = 1; });
  dies([](PaneBlock& b) { b.partials.groups[0].pop_back(); });
}

// --- Bounds ---------------------------------------------------------------------------------------------------------

// Both ways of asking: with the row before, and as if each stood alone.
void expect_within_bounds(const PaneBlock& block) {
  PaneBlock without_rows = block;
  without_rows.partials = {};
  without_rows.part = 0;
  without_rows.parts = 1;
  const std::size_t head = pane_block_bytes_max(without_rows);
  std::size_t in_order = head, as_they_stand = head, each_alone = head;
  const PartialBlock::Row* before = nullptr;
  for (const std::uint32_t i : pane_row_order(block.partials)) {
    in_order += pane_row_bytes_max(block.partials, block.partials.rows[i], before);
    before = &block.partials.rows[i];
  }
  before = nullptr;
  for (const PartialBlock::Row& row : block.partials.rows) {
    as_they_stand += pane_row_bytes_max(block.partials, row, before);
    each_alone += pane_row_bytes_max(block.partials, row);
    before = &row;
  }
  const std::size_t bytes = encode_pane_block(block).size();
  EXPECT_LE(bytes, in_order);
  EXPECT_LE(encode_pane_block_body(block).size() + kHeadBytes, in_order);
  EXPECT_LE(in_order, as_they_stand);
  EXPECT_LE(as_they_stand, each_alone);
}

// A group that no row names has no row to be counted with.
void drop_unnamed_groups(PartialBlock& partials) {
  std::vector<std::string> groups;
  std::vector<std::uint32_t> place(partials.groups.size(), PartialBlock::kNoGroup);
  for (PartialBlock::Row& row : partials.rows) {
    if (row.group == PartialBlock::kNoGroup) continue;
    if (place[row.group] == PartialBlock::kNoGroup) {
      place[row.group] = static_cast<std::uint32_t>(groups.size());
      groups.push_back(partials.groups[row.group]);
    }
    row.group = place[row.group];
  }
  partials.groups = std::move(groups);
}

TEST(PaneBlockBounds, HoldForTextsThatCannotBePacked) {
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed()));
  BlockMaker maker(seed());
  for (std::size_t round = 0; round < 300; ++round) {
    const std::size_t text_bytes_max[] = {0, 1, 3, 40, 256, 3000};
    PaneBlock block = maker.make(maker.below(3) == 0 ? maker.below(500) : maker.below(4), text_bytes_max[round % 6]);
    drop_unnamed_groups(block.partials);
    expect_within_bounds(block);
  }
}

TEST(PaneBlockBounds, HoldForOneRunOfManyRowsAndForManyRunsOfOne) {
  BlockMaker maker(seed());
  for (const bool one_run : {true, false}) {
    PaneBlock block = small_block();
    block.partials.rows.clear();
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      const std::string item = std::to_string(maker.below(1'000'000'000'000));
      add_row(block, 0, one_run ? 1 : (i % 2 == 0 ? 1 : -1) * (std::int64_t{i} << 46), 0, item, 1,
              maker.below(1 << 20));
    }
    expect_within_bounds(block);
  }
}

TEST(PaneBlockBounds, HoldWithoutRowsHoweverManyPartsThereAre) {
  BlockMaker maker(seed());
  for (const std::size_t size : {0u, 1u, 100u, 1u << 17, 1u << 22}) {
    PaneBlock block = small_block();
    block.partials = {};
    for (std::size_t i = 0; i < size; ++i) block.meaning += static_cast<char>(maker.below(256));
    block.parts = 0xffffffff;
    block.part = 0xfffffffe;
    expect_within_bounds(block);
  }
}

TEST(PaneBlockBounds, HoldForLongGroups) {
  for (const std::size_t size : {0u, 127u, 128u, 16'383u, 16'384u, 65'535u}) {
    PaneBlock block = small_block();
    BlockMaker maker(seed());
    std::vector<std::string> values(30, std::string(size, '\0'));
    for (std::string& value : values) {
      for (char& c : value) c = static_cast<char>(maker.below(256));
    }
    block.partials.groups[0] = group_key(values);
    expect_within_bounds(block);
  }
}

TEST(PaneBlockBounds, AreTightForRowsInOrder) {
  BlockMaker maker(seed());
  PaneBlock block = small_block();
  block.partials.rows.clear();
  for (int i = 0; i < 10'000; ++i) {
    add_row(block, 0, 29396666 + i / 5000, 0, "m-" + std::to_string(maker.below(1'000'000)), 1 + maker.below(100),
            maker.below(100'000));
  }
  std::size_t bound = 0;
  for (const PartialBlock::Row& row : block.partials.rows) {
    bound += pane_row_bytes_max(block.partials, row, &row == block.partials.rows.data() ? nullptr : &row - 1);
  }
  EXPECT_LT(bound, encode_pane_block_body(block).size() * 6 / 5);
}

// --- As text --------------------------------------------------------------------------------------------------------

TEST(PaneBlockText, OneLineSaysAllButTheRows) {
  PaneBlock block = small_block();
  block.partition = 2;
  block.partition_count = 4;
  block.written = {{0, 3}, {2, 0}};
  block.covered.push_back({"events", 1, kNotCovered, Offset{5}});
  block.boards.push_back({"\"gone\"", "", true, {1'763'800'000'000, {PaneIndex{8}, PaneIndex{8}}}});
  add_row(block, 0, 29396666, PartialBlock::kNoGroup, "", 1, 0);
  std::string out;
  append_pane_block_json(out, block, {2, 17, 5120});
  EXPECT_EQ(
      out,
      R"({"partition":2,"offset":17,"bytes":5120,"kind":"block","epoch":7,"part":0,"parts":1,"of_partition":2,)"
      R"("partitions":4,"written":[{"partition":0,"ago":3},{"partition":2,"ago":0}],"covered":[{"topic":"events","partition":0,"from":10,"to":20},)"
      R"({"topic":"events","partition":1,"from":null,"to":5}],"meaning":"event.item=id\n","leaderboards":[)"
      R"({"name":"trending","meaning":"window=tumbling\n","removed":false,"exact_from":null,"refused":null},)"
      R"({"name":"\"gone\"","meaning":"","removed":true,"exact_from":1763800000000,"refused":{"first":8,"last":8}}],)"
      R"("groups":1,"rows":2,"marks":1})"
      "\n");
  block.base = true;
  out = "";
  append_pane_block_json(out, block, {});
  EXPECT_THAT(out, HasSubstr(R"("kind":"base")"));
}

TEST(PaneBlockText, ALineForEachRowAndMarksSayRefused) {
  PaneBlock block = small_block();
  block.partials.groups.push_back(group_key({"se\"ries", ""}));
  block.partials.groups.push_back(group_key({}));
  add_row(block, 0, -1, 1, "refused", 1, 0);
  add_row(block, 0, 5, 2, "", 2, 3);
  add_row(block, 0, 5, PartialBlock::kNoGroup, "", 4, 5);
  std::string out = "before\n";
  append_pane_rows_json(out, block);
  EXPECT_EQ(out,
            "before\n"
            R"({"leaderboard":"trending","pane":29396666,"group":["movie"],"item":"m-1","views":3,"watch_ms":9000})"
            "\n"
            R"({"leaderboard":"trending","pane":-1,"group":["se\"ries",""],"item":"refused","views":1,"watch_ms":0})"
            "\n"
            R"({"leaderboard":"trending","pane":5,"group":[],"refused":true,"views":2,"watch_ms":3})"
            "\n"
            R"({"leaderboard":"trending","pane":5,"group":null,"refused":true,"views":4,"watch_ms":5})"
            "\n");
}

}  // namespace
}  // namespace marquee
