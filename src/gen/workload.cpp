#include "gen/workload.hpp"

#include <algorithm>

#include "gen/audience.hpp"
#include "gen/mix.hpp"

namespace marquee::gen {
namespace {

constexpr int64_t kDayMs = 86'400'000;
// A viral title is for browsers: only short sessions turn to it, so that it fades almost as fast as it rose.
constexpr int64_t kViralBeatsMax = 10;
constexpr int64_t kViralPeak =
    320;  // of 1024 such sessions, for each of the two or three titles that are viral at once

// Session lengths in beats: many look and leave, some stay for an episode, a few for a film.
constexpr std::array<uint8_t, 64> kSessionBeats{2,  2,  2,  2,  2,  3,  3,  3,  3,  3,  3,  4,  4,  4,  4,  4,
                                                4,  4,  5,  5,  5,  5,  5,  6,  6,  6,  6,  7,  7,  7,  8,  8,
                                                8,  8,  9,  9,  10, 10, 11, 11, 12, 12, 13, 14, 15, 16, 17, 18,
                                                19, 20, 22, 24, 26, 28, 30, 34, 38, 42, 48, 56, 66, 78, 92, 110};

uint64_t key(uint64_t seed, uint64_t purpose) {
  return mix64(mix64(seed) + purpose * 0xd1342543de82ef95ULL);
}

uint64_t of_2_32(double share) {
  return static_cast<uint64_t>(share * 4294967296.0);
}

// Of 1024: how much of the browsing a title draws `age_ms` after it began to go viral.
int64_t viral_pull(int64_t age_ms) {
  constexpr int64_t kRiseMs = 40'000;
  constexpr int64_t kFadeMs = kViralLifeMs - 80'000;
  if (age_ms < 0 || age_ms >= kViralLifeMs) return 0;
  if (age_ms < kRiseMs) return kViralPeak * age_ms / kRiseMs;
  return kViralPeak * std::min(kFadeMs, kViralLifeMs - age_ms) / kFadeMs;
}

}  // namespace

uint64_t watching_at_once(const Rate& density) {
  return density.events_in(kBeatMs);
}

Workload::Workload(const GenOptions& options, const Resolved& resolved, const Catalogue& catalogue)
    : seat_key_(key(options.seed, 1)),
      chapter_key_(key(options.seed, 2)),
      session_key_(key(options.seed, 3)),
      viewer_key_(key(options.seed, 4)),
      viral_key_(key(options.seed, 5)),
      delay_key_(key(options.seed, 6)),
      fate_key_(key(options.seed, 7)),
      id_key_(key(options.seed, 8)),
      density_(resolved.density),
      start_ms_(resolved.start_ms),
      seats_(watching_at_once(resolved.density)),
      viewers_(resolved.viewers),
      bad_below_(of_2_32(options.bad_share)),
      late_below_(bad_below_ + of_2_32(options.late_share)),
      catalogue_(catalogue) {}

Workload::Session Workload::session_at(uint64_t seat, uint64_t beat) const {
  // The first chapter of a seat began before the stream did, so that event 0 finds everybody already watching.
  const uint64_t since = beat + below(draw(seat_key_, seat), static_cast<uint64_t>(kBeatsPerChapter));
  const uint64_t chapter = since / static_cast<uint64_t>(kBeatsPerChapter);
  const auto position = static_cast<int64_t>(since % static_cast<uint64_t>(kBeatsPerChapter));
  uint64_t state = draw(chapter_key_ ^ mix64(seat), chapter);
  for (int64_t first = 0;;) {
    int64_t beats = kSessionBeats[state >> 58];
    if (kBeatsPerChapter - (first + beats) < 2) beats = kBeatsPerChapter - first;  // a session has a start and a stop
    if (position < first + beats) return {mix64(state ^ session_key_), position - first, beats};
    first += beats;
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's MMIX generator
  }
}

uint32_t Workload::viral_title(int64_t ms) const {
  const uint64_t word = draw(viral_key_, static_cast<uint64_t>(ms / kViralEveryMs));
  // Nobody is surprised by what is popular anyway.
  const uint32_t size = catalogue_.size();
  const uint32_t first = size > 200 ? 50 : 0;
  return first + static_cast<uint32_t>(below(word, size - first));
}

uint32_t Workload::pick_title(uint64_t word, int64_t beats, int64_t start_ms) const {
  if (beats <= kViralBeatsMax) {
    auto luck = static_cast<int64_t>(word & 1023);
    const int64_t minute = start_ms - start_ms % kViralEveryMs;
    for (int64_t since = minute; start_ms - since < kViralLifeMs; since -= kViralEveryMs) {
      luck -= viral_pull(start_ms - since);
      if (luck < 0) return viral_title(std::max<int64_t>(since, 0));
    }
  }
  return catalogue_.sample(mix64(word));
}

int64_t Workload::delay_ms(uint64_t index) const {
  // Nine of ten come at once, one of ten over a poor network.
  const uint64_t word = draw(delay_key_, index);
  const bool slow = (word & 0xffff) < 6554;
  return static_cast<int64_t>(below(word, slow ? static_cast<uint64_t>(kJitterMaxMs) : 250));
}

Event Workload::event_at(uint64_t index) const {
  const uint64_t beat = index / seats_;
  const uint64_t seat = index % seats_;
  const Session session = session_at(seat, beat);
  const auto number = static_cast<int64_t>(index);
  const auto seats = static_cast<int64_t>(seats_);

  Event event;
  event.index = index;
  event.session = session.word;
  event.send_ms = start_ms_ + density_.offset_ms(number);
  const int64_t happened_ms = event.send_ms - delay_ms(index);
  const int64_t began_ms = start_ms_ + density_.offset_ms(number - session.beat * seats);
  const uint64_t taste = draw(session.word, 0);
  event.title = pick_title(taste, session.beats, std::max<int64_t>(began_ms, 0));
  event.viewer = static_cast<uint32_t>(below(draw(session.word, 1), viewers_));
  const uint64_t person = draw(viewer_key_, event.viewer);
  const Viewer viewer = viewer_from(person);
  event.country = viewer.country;
  event.age_band = viewer.age_band;
  event.device = (session.word & 3) != 0 ? viewer.device : device_from(session.word >> 8);

  event.watch_ms = 0;
  event.action = Action::kStart;
  if (session.beat > 0) {
    event.action = session.beat == session.beats - 1 ? Action::kStop : Action::kHeartbeat;
    const int64_t last_ms = start_ms_ + density_.offset_ms(number - seats) - delay_ms(index - seats_);
    int64_t watched_ms = std::clamp<int64_t>(happened_ms - last_ms, 0, kDayMs);
    // One beat in sixteen was paused for a part of it.
    const uint64_t pause = draw(session.word, 1 + static_cast<uint64_t>(session.beat));
    if ((pause & 15) == 0) watched_ms = watched_ms * static_cast<int64_t>((pause >> 4) & 255) / 256;
    event.watch_ms = static_cast<uint32_t>(watched_ms);
  }

  const uint64_t fate = draw(fate_key_, index);
  const uint64_t luck = fate >> 32;
  event.chance = mix64(fate);
  event.fate = luck < bad_below_ ? Fate::kBad : luck < late_below_ ? Fate::kFarBehind : Fate::kGood;
  event.event_ms = happened_ms;
  if (event.fate == Fate::kFarBehind) {
    // Seven of eight within ten minutes, the others within the hour.
    const int64_t most = (event.chance & 7) != 0 ? 600'000 : kFarBehindMaxMs;
    const auto spread = static_cast<uint64_t>(most - kFarBehindMinMs);
    event.event_ms = event.send_ms - kFarBehindMinMs - static_cast<int64_t>(below(event.chance, spread));
  }
  event.event_ms = std::max<int64_t>(event.event_ms, 0);
  event.id_high = (draw(id_key_, 2 * index) & ~0xf000ULL) | 0x4000ULL;
  event.id_low = (draw(id_key_, 2 * index + 1) & ~(3ULL << 62)) | (2ULL << 62);
  return event;
}

}  // namespace marquee::gen
