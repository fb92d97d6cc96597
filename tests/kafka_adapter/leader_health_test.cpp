#include "kafka/leader_health.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace marquee {
namespace {

std::map<int, bool> judge(const std::string& state, const std::string& rxidle_us,
                          const std::string& coordinator_rxidle_us = "1") {
  std::map<int, bool> answers;
  LeaderHealth health;
  health.judge(
      R"({"brokers":{"a:1/1":{"nodeid":1,"source":"learned","state":")" + state + R"(","rxidle":)" + rxidle_us +
          R"(},"a:1/bootstrap":{"nodeid":-1,"source":"configured","state":"UP","rxidle":1},)"
          R"("GroupCoordinator":{"nodeid":1,"source":"logical","state":"UP","rxidle":)" +
          coordinator_rxidle_us +
          R"(}},"topics":{"t":{"topic":"t","partitions":{)"
          R"("0":{"partition":0,"leader":1},"1":{"partition":1,"leader":2},"-1":{"partition":-1,"leader":0}}}}})",
      [&](std::string_view topic, std::int32_t number, bool ok) {
        EXPECT_EQ(topic, "t");
        answers[number] = ok;
      });
  return answers;
}

TEST(LeaderHealthTest, LeaderAnswersWhileItIsUpAndSendsBytes) {
  EXPECT_EQ(judge("UP", "400000"), (std::map<int, bool>{{0, true}, {1, false}}));
}

TEST(LeaderHealthTest, SilentDownOrUnknownLeaderDoesNotAnswer) {
  EXPECT_FALSE(judge("UP", "2500000").at(0));
  EXPECT_FALSE(judge("UP", "-1").at(0));
  EXPECT_FALSE(judge("TRY_CONNECT", "10").at(0));
}

// It has the number of the broker that it is, and nothing to say while nothing is committed.
TEST(LeaderHealthTest, SilentCoordinatorSaysNothingOfTheLeaderThatItIsToo) {
  EXPECT_TRUE(judge("UP", "400000", "60000000").at(0));
  EXPECT_FALSE(judge("UP", "2500000", "1").at(0));
}

TEST(LeaderHealthTest, BrokenStatisticsTellNothing) {
  LeaderHealth health;
  health.judge("{", [](std::string_view, std::int32_t, bool) { ADD_FAILURE(); });
  health.judge("[]", [](std::string_view, std::int32_t, bool) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace marquee
