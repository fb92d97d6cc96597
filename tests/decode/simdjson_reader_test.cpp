// What is malformed, beside the walk over bytes that json_text.hpp has; and which key leads to which field.
#include "decode/simdjson_reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "decode/json_text.hpp"
#include "decode_fixture.hpp"

namespace marquee::decoding {
namespace {

using marquee::test::seed;

// Reads records one by one, or all as one run, one a line.
class Reader {
 public:
  Reader() {
    trie_.add({{"id"}});
    trie_.add({{"geo", "country"}});
    trie_.add({{"geo", "city", "name"}});
    fields_.resize(trie_.field_count() + 1);
  }

  bool alone(const std::string& record) {
    reader_.close_run();
    const std::string padded = record + std::string(kArenaPaddingBytes, ' ');
    return reader_.read(std::string_view(padded).substr(0, record.size()), fields_.data());
  }
  std::vector<bool> as_a_run(const std::vector<std::string>& records) {
    std::string text;
    for (const std::string& r : records) text += r + '\n';
    const std::string padded = text + std::string(kArenaPaddingBytes, '"');
    reader_.open_run(std::string_view(padded).substr(0, text.size()));
    std::vector<bool> good;
    std::size_t at = 0;
    for (const std::string& r : records) {
      good.push_back(reader_.read(std::string_view(padded).substr(at, r.size()), fields_.data()));
      at += r.size() + 1;
    }
    return good;
  }

 private:
  FieldTrie trie_;
  TextPool pool_;
  SimdjsonReader reader_{trie_, pool_};
  std::vector<RawValue> fields_;
};

bool is_well_formed(std::string_view record) {
  Nesting nesting;
  const char* const end = record.data() + record.size();
  return walk_value(record.data(), end, nesting, WalkNothing{}) == end && is_valid_utf8(record);
}

TEST(SimdjsonReader, TakesTheGrammarAndNothingElseWhoeverReadsTheValue) {
  Reader reader;
  const char* const values[] = {
      // good
      "0", "-0", "7", "12345678", "123456789", "1234567890123456", "12345678901234567", "1.5", "0.5", "12345678.9",
      "1.23456789012345", "123456789012345.6", "-1.5e-3", "1E400", "true", "false", "null", R"("")", R"("a")",
      R"("\u00e9\n\/\\")", R"("\\")", "{}", "[]", "[[],{}]", "[ 1 , {} ]", R"({"b":[1,2,{"c":null}]})",
      R"([{"geo":{"country":1}}])", "\"\x7f\"", "\"\xc3\xa9\"",
      // bad
      "", "01", "00", "1.", ".5", "1.5.5", "1..5", "+1", "-", "--1", "1e", "1e+", "1x", "12345678x", "123456789012345x",
      "1 2", "nul", "nulll", "truefalse", "NaN", "\"", "\"\\", R"("\x")", R"("\u12g4")", R"("\u12")", R"("a"b)",
      R"(a"b")", R"("a""b")", R"(1"b")", R"(1\)", R"(\"a")", "[1,]", "[,1]", "[1 2]", "[1", "[1]]", "[1}", "{]", "{,}",
      R"({"a"})", R"({"a":})", R"({"a":1,})", R"({"a":1 "b":2})", R"({"a"::1})", R"({"a":,})", "{1:2}", "{a:1}",
      R"({"\x":1})", R"({"a":"\u00"})", "}", "}}", ",", ":", "\x0c", "\x1a", "\"\t\"", "\"\x01\"", "\"\xc3\"",
      "\xc3\xa9", "1,", "1,,\"b\":2", "\"\xed\xa0\x80\""};
  std::vector<std::string> records;
  for (const std::string value : values) {
    for (const char* around : {"{\"id\":$}", "{\"x\":$}", "{\"geo\":$}", "{\"geo\":{\"country\":$},\"id\":1}",
                               "{\"geo\":{\"city\":{\"name\":$}}}", "{\"geo\":{\"city\":$}}", "{\"x\":[0,$]}",
                               "{\"x\":{\"y\":$,\"z\":\"\"}}", "{ \"id\"\t: $ ,\"x\" :\r$ }"}) {
      std::string record = around;
      for (std::size_t at; (at = record.find('$')) != std::string::npos;) record.replace(at, 1, value);
      records.push_back(record);
    }
  }
  for (const char* record :
       {"{", "{\"", "{\"id\"", "{\"id\":", "{\"id\":1", "{\"id\":1,", "{\"id\":1}}", "{}{}", "{}1", "{},", "{\"geo\":{",
        "{\"geo\":{\"city\":{", "{\"x\":[", "{\"x\":[{", "{\"x\":{\"y\"", "{\"x\":{\"y\":", "{\"\\u0069d\":1}", "{}"}) {
    records.emplace_back(record);
  }
  std::size_t good = 0;
  for (const std::string& record : records) {
    good += is_well_formed(record);
    EXPECT_EQ(reader.alone(record), is_well_formed(record)) << record;
    // Among others, the neighbours such that what is open could close there.
    for (const char* neighbour :
         {"{\"id\":1}", "}", "]}", "\"}", "{\"id\":\"\\\\\"}", "{\"id\":1}\x01", "\\", "\"\x01\""}) {
      const std::vector<bool> all = reader.as_a_run({neighbour, record, neighbour, record});
      EXPECT_EQ(all[1], is_well_formed(record)) << neighbour << ' ' << record;
      EXPECT_EQ(all[3], is_well_formed(record)) << neighbour << ' ' << record;
    }
  }
  EXPECT_GT(good, 200u);
}

TEST(SimdjsonReader, MutantsAreMalformedWhereTheWalkOverBytesSaysSo) {
  const std::uint64_t start = seed();
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(start));
  std::mt19937_64 random(start);
  const std::string sources[] = {
      R"({"id":"m-1","geo":{"country":"de","city":{"name":"K\u00f6ln","x":[1,2.5,{"y":[]}]}},"t":1763000000000})",
      R"({ "t" : -1.5e+3 , "id" : 12345678, "a" : [ true, false, null, "\\\"" ], "geo" : { } })",
      R"({"a":[[[{"b":{"c":"d"}}]]],"geo":{"city":{"name":"\n"},"country":null},"id":1234567890123456})"};
  constexpr std::string_view kLetters = "{}[]\",:\\ \t\r0123456789-+.eEtrufalsn\x01\x7f\x80\xc3\xa9";
  Reader reader;
  std::size_t good = 0, bad = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> records;
    for (int i = 0; i < 8; ++i) {
      std::string r = sources[random() % 3];
      for (std::size_t n = random() % 3; n > 0; --n) {
        const std::size_t at = 1 + random() % (r.size() - 1);
        switch (random() % 3) {
          case 0:
            r[at] = kLetters[random() % kLetters.size()];
            break;
          case 1:
            r.erase(at, 1);
            break;
          default:
            r.insert(at, 1, kLetters[random() % kLetters.size()]);
            break;
        }
      }
      while (is_space(r.back())) r.pop_back();
      records.push_back(r);
    }
    const std::vector<bool> all = reader.as_a_run(records);
    for (std::size_t i = 0; i < records.size(); ++i) {
      const bool expected = is_well_formed(records[i]);
      ASSERT_EQ(all[i], expected) << records[i];
      ASSERT_EQ(reader.alone(records[i]), expected) << records[i];
      ++(expected ? good : bad);
    }
  }
  EXPECT_GT(good, 1000u);
  EXPECT_GT(bad, 1000u);
}

TEST(FieldTrie, FindsEveryKeyAndNoOther) {
  const std::uint64_t start = seed();
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(start));
  std::mt19937_64 random(start);
  // Alike in what a lookup sees first: size, ends, and the first and last 8 bytes.
  const auto key = [&random] {
    std::string k(random() % 4 == 0 ? random() % 4 : 15 + random() % 5, 'a');
    if (!k.empty()) k[k.size() / 2] = static_cast<char>('a' + random() % 4);
    if (k.size() > 2 && random() % 2 == 0) k[1 + random() % (k.size() - 2)] = 'b';
    return k;
  };
  for (int round = 0; round < 200; ++round) {
    FieldTrie trie;
    std::set<std::string> inner, leaves;
    for (std::size_t n = 1 + random() % 20; n > 0; --n) {
      const std::string a = key(), b = key();
      trie.add({{a, b}});
      inner.insert(a);
      leaves.insert(a + '.' + b);
      if (random() % 4 == 0) {
        trie.add({{a}});
        leaves.insert(a);
      }
    }
    EXPECT_EQ(trie.field_count(), leaves.size());
    std::set<std::uint32_t> fields;
    const auto find = [&trie](FieldTrie::Node node, const std::string& k) -> const FieldTrie::Edge& {
      const std::string padded = '"' + k + '"' + std::string(FieldTrie::kKeySlack, ':');
      return trie.edges(node)[std::string_view(padded).substr(1, k.size())];
    };
    for (int i = 0; i < 50; ++i) {
      const std::string a = i % 2 == 0 ? *std::next(inner.begin(), static_cast<long>(random() % inner.size())) : key();
      const FieldTrie::Edge& edge = find(FieldTrie::kRoot, a);
      ASSERT_EQ(edge.child != FieldTrie::kNone, inner.contains(a)) << a;
      ASSERT_EQ(edge.field != trie.field_count(), leaves.contains(a)) << a;
      ASSERT_EQ(edge.enter, inner.contains(a)) << a;
      if (!edge.enter) continue;
      const std::string b = key();
      const FieldTrie::Edge& leaf = find(edge.child, b);
      ASSERT_EQ(leaf.field != trie.field_count(), leaves.contains(a + '.' + b)) << a << ' ' << b;
      ASSERT_FALSE(leaf.enter);
    }
    for (const std::string& path : leaves) {
      const std::size_t dot = path.find('.');
      const FieldTrie::Edge* edge = &find(FieldTrie::kRoot, path.substr(0, dot));
      if (dot != std::string::npos) edge = &find(edge->child, path.substr(dot + 1));
      ASSERT_LT(edge->field, trie.field_count()) << path;
      ASSERT_TRUE(fields.insert(edge->field).second) << path;
    }
  }
}

}  // namespace
}  // namespace marquee::decoding
