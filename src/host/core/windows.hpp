// Panes and windows: pure integer arithmetic. All alignment is by floor division to the Unix epoch plus an offset.
// A window is named by an index that rises with its end; consecutive ends are stride_ms apart.
#pragma once

#include <cstdint>
#include <numeric>
#include <string>

#include "core/ids.hpp"

namespace marquee {

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return q * b > a ? q - 1 : q;
}
constexpr std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  return a - floor_div(a, b) * b;
}

enum class WindowKind : std::uint8_t { kTumbling, kHopping, kCumulative };

// Index of a window within its leaderboard.
enum class WindowIndex : std::int64_t {};

// A run of panes, both ends included.
struct PaneRun {
  PaneIndex first;
  PaneIndex last;

  friend constexpr bool operator==(const PaneRun&, const PaneRun&) = default;
};

// tumbling(size): every == size. hopping(size, every): every <= size. cumulative(size, step): every == step, step |
// size.
struct WindowSpec {
  WindowKind kind = WindowKind::kTumbling;
  std::int64_t size_ms = 60'000;
  std::int64_t every_ms = 60'000;  // hop or step
  std::int64_t offset_ms = 0;

  // Flink calls it the slice.
  constexpr std::int64_t pane_ms() const { return std::gcd(size_ms, every_ms); }

  constexpr PaneIndex pane_of(EventTimeMs time) const { return PaneIndex{floor_div(time - offset_ms, pane_ms())}; }
  constexpr EventTimeMs pane_start(PaneIndex pane) const { return raw(pane) * pane_ms() + offset_ms; }
  constexpr EventTimeMs pane_end(PaneIndex pane) const { return pane_start(pane) + pane_ms(); }

  // Window w: for tumbling and hopping [w*every, w*every + size); for cumulative the one that ends at (w+1)*step. Plus
  // the offset.
  constexpr EventTimeMs window_start(WindowIndex w) const {
    if (kind == WindowKind::kCumulative) return floor_div(raw(w) * every_ms, size_ms) * size_ms + offset_ms;
    return raw(w) * every_ms + offset_ms;
  }
  constexpr EventTimeMs window_end(WindowIndex w) const {
    if (kind == WindowKind::kCumulative) return (raw(w) + 1) * every_ms + offset_ms;
    return raw(w) * every_ms + size_ms + offset_ms;
  }
  constexpr PaneRun panes_of(WindowIndex w) const {
    return {pane_of(window_start(w)), PaneIndex{raw(pane_of(window_end(w) - 1))}};
  }
  // First and last window that contain the pane. (For a hop that leaves no pane uncovered: every <= size.)
  constexpr WindowIndex first_window_with(PaneIndex pane) const {
    const std::int64_t start = raw(pane) * pane_ms();
    if (kind == WindowKind::kCumulative) return WindowIndex{floor_div(start, every_ms)};
    return WindowIndex{floor_div(start + pane_ms() - size_ms + every_ms - 1, every_ms)};
  }
  constexpr WindowIndex last_window_with(PaneIndex pane) const {
    const std::int64_t start = raw(pane) * pane_ms();
    if (kind == WindowKind::kCumulative) {
      return WindowIndex{(floor_div(start, size_ms) + 1) * (size_ms / every_ms) - 1};
    }
    return WindowIndex{floor_div(start, every_ms)};
  }
  // The first window whose end is after `time`; the one before it is the last whose end is <= time.
  constexpr WindowIndex first_window_ending_after(EventTimeMs time) const {
    if (kind == WindowKind::kCumulative) return WindowIndex{floor_div(time - offset_ms, every_ms)};
    return WindowIndex{floor_div(time - offset_ms - size_ms, every_ms) + 1};
  }
};

constexpr WindowIndex next(WindowIndex w) {
  return WindowIndex{raw(w) + 1};
}
constexpr WindowIndex before(WindowIndex w) {
  return WindowIndex{raw(w) - 1};
}

// As the configuration writes them: "1m30s", "0s"; "hopping 10m every 1m offset 5h30m".
std::string duration_text(std::int64_t duration_ms);
std::string window_text(const WindowSpec& window);

}  // namespace marquee
