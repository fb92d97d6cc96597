#include "kafka/envelope.hpp"

#include <gtest/gtest.h>

namespace marquee {
namespace {

using namespace std::string_view_literals;

TEST(EnvelopeTest, KeyHeadersAndNullsComeBackAsTheyWere) {
  Envelope in;
  in.key = "k\0y"sv;
  in.null_value = true;
  in.headers = {{"trace", "abc"}, {"empty", ""}, {"null", std::nullopt}, {"trace", "again"}};
  std::string bytes = "before";
  append_envelope(bytes, in);
  const Envelope out = decode_envelope(std::string_view(bytes).substr(6));
  EXPECT_EQ(out.key, "k\0y"sv);
  EXPECT_TRUE(out.null_value);
  ASSERT_EQ(out.headers.size(), 4u);
  EXPECT_EQ(out.headers[0].value, "abc");
  EXPECT_EQ(out.headers[1].value, "");
  EXPECT_EQ(out.headers[2].value, std::nullopt);
  EXPECT_EQ(out.headers[3].name, "trace");
}

TEST(EnvelopeTest, NullKeyIsNotAnEmptyKey) {
  std::string none;
  append_envelope(none, {});
  EXPECT_FALSE(decode_envelope(none).key.has_value());
  Envelope empty;
  empty.key = "";
  std::string bytes;
  append_envelope(bytes, empty);
  EXPECT_EQ(decode_envelope(bytes).key, "");
}

TEST(EnvelopeTest, NoBytesIsNoKeyAndNoHeaders) {
  const Envelope out = decode_envelope("");
  EXPECT_FALSE(out.key.has_value());
  EXPECT_TRUE(out.headers.empty());
}

}  // namespace
}  // namespace marquee
