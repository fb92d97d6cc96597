#include "app/demo_view.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "serve/metrics.hpp"
#include "serve/process_usage.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kRateSpan = std::chrono::seconds(5);

// The alternate screen, without cursor and line wrap; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

// The terminal held by the view, for signal handlers; -1: none.
std::atomic<int> held_fd{-1};

void write_in_handler(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Restores the terminal, lets the signal do what it would have done, and, if that was to stop for a while, returns.
void on_signal(int signal) {
  const int saved_errno = errno;
  const int fd = held_fd.load();
  if (fd >= 0) write_in_handler(fd, kLeave);
  struct sigaction mine, by_default = {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(signal, &by_default, &mine);
  sigset_t only, before;
  ::sigemptyset(&only);
  ::sigaddset(&only, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &only, &before);  // ends or stops here
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(signal, &mine, nullptr);
  if (held_fd.load() >= 0) write_in_handler(fd, kEnter);
  errno = saved_errno;
}

// Holds the terminal for as long as it lives. Signals that someone else handles are left alone.
class TerminalScreen {
 public:
  explicit TerminalScreen(int fd) {
    held_fd = fd;
    struct sigaction restore = {};
    restore.sa_handler = on_signal;
    restore.sa_flags = SA_RESTART;
    ::sigemptyset(&restore.sa_mask);
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGHUP, SIGQUIT, SIGINT, SIGTERM, SIGTSTP}) {
      struct sigaction before;
      if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
      if (::sigaction(signal, &restore, nullptr) == 0) taken_.emplace_back(signal, before);
    }
    write_in_handler(fd, kEnter);
  }
  ~TerminalScreen() {
    DemoView::restore_terminal();
    for (const auto& [signal, before] : taken_) ::sigaction(signal, &before, nullptr);
  }
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

 private:
  std::vector<std::pair<int, struct sigaction>> taken_;
};

struct Size {
  std::size_t width = 80;
  std::size_t height = 24;
};

Size terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string describe(const LeaderboardSpec& leaderboard) {
  return leaderboard.name + ", " + window_text(leaderboard.window) +
         (leaderboard.measure == Measure::kViews ? ", by views" : ", by watch time");
}

std::int64_t utc_offset_ms(std::int64_t wall_ms) {
  const auto now = static_cast<std::time_t>(wall_ms / 1000);
  std::tm local{};
  return ::localtime_r(&now, &local) == nullptr ? 0 : std::int64_t{local.tm_gmtoff} * 1000;
}

std::int64_t wall_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool is_terminal(int fd) {
  const char* const term = std::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

bool wants_color(int fd, bool no_color_asked) {
  const char* const no_color = std::getenv("NO_COLOR");
  return !no_color_asked && is_terminal(fd) && (no_color == nullptr || *no_color == '\0');
}

DemoView::DemoView(const JobSpec& job, const Probe& probe, const SnapshotBoard& board, DemoViewOptions options)
    : job_(job), probe_(probe), board_(board), options_(std::move(options)) {}

void DemoView::restore_terminal() noexcept {
  const int fd = held_fd.exchange(-1);
  if (fd >= 0) write_in_handler(fd, kLeave);
}

Frame DemoView::frame(SteadyTime now, std::int64_t wall_ms) {
  Frame frame;
  const std::shared_ptr<const Snapshot> snapshot = board_.get();
  const Phase phase = probe_.phase.load(std::memory_order_relaxed);
  const std::string reason = reason_now(probe_);
  frame.title = describe(job_.leaderboards.front());
  frame.ready = is_ready(phase, reason);
  frame.state = phase_name(phase);
  if (!reason.empty()) (frame.state += ": ") += reason;
  frame.events_per_s = rate(now);
  if (const std::int64_t lag = probe_.lag_messages.load(std::memory_order_relaxed); lag >= 0) {
    frame.lag = static_cast<std::uint64_t>(lag);
  }
  if (probe_.watermark_known.load(std::memory_order_acquire)) {
    frame.watermark_delay_ms = wall_ms - probe_.watermark_ms.load(std::memory_order_relaxed);
  }
  frame.epochs = probe_.epochs.load(std::memory_order_relaxed);
  frame.uptime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
  frame.resident_bytes = resident_bytes();
  frame.utc_offset_ms = utc_offset_ms(wall_ms);
  frame.footer = options_.links;
  if (!snapshot->boards.empty()) {
    for (const BoardEntry& entry : snapshot->boards.front()) {
      if (entry.current != nullptr) frame.boards.push_back(board_of(entry, snapshot->watermark));
    }
    // Groups that are gone for good would be remembered for ever.
    if (finals_.size() > 2 * snapshot->boards.front().size() + 64) finals_.clear();
  }
  return frame;
}

// Events per second over the last few seconds.
double DemoView::rate(SteadyTime now) {
  std::uint64_t read = 0;
  for (const Counter& verdict : probe_.verdicts) read += verdict.load(std::memory_order_relaxed);
  samples_.emplace_back(now, read);
  while (samples_.size() > 2 && now - samples_[1].first >= kRateSpan) samples_.pop_front();
  const double seconds = std::chrono::duration<double>(now - samples_.front().first).count();
  return seconds > 0 ? static_cast<double>(read - samples_.front().second) / seconds : 0;
}

// Keeps the last two finals; returns the final of the latest window that ended before the current one does.
const ResultRecord* DemoView::remember_finals(const BoardEntry& entry) {
  Finals& finals = finals_[entry.current->group];
  for (const auto& record : {entry.last_final, entry.current}) {
    if (record == nullptr || !record->final) continue;
    if (finals.empty() || finals.back()->window_end < record->window_end) {
      const ResultRecord* const before = finals.empty() ? nullptr : finals.back().get();
      if (!options_.terminal) finals_new_.push_back(board_of(*record, before, record->window_end));
      finals.push_back(record);
    } else if (finals.back()->window_end == record->window_end) {
      finals.back() = record;  // perhaps corrected
    }
  }
  if (finals.size() > 2) finals.erase(finals.begin(), finals.end() - 2);
  for (auto final = finals.rbegin(); final != finals.rend(); ++final) {
    if ((*final)->window_end < entry.current->window_end) return final->get();
  }
  return nullptr;
}

FrameBoard DemoView::board_of(const BoardEntry& entry, EventTimeMs watermark) {
  const ResultRecord* const before = remember_finals(entry);
  return board_of(*entry.current, before, watermark);
}

FrameBoard DemoView::board_of(const ResultRecord& record, const ResultRecord* before, EventTimeMs watermark) const {
  FrameBoard board;
  board.name = record.group.empty() ? "all" : group_label(record.group);
  board.window_start = record.window_start;
  board.window_end = record.window_end;
  board.final = record.final;
  board.exact = record.exact;
  board.events = record.events;
  if (record.final) {
    board.progress = 1;
  } else if (watermark != kNoTime && record.window_end > record.window_start) {
    board.progress = std::clamp(static_cast<double>(watermark - record.window_start) /
                                    static_cast<double>(record.window_end - record.window_start),
                                0.0, 1.0);
  }
  std::map<std::string_view, std::size_t> places;
  if (before != nullptr) {
    for (std::size_t i = 0; i < before->rows.size(); ++i) places.emplace(before->rows[i].item, i);
  }
  for (std::size_t i = 0; i < record.rows.size(); ++i) {
    const ResultRow& row = record.rows[i];
    FrameRow shown{options_.title ? options_.title(row.item) : std::string(), row.views, row.watch_ms, {}};
    if (shown.title.empty()) shown.title = row.item;
    if (before != nullptr) {
      const auto place = places.find(row.item);
      if (place == places.end()) {
        shown.movement = {Movement::Kind::kNew, 0};
      } else if (place->second == i) {
        shown.movement = {Movement::Kind::kSame, 0};
      } else if (place->second > i) {
        shown.movement = {Movement::Kind::kUp, place->second - i};
      } else {
        shown.movement = {Movement::Kind::kDown, i - place->second};
      }
    }
    board.rows.push_back(std::move(shown));
  }
  return board;
}

std::string DemoView::plain_text(const Frame& shown, SteadyTime now) {
  std::string out;
  for (; !finals_new_.empty(); finals_new_.pop_front()) {
    out += board_lines(finals_new_.front(), shown.utc_offset_ms, options_.plain_rows);
  }
  if (now >= status_due_) {
    status_due_ = now + options_.plain_status;
    (out += status_line(shown)) += '\n';
  }
  return out;
}

bool DemoView::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t n = ::write(options_.out_fd, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      pollfd wait{options_.out_fd, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

// One write a frame, between marks that let newer terminals show it at once. Every line is cleared behind its end; the
// last column stays free, because a cursor that has reached it stands on it, and clearing would take its character.
bool DemoView::draw_terminal(const Frame& shown) const {
  const Size size = terminal_size(options_.out_fd);
  const std::string text = render(shown, size.width - 1, size.height, options_.color);
  std::string out = "\x1b[?2026h\x1b[H";
  for (const char c : text) {
    if (c == '\n') out += "\x1b[K\r";
    out += c;
  }
  return write(out += "\x1b[K\x1b[J\x1b[?2026l");
}

bool DemoView::run(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  const auto now_frame = [this] { return frame(std::chrono::steady_clock::now(), wall_now_ms()); };
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, options_.refresh, [] { return false; });
  };

  if (options_.terminal) {
    {
      const TerminalScreen screen(options_.out_fd);
      while (!stop.stop_requested()) {
        if (!draw_terminal(now_frame())) return false;
        wait();
      }
    }
    // What was seen last stays readable, whole.
    const Size size = terminal_size(options_.out_fd);
    return write(render(now_frame(), size.width - 1, SIZE_MAX, options_.color) + '\n');
  }

  std::string links;
  for (const std::string& link : options_.links) (links += link) += '\n';
  if (!write(links)) return false;
  while (!stop.stop_requested()) {
    const Frame shown = now_frame();
    if (!write(plain_text(shown, std::chrono::steady_clock::now()))) return false;
    wait();
  }
  // The end: the finals still to be told, and where every group that is not final stood.
  const Frame last = now_frame();
  status_due_ = {};
  std::string out = plain_text(last, std::chrono::steady_clock::now());
  for (const FrameBoard& board : last.boards) {
    if (!board.final) out += board_lines(board, last.utc_offset_ms, options_.plain_rows);
  }
  return write(out);
}

}  // namespace marquee
