// HoldingEngine: the CPU engine behind what a device does: batches are taken late, and come home only when later ones
// push them out. It keeps as many as the contract allows, for as long as it allows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "cpu/cpu_engine.hpp"

namespace marquee::test {

class HoldingEngine final : public Engine {
 public:
  explicit HoldingEngine(const EngineConfig& config)
      : inner_(make_cpu_engine(config)), events_max_(config.batch_events_max) {}

  Status submit(BatchPtr batch) override {
    EXPECT_LE(batch->event_count, events_max_);
    EXPECT_LE(batch->slot_count(), batch->event_count + 1);
    rows_held_ += std::uint64_t{batch->event_count} * batch->leaderboard_count();
    held_.push_back({std::move(batch), false});
    while (held_.size() > kEngineBatchesHeldMax) {
      take(held_.front());
      held_.pop_front();
    }
    return {};
  }
  Result<const Partials*> end_epoch() override {
    for (Held& held : held_) take(held);
    return inner_->end_epoch();
  }
  std::uint64_t epoch_rows() const override { return inner_->epoch_rows() + rows_held_; }
  void map_combination(CombinationId combination, std::span<const GroupId> groups) override {
    inner_->map_combination(combination, groups);
  }
  void name_item(ItemId item, std::string_view text) override { inner_->name_item(item, text); }
  Status rank(const RankQuery& query, Ranking& out) override { return inner_->rank(query, out); }
  void drop(LeaderboardIndex leaderboard, PaneIndex pane) override { inner_->drop(leaderboard, pane); }
  Status restore(const PanePartials& partials) override { return inner_->restore(partials); }
  void clear() override {
    held_.clear();
    rows_held_ = 0;
    inner_->clear();
  }
  Result<const Partials*> state(const std::vector<std::vector<std::uint8_t>>& wanted) override {
    return inner_->state(wanted);
  }
  void mark_live(LiveIds& live) override { inner_->mark_live(live); }
  void forget_floors() override { inner_->forget_floors(); }
  EngineStats stats() const override { return inner_->stats(); }
  std::string_view name() const override { return "holding"; }
  bool can_be_lost() const override { return false; }

 private:
  struct Held {
    BatchPtr batch;
    bool taken;
  };
  // The inner engine lets go of a batch at once; it stays ours.
  struct Nowhere final : BatchHome {
    void take_back(Batch*) noexcept override {}
  };
  void take(Held& held) {
    if (std::exchange(held.taken, true)) return;
    rows_held_ -= std::uint64_t{held.batch->event_count} * held.batch->leaderboard_count();
    EXPECT_TRUE(inner_->submit(BatchPtr(held.batch.get(), SendHome{&nowhere_})).ok());
  }

  std::unique_ptr<Engine> inner_;
  Nowhere nowhere_;
  std::deque<Held> held_;
  std::uint64_t rows_held_ = 0;
  std::uint32_t events_max_;
};

}  // namespace marquee::test
