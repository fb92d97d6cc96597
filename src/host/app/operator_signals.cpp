#include "app/operator_signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>

#include "app/stop_signal.hpp"

namespace marquee {
namespace {

sigset_t ours() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  struct sigaction hangup{};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler == SIG_DFL) sigaddset(&set, SIGHUP);
  return set;
}

bool has_terminal() {
  return ::isatty(STDIN_FILENO) != 0 || ::isatty(STDOUT_FILENO) != 0 || ::isatty(STDERR_FILENO) != 0;
}

}  // namespace

OperatorSignals::OperatorSignals(ConsoleLog& log, LogLevel configured) : log_(log), configured_(configured) {
  struct sigaction hangup{};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler == SIG_DFL && has_terminal()) stop_on_hangup();
  const sigset_t set = ours();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { listen(); });
}

OperatorSignals::~OperatorSignals() {
  over_.store(true);
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

void OperatorSignals::listen() {
  const sigset_t set = ours();
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || over_.load()) return;
    if (signal == SIGUSR1) {
      log_.set_level(LogLevel::kDebug);
      log_.info("SIGUSR1: the log says everything from here on; SIGUSR2 takes it back");
    } else if (signal == SIGUSR2) {
      log_.info("SIGUSR2: the log is again at the level that is configured");
      log_.set_level(configured_);
    } else {
      log_.warning(
          "SIGHUP: nothing is read anew; a changed configuration, certificate or token takes effect with a restart, "
          "which goes on where this process stops");
    }
  }
}

}  // namespace marquee
