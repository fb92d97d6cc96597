// The decoder beside a loop that only parses the same fields with simdjson, in one run, on the same arenas.
//
// Events: about 195 bytes, eight fields (event_id, action, user_id, content_id, category, country, event_time,
// watch_ms), one a line; 100 k items, Zipf 1.0; 8 categories, 40 countries; 4 arenas of 16,384 events, taken in turn.
// Both read the same six fields: action, content_id, category, country, event_time and watch_ms; the decoder the first
// for its `where`, which lets every record through. The loop reads them by key in the order they stand in, from
// iterate_many over windows of 1 MB, without threads. The decoder checks every byte, looks items and combinations up
// and fills the columns. Both must come to the same sums.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/dictionary.hpp"
#include "core/result.hpp"
#include "decode/decoder.hpp"

namespace {

using namespace marquee;

constexpr std::size_t kArenas = 4;
constexpr std::uint32_t kEvents = 16'384;
constexpr std::size_t kItems = 100'000;
constexpr std::size_t kEventIdBytes = 26;  // as long as a ULID

struct Sums {
  std::uint64_t events = 0, item_bytes = 0, combination_bytes = 0, time_ms = 0, watch_ms = 0;
  friend bool operator==(const Sums&, const Sums&) = default;
};

enum class Kind { kSmall, kTitled };  // kTitled adds a title, every third not ASCII, one in fifty with an escape

std::vector<std::string> make_events(Kind kind) {
  std::mt19937_64 random(7);
  std::vector<double> cumulative(kItems);
  double sum = 0;
  for (std::size_t i = 0; i < kItems; ++i) cumulative[i] = sum += 1.0 / static_cast<double>(i + 1);
  static const char* const categories[] = {"movie", "show", "live", "kids", "documentary", "sports", "music", "news"};
  static const char* const actions[] = {"start", "heartbeat", "heartbeat", "heartbeat", "stop"};
  static const char* const titles[] = {"Heat",  "Am\xc3\xa9lie", "The Long Goodbye",
                                       "Alien", "Das Boot",      "\xe4\xb8\x83\xe4\xba\xba\xe3\x81\xae\xe4\xbe\x8d"};
  std::vector<std::string> events;
  for (std::size_t i = 0; i < kArenas * kEvents; ++i) {
    const double at = std::uniform_real_distribution<double>(0, sum)(random);
    const auto rank =
        static_cast<std::size_t>(std::lower_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin());
    char rest[256];
    const std::string title =
        kind == Kind::kSmall
            ? ""
            : std::string("\"title\":\"") + (random() % 50 == 0 ? "\\\"M\\\"" : titles[random() % 6]) + "\",";
    std::snprintf(rest, sizeof rest,
                  R"(","action":"%s","user_id":"u-%llu","content_id":"m-%06zu",%s"category":"%s","country":"%c%c",)"
                  R"("event_time":%llu,"watch_ms":%llu})",
                  actions[random() % 5], static_cast<unsigned long long>(random() % 2'000'000), rank * 7919 % 1'000'003,
                  title.c_str(), categories[random() % 8], static_cast<char>('A' + random() % 8),
                  static_cast<char>('A' + random() % 5), static_cast<unsigned long long>(1'763'000'000'000 + i * 3),
                  static_cast<unsigned long long>(random() % 3 == 0 ? random() % 5'000 : 30'000));
    std::string event = R"({"event_id":")";
    for (std::size_t n = 0; n < kEventIdBytes; ++n) event += "0123456789abcdef"[random() % 16];
    events.push_back(event + rest);
  }
  return events;
}

JobSpec make_job() {
  JobSpec job;
  job.event.item = {{"content_id"}};
  job.event.time = {{"event_time"}};
  job.event.watch = {{"watch_ms"}};
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}, {"country", {{"country"}}, std::nullopt}};
  job.event.where = {{{{"action"}}, {"start", "heartbeat", "stop"}}};
  return job;
}

struct Workload {
  explicit Workload(Kind kind) {
    const std::vector<std::string> events = make_events(kind);
    for (std::size_t a = 0; a < kArenas; ++a) {
      batches.push_back(
          std::make_unique<Batch>(BatchShape{.events_max = kEvents, .arena_bytes = 8u << 20, .leaderboard_count = 1}));
      for (std::size_t i = 0; i < kEvents; ++i) batches[a]->append(events[a * kEvents + i], 0, Offset{0}, -1);
    }
    // Every id is known, as in a stream that has run for a while.
    Decoder decoder(job, items, combinations);
    for (auto& batch : batches) {
      split_records(*batch, 0, Framing::kLines);
      decoder.decode(*batch, 0, batch->records.size());
      for (const PendingKey& key : batch->pending_items) items.find_or_give(key.bytes, key.hash);
      for (const PendingKey& key : batch->pending_combinations) combinations.find_or_give(key.bytes, key.hash);
    }
  }

  Sums decode(Decoder& decoder, std::size_t a, bool check) {
    Batch& batch = *batches[a];
    batch.event_count = 0;
    batch.records.clear();
    batch.pending_items.clear();
    batch.pending_combinations.clear();
    split_records(batch, 0, Framing::kLines);
    decoder.decode(batch, 0, batch.records.size());
    benchmark::DoNotOptimize(batch.columns_data());
    Sums sums;
    if (!check) return sums;
    sums.events = batch.event_count;
    for (std::uint32_t e = 0; e < batch.event_count; ++e) {
      sums.item_bytes += items.text(raw(batch.item()[e])).size();
      const std::string_view combination = combinations.text(raw(batch.combination()[e]));
      sums.combination_bytes += key_part(combination, 0).size() + key_part(combination, 1).size();
      sums.time_ms += static_cast<std::uint64_t>(batch.time_ms()[e]);
      sums.watch_ms += batch.watch_ms()[e];
    }
    return sums;
  }

  Sums parse(std::size_t a) {
    Sums sums;
    const Batch& batch = *batches[a];
    simdjson::ondemand::document_stream stream;
    if (parser.iterate_many(batch.arena(), batch.arena_used, 1u << 20).get(stream)) std::abort();
    std::string_view action, item, category, country;
    std::uint64_t others = 0;
    for (auto document : stream) {
      simdjson::ondemand::object object;
      std::uint64_t time = 0, watch = 0;
      if (document.get_object().get(object) || object["action"].get(action) || object["content_id"].get(item) ||
          object["category"].get(category) || object["country"].get(country) || object["event_time"].get(time) ||
          object["watch_ms"].get(watch)) {
        std::abort();
      }
      ++sums.events;
      sums.item_bytes += item.size();
      sums.combination_bytes += category.size() + country.size();
      others += action.size();
      sums.time_ms += time;
      sums.watch_ms += watch;
    }
    benchmark::DoNotOptimize(others);
    return sums;
  }

  JobSpec job = make_job();
  Dictionary items{1'000'000, 42};
  Dictionary combinations{65'536, 42};
  std::vector<std::unique_ptr<Batch>> batches;
  simdjson::ondemand::parser parser = [] {
    simdjson::ondemand::parser p;
#ifdef SIMDJSON_THREADS_ENABLED
    p.threaded = false;
#endif
    return p;
  }();
};

Workload& workload(Kind kind) {
  static Workload small(Kind::kSmall), titled(Kind::kTitled);
  return kind == Kind::kSmall ? small : titled;
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void ratio(benchmark::State& state, Kind kind, decoding::ReaderChoice choice) {
  Workload& w = workload(kind);
  Decoder decoder(w.job, w.items, w.combinations, choice);
  for (std::size_t a = 0; a < kArenas; ++a) {
    if (!(w.decode(decoder, a, true) == w.parse(a))) {
      state.SkipWithError("decoder and simdjson loop disagree");
      return;
    }
  }
  double decode_seconds = 0, loop_seconds = 0;
  std::uint64_t events = 0, bytes = 0;
  std::size_t a = 0;
  for (auto _ : state) {
    const double t0 = cpu_seconds();
    benchmark::DoNotOptimize(w.parse(a));
    const double t1 = cpu_seconds();
    w.decode(decoder, a, false);
    const double t2 = cpu_seconds();
    loop_seconds += t1 - t0;
    decode_seconds += t2 - t1;
    state.SetIterationTime(t2 - t1);
    events += kEvents;
    bytes += w.batches[a]->arena_used;
    a = (a + 1) % kArenas;
  }
  const auto n = static_cast<double>(events);
  state.counters["decode_ns/event"] = 1e9 * decode_seconds / n;
  state.counters["simdjson_ns/event"] = 1e9 * loop_seconds / n;
  state.counters["ratio"] = loop_seconds / decode_seconds;
  state.counters["events/s"] = n / decode_seconds;
  state.counters["bytes/s"] = static_cast<double>(bytes) / decode_seconds;
}

constexpr decoding::ReaderChoice kAll{.scanner = true, .stream = true};
constexpr decoding::ReaderChoice kNoScanner{.scanner = false, .stream = true};
constexpr decoding::ReaderChoice kAlone{.scanner = false, .stream = false};

BENCHMARK_CAPTURE(ratio, small, Kind::kSmall, kAll)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(ratio, titled, Kind::kTitled, kAll)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(ratio, small_without_scanner, Kind::kSmall, kNoScanner)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(ratio, small_record_by_record, Kind::kSmall, kAlone)->UseManualTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
