// Panes and windows: pure arithmetic, against definitions written out as loops.
#include "core/windows.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <ostream>
#include <random>
#include <vector>

namespace marquee {

static void PrintTo(const WindowSpec& s, std::ostream* out) {
  *out << "kind " << int{static_cast<std::uint8_t>(s.kind)} << " size " << s.size_ms << " every " << s.every_ms
       << " offset " << s.offset_ms;
}

namespace {

// The definition (src/README.md): the windows that hold time t, in the order of their ends.
std::vector<std::pair<std::int64_t, std::int64_t>> windows_over(const WindowSpec& spec, EventTimeMs t) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  const std::int64_t local = t - spec.offset_ms;
  if (spec.kind == WindowKind::kCumulative) {
    const std::int64_t start = floor_div(local, spec.size_ms) * spec.size_ms;
    for (std::int64_t end = start + spec.every_ms; end <= start + spec.size_ms; end += spec.every_ms) {
      if (local < end) out.emplace_back(start + spec.offset_ms, end + spec.offset_ms);
    }
    return out;
  }
  const std::int64_t last = floor_div(local, spec.every_ms);
  std::int64_t first = last;
  while ((first - 1) * spec.every_ms + spec.size_ms > local) --first;
  for (std::int64_t n = first; n <= last; ++n) {
    out.emplace_back(n * spec.every_ms + spec.offset_ms, n * spec.every_ms + spec.size_ms + spec.offset_ms);
  }
  return out;
}

WindowSpec random_spec(std::mt19937_64& random) {
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  WindowSpec spec;
  const std::int64_t kind = below(3);
  if (kind == 0) {
    spec.kind = WindowKind::kTumbling;
    spec.size_ms = spec.every_ms = 1 + below(500);
  } else if (kind == 1) {
    spec.kind = WindowKind::kHopping;
    spec.size_ms = 1 + below(500);
    spec.every_ms = 1 + below(spec.size_ms);  // need not divide size
  } else {
    spec.kind = WindowKind::kCumulative;
    spec.every_ms = 1 + below(60);
    spec.size_ms = spec.every_ms * (1 + below(20));
  }
  spec.offset_ms = below(3) == 0 ? 0 : below(2001) - 1000;
  return spec;
}

TEST(FloorDivision, RoundsDownOnBothSidesOfZero) {
  static_assert(floor_div(7, 3) == 2 && floor_div(-7, 3) == -3 && floor_div(-6, 3) == -2 && floor_div(0, 3) == 0);
  static_assert(floor_mod(7, 3) == 1 && floor_mod(-7, 3) == 2 && floor_mod(-6, 3) == 0);
  for (std::int64_t a = -50; a <= 50; ++a) {
    for (std::int64_t b = 1; b <= 12; ++b) {
      EXPECT_EQ(floor_div(a, b) * b + floor_mod(a, b), a);
      EXPECT_GE(floor_mod(a, b), 0);
      EXPECT_LT(floor_mod(a, b), b);
    }
  }
}

TEST(Windows, TumblingByTheMinute) {
  constexpr WindowSpec spec{WindowKind::kTumbling, 60'000, 60'000, 0};
  static_assert(spec.pane_ms() == 60'000);
  static_assert(spec.pane_of(59'999) == PaneIndex{0} && spec.pane_of(60'000) == PaneIndex{1});
  static_assert(spec.window_start(WindowIndex{1}) == 60'000 && spec.window_end(WindowIndex{1}) == 120'000);
  static_assert(spec.first_window_with(PaneIndex{5}) == WindowIndex{5} &&
                spec.last_window_with(PaneIndex{5}) == WindowIndex{5});
}

TEST(Windows, AHopThatDoesNotDivideTheSizeHasTheGcdAsPane) {
  constexpr WindowSpec spec{WindowKind::kHopping, 10, 4, 0};
  static_assert(spec.pane_ms() == 2);
  static_assert(spec.panes_of(WindowIndex{1}).first == PaneIndex{2} &&
                spec.panes_of(WindowIndex{1}).last == PaneIndex{6});
  // Time 8 and 9 are pane 4, in [0,10), [4,14), [8,18).
  static_assert(spec.first_window_with(PaneIndex{4}) == WindowIndex{0} &&
                spec.last_window_with(PaneIndex{4}) == WindowIndex{2});
}

TEST(Windows, CumulativeWindowsOfADayShareTheirStart) {
  constexpr std::int64_t kHour = 3'600'000;
  constexpr WindowSpec spec{WindowKind::kCumulative, 24 * kHour, kHour, 5 * kHour + kHour / 2};
  static_assert(spec.pane_ms() == kHour);
  static_assert(spec.window_start(WindowIndex{0}) == spec.window_start(WindowIndex{23}));
  static_assert(spec.window_start(WindowIndex{24}) == spec.window_start(WindowIndex{0}) + 24 * kHour);
  static_assert(spec.window_end(WindowIndex{23}) == spec.window_start(WindowIndex{24}));
  static_assert(spec.last_window_with(PaneIndex{3}) == WindowIndex{23} &&
                spec.first_window_with(PaneIndex{3}) == WindowIndex{3});
}

TEST(Windows, RandomSpecsAgreeWithTheDefinition) {
  const char* const given = std::getenv("MARQUEE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("MARQUEE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3000; ++round) {
    const WindowSpec spec = random_spec(random);
    const EventTimeMs t = static_cast<std::int64_t>(random() % 20'001) - 10'000;
    SCOPED_TRACE(testing::PrintToString(spec) + " time " + std::to_string(t));
    const std::int64_t pane_ms = spec.pane_ms();
    ASSERT_EQ(pane_ms, std::gcd(spec.size_ms, spec.every_ms));

    const PaneIndex pane = spec.pane_of(t);
    ASSERT_LE(spec.pane_start(pane), t);
    ASSERT_LT(t, spec.pane_end(pane));
    ASSERT_EQ(spec.pane_end(pane), spec.pane_start(PaneIndex{raw(pane) + 1}));

    const auto expected = windows_over(spec, t);
    const WindowIndex first = spec.first_window_with(pane);
    const WindowIndex last = spec.last_window_with(pane);
    ASSERT_EQ(static_cast<std::size_t>(raw(last) - raw(first) + 1), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const WindowIndex w{raw(first) + static_cast<std::int64_t>(i)};
      ASSERT_EQ(spec.window_start(w), expected[i].first);
      ASSERT_EQ(spec.window_end(w), expected[i].second);
      // The window is the run of its panes, to the millisecond, and the pane is one of them.
      const PaneRun run = spec.panes_of(w);
      ASSERT_EQ(spec.pane_start(run.first), expected[i].first);
      ASSERT_EQ(spec.pane_end(run.last), expected[i].second);
      ASSERT_LE(run.first, pane);
      ASSERT_LE(pane, run.last);
      ASSERT_EQ(spec.window_end(next(w)) - spec.window_end(w), spec.every_ms);
    }
    ASSERT_FALSE(spec.panes_of(before(first)).first <= pane && pane <= spec.panes_of(before(first)).last);
    ASSERT_FALSE(spec.panes_of(next(last)).first <= pane && pane <= spec.panes_of(next(last)).last);

    const WindowIndex ending = spec.first_window_ending_after(t);
    ASSERT_GT(spec.window_end(ending), t);
    ASSERT_LE(spec.window_end(before(ending)), t);
    // On the boundary the window that ends there is over.
    ASSERT_EQ(spec.first_window_ending_after(spec.window_end(ending)), next(ending));
    ASSERT_EQ(spec.first_window_ending_after(spec.window_end(ending) - 1), ending);
  }
}

TEST(Windows, TheLastMillisecondThereIsHasAPaneAndWindows) {
  for (const WindowSpec spec :
       {WindowSpec{WindowKind::kTumbling, 1, 1, 0}, WindowSpec{WindowKind::kHopping, 86'400'000, 7, -3},
        WindowSpec{WindowKind::kCumulative, 86'400'000, 1000, 19'800'000}}) {
    for (const EventTimeMs t : {EventTimeMs{0}, kEventTimeMsMax}) {
      const PaneIndex pane = spec.pane_of(t);
      EXPECT_LE(spec.window_start(spec.last_window_with(pane)), t);
      EXPECT_GT(spec.window_end(spec.first_window_with(pane)), t);
    }
  }
}

}  // namespace
}  // namespace marquee
