// EngineFeed: gives batches to the engine. An engine takes at most EngineConfig::batch_events_max events at a time, in
// columns that were made at start; the one batch that may hold more, because a message does, is copied to it piece by
// piece. Engine thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/batch.hpp"
#include "core/engine.hpp"
#include "core/status.hpp"
#include "pipeline/batch_pool.hpp"

namespace marquee {

class EngineFeed {
 public:
  // Pieces hold `events_max` events. Outlives the engines it feeds. Its memory is touched only once a piece is needed.
  EngineFeed(std::uint32_t events_max, std::uint32_t leaderboard_count)
      : pieces_({events_max, 0, leaderboard_count}, kEngineBatchesHeldMax + 1), events_max_(events_max) {}

  // Appends the columns of its pieces: an engine may pin them.
  void add_columns(std::vector<std::span<std::byte>>& to) const { pieces_.add_columns(to); }
  // Submits the batch whole, or, where it holds more than events_max, as pieces in order. Never waits for a batch: the
  // engine holds at most kEngineBatchesHeldMax of the pieces, and there is one more. An error of the engine's is final.
  Status submit(BatchPtr batch, Engine& engine);

 private:
  void copy(const Batch& from, std::uint32_t first, Batch& piece);

  BatchPool pieces_;
  const std::uint32_t events_max_;
  std::vector<std::uint32_t> slot_in_piece_;  // scratch: [slot of the long batch]; 0: not there yet
};

}  // namespace marquee
