#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "eventually.hpp"
#include "gen/emitted.hpp"
#include "gen/gen.hpp"
#include "temporary.hpp"

namespace marquee::gen {
namespace {

using gen_test::lines_of;
using test::TempFile;

const std::atomic<bool> kNever{false};

TEST(FileOutput, AFolderThatIsNotThereIsASentence) {
  GenOptions options;
  options.output = (std::filesystem::temp_directory_path() / "marquee-no-such-folder" / "e.ndjson").string();
  options.count = 1;
  const auto status = run_gen(options, kNever);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find(options.output), std::string::npos) << status.message;
  options.ledger = std::exchange(options.output, "/dev/null");
  EXPECT_EQ(run_gen(options, kNever).code, 69);
}

TEST(FileOutput, AFullDiskSaysWhereAndWhatToDo) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "SKIPPED: no /dev/full here";
  GenOptions options;
  options.output = "/dev/full";
  options.count = 100'000;
  options.threads = 2;
  const auto status = run_gen(options, kNever);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("/dev/full"), std::string::npos) << status.message;
  EXPECT_NE(status.message.find("--count"), std::string::npos) << status.message;
}

TEST(FileOutput, AReaderThatGoesAwayEndsItWithoutASignal) {
  const TempFile folder;
  const std::string path = folder.path() + ".fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread reader([&] {
    const int fd = ::open(path.c_str(), O_RDONLY);
    std::array<char, 1000> some{};
    EXPECT_GT(::read(fd, some.data(), some.size()), 0);
    ::close(fd);
  });
  GenOptions options;
  options.output = path;
  const auto status = run_gen(options, kNever);
  reader.join();
  std::filesystem::remove(path);
  EXPECT_EQ(status.code, 69);
  EXPECT_NE(status.message.find("went away"), std::string::npos) << status.message;
}

TEST(FileOutput, AStopEndsAnEndlessStreamAtAWholeRecord) {
  const TempFile output;
  const TempFile ledger;
  GenOptions options;
  options.output = output.path();
  options.ledger = ledger.path();
  options.rate = Rate::per_second(20'000);
  options.bad_share = 0;
  options.threads = 2;
  Generator generator(options);
  std::atomic<bool> stop{false};
  GenStatus status;
  std::thread running([&] { status = generator.run(stop); });
  EXPECT_TRUE(eventually([&] { return generator.counters().acked >= 2'000; }));
  stop = true;
  running.join();
  EXPECT_TRUE(status.ok()) << status.message;
  const std::string text = output.read();
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(lines_of(text).size(), generator.counters().sent);
  EXPECT_EQ(text.size(), generator.counters().bytes);
  EXPECT_EQ(static_cast<uint64_t>((*gen_test::parse_json(ledger.read()))["records"].integer),
            generator.counters().sent);
}

TEST(FileOutput, AStopEndsASlowStreamWhileItWaits) {
  GenOptions options;
  options.output = "/dev/null";
  options.rate = Rate{1, 3'600'000};
  Generator generator(options);
  std::atomic<bool> stop{false};
  GenStatus status{70, ""};
  std::thread running([&] { status = generator.run(stop); });
  EXPECT_TRUE(eventually([&] { return generator.counters().acked == 1; }));  // the next one is due in an hour
  stop = true;
  running.join();
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(generator.counters().sent, 1u);
}

TEST(FileOutput, APacedStreamIsWholeAtItsEnd) {
  GenOptions options;
  options.output = "/dev/null";
  options.rate = Rate::per_second(10'000);
  options.count = 3'000;
  Generator generator(options);
  ASSERT_TRUE(generator.run(kNever).ok());
  EXPECT_EQ(generator.counters().acked, 3'000u);
}

}  // namespace
}  // namespace marquee::gen
