#include "pipeline/engine_feed.hpp"

#include <algorithm>
#include <utility>

#include "core/check.hpp"

namespace marquee {

Status EngineFeed::submit(BatchPtr batch, Engine& engine) {
  if (batch->event_count <= events_max_) return engine.submit(std::move(batch));
  for (std::uint32_t first = 0; first < batch->event_count; first += events_max_) {
    BatchPtr piece = pieces_.acquire(std::chrono::milliseconds{0});
    MARQUEE_CHECK(piece != nullptr);
    copy(*batch, first, *piece);
    if (Status s = engine.submit(std::move(piece)); !s.ok()) return s;
  }
  return {};
}

// Slots are numbered anew, so that a piece has no more of them than events, however many the long batch has.
void EngineFeed::copy(const Batch& from, std::uint32_t first, Batch& piece) {
  const std::uint32_t count = std::min(events_max_, from.event_count - first);
  piece.event_count = count;
  piece.generation = from.generation;
  std::copy_n(from.item() + first, count, piece.item());
  std::copy_n(from.combination() + first, count, piece.combination());
  std::copy_n(from.watch_ms() + first, count, piece.watch_ms());
  const std::uint32_t* const slot = from.slot() + first;
  const std::size_t row = from.leaderboard_count();
  slot_in_piece_.resize(from.slot_count());
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t& found = slot_in_piece_[slot[i]];
    if (found == 0 && slot[i] != 0) {
      found = piece.slot_count();
      const auto panes = from.slot_panes.begin() + static_cast<std::ptrdiff_t>(slot[i] * row);
      piece.slot_panes.insert(piece.slot_panes.end(), panes, panes + static_cast<std::ptrdiff_t>(row));
      piece.slot_events.push_back(0);
    }
    piece.slot()[i] = found;
    ++piece.slot_events[found];
  }
  for (std::uint32_t i = 0; i < count; ++i) slot_in_piece_[slot[i]] = 0;
}

}  // namespace marquee
