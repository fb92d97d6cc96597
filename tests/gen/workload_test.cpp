#include "gen/workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "gen/block.hpp"
#include "gen/emitted.hpp"

namespace marquee::gen {
namespace {

using gen_test::generate;
using gen_test::lines_of;
using gen_test::parse_json;
using gen_test::valid_event;

// A workload with everything it stands on.
struct Stream {
  explicit Stream(GenOptions chosen) : options(std::move(chosen)), catalogue(options.titles, options.seed) {
    options.output = "-";
    EXPECT_TRUE(resolve(options, 0, resolved).ok());
    workload.emplace(options, resolved, catalogue);
  }
  GenOptions options;
  Resolved resolved;
  Catalogue catalogue;
  std::optional<Workload> workload;
};

TEST(Workload, SessionsStartBeatAndStopAndAddUpTheirWatchTime) {
  GenOptions options;
  options.bad_share = options.late_share = 0;
  const Stream stream(options);
  struct Seen {
    std::vector<Event> events;
  };
  std::map<uint64_t, Seen> sessions;
  constexpr uint64_t kEvents = 400'000;  // twenty minutes
  for (uint64_t i = 0; i < kEvents; ++i) {
    const Event event = stream.workload->event_at(i);
    sessions[event.session].events.push_back(event);
  }
  uint64_t whole = 0;
  for (const auto& [id, session] : sessions) {
    const auto& events = session.events;
    for (size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].title, events[0].title);
      EXPECT_EQ(events[i].viewer, events[0].viewer);
      EXPECT_EQ(events[i].device, events[0].device);
      if (i > 0) {
        EXPECT_NE(events[i].action, Action::kStart);
        EXPECT_NE(events[i - 1].action, Action::kStop);
        const int64_t since_ms = events[i].event_ms - events[i - 1].event_ms;
        EXPECT_LE(events[i].watch_ms, since_ms);
        EXPECT_NEAR(static_cast<double>(since_ms), static_cast<double>(kBeatMs), static_cast<double>(kJitterMaxMs));
      }
      EXPECT_EQ(events[i].watch_ms == 0 && events[i].action == Action::kStart, events[i].action == Action::kStart);
    }
    whole += events.front().action == Action::kStart && events.back().action == Action::kStop;
  }
  EXPECT_GT(whole, 5'000U);
}

TEST(Workload, EventsOfOneStreamHaveDistinctIds) {
  const Stream stream({});
  std::set<std::pair<uint64_t, uint64_t>> ids;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const Event event = stream.workload->event_at(i);
    EXPECT_TRUE(ids.emplace(event.id_high, event.id_low).second);
  }
}

TEST(Workload, DisorderStaysWithinTheJitterAndFarBehindWithinTheHour) {
  GenOptions options;
  options.late_share = 0.2;
  options.bad_share = 0.1;
  const Stream stream(options);
  constexpr uint64_t kEvents = 200'000;
  uint64_t far_behind = 0;
  uint64_t bad = 0;
  uint64_t out_of_order = 0;
  int64_t before_ms = 0;
  for (uint64_t i = 0; i < kEvents; ++i) {
    const Event event = stream.workload->event_at(i);
    EXPECT_EQ(event.send_ms, kDefaultStartMs + static_cast<int64_t>(3 * i));
    const int64_t behind_ms = event.send_ms - event.event_ms;
    if (event.fate == Fate::kFarBehind) {
      ++far_behind;
      EXPECT_GE(behind_ms, kFarBehindMinMs);
      EXPECT_LT(behind_ms, kFarBehindMaxMs);
    } else {
      bad += event.fate == Fate::kBad;
      EXPECT_GE(behind_ms, 0);
      EXPECT_LT(behind_ms, kJitterMaxMs);
      out_of_order += event.event_ms < before_ms;
      before_ms = event.event_ms;
    }
  }
  EXPECT_NEAR(static_cast<double>(far_behind), 0.2 * kEvents, 1'000);
  EXPECT_NEAR(static_cast<double>(bad), 0.1 * kEvents, 800);
  EXPECT_GT(out_of_order, kEvents / 10);
}

TEST(Workload, ATitleGoesViralAndFades) {
  GenOptions options;
  const Stream stream(options);
  // In minute 20 a title begins; its share of all views in each half minute around.
  const int64_t minute_ms = kDefaultStartMs + 20 * kViralEveryMs;
  const uint32_t viral = stream.workload->viral_title(minute_ms);
  ASSERT_GE(viral, 50U);
  const auto views = [&](int64_t from_ms) {
    const auto first = static_cast<uint64_t>((minute_ms + from_ms - kDefaultStartMs) / 3);
    uint64_t count = 0;
    for (uint64_t i = first; i < first + 10'000; ++i) count += stream.workload->event_at(i).title == viral;
    return count;
  };
  const uint64_t before = views(-60'000);
  const uint64_t rising = views(30'000);
  const uint64_t peak = views(80'000);
  const uint64_t fading = views(180'000);
  const uint64_t after = views(400'000);
  EXPECT_LT(before, 60U);
  EXPECT_GT(rising, 2 * before + 50);
  EXPECT_GT(peak, rising);
  EXPECT_GT(peak, 300U);
  EXPECT_LT(fading, peak / 2);
  EXPECT_LT(after, peak / 8);
}

TEST(Workload, TheHeadIsHeavierThanTheTail) {
  const Stream stream({});
  uint64_t head = 0;
  uint64_t tail = 0;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint32_t title = stream.workload->event_at(i).title;
    head += title < 10;
    tail += title >= 1'000;
  }
  EXPECT_GT(head, 20'000U);
  EXPECT_LT(tail, head / 2);
}

TEST(Stream, SameSeedSameBytesForAnyThreadsAndRate) {
  GenOptions options;
  options.count = 100'000;
  options.bad_share = options.late_share = 0.02;
  const std::string once = generate(options);
  EXPECT_EQ(lines_of(once).size(), 100'000U);
  for (const uint32_t threads : {1U, 2U, 4U}) {
    options.threads = threads;
    options.rate = Rate::max();
    EXPECT_TRUE(once == generate(options)) << threads;
    options.rate = Rate::per_second(300'000);  // blocks of another size
    EXPECT_TRUE(once == generate(options)) << threads;
  }
  options.seed = 2;
  EXPECT_FALSE(once == generate(options));
}

TEST(Stream, AnyCutIntoBlocksGivesTheSameBytes) {
  GenOptions options;
  options.bad_share = 0.05;
  const Stream stream(options);
  Block block;
  block.fill(*stream.workload, {}, 0, 10'000);
  const std::string whole(block.bytes());
  for (const uint64_t size : {1U, 7U, 4'096U}) {
    std::string parts;
    for (uint64_t first = 0; first < 10'000; first += size) {
      block.fill(*stream.workload, {}, first, std::min<uint64_t>(size, 10'000 - first));
      parts += block.bytes();
    }
    EXPECT_TRUE(whole == parts) << size;
  }
}

// The bytes are a promise to whoever keeps a seed: a change here must be meant, and said in the change log.
TEST(Stream, TheFirstEventOfSeedSevenIsKnown) {
  GenOptions options;
  options.seed = 7;
  options.count = 1;
  EXPECT_EQ(generate(options),
            "{\"event_id\":\"0db514fd-d4f9-43b3-a95b-46e0517d0cc4\",\"action\":\"heartbeat\",\"user_id\":\"u-0018312\","
            "\"content_id\":\"m-000538\",\"title\":\"Forgotten "
            "Runway\",\"category\":\"movie\",\"country\":\"ZA\",\"device\":\"mobile\",\"age_band\":\"35-44\",\"session_"
            "id\":\"15e0d6015bd8ab3d\",\"event_time\":1763798399940,\"watch_ms\":15124}\n");
  options.profile = Profile::kSmall;
  EXPECT_EQ(generate(options),
            "{\"event_id\":\"0db514fd-d4f9-43b3-a95b-46e0517d0cc4\",\"action\":\"heartbeat\",\"user_id\":\"u-0018312\","
            "\"content_id\":\"m-000538\",\"category\":\"movie\",\"country\":\"ZA\",\"event_time\":1763798399940,"
            "\"watch_ms\":15124}\n");
}

TEST(Stream, FieldsStandInTheirOrder) {
  GenOptions options;
  options.count = 1'000;
  options.bad_share = 0;
  const std::vector<std::string> full{"event_id", "action", "user_id",  "content_id", "title",      "category",
                                      "country",  "device", "age_band", "session_id", "event_time", "watch_ms"};
  const std::vector<std::string> small{"event_id", "action",  "user_id",    "content_id",
                                       "category", "country", "event_time", "watch_ms"};
  for (const auto profile : {Profile::kFull, Profile::kSmall}) {
    options.profile = profile;
    const std::string text = generate(options);
    for (const auto line : lines_of(text)) {
      const auto json = parse_json(line);
      ASSERT_TRUE(json) << line;
      EXPECT_EQ(json->keys, profile == Profile::kFull ? full : small);
    }
  }
}

TEST(Stream, SmallEventsAreAbout195Bytes) {
  GenOptions options;
  options.count = 50'000;
  options.bad_share = 0;
  options.profile = Profile::kSmall;
  const auto mean = static_cast<double>(generate(options).size()) / 50'000;
  EXPECT_GT(mean, 185);
  EXPECT_LT(mean, 205);
}

TEST(Stream, EveryBadKindIsInvalidAndComesAsOftenAsTheOthers) {
  GenOptions options;
  options.count = 42'000;
  options.bad_share = 1;
  options.late_share = 0;
  for (const auto profile : {Profile::kFull, Profile::kSmall}) {
    options.profile = profile;
    const std::string text = generate(options);
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 42'000U);
    for (const auto line : lines) {
      EXPECT_FALSE(valid_event(line)) << line;
      EXPECT_FALSE(line.empty());
      EXPECT_NE(line.front(), '[');
      EXPECT_LE(line.size(), kBadBytesMax);
    }
  }
  const Stream stream(options);
  std::array<uint64_t, kBadKinds.size()> seen{};
  for (uint64_t i = 0; i < 42'000; ++i)
    ++seen[static_cast<size_t>(bad_kind(stream.workload->event_at(i), kBadKindsFile))];
  for (size_t kind = 0; kind < seen.size(); ++kind) {
    EXPECT_NEAR(static_cast<double>(seen[kind]), kind < kBadKindsFile ? 2'000 : 0, 250) << kBadKinds[kind];
  }
}

}  // namespace
}  // namespace marquee::gen
