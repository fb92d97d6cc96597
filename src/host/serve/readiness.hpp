// When the process is ready, and what its phase is called: one meaning for /readyz, metrics and the terminal.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "pipeline/probe.hpp"

namespace marquee {

constexpr bool is_ready(Phase phase, std::string_view reason) {
  return (phase == Phase::kRunning || phase == Phase::kDraining) && reason.empty();
}

constexpr std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kConnecting:
      return "connecting";
    case Phase::kRestoring:
      return "restoring";
    case Phase::kRunning:
      return "running";
    case Phase::kDraining:
      return "draining";
    case Phase::kStopped:
      return "stopped";
    case Phase::kFailed:
      return "failed";
  }
  return "unknown";
}

// The reason with how far a restore has come, where one reads the pane log.
inline std::string reason_now(const Probe& probe) {
  const std::string reason = probe.reason();
  const std::int64_t left = probe.restore_records_left.load(std::memory_order_relaxed);
  if (left <= 0) return reason;
  const std::int64_t total = std::max(left, probe.restore_records_total.load(std::memory_order_relaxed));
  const std::string progress =
      "restoring: " + std::to_string(total - left) + " of " + std::to_string(total) + " records of the pane log";
  return reason.empty() ? progress : progress + "; " + reason;
}

}  // namespace marquee
