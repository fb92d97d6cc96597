// TopicTail on Apache Kafka: what is committed is read once, in order, and nothing else; its end is told; a topic that
// is not there is said so.
#include "kafka/topic_tail.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka_adapter/real_broker.hpp"

namespace marquee::testing {
namespace {

using TopicTailTest = RealBrokerTest;
using ::testing::HasSubstr;

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::chrono::milliseconds kPoll{20};

TEST_F(TopicTailTest, ReadsWhatIsCommittedAndFollows) {
  create(input(), 1);
  const auto producer = opened();
  const Epoch first = Instance::epoch(3, 0);
  ASSERT_TRUE(producer->run(first).ok());
  const Epoch open = Instance::epoch(2, 0);
  ASSERT_TRUE(producer->begin_and_write(open).ok());

  MemoryLog log;
  Result<std::unique_ptr<TopicTail>> tail = TopicTail::open({brokers, output(), {}}, kPatience, log);
  ASSERT_TRUE(tail.ok()) << tail.status().message();
  std::vector<std::string> values;
  const auto take = [&](std::string_view value) { values.emplace_back(value); };
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(tail.value()->poll(kPoll, take).ok());
    return tail.value()->at_end();
  }));
  EXPECT_EQ(values.size(), 3u);  // the open transaction's are not seen, though they stand before the end
  EXPECT_EQ(tail.value()->trouble(), "");

  ASSERT_TRUE(producer->session->abort().ok());
  ASSERT_TRUE(producer->run(Instance::epoch(1, 0)).ok());
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(tail.value()->poll(kPoll, take).ok());
    return values.size() >= 4 && tail.value()->at_end();
  }));
  EXPECT_EQ(values.size(), 4u);
}

TEST_F(TopicTailTest, ATopicThatIsNotThereIsSaidSo) {
  MemoryLog log;
  const auto tail = TopicTail::open({brokers, name + "-nowhere", {}}, kPatience, log);
  ASSERT_FALSE(tail.ok());
  EXPECT_EQ(tail.status().code(), Code::kUnavailable);
  EXPECT_THAT(tail.status().message(), HasSubstr("there is no topic " + name + "-nowhere"));
  EXPECT_EQ(partition_count({brokers, name + "-nowhere", {}}, kPatience, log).status().message(),
            tail.status().message());
  create(name + "-three", 3);
  EXPECT_EQ(partition_count({brokers, name + "-three", {}}, kPatience, log).value(), 3);
}

// Nothing is written meanwhile, so nothing comes that would tell.
TEST(TopicTail, ABrokerThatGoesAndComesBackIsNoLongerComplainedOf) {
  const std::unique_ptr<EmbeddedBroker> broker = start_broker({{"out", 1}});
  produce(broker->brokers(), "out", 0, values({"one"}));
  MemoryLog log;
  const auto tail = TopicTail::open({broker->brokers(), "out", {}}, kPatience, log);
  ASSERT_TRUE(tail.ok()) << tail.status().message();
  std::size_t count = 0;
  const auto poll = [&] { EXPECT_TRUE(tail.value()->poll(kPoll, [&](std::string_view) { ++count; }).ok()); };
  ASSERT_TRUE(eventually([&] {
    poll();
    return tail.value()->at_end();
  }));
  broker->take_down();
  EXPECT_TRUE(eventually([&] {
    poll();
    return !tail.value()->trouble().empty();
  }));
  broker->bring_up();
  EXPECT_TRUE(eventually([&] {
    poll();
    return tail.value()->trouble().empty();
  }));
  EXPECT_EQ(count, 1u);
}

TEST(TopicTail, NoBrokerIsSaidSo) {
  MemoryLog log;
  const auto tail = TopicTail::open({"127.0.0.1:1", "any", {}}, std::chrono::milliseconds(500), log);
  ASSERT_FALSE(tail.ok());
  EXPECT_EQ(tail.status().code(), Code::kUnavailable);
  EXPECT_THAT(tail.status().message(), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace marquee::testing
