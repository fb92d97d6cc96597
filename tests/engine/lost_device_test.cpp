// A GPU that is lost while the engine says what it holds: at once, later, or by never answering again.
#include <cstdio>
#include <string>

#include "engine/engine_world.hpp"
#include "engine/standin_engine.hpp"

namespace marquee::test {
namespace {

using Failure = StandinOptions::Failure;

class LostInState : public testing::TestWithParam<Failure> {};

constexpr std::uint32_t kEvents = 3'000;

// All that comes before state(). How many calls of the runtime it takes follows from the options alone.
Status fill(World& world) {
  world.start();
  std::vector<Event> events = distinct_items(kEvents);
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    events[i].combination = 1 + i % 5;
    events[i].slot = 1 + i % 3;
  }
  for (std::size_t at = 0; at < events.size(); at += 1000) {
    if (Status s = world.engine().submit(world.batch_of(std::span(events).subspan(at, 1000))); !s.ok()) return s;
  }
  if (const auto ended = world.engine().end_epoch(); !ended.ok()) return ended.status();
  Ranking ranking;
  return world.engine().rank({LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{2}}, true}, ranking);
}

EngineKind failing_at(std::uint64_t call, Failure failure) {
  return {"Standin", [=](const EngineConfig& config) {
            StandinOptions options;
            options.fold_rows_max = 512;  // a pane crosses in pieces
            options.arena_bytes = 16u << 20;
            options.fails_at_call = call;
            options.failure = failure;
            if (failure == Failure::kHang) options.deadline = std::chrono::milliseconds(500);
            return std::move(make_standin_engine(config, options).value());
          }};
}

std::uint64_t events_in(const Partials& partials) {
  std::uint64_t events = 0;
  for (const PanePartials& pane : partials.panes) {
    for (const PartialRow& row : pane.rows) events += row.views;
  }
  return events;
}

TEST_P(LostInState, WhicheverCallFailsItSaysSoAndNothingIsHeldBack) {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  {
    World world(failing_at(0, Failure::kError));
    ASSERT_TRUE(fill(world).ok());
    first = costs_of(world.engine()).calls + 1;
    ASSERT_EQ(events_in(*world.engine().state(world.every_group()).value()), kEvents);
    end = costs_of(world.engine()).calls + 1;
  }
  ASSERT_GT(end - first, 15u);
  std::uint64_t failed = 0;
  for (std::uint64_t call = first; call < end; call += GetParam() == Failure::kHang ? 4 : 1) {
    SCOPED_TRACE(call);
    World world(failing_at(call, GetParam()));
    if (const Status filled = fill(world); !filled.ok()) {
      ASSERT_EQ(GetParam(), Failure::kHang) << filled.message();
      continue;  // so busy a machine that a device that was well seemed to hang
    }
    const World::Wanted all = world.every_group();
    Result<const Partials*> state = world.engine().state(all);
    if (state.ok()) {  // what it waited for last had come before the device broke: then it is right
      EXPECT_EQ(events_in(*state.value()), kEvents);
      state = world.engine().state(all);
    }
    ASSERT_FALSE(state.ok());
    ++failed;
    EXPECT_EQ(state.status().code(), Code::kUnavailable);
    const std::string why = state.status().message();
    EXPECT_NE(why, "");
    // It is lost for good, and says the same to everyone.
    EXPECT_EQ(world.engine().state(all).status().message(), why);
    EXPECT_EQ(world.engine().submit(world.batch_of(distinct_items(10))).message(), why);
    EXPECT_EQ(world.engine().end_epoch().status().message(), why);
    EXPECT_EQ(world.engine().restore({.leaderboard = LeaderboardIndex{0}, .pane = PaneIndex{0}, .rows = {}}).message(),
              why);
    EXPECT_EQ(world.batches_out(), 0u);
  }
  std::printf("%llu of %llu calls\n", static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(end - first));
  EXPECT_GT(failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Failures, LostInState, testing::Values(Failure::kError, Failure::kLate, Failure::kHang),
                         [](const auto& failure) {
                           switch (failure.param) {
                             case Failure::kLate:
                               return "Late";
                             case Failure::kHang:
                               return "Hang";
                             case Failure::kError:
                               break;
                           }
                           return "Error";
                         });

}  // namespace
}  // namespace marquee::test
