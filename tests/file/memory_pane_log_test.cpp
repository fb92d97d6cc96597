#include "file/memory_pane_log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace marquee {
namespace {

using Values = std::vector<std::string>;

Values read(MemoryPaneLog& log) {
  Values values;
  std::int64_t position = -1;
  EXPECT_TRUE(log.read([&](const PaneLog::Value& value) {
                   EXPECT_EQ(value.partition, 0u);
                   EXPECT_GT(value.position, position);
                   position = value.position;
                   values.emplace_back(value.bytes);
                   return Status{};
                 })
                  .ok());
  return values;
}

TEST(MemoryPaneLog, HoldsWhatWasCommittedInOrder) {
  MemoryPaneLog log;
  EXPECT_EQ(read(log), Values{});
  ASSERT_TRUE(log.append(0, "a", false).ok());
  ASSERT_TRUE(log.append(0, "b", false).ok());
  log.note_committed();
  ASSERT_TRUE(log.append(0, "c", false).ok());
  log.note_committed();
  EXPECT_EQ(read(log), (Values{"a", "b", "c"}));
}

TEST(MemoryPaneLog, WhatDidNotCommitIsGone) {
  MemoryPaneLog log;
  ASSERT_TRUE(log.append(0, "a", false).ok());
  log.note_committed();
  ASSERT_TRUE(log.append(0, "b", true).ok());
  EXPECT_EQ(read(log), Values{"a"});
  ASSERT_TRUE(log.append(0, "c", false).ok());
  log.note_committed();
  EXPECT_EQ(read(log), (Values{"a", "c"}));
}

TEST(MemoryPaneLog, ABaseTakesThePlaceOfWhatIsBeforeIt) {
  MemoryPaneLog log;
  ASSERT_TRUE(log.append(0, "a", false).ok());
  log.note_committed();
  ASSERT_TRUE(log.append(0, "base 1 of 2", true).ok());
  ASSERT_TRUE(log.append(0, "base 2 of 2", true).ok());
  log.note_committed();
  ASSERT_TRUE(log.append(0, "b", false).ok());
  log.note_committed();
  EXPECT_EQ(read(log), (Values{"base 1 of 2", "base 2 of 2", "b"}));
  EXPECT_EQ(log.bytes(), 23u);
}

TEST(MemoryPaneLog, AnErrorOfTheReaderEndsTheReading) {
  MemoryPaneLog log;
  ASSERT_TRUE(log.append(0, "a", false).ok());
  log.note_committed();
  EXPECT_EQ(log.read([](const PaneLog::Value&) { return Status(Code::kInternal, "damaged"); }).code(), Code::kInternal);
}

}  // namespace
}  // namespace marquee
