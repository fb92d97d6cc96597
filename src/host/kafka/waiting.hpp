// Waiting: says why we wait, not more than every five seconds, and takes it back when the wait is over.
#pragma once

#include <chrono>
#include <string>

#include "pipeline/log.hpp"
#include "pipeline/pause.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

// One thread. Restores the probe's reason as it was when the wait is over.
class Waiting {
 public:
  Waiting(Log& log, Probe& probe) : log_(log), probe_(probe) {}
  ~Waiting() { over(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // `why`: what, where, what to do.
  void say(const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    if (!said_) reason_before_ = probe_.reason();
    if (why != why_) probe_.set_reason(why);
    if (!said_ || now - said_at_ >= kEvery) {
      log_.warning(why);
      said_at_ = now;
    }
    why_ = why;
    said_ = true;
  }

  bool waits() const { return said_; }

  void over() {
    if (!said_) return;
    said_ = false;
    if (probe_.reason() == why_) probe_.set_reason(reason_before_);
    why_.clear();
  }

 private:
  static constexpr std::chrono::seconds kEvery{5};
  Log& log_;
  Probe& probe_;
  bool said_ = false;
  std::chrono::steady_clock::time_point said_at_{};
  std::string why_;
  std::string reason_before_;
};

}  // namespace marquee
