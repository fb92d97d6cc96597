#include "app/snapshot_feed.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "serve/process_usage.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

constexpr auto kRateSpan = std::chrono::seconds(5);
constexpr std::size_t kFinals = 3;  // the newest, the one before it, and one more should both be wanted

}  // namespace

BoardsLook SnapshotFeed::look(const std::string& leaderboard, std::chrono::steady_clock::time_point now,
                              std::int64_t wall_ms) {
  BoardsLook look;
  const std::shared_ptr<const Snapshot> snapshot = board_.get();
  std::size_t shown = 0;
  for (std::size_t l = 0; l < job_.leaderboards.size(); ++l) {
    look.leaderboards.push_back(job_.leaderboards[l].name);
    if (job_.leaderboards[l].name == leaderboard) shown = l;
  }
  const LeaderboardSpec& spec = job_.leaderboards[shown];
  look.leaderboard = spec.name;
  look.about = window_text(spec.window) + (spec.measure == Measure::kViews ? ", by views" : ", by watch time");
  look.watermark = snapshot->watermark;
  const Phase phase = probe_.phase.load(std::memory_order_relaxed);
  const std::string reason = reason_now(probe_);
  look.ready = is_ready(phase, reason);
  look.state = phase_name(phase);
  if (!reason.empty()) (look.state += ": ") += reason;
  look.figures.events_per_s = rate(now);
  if (const std::int64_t lag = probe_.lag_messages.load(std::memory_order_relaxed); lag >= 0) {
    look.figures.lag = static_cast<std::uint64_t>(lag);
  }
  if (probe_.watermark_known.load(std::memory_order_acquire)) {
    look.figures.watermark_delay_ms = wall_ms - probe_.watermark_ms.load(std::memory_order_relaxed);
  }
  look.figures.epochs = probe_.epochs.load(std::memory_order_relaxed);
  look.figures.uptime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count();
  look.figures.resident_bytes = resident_bytes();
  if (shown >= snapshot->boards.size()) return look;
  for (const BoardEntry& entry : snapshot->boards[shown]) {
    if (entry.current == nullptr) continue;
    BoardsLook::Board& board = look.boards.emplace_back(BoardsLook::Board{entry.current, {}});
    if (entry.history != nullptr) {
      const auto end = entry.history->begin() + static_cast<std::ptrdiff_t>(std::min(kFinals, entry.history->size()));
      board.finals.assign(entry.history->begin(), end);
    } else if (entry.last_final != nullptr) {
      board.finals.push_back(entry.last_final);
    }
  }
  return look;
}

// Events per second over the last few seconds.
double SnapshotFeed::rate(std::chrono::steady_clock::time_point now) {
  std::uint64_t read = 0;
  for (const Counter& verdict : probe_.verdicts) read += verdict.load(std::memory_order_relaxed);
  samples_.emplace_back(now, read);
  while (samples_.size() > 2 && now - samples_[1].first >= kRateSpan) samples_.pop_front();
  const double seconds = std::chrono::duration<double>(now - samples_.front().first).count();
  return seconds > 0 ? static_cast<double>(read - samples_.front().second) / seconds : 0;
}

}  // namespace marquee
