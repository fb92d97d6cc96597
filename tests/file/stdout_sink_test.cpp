#include "file/stdout_sink.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "eventually.hpp"

namespace marquee {
namespace {

using ::testing::HasSubstr;

JobSpec job() {
  JobSpec job;
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}};
  LeaderboardSpec board;
  board.name = "trending";
  board.by = {0};
  job.leaderboards = {board};
  return job;
}

Epoch epoch_with(std::size_t results) {
  Epoch epoch;
  for (std::size_t i = 0; i < results; ++i) {
    ResultRecord r;
    r.group = {"movie"};
    r.window_end = 60'000;
    r.final = true;
    r.events = i + 1;
    r.rows = {{"m-1", i + 1, 0}};
    epoch.results.push_back(std::move(r));
  }
  return epoch;
}

Status commit(StdoutSink& sink, const Epoch& epoch) {
  Acknowledged acknowledged;
  const Status status = sink.commit(epoch, acknowledged);
  EXPECT_EQ(acknowledged.results, epoch.results.size());
  return status;
}

// Whether a write to the pipe would have to wait.
bool is_full(int pipe) {
  pollfd state{pipe, POLLOUT, 0};
  return ::poll(&state, 1, 0) == 0;
}

TEST(StdoutSink, WritesEachResultOnALineInOrder) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string got;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      got.append(buffer, static_cast<std::size_t>(n));
  });
  const JobSpec spec = job();
  StdoutSink sink(spec, ends[1], "standard output");
  const Epoch epoch = epoch_with(20'000);  // some megabytes: the buffer goes out in between
  EXPECT_TRUE(sink.begin(epoch).ok());
  EXPECT_TRUE(sink.write(epoch).ok());
  EXPECT_TRUE(commit(sink, epoch).ok());
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  std::string expected;
  for (const ResultRecord& r : epoch.results) {
    append_result_json(expected, spec, r);
    expected += '\n';
  }
  EXPECT_EQ(got, expected);
}

TEST(StdoutSink, WaitsForASlowReaderOfANonBlockingPipe) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  ::fcntl(ends[0], F_SETFL, 0);
  std::size_t got = 0;
  std::thread reader([&] {
    EXPECT_TRUE(eventually([&] { return is_full(ends[1]); }));  // so slow that the writer has to wait
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) got += static_cast<std::size_t>(n);
  });
  const JobSpec spec = job();
  StdoutSink sink(spec, ends[1], "standard output");
  EXPECT_TRUE(sink.write(epoch_with(5'000)).ok());
  EXPECT_TRUE(commit(sink, {}).ok());
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  EXPECT_GT(got, 5'000u * 100);
}

TEST(StdoutSink, AClosedPipeIsASentence) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const JobSpec spec = job();
  StdoutSink sink(spec, ends[1], "standard output");
  ASSERT_TRUE(sink.write(epoch_with(1)).ok());
  const Status status = commit(sink, {});
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("standard output was closed"));
  ::close(ends[1]);
}

TEST(StdoutSink, AFullDiskIsASentence) {
  const int full = ::open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "there is no /dev/full here";
  const JobSpec spec = job();
  StdoutSink sink(spec, full, "standard output");
  ASSERT_TRUE(sink.write(epoch_with(1)).ok());
  EXPECT_THAT(commit(sink, {}).message(), HasSubstr("full disk"));
  ::close(full);
}

}  // namespace
}  // namespace marquee
