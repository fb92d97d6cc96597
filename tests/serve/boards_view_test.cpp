#include "app/boards_view.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "app/snapshot_feed.hpp"
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

class BoardsViewTest : public ::testing::Test {
 protected:
  void publish(std::shared_ptr<const ResultRecord> current, std::shared_ptr<const ResultRecord> last_final,
               EventTimeMs watermark = 0, std::vector<ResultPtr> history = {}) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->watermark = watermark;
    BoardEntry entry{std::move(current), std::move(last_final)};
    if (!history.empty()) entry.history = std::make_shared<const std::vector<ResultPtr>>(std::move(history));
    snapshot->boards = {{entry}, {}};
    board.publish(snapshot);
  }
  std::vector<std::string> movements(BoardsView& view) {
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
  SnapshotFeed feed{job, probe, board};
  const std::function<bool()> never = [] { return false; };
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
  void press(std::string_view keys) const {
    if (::write(read_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) std::abort();
  }

 private:
  int read_ = -1, write_ = -1;
  std::string all_;
};

TEST_F(BoardsViewTest, TheFirstWindowHasNothingToMoveAgainst) {
  BoardsView view(feed, {});
  EXPECT_TRUE(view.frame(now, 0).boards.empty());
  publish(window(0, false, {"a", "b"}), nullptr);
  EXPECT_THAT(movements(view), ::testing::ElementsAre("", ""));
}

TEST_F(BoardsViewTest, MovementIsAgainstTheWindowBefore) {
  BoardsView view(feed, {});
  publish(window(1, false, {"c", "a", "b", "d"}), window(0, true, {"a", "b", "c"}));
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up2", "down1", "down1", "new"));
  publish(window(1, false, {"a", "b", "c"}), window(0, true, {"a", "b", "c"}));
  EXPECT_THAT(movements(view), ::testing::ElementsAre("=", "=", "="));
}

TEST_F(BoardsViewTest, AFinalWindowIsJudgedAgainstTheFinalBeforeIt) {
  BoardsView view(feed, {});
  const auto first = window(0, true, {"b", "a"});
  const auto second = window(1, true, {"a", "b"});
  publish(second, second, 0, {second, first});
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up1", "down1"));
  publish(window(2, false, {"b", "a"}), second, 0, {second, first});
  EXPECT_THAT(movements(view), ::testing::ElementsAre("up1", "down1"));
}

TEST_F(BoardsViewTest, ProgressIsTheWatermarksWayThroughTheWindow) {
  BoardsView view(feed, {});
  publish(window(1, false, {"a"}), nullptr, 12'500);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 0.25);
  publish(window(1, false, {"a"}), nullptr, kNoTime);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 0);
  publish(window(1, false, {"a"}), nullptr, 99'000);
  EXPECT_DOUBLE_EQ(view.frame(now, 0).boards[0].progress, 1);
}

TEST_F(BoardsViewTest, FiguresComeFromTheProbe) {
  BoardsView view(feed, {});
  view.frame(now, 0);
  probe.verdicts[0] = 900;
  probe.verdicts[1] = 100;
  probe.watermark_ms = 7'000;
  probe.watermark_known = true;
  probe.epochs = 3;
  const Frame frame = view.frame(now + 2s, 12'000);
  EXPECT_EQ(frame.figures.events_per_s, 500.0);
  EXPECT_EQ(frame.figures.watermark_delay_ms, 5'000);
  EXPECT_EQ(frame.figures.lag, std::nullopt);
  EXPECT_EQ(frame.figures.epochs, 3u);
  EXPECT_GT(frame.figures.resident_bytes, 1'000'000u);
  EXPECT_FALSE(frame.ready);
  EXPECT_EQ(frame.state, "starting: starting");
  for (int i = 1; i <= 20; ++i) view.frame(now + 2s + i * 1s, 0);
  EXPECT_EQ(view.frame(now + 30s, 0).figures.events_per_s, 0.0);  // what was long ago no longer counts
}

TEST_F(BoardsViewTest, TitlesReplaceItemIdsWhereThereAreAny) {
  BoardsView view(feed, {});
  auto record = std::make_shared<ResultRecord>(*window(0, false, {"a", "b"}));
  record->rows[0].title = "Title of A";
  publish(record, nullptr);
  const Frame frame = view.frame(now, 0);
  EXPECT_EQ(frame.boards[0].rows[0].title, "Title of A");
  EXPECT_EQ(frame.boards[0].rows[1].title, "b");
}

TEST_F(BoardsViewTest, PlainTextTellsEveryFinalOnceAndTheStatusWhenDue) {
  BoardsView view(feed, {});
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

TEST_F(BoardsViewTest, AFilterKeepsGroupsByTheirNameAndRowsByTheirTitle) {
  BoardsView view(feed, {});
  publish(window(0, false, {"Alpha", "beta", "alphabet"}), nullptr);
  view.set_filter("ALPHA");
  const Frame rows = view.frame(now, 0);
  ASSERT_EQ(rows.boards.size(), 1u);
  ASSERT_EQ(rows.boards[0].rows.size(), 2u);
  EXPECT_EQ(rows.boards[0].rows[1].rank, 3u);
  EXPECT_THAT(render(rows, 80, 24, false), HasSubstr(" 3  alphabet"));
  view.set_filter("mov");
  EXPECT_EQ(view.frame(now, 0).boards.at(0).rows.size(), 3u);
  view.set_filter("nobody");
  EXPECT_THAT(render(view.frame(now, 0), 80, 24, false), HasSubstr("nothing here has “nobody”"));
}

TEST_F(BoardsViewTest, KeysChooseLeaderboardGroupAndFilter) {
  BoardsViewOptions options;
  options.in_fd = 0;
  BoardsView view(feed, options);
  auto snapshot = std::make_shared<Snapshot>();
  auto show = std::make_shared<ResultRecord>(*window(0, false, {"x"}));
  show->group = {"show"};
  snapshot->boards = {{{window(0, false, {"a"}), nullptr}, {show, nullptr}}, {}};
  board.publish(snapshot);
  EXPECT_EQ(view.frame(now, 0).boards.size(), 2u);
  EXPECT_THAT(view.frame(now, 0).title, StartsWith("trending"));
  for (const char* keys : {"\t", "\x1b[D", "\x1b[C"}) {  // there are two, so each of these changes it
    const std::string before = view.frame(now, 0).title;
    EXPECT_TRUE(view.obey(keys));
    EXPECT_NE(view.frame(now, 0).title, before) << keys + 1;
  }
  EXPECT_THAT(view.frame(now, 0).title, StartsWith("local"));
  EXPECT_TRUE(view.obey("\t"));
  EXPECT_EQ(view.frame(now, 0).boards.size(), 2u);
  EXPECT_TRUE(view.obey("\x1b[B\x1b[B"));  // there is no third
  EXPECT_EQ(view.frame(now, 0).boards.at(0).name, "show");
  EXPECT_TRUE(view.obey("\x1b[A"));
  EXPECT_EQ(view.frame(now, 0).boards.size(), 2u);
  EXPECT_TRUE(view.obey("/shq\x7f"));
  EXPECT_EQ(view.frame(now, 0).boards.at(0).name, "show");
  EXPECT_THAT(view.frame(now, 0).keys, HasSubstr("filter: sh"));
  EXPECT_TRUE(view.obey("\r"));
  EXPECT_THAT(view.frame(now, 0).keys, HasSubstr("esc all"));
  EXPECT_TRUE(view.obey("\x1b[1;5F\x1b[3~"));  // of no meaning here, and none of their bytes is a key
  EXPECT_THAT(view.frame(now, 0).keys, HasSubstr("/ filter: sh"));
  EXPECT_TRUE(view.obey("\x1b"));
  EXPECT_EQ(view.frame(now, 0).boards.size(), 2u);
  EXPECT_FALSE(view.obey("q"));
}

TEST_F(BoardsViewTest, WithoutATerminalItWritesLinesAndNoEscapes) {
  Output output(/*terminal=*/false);
  BoardsViewOptions options;
  options.out_fd = output.fd();
  options.refresh = 1ms;
  options.links = {"metrics  http://x/metrics"};
  BoardsView view(feed, options);
  publish(window(1, false, {"a"}), window(0, true, {"z"}));
  std::jthread running([&](std::stop_token stop) { EXPECT_TRUE(view.run([&] { return stop.stop_requested(); })); });
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

TEST_F(BoardsViewTest, OnATerminalItRefreshesInPlaceAndRestores) {
  Output output(/*terminal=*/true);
  BoardsViewOptions options;
  options.out_fd = output.fd();
  options.terminal = true;
  options.refresh = 1ms;
  BoardsView view(feed, options);
  publish(window(0, false, {"the title"}), nullptr);
  std::jthread running([&](std::stop_token stop) { EXPECT_TRUE(view.run([&] { return stop.stop_requested(); })); });
  EXPECT_TRUE(output.wait_for("the title", 3));
  EXPECT_THAT(output.all(), StartsWith(std::string(kEnterAlternate)));
  running.request_stop();
  EXPECT_TRUE(output.wait_for(kLeaveAlternate));
  running.join();
  output.close_write();
  EXPECT_FALSE(output.wait_for("never"));
  EXPECT_NE(output.all().find("the title", output.all().find(kLeaveAlternate)), std::string::npos);
}

TEST_F(BoardsViewTest, KeysOfATerminalAreObeyedUnechoedAndItsModesRestored) {
  Output terminal(/*terminal=*/true);
  termios before{}, during{}, after{};
  ASSERT_EQ(::tcgetattr(terminal.fd(), &before), 0);
  BoardsViewOptions options;
  options.out_fd = options.in_fd = terminal.fd();
  options.terminal = true;
  options.refresh = 10ms;
  BoardsView view(feed, options);
  publish(window(0, false, {"the title"}), nullptr);
  std::jthread running([&] { EXPECT_TRUE(view.run(never)); });
  EXPECT_TRUE(terminal.wait_for("q leaves"));
  ASSERT_EQ(::tcgetattr(terminal.fd(), &during), 0);
  EXPECT_EQ(during.c_lflag & (ICANON | ECHO), 0u);
  terminal.press("/movie\r");
  EXPECT_TRUE(terminal.wait_for("/ filter: movie"));
  terminal.press("q");
  EXPECT_TRUE(terminal.wait_for(kLeaveAlternate));
  running.join();
  ASSERT_EQ(::tcgetattr(terminal.fd(), &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
}

TEST_F(BoardsViewTest, RunEndsWhenTheOutputIsGone) {
  BoardsViewOptions options;
  options.out_fd = -1;
  BoardsView plain(feed, options);
  EXPECT_FALSE(plain.run(never));
  options.terminal = true;
  BoardsView terminal(feed, options);
  EXPECT_FALSE(terminal.run(never));
}

// In a child process: a signal nobody handles restores the terminal and still does what it does.
TEST_F(BoardsViewTest, SignalsRestoreTheTerminalAndKeepTheirMeaning) {
  for (const int signal : {SIGTERM, SIGABRT}) {
    Output output(/*terminal=*/true);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::signal(signal, SIG_DFL);
      BoardsViewOptions options;
      options.out_fd = output.fd();
      options.terminal = true;
      BoardsView view(feed, options);
      view.run(never);
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

TEST_F(BoardsViewTest, ColorFollowsTerminalNoColorAndTheOption) {
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
