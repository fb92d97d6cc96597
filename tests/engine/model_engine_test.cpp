// The model among the engines answers as they do (every other test here); this is how it gets lost.
#include "pipeline/model_engine.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine_world.hpp"

namespace marquee::test {
namespace {

const std::vector<std::string> kCalls = {"submit", "end_epoch", "restore", "rank", "state"};

// What each says, in this order.
std::vector<Status> call_each(World& world) {
  Engine& engine = world.engine();
  std::vector<Status> said;
  said.push_back(engine.submit(world.batch_of(distinct_items(5))));
  said.push_back(engine.end_epoch().status());
  said.push_back(engine.restore({LeaderboardIndex{0}, PaneIndex{0}, {{GroupId{1}, ItemId{1}, 1, 0}}}));
  Ranking ranking;
  said.push_back(engine.rank({LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}}, ranking));
  said.push_back(engine.state(world.every_group()).status());
  EXPECT_EQ(world.batches_out(), 0u);
  return said;
}

TEST(ModelEngine, IsAskedOnceACallWhetherItFails) {
  std::vector<std::string> asked;
  World world({"Model", [&asked](const EngineConfig& config) {
                 return std::make_unique<ModelEngine>(config, [&asked](std::string_view call) {
                   asked.emplace_back(call);
                   return Status();
                 });
               }});
  world.start();
  for (const Status& status : call_each(world)) EXPECT_TRUE(status.ok());
  EXPECT_EQ(asked, kCalls);
  EXPECT_TRUE(world.engine().can_be_lost());
}

TEST(ModelEngine, OnceACallHasFailedItIsLostForGood) {
  for (std::size_t fails = 0; fails < kCalls.size(); ++fails) {
    SCOPED_TRACE(kCalls[fails]);
    std::size_t asked = 0;
    World world({"Model", [&](const EngineConfig& config) {
                   return std::make_unique<ModelEngine>(config, [&](std::string_view call) {
                     ++asked;
                     return call == kCalls[fails] ? Status(Code::kUnavailable, "lost in " + std::string(call))
                                                  : Status();
                   });
                 }});
    world.start();
    for (int again = 0; again < 2; ++again) {
      const std::vector<Status> said = call_each(world);
      for (std::size_t i = again == 0 ? fails : 0; i < said.size(); ++i) {
        EXPECT_EQ(said[i].code(), Code::kUnavailable);
        EXPECT_EQ(said[i].message(), "lost in " + kCalls[fails]);
      }
    }
    EXPECT_EQ(asked, fails + 1);
    LiveIds live{std::vector<std::uint8_t>(8, 0), {std::vector<std::uint8_t>(3, 0)}};
    world.engine().mark_live(live);
    EXPECT_EQ(live.items, std::vector<std::uint8_t>(8, 1)) << "of a lost engine everything is alive";
    EXPECT_EQ(live.groups[0], std::vector<std::uint8_t>(3, 1));
  }
}

// That `wrong` ends in a CHECK, in a world that is in the middle of an epoch.
void expect_check(const std::function<void(World&)>& wrong) {
  const auto run = [&wrong] {
    World world({"Model", [](const EngineConfig& config) { return std::make_unique<ModelEngine>(config); }});
    world.start();
    world.submit(distinct_items(3));
    wrong(world);
  };
  EXPECT_DEATH(run(), "CHECK failed");
}

TEST(ModelEngineDeathTest, HoldsItsOwnerToTheContract) {
  expect_check([](World& world) { world.rank(0, 0, 0); });
  expect_check([](World& world) { world.expect_state(); });
  expect_check([](World& world) { world.expect_live_ids(); });
  expect_check([](World& world) { world.engine().name_item(ItemId{2}, "another"); });
  expect_check([](World& world) {
    BatchPtr batch = world.batch_of(distinct_items(1));
    batch->item()[0] = ItemId{99};
    (void)world.engine().submit(std::move(batch));
  });
  expect_check([](World& world) {
    BatchPtr batch = world.batch_of(distinct_items(1));
    batch->combination()[0] = CombinationId{999};
    (void)world.engine().submit(std::move(batch));
  });
  expect_check([](World& world) {
    world.end_epoch();
    (void)world.engine().restore({LeaderboardIndex{0}, PaneIndex{0}, {{GroupId{1}, ItemId{50}, 1, 0}}});
    Ranking ranking;
    (void)world.engine().rank({LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}}, ranking);
  });
  expect_check([](World& world) {
    world.end_epoch();
    (void)world.engine().state({{1, 0}, {1}});
  });
}

TEST(ModelEngine, AnItemThatNoPaneHoldsMayBeNamedAnew) {
  World world({"Model", [](const EngineConfig& config) { return std::make_unique<ModelEngine>(config); }});
  world.start();
  world.submit(distinct_items(3));
  world.end_epoch();
  world.engine().name_item(ItemId{2}, "item-2");
  world.drop(0, 0);
  world.engine().name_item(ItemId{2}, "another");
}

}  // namespace
}  // namespace marquee::test
