#include "oracle/topic.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace oracle {
namespace {

// Three events in [0,10000) and one at 40000, so that with no disorder only the first window is complete.
Oracle fed_oracle() {
  JobConfig config;
  config.item_path = "id";
  config.time_path = "t";
  config.disorder_ms = 0;
  config.leaderboards = {{.name = "b", .by = {}, .window = {.size_ms = 10'000}, .top = 1}};
  Oracle oracle(config);
  oracle.feed_message(
      {0, 0, std::nullopt, R"([{"id":"a","t":1},{"id":"a","t":2},{"id":"c","t":3},{"id":"a","t":40000}])"});
  return oracle;
}

const std::string kFirst =
    R"(["b",[],0,10000])"
    "\t"
    R"({"schema":1,"leaderboard":"b","group":{},"window_start":0,"window_end":10000,"revision":13,"final":true,)"
    R"("exact":true,"events":3,"items":[{"rank":1,"item":"a","views":2,"watch_ms":0}]})"
    "\n";
const std::string kFirstProvisional =
    R"(["b",[],0,10000])"
    "\t"
    R"({"schema":1,"leaderboard":"b","group":{},"window_start":0,"window_end":10000,"revision":8,"final":false,)"
    R"("exact":true,"events":2,"items":[{"rank":1,"item":"a","views":2,"watch_ms":0}]})"
    "\n";
const std::string kSecondProvisional =
    R"(["b",[],40000,50000])"
    "\t"
    R"({"schema":1,"leaderboard":"b","group":{},"window_start":40000,"window_end":50000,"revision":4,"final":false,)"
    R"("exact":true,"events":1,"items":[{"rank":1,"item":"a","views":1,"watch_ms":0}]})"
    "\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t position = text.find(from);
  EXPECT_NE(position, std::string::npos) << from;
  return text.replace(position, from.size(), to);
}

std::size_t differences(const std::string& dump, bool upto_watermark = false) {
  return check_topic(fed_oracle(), dump, upto_watermark).differences.size();
}

TEST(TopicCheck, HighestRevisionOfEachKeyCountsWhereverItStands) {
  EXPECT_EQ(differences(kFirstProvisional + kFirst + kSecondProvisional), 0u);
  EXPECT_EQ(differences(kSecondProvisional + kFirst + kFirstProvisional), 0u);
  EXPECT_EQ(check_topic(fed_oracle(), kFirstProvisional + kFirst + kSecondProvisional, false).compared, 2);
}

TEST(TopicCheck, MissingWindowIsADifferenceUnlessItIsNotYetComplete) {
  EXPECT_EQ(differences(kFirst), 1u);
  EXPECT_EQ(differences(kFirst, true), 0u);
  EXPECT_EQ(differences(kSecondProvisional, true), 1u);
  EXPECT_EQ(differences("", true), 1u);
}

TEST(TopicCheck, CompleteWindowMustBeFinal) {
  EXPECT_EQ(differences(replaced(replaced(kFirst, "\"final\":true", "\"final\":false"), ":13", ":12"), true), 1u);
}

TEST(TopicCheck, ContentMustBeEqual) {
  EXPECT_EQ(differences(replaced(kFirst, "\"views\":2", "\"views\":3"), true), 1u);
  EXPECT_EQ(differences(replaced(kFirst, "\"item\":\"a\"", "\"item\":\"c\""), true), 1u);
  EXPECT_EQ(differences(replaced(replaced(kFirst, ":13", ":17"), "\"events\":3", "\"events\":4"), true), 1u);
}

TEST(TopicCheck, RecordMustAgreeWithItsKeyAndItsRevision) {
  EXPECT_EQ(differences(kFirst + replaced(kFirst, ":13", ":21"), true), 1u);
  EXPECT_EQ(differences(kFirst + replaced(kFirst, "\"window_end\":10000", "\"window_end\":20000"), true), 1u);
  EXPECT_EQ(differences(kFirst + "[]\tx\n", true), 1u);
  EXPECT_EQ(differences(kFirst + "x\n", true), 1u);
}

TEST(TopicCheck, UnknownWindowAndTooManyEventsAreDifferences) {
  const std::string moved = replaced(replaced(kSecondProvisional, "40000,50000", "50000,60000"),
                                     "40000,\"window_end\":50000", "50000,\"window_end\":60000");
  EXPECT_EQ(differences(kFirst + moved, true), 1u);
  const std::string more =
      replaced(replaced(kSecondProvisional, "\"revision\":4", "\"revision\":8"), "\"events\":1", "\"events\":2");
  EXPECT_EQ(differences(kFirst + more, true), 1u);
}

TEST(TopicCheck, WindowThatSaysItIsFinalIsComparedInFull) {
  const std::string final_too_early =
      replaced(replaced(kSecondProvisional, "\"final\":false", "\"final\":true"), "\"revision\":4", "\"revision\":5");
  EXPECT_EQ(differences(kFirst + final_too_early, true), 0u);  // an idle partition may have closed it
  EXPECT_EQ(differences(kFirst + replaced(final_too_early, "\"views\":1", "\"views\":7"), true), 1u);
}

TEST(MessageDump, Columns) {
  const std::vector<Message> messages = parse_message_dump("0\t5\t1000\teyJhIjoxfQ==\n3\t0\t-1\t\n");
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].partition, 0);
  EXPECT_EQ(messages[0].offset, 5);
  EXPECT_EQ(messages[0].timestamp_ms, 1000);
  EXPECT_EQ(messages[0].value, R"({"a":1})");
  EXPECT_EQ(messages[1].partition, 3);
  EXPECT_EQ(messages[1].timestamp_ms, std::nullopt);
  EXPECT_EQ(messages[1].value, "");
  EXPECT_THROW(parse_message_dump("0\t5\teyJ9\n"), std::runtime_error);
  EXPECT_THROW(parse_message_dump("0\tx\t1\teyJ9\n"), std::runtime_error);
  EXPECT_THROW(parse_message_dump("0\t1\t1\te?J9\n"), std::runtime_error);
}

TEST(MessageDump, Base64) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("Zg=="), "f");
  EXPECT_EQ(decode_base64("Zm8="), "fo");
  EXPECT_EQ(decode_base64("Zm9v"), "foo");
  EXPECT_EQ(decode_base64("/+8="), "\xFF\xEF");
  EXPECT_THROW(decode_base64("Zg="), std::runtime_error);
  EXPECT_THROW(decode_base64("Zg==Zg=="), std::runtime_error);
  EXPECT_THROW(decode_base64("Z==="), std::runtime_error);
}

}  // namespace
}  // namespace oracle
