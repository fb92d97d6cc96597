// Every Inspect that this machine can run says what a plain loop says.
#include "decode/scan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/batch.hpp"

namespace marquee::decoding {
namespace {

struct Said {
  Letters letters = Letters::kUnfit;
  std::vector<std::uint16_t> quotes;  // of a fit record
  friend bool operator==(const Said&, const Said&) = default;
};

Said say_plainly(std::string_view record) {
  Said said;
  if (record.size() > Quotes::kRecordBytesMax) return said;
  bool high = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const auto c = static_cast<unsigned char>(record[i]);
    if (c < 0x20 || c == '\\') return {};
    if (c == '"') said.quotes.push_back(static_cast<std::uint16_t>(i));
    high = high || c >= 0x80;
  }
  if (said.quotes.size() > Quotes::kMax) return {};
  said.letters = high ? Letters::kText : Letters::kAscii;
  return said;
}

// The record in memory of its own, so that a read beyond its padding is seen by ASan; what stands behind it must not
// count.
Said say(Inspect inspect, std::string_view record, char behind) {
  std::vector<char> memory(record.begin(), record.end());
  memory.resize(record.size() + kArenaPaddingBytes, behind);
  memory.shrink_to_fit();
  const auto quotes = std::make_unique<Quotes>();
  Said said;
  said.letters = inspect({memory.data(), record.size()}, *quotes);
  if (said.letters != Letters::kUnfit) said.quotes.assign(quotes->at.begin(), quotes->at.begin() + quotes->count);
  return said;
}

void expect_all_say_it(std::string_view record, const std::string& what) {
  const Said expected = say_plainly(record);
  for (std::size_t i = 0; i < inspects().size(); ++i) {
    for (const char behind : {'"', '\0', '\\', '\xff'}) {
      EXPECT_TRUE(say(inspects()[i], record, behind) == expected) << what << ", inspect " << i;
    }
  }
}

TEST(Scan, InspectFindsEveryQuoteAtEveryPlaceAndSize) {
  if (inspects().empty()) GTEST_SKIP() << "this CPU cannot scan";
  for (std::size_t size = 0; size <= 200; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char c : {'"', '\\', '\x1f', '\x7f', '\x80', ' '}) {
        std::string record(size, 'x');
        record[at] = c;
        expect_all_say_it(
            record, std::to_string(size) + " bytes, byte " + std::to_string(int{c}) + " at " + std::to_string(at));
      }
    }
  }
}

TEST(Scan, InspectAgreesOnRandomRecords) {
  if (inspects().empty()) GTEST_SKIP() << "this CPU cannot scan";
  std::mt19937_64 random(11);
  for (int round = 0; round < 3'000; ++round) {
    std::string record(random() % 700, 'x');
    const std::uint64_t every = 1 + random() % 12;  // one in so many is a quote
    for (char& c : record) {
      if (random() % every == 0) c = '"';
    }
    if (random() % 4 == 0 && !record.empty()) record[random() % record.size()] = static_cast<char>(random());
    expect_all_say_it(record, "round " + std::to_string(round));
  }
}

TEST(Scan, ManyQuotesAndLongRecordsAreUnfit) {
  if (inspects().empty()) GTEST_SKIP() << "this CPU cannot scan";
  for (const std::size_t count : {std::size_t{Quotes::kMax}, std::size_t{Quotes::kMax} + 1, std::size_t{20'000}}) {
    expect_all_say_it(std::string(count, '"'), std::to_string(count) + " quotes");
  }
  for (const std::size_t size : {Quotes::kRecordBytesMax, Quotes::kRecordBytesMax + 1, std::size_t{1} << 20}) {
    std::string record(size, 'x');
    record.back() = '"';
    expect_all_say_it(record, std::to_string(size) + " bytes");
  }
}

}  // namespace
}  // namespace marquee::decoding
