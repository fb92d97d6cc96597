// The model: which event is the n-th of the stream, as a pure function of the seed and n.
//
// At any moment a fixed number of seats is taken, as many as send a beat every 15 s at the given density. Seat s sends
// the events s, s + seats, s + 2·seats …: one a beat. The beats of a seat are divided into chapters of an hour at an
// offset of the seat's own, a chapter into sessions of random length; all of that is a hash of (seed, seat, chapter).
// So any event can be computed alone, by any thread, and neighbours need not know of each other.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gen/catalogue.hpp"
#include "gen/options.hpp"

namespace marquee::gen {

inline constexpr int64_t kBeatMs = 15'000;
inline constexpr int64_t kBeatsPerChapter = 240;
/// An event that is not far behind happened at most so long before it is sent: below the default disorder of 5 s.
inline constexpr int64_t kJitterMaxMs = 4'000;
/// A far-behind event happened between one and sixty minutes before it is sent.
inline constexpr int64_t kFarBehindMinMs = 60'000;
inline constexpr int64_t kFarBehindMaxMs = 3'600'000;
/// A new title goes viral every minute of event time. For 40 s it draws ever more, for 40 s most, then it fades.
inline constexpr int64_t kViralEveryMs = 60'000;
inline constexpr int64_t kViralLifeMs = 150'000;

/// How many sessions are open at any time.
uint64_t watching_at_once(const Rate& density);

enum class Action : uint8_t { kStart, kHeartbeat, kStop };
inline constexpr std::array<std::string_view, 3> kActions{"start", "heartbeat", "stop"};

/// What is wrong with an event's record, if anything.
enum class Fate : uint8_t { kGood, kFarBehind, kBad };

/// One event, not yet text. A value; views are of static text.
struct Event {
  uint64_t index;    ///< from 0, in the order of sending
  uint64_t id_high;  ///< event id: a UUID (version 4 in form), 128 bits
  uint64_t id_low;
  uint64_t session;   ///< session id
  uint64_t chance;    ///< random bits for whoever spoils the record
  int64_t send_ms;    ///< when the stream sends it, in event time
  int64_t event_ms;   ///< when it happened: at most send_ms
  uint32_t watch_ms;  ///< watched since the session's last event; 0 for a start
  uint32_t title;
  uint32_t viewer;
  Action action;
  Fate fate;
  std::string_view country;
  std::string_view age_band;
  std::string_view device;
};

/// The stream. Immutable after construction; any thread may read.
class Workload {
 public:
  /// `resolved` must come from resolve(options), `catalogue` from the same options; it must outlive the workload.
  Workload(const GenOptions& options, const Resolved& resolved, const Catalogue& catalogue);

  /// Event `index` of the stream; about 60 ns, no memory.
  Event event_at(uint64_t index) const;

  /// The title that began to go viral in the minute of event time that `ms` lies in.
  uint32_t viral_title(int64_t ms) const;

  const Catalogue& catalogue() const { return catalogue_; }

 private:
  struct Session {
    uint64_t word;  // random bits of this session
    int64_t beat;   // of the event within it
    int64_t beats;  // in all
  };

  Session session_at(uint64_t seat, uint64_t beat) const;
  uint32_t pick_title(uint64_t word, int64_t beats, int64_t start_ms) const;
  int64_t delay_ms(uint64_t index) const;

  // One stream of random words for each purpose.
  uint64_t seat_key_, chapter_key_, session_key_, viewer_key_, viral_key_, delay_key_, fate_key_, id_key_;
  Rate density_;
  int64_t start_ms_;
  uint64_t seats_;
  uint64_t viewers_;
  uint64_t bad_below_;   // of 2^32
  uint64_t late_below_;  // of 2^32, bad included
  const Catalogue& catalogue_;
};

}  // namespace marquee::gen
