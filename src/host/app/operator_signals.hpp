// What an operator tells a running `marquee run` by signals, besides to stop.
//
//   SIGUSR1   the log says everything, as with log.level = "debug"
//   SIGUSR2   the log says what the configuration says again
//   SIGHUP    nothing is read anew, and the log says so. Where a standard stream is a terminal it means that the
//   terminal
//             has gone, and stops as SIGTERM does; where it was ignored at the start (nohup) it stays so.
#pragma once

#include <atomic>
#include <thread>

#include "app/console_log.hpp"

namespace marquee {

class OperatorSignals {
 public:
  // From main's thread, before any other is started: they inherit that these signals are not theirs. After
  // stop_on_signals(). `log` outlives it.
  OperatorSignals(ConsoleLog& log, LogLevel configured);
  ~OperatorSignals();
  OperatorSignals(const OperatorSignals&) = delete;
  OperatorSignals& operator=(const OperatorSignals&) = delete;

 private:
  void listen();

  ConsoleLog& log_;
  const LogLevel configured_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace marquee
