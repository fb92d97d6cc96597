#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "decode_fixture.hpp"

namespace marquee::test {
namespace {

struct Piece {
  std::string bytes;
  std::uint32_t element;
  friend bool operator==(const Piece&, const Piece&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Piece& p) { return out << p.element << ": " << p.bytes; }
};

constexpr std::uint32_t kOnly = Record::kOnly;
constexpr std::uint32_t kBroken = Record::kBrokenArray;

std::vector<Piece> split(std::string_view value, Framing framing = Framing::kMessages) {
  Batch batch({.events_max = 16, .arena_bytes = 4096, .leaderboard_count = 1});
  batch.append("before", 0, Offset{0}, -1);
  batch.append(value, 0, Offset{1}, -1);
  split_records(batch, 1, framing);
  std::vector<Piece> out;
  for (const Record& r : batch.records) {
    EXPECT_EQ(r.message, 1u);
    out.push_back({std::string(batch.bytes(r)), r.element});
  }
  return out;
}
using Pieces = std::vector<Piece>;

TEST(Split, OneObjectIsOneRecord) {
  EXPECT_EQ(split(R"({"a":1})"), (Pieces{{R"({"a":1})", kOnly}}));
  EXPECT_EQ(split(" {\"a\":1}\r\n"), (Pieces{{" {\"a\":1}\r\n", kOnly}}));
  EXPECT_EQ(split("garbage"), (Pieces{{"garbage", kOnly}}));
}

TEST(Split, BlankMessageIsOneRecordAndBlankLineNone) {
  EXPECT_EQ(split(""), (Pieces{{"", kOnly}}));
  EXPECT_EQ(split(" \n\t"), (Pieces{{" \n\t", kOnly}}));
  EXPECT_EQ(split("", Framing::kLines), Pieces{});
  EXPECT_EQ(split(" \t\r", Framing::kLines), Pieces{});
  EXPECT_EQ(split("[1,2]", Framing::kLines), (Pieces{{"[1,2]", kOnly}}));
}

TEST(Split, LinesOfAMessageAreRecords) {
  EXPECT_EQ(split("{\"a\":1}\n{\"a\":2}\r\n\n  \n x \n"), (Pieces{{"{\"a\":1}", 0}, {"{\"a\":2}", 1}, {"x", 2}}));
  EXPECT_EQ(split("{\"a\":1\n{\"a\":2}"), (Pieces{{"{\"a\":1", 0}, {"{\"a\":2}", 1}}));
}

TEST(Split, PrettyPrintedObjectIsOneRecord) {
  const std::string pretty = "{\n \"a\": 1,\n \"b\": {\n  \"c\": [1,\n2]}\n}\n";
  EXPECT_EQ(split(pretty), (Pieces{{pretty, kOnly}}));
  EXPECT_EQ(split("{\n\"a\":\"\xff\"}"), (Pieces{{"{", 0}, {"\"a\":\"\xff\"}", 1}}));
  EXPECT_EQ(split("{\n\"a\":1}}"), (Pieces{{"{", 0}, {"\"a\":1}}", 1}}));
}

TEST(Split, ElementsOfAnArrayAreRecords) {
  EXPECT_EQ(split("[]"), Pieces{});
  EXPECT_EQ(split(" [ \n ] "), Pieces{});
  EXPECT_EQ(split("[{\"a\":\"],[\\\"\"} ,\n {\"b\":[{}]},3,\"x\",null]"),
            (Pieces{{"{\"a\":\"],[\\\"\"}", 0}, {"{\"b\":[{}]}", 1}, {"3", 2}, {"\"x\"", 3}, {"null", 4}}));
  EXPECT_EQ(split("[{\"a\":tru},{\"b\":1}]"), (Pieces{{"{\"a\":tru}", 0}, {"{\"b\":1}", 1}}));
}

TEST(Split, ArrayThatDoesNotHoldTogetherIsOneRecord) {
  for (const char* broken : {"[",      "[1",      "[1,",    "[1,]",      "[,1]",  "[1,,2]",   "[1 2]",
                             "[{}{}]", "[{} {}]", "[{}]x",  "[{}],",     "[{}]]", "[{]",      "[{\"a\":[}]},{}]",
                             "[}",     "[\"x]",   "[\"x\\", "[{}\"x\"]", "[x{}]", "[1\"a\"]", "[\"\xff\"]"}) {
    EXPECT_EQ(split(broken), (Pieces{{broken, kBroken}})) << broken;
  }
}

TEST(Split, DeepNestingInAnArray) {
  const std::string deep = std::string(1500, '[') + std::string(1500, ']');
  EXPECT_EQ(split(deep), (Pieces{{deep.substr(1, deep.size() - 2), 0}}));
}

}  // namespace
}  // namespace marquee::test
