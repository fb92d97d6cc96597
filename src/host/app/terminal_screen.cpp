#include "app/terminal_screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace marquee {
namespace {

// The alternate screen, without cursor and line wrap; and back.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";

// What is held, for signal handlers; -1: nothing. The modes are written before the descriptor is.
std::atomic<int> held_out{-1};
std::atomic<int> held_in{-1};
termios modes_before, modes_held;

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
  const int out = held_out.load(), in = held_in.load();
  if (in >= 0) ::tcsetattr(in, TCSANOW, &modes_before);
  if (out >= 0) write_in_handler(out, kLeave);
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
  if (held_in.load() >= 0) ::tcsetattr(in, TCSANOW, &modes_held);
  if (held_out.load() >= 0) write_in_handler(out, kEnter);
  errno = saved_errno;
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

TerminalSize terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

TerminalScreen::TerminalScreen(int out_fd, int in_fd) : in_fd_(in_fd) {
  if (in_fd_ >= 0 && ::tcgetattr(in_fd_, &modes_before) == 0) {
    modes_held = modes_before;
    modes_held.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    modes_held.c_cc[VMIN] = 0;
    modes_held.c_cc[VTIME] = 0;
    held_in = in_fd_;
  } else {
    in_fd_ = -1;
  }
  held_out = out_fd;
  struct sigaction restore = {};
  restore.sa_handler = on_signal;
  restore.sa_flags = SA_RESTART;
  ::sigemptyset(&restore.sa_mask);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGHUP, SIGQUIT, SIGINT, SIGTERM, SIGTSTP}) {
    struct sigaction before;
    if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    if (::sigaction(signal, &restore, nullptr) == 0) taken_.emplace_back(signal, before);
  }
  if (in_fd_ >= 0) ::tcsetattr(in_fd_, TCSANOW, &modes_held);
  write_in_handler(out_fd, kEnter);
}

TerminalScreen::~TerminalScreen() {
  restore();
  for (const auto& [signal, before] : taken_) ::sigaction(signal, &before, nullptr);
}

void TerminalScreen::restore() noexcept {
  const int in = held_in.exchange(-1);
  if (in >= 0) ::tcsetattr(in, TCSANOW, &modes_before);
  const int out = held_out.exchange(-1);
  if (out >= 0) write_in_handler(out, kLeave);
}

std::string TerminalScreen::keys(std::chrono::milliseconds wait) const {
  pollfd in{in_fd_, POLLIN, 0};  // -1 is not looked at: then this is a sleep that a signal ends
  if (::poll(&in, 1, static_cast<int>(wait.count())) <= 0) return {};
  std::array<char, 256> bytes{};
  const ssize_t n = ::read(in_fd_, bytes.data(), bytes.size());
  if (n > 0) return {bytes.data(), static_cast<std::size_t>(n)};
  // Hung up: poll() would return at once for ever.
  if (n == 0 || errno != EINTR) ::poll(nullptr, 0, static_cast<int>(wait.count()));
  return {};
}

}  // namespace marquee
