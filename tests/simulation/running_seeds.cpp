#include "simulation/running_seeds.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace simulation {
namespace {

constexpr std::uint64_t kNone = ~std::uint64_t{0};
constexpr std::size_t kPlaces = 256;  // threads beyond them run unnamed
constexpr int kCrashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

std::atomic<std::uint64_t> running[kPlaces];
thread_local volatile std::uint64_t mine = kNone;
struct sigaction before[NSIG];  // what was to be done at each signal

// All that follows is async-signal-safe.
void write_text(const char* text) {
  static_cast<void>(!write(STDERR_FILENO, text, std::strlen(text)));
}

void write_number(std::uint64_t value) {
  char digits[21];
  char* at = digits + sizeof digits;
  *--at = '\0';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  write_text(at);
}

void say_seed(const char* what, std::uint64_t seed) {
  write_text("seed ");
  write_number(seed);
  write_text(what);
  write_text(": marquee-simulate --seed ");
  write_number(seed);
  write_text(" --seeds 1 --loud\n");
}

void say_mine() {
  if (mine != kNone) say_seed(" crashed", mine);
  mine = kNone;  // once
}

void on_crash(int signal) {
  say_mine();
  sigaction(signal, &before[signal], nullptr);  // back to where it happened, which happens again
  if (signal == SIGABRT) raise(signal);
}

void on_interrupt(int signal) {
  for (const std::atomic<std::uint64_t>& seed : running) {
    if (seed.load() != kNone) say_seed(" was running", seed.load());
  }
  sigaction(signal, &before[signal], nullptr);
  raise(signal);
}

}  // namespace

void name_seed_of_crash() {
  for (std::atomic<std::uint64_t>& seed : running) seed.store(kNone);
  struct sigaction action = {};
  action.sa_handler = on_crash;
  for (const int signal : kCrashes) sigaction(signal, &action, &before[signal]);
  action.sa_handler = on_interrupt;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, &before[signal]);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(say_mine);
}

RunningSeed::RunningSeed(std::uint64_t seed) : place_(0) {
  mine = seed;
  for (; place_ < kPlaces; ++place_) {
    std::uint64_t none = kNone;
    if (running[place_].compare_exchange_strong(none, seed)) return;
  }
}

RunningSeed::~RunningSeed() {
  mine = kNone;
  if (place_ < kPlaces) running[place_].store(kNone);
}

}  // namespace simulation
