// TerminalScreen: the alternate screen of a terminal and its keys, given back in every case, signals included.
#pragma once

#include <termios.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace marquee {

struct TerminalSize {
  std::size_t width = 80;
  std::size_t height = 24;
};

// Whether `fd` is a terminal that understands cursor movement (TERM is neither empty nor "dumb").
bool is_terminal(int fd);
// A terminal, NO_COLOR unset or empty, and no --no-color.
bool wants_color(int fd, bool no_color_asked);
// 80 by 24 where it cannot be known.
TerminalSize terminal_size(int fd);

// Holds the terminal for as long as it lives: alternate screen, no cursor, no line wrap; and, where `in_fd` is a
// terminal too, keys as they are pressed, unechoed (Ctrl-C and Ctrl-Z keep their meaning). Signals that end or stop the
// process give it back first; those that somebody else handles are left alone. One at a time.
class TerminalScreen {
 public:
  TerminalScreen(int out_fd, int in_fd);
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

  // Waits for keys, at most so long, or for a signal; the bytes that have come.
  std::string keys(std::chrono::milliseconds wait) const;

  // Gives the terminal back if one is held. Safe in a signal handler; for those who leave by _exit().
  static void restore() noexcept;

 private:
  int in_fd_;
  std::vector<std::pair<int, struct sigaction>> taken_;
};

}  // namespace marquee
