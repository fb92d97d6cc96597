#include "app/stop_signal.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <csignal>

namespace marquee {
namespace {

// A signal handler reaches nothing but globals.
std::atomic<bool> stop{false};
std::atomic<int> first_signal{0};
std::atomic<void (*)() noexcept> leave{nullptr};
std::atomic<int> exit_code{0};
std::atomic<unsigned> leave_within_s{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
  if (stop.exchange(true)) {
    if (auto* const before_leaving = leave.load()) before_leaving();
    ::_exit(128 + signal);
  }
  first_signal.store(signal);
  if (const unsigned seconds = leave_within_s.load(); seconds > 0) ::alarm(seconds);
}

void stop_on(int signal) {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

void on_alarm(int) {
  ::_exit(exit_code.load());
}

void on_alarms() {
  struct sigaction action{};
  action.sa_handler = on_alarm;
  sigemptyset(&action.sa_mask);
  sigaction(SIGALRM, &action, nullptr);
}

}  // namespace

const std::atomic<bool>& stop_on_signals(void (*before_leaving)() noexcept, unsigned within_s) {
  leave.store(before_leaving);
  leave_within_s.store(within_s);
  on_alarms();
  stop_on(SIGINT);
  stop_on(SIGTERM);
  return stop;
}

void leave_on_signals() {
  stop.store(true);  // as if one had come: the next is the last
  stop_on(SIGINT);
  stop_on(SIGTERM);
  stop_on(SIGHUP);
}

void stop_on_hangup() {
  stop_on(SIGHUP);
}

int stop_signal() {
  return first_signal.load();
}

void end_process_within(std::int64_t within_ms, int code) {
  exit_code.store(code);
  on_alarms();
  itimerval timer{};
  timer.it_value.tv_sec = within_ms / 1000;
  timer.it_value.tv_usec = within_ms % 1000 * 1000;
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace marquee
