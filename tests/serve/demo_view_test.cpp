#include "app/demo_view.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "serve_fixture.hpp"

namespace marquee::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr std::string_view kEnterAlternate = "\x1b[?1049h";
constexpr std::string_view kLeaveAlternate = "\x1b[?1049l";

std::shared_ptr<const ResultRecord> window(std::int64_t index, bool final, std::vector<std::string> items) {
  auto record = std::make_shared<ResultRecord>();
  record->group = {"movie"};
  record->window_start = index * 10'000;
  record->window_end = record->window_start + 10'000;
  record->final = final;
  std::uint64_t views = 100;
  for (std::string& item : items) record->rows.push_back({std::move(item), views--, 1000});
  record->events = 300;
  return record;
}

class DemoViewTest : public ::testing::Test {
 protected:
  void publish(std::shared_ptr<const ResultRecord> current, std::shared_ptr<const ResultRecord> last_final,
               EventTimeMs watermark = 0) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->watermark = watermark;
    snapshot->boards = {{{std::move(current), std::move(last_final)}}, {}};
    board.publish(snapshot);
  }
  std::vector<std::string> movements(DemoView& view) {
    std::vector<std::string> out;
    const Frame frame = view.frame(now, 0);
    for (const FrameRow& row : frame.boards.at(0).rows) {
      const char* const kinds[] = {"", "=", "new", "up", "down"};
      out.push_back(kinds[static_cast<std::size_t>(row.movement.kind)]);
      if (row.movement.places > 0) out.back() += std::to_string(row.movement.places);
    }
    return out;
  }

  JobSpec job = sample_job();
  Probe probe;
  SnapshotBoard board;
  std::chrono::steady_clock::time_point now{1000s};
};

// A pipe or a pseudo-terminal whose written end a view draws on.
class Output {
 public:
  explicit Output(bool terminal) {
    if (!terminal) {
      int ends[2];
      if (::pipe(ends) != 0) std::abort();
      read_ = ends[0], write_ = ends[1];
      return;
    }
    read_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (read_ < 0 || ::grantpt(read_) != 0 || ::unlockpt(read_) != 0) std::abort();
    write_ = ::open(::ptsname(read_), O_RDWR | O_NOCTTY);
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 30;
    ::ioctl(write_, TIOCSWINSZ, &size);
  }
  ~Output() {
    ::close(read_);
    close_write();
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  int fd() const { return write_; }
  void close_write() {
    if (write_ >= 0) ::close(write_);
    write_ = -1;
  }
  // Reads until `text` has come `times` times, or the other end is closed.
  bool wait_for(std::string_view text, std::size_t times = 1) {
    const auto seen = [&] {
      std::size_t n = 0;
      for (std::size_t at = 0; (at = all_.find(text, at)) != std::string::npos; at += text.size()) ++n;
      return n >= times;
    };
    char chunk[4096];
    while (!seen()) {
      const ssize_t n = ::read(read_, chunk, sizeof(chunk));
      if (n <= 0) return false;
      all_.append(chunk, static_cast<std::size_t>(n));
    }
    return true;
  }
  const std::string& all() const { return all_; }

 private:
  int read_ = -1, write_ = -1;
  std::string all_;
};

TEST_F(DemoViewTest, TheFirstWindowHasNothingToMoveAgainst) {
  DemoView view(job, probe, board, {});
  EXPECT_TRUE(view.frame(now, 0).boards.empty());
  publish(window(0, false, {"a", "b"}), nullptr);
  EXPECT_THAT(movements(view), ::testing::ElementsAre("", ""));
}

TEST_F(DemoViewTest, MovementIsAgainstTheWindowBefore) {
  DemoView view(job, probe, board, {});
  publish(window(1, false, {"c", "a", "b", "d"}), window(0, true, {"a", "b", "c"}));
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up2", "down1", "down1", "new"));
  publish(window(1, false, {"a", "b", "c"}), window(0, true, {"a", "b", "c"}));
  EXPECT_THAT(movements(view), ::testing::ElementsAre("=", "=", "="));
}

TEST_F(DemoViewTest, AFinalWindowIsJudgedAgainstTheFinalBeforeIt) {
  DemoView view(job, probe, board, {});
  publish(window(1, false, {"a"}), window(0, true, {"b", "a"}));
  movements(view);
  const auto second = window(1, true, {"a", "b"});
  publish(second, second);
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up1", "down1"));
  publish(window(2, false, {"b", "a"}), second);
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up1", "down1"));
}

TEST_F(DemoViewTest, ProgressIsTheWatermarksWayThroughTheWindow) {
  DemoView view(job, probe, board, {});
  publish(window(1, false, {"a"}), nullptr, 12'500);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 0.25);
  publish(window(1, false, {"a"}), nullptr, kNoTime);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 0);
  publish(window(1, false, {"a"}), nullptr, 99'000);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 1);
}

TEST_F(DemoViewTest, FiguresComeFromTheProbe) {
  DemoView view(job, probe, board, {});
  view.frame(now, 0);
  probe.verdicts[0] = 900;
  probe.verdicts[1] = 100;
  probe.watermark_ms = 7'000;
  probe.watermark_known = true;
  probe.epochs = 3;
  const Frame frame = view.frame(now + 2s, 12'000);
  EXPECT_DOUBLE_EQ(frame.events_per_s, 500);
  EXPECT_EQ(frame.watermark_delay_ms, 5'000);
  EXPECT_EQ(frame.lag, std::nullopt);
  EXPECT_EQ(frame.epochs, 3u);
  EXPECT_GT(frame.resident_bytes, 1'000'000u);
  EXPECT_FALSE(frame.ready);
  EXPECT_EQ(frame.state, "starting: starting");
  for (int i = 1; i <= 20; ++i) view.frame(now + 2s + i * 1s, 0);
  EXPECT_DOUBLE_EQ(view.frame(now + 30s, 0).events_per_s, 0);  // what was long ago no longer counts
}

TEST_F(DemoViewTest, TitlesReplaceItemIdsWhereThereAreAny) {
  DemoViewOptions options;
  options.title = [](std::string_view item) { return item == "a" ? std::string("Title of A") : std::string(); };
  DemoView view(job, probe, board, options);
  publish(window(0, false, {"a", "b"}), nullptr);
  const Frame frame = view.frame(now, 0);
  EXPECT_EQ(frame.boards[0].rows[0].title, "Title of A");
  EXPECT_EQ(frame.boards[0].rows[1].title, "b");
}

TEST_F(DemoViewTest, PlainTextTellsEveryFinalOnceAndTheStatusWhenDue) {
  DemoView view(job, probe, board, {});
  publish(window(1, false, {"a"}), window(0, true, {"z"}));
  std::string text = view.plain_text(view.frame(now, 0), now);
  EXPECT_THAT(text, StartsWith("movie  "));
  EXPECT_THAT(text, HasSubstr("final, 300 events\n   1  z"));
  EXPECT_THAT(text, HasSubstr("events/s"));
  EXPECT_EQ(view.plain_text(view.frame(now + 1s, 0), now + 1s), "");
  publish(window(1, true, {"a"}), window(1, true, {"a"}));
  EXPECT_THAT(view.plain_text(view.frame(now + 2s, 0), now + 2s), Not(HasSubstr("events/s")));
  EXPECT_THAT(view.plain_text(view.frame(now + 5s, 0), now + 5s), HasSubstr("events/s"));
}

TEST_F(DemoViewTest, WithoutATerminalItWritesLinesAndNoEscapes) {
  Output output(/*terminal=*/false);
  DemoViewOptions options;
  options.out_fd = output.fd();
  options.refresh = 1ms;
  options.links = {"metrics  http://x/metrics"};
  DemoView view(job, probe, board, options);
  publish(window(1, false, {"a"}), window(0, true, {"z"}));
  std::jthread running([&](std::stop_token stop) { EXPECT_TRUE(view.run(stop)); });
  EXPECT_TRUE(output.wait_for("events/s"));
  running.request_stop();
  running.join();
  output.close_write();
  EXPECT_FALSE(output.wait_for("never"));
  EXPECT_THAT(output.all(), StartsWith("metrics  http://x/metrics\n"));
  EXPECT_THAT(output.all(), HasSubstr("   1  z"));
  EXPECT_THAT(output.all(), HasSubstr("provisional, 300 events\n   1  a"));  // where the open window stood at the end
  EXPECT_EQ(output.all().find('\x1b'), std::string::npos);
}

TEST_F(DemoViewTest, OnATerminalItRefreshesInPlaceAndRestores) {
  Output output(/*terminal=*/true);
  DemoViewOptions options;
  options.out_fd = output.fd();
  options.terminal = true;
  options.refresh = 1ms;
  DemoView view(job, probe, board, options);
  publish(window(0, false, {"the title"}), nullptr);
  std::jthread running([&](std::stop_token stop) { EXPECT_TRUE(view.run(stop)); });
  EXPECT_TRUE(output.wait_for("the title", 3));
  EXPECT_THAT(output.all(), StartsWith(std::string(kEnterAlternate)));
  running.request_stop();
  EXPECT_TRUE(output.wait_for(kLeaveAlternate));
  running.join();
  output.close_write();
  EXPECT_FALSE(output.wait_for("never"));
  EXPECT_NE(output.all().find("the title", output.all().find(kLeaveAlternate)), std::string::npos);
}

TEST_F(DemoViewTest, RunEndsWhenTheOutputIsGone) {
  DemoViewOptions options;
  options.out_fd = -1;
  DemoView plain(job, probe, board, options);
  EXPECT_FALSE(plain.run({}));
  options.terminal = true;
  DemoView terminal(job, probe, board, options);
  EXPECT_FALSE(terminal.run({}));
}

// In a child process: a signal nobody handles restores the terminal and still does what it does.
TEST_F(DemoViewTest, SignalsRestoreTheTerminalAndKeepTheirMeaning) {
  for (const int signal : {SIGTERM, SIGABRT}) {
    Output output(/*terminal=*/true);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::signal(signal, SIG_DFL);
      DemoViewOptions options;
      options.out_fd = output.fd();
      options.terminal = true;
      DemoView view(job, probe, board, options);
      view.run({});
      ::_exit(1);
    }
    EXPECT_TRUE(output.wait_for("waiting for the first result"));
    ::kill(child, signal);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_TRUE(output.wait_for(kLeaveAlternate));
  }
}

TEST_F(DemoViewTest, ColorFollowsTerminalNoColorAndTheOption) {
  Output terminal(true);
  Output pipe(false);
  ::setenv("TERM", "xterm-256color", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(is_terminal(terminal.fd()));
  EXPECT_FALSE(is_terminal(pipe.fd()));
  EXPECT_TRUE(wants_color(terminal.fd(), false));
  EXPECT_FALSE(wants_color(terminal.fd(), true));
  EXPECT_FALSE(wants_color(pipe.fd(), false));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(wants_color(terminal.fd(), false));
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(wants_color(terminal.fd(), false));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(is_terminal(terminal.fd()));
}

}  // namespace
}  // namespace marquee::test
