// When the process is ready, and what its phase is called: one meaning for /readyz, metrics and the terminal.
#pragma once

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

}  // namespace marquee
