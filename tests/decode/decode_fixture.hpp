// What the decoder's tests share: a job, dictionaries, batches filled from text, and a readable form of what came out.
#pragma once

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.hpp"
#include "core/dictionary.hpp"
#include "core/job.hpp"
#include "core/result.hpp"
#include "decode/decoder.hpp"

namespace marquee::test {

// content_id, event_time in ms, watch_ms; dimensions category and geo.country (default "unknown"); no where.
inline JobSpec plain_job() {
  JobSpec job;
  job.event.item = {{"content_id"}};
  job.event.time = {{"event_time"}};
  job.event.watch = {{"watch_ms"}};
  job.event.dimensions = {{"category", {{"category"}}, std::nullopt}, {"country", {{"geo", "country"}}, "unknown"}};
  return job;
}

// One decoded record in words: "counted m-1|movie,de|1000|50", "filtered", "item_missing".
struct Outcome {
  Verdict verdict = Verdict::kLate;  // never a decoder's
  std::string text;
  friend bool operator==(const Outcome&, const Outcome&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Outcome& o) {
    return out << name_of(o.verdict) << ' ' << o.text;
  }
};

struct Bench {
  explicit Bench(JobSpec spec, BatchShape shape = {}) : job(std::move(spec)), batch(shape) {
    batch.keep_letters = true;
  }

  void append(std::string_view value, std::int64_t timestamp_ms = -1) {
    MARQUEE_CHECK(batch.append(value, 0, Offset{static_cast<std::int64_t>(batch.messages.size())}, timestamp_ms));
  }

  // Gives ids to what was pending, as the engine thread does.
  void give_ids() {
    for (const PendingKey& key : batch.pending_items) {
      batch.item()[key.event] = ItemId{items.find_or_give(key.bytes, key.hash)};
    }
    for (const PendingKey& key : batch.pending_combinations) {
      batch.combination()[key.event] = CombinationId{combinations.find_or_give(key.bytes, key.hash)};
    }
  }

  // Outcome of each record, after splitting and decoding everything.
  std::vector<Outcome> run(Framing framing) {
    split_records(batch, 0, framing);
    decoder.decode(batch, 0, batch.records.size());
    give_ids();
    return outcomes();
  }

  std::vector<Outcome> outcomes() {
    std::vector<Outcome> out(batch.records.size(), Outcome{Verdict::kFiltered, ""});
    for (const Letter& letter : batch.letters) out[letter.record] = {letter.verdict, ""};
    for (std::uint32_t e = 0; e < batch.event_count; ++e) {
      std::string text(items.text(raw(batch.item()[e])));
      text += '|';
      const std::string_view key = combinations.text(raw(batch.combination()[e]));
      for (std::size_t d = 0; d < job.event.dimensions.size(); ++d) {
        if (d > 0) text += ',';
        text += key_part(key, d);
      }
      text += '|' + std::to_string(batch.time_ms()[e]) + '|' + std::to_string(batch.watch_ms()[e]);
      out[batch.record()[e]] = {Verdict::kCounted, text};
    }
    return out;
  }

  JobSpec job;
  Dictionary items{100'000};
  Dictionary combinations{100'000};
  Decoder decoder{job, items, combinations};
  Batch batch;
};

inline std::string good_record(std::size_t i) {
  return R"({"event_id":"e-)" + std::to_string(i) + R"(","content_id":"m-)" + std::to_string(i % 97) +
         R"(","category":"movie","geo":{"country":"de","city":"Berlin"},"event_time":)" + std::to_string(1000 + i) +
         R"(,"watch_ms":)" + std::to_string(i % 1000) + "}";
}
inline Outcome good_outcome(std::size_t i) {
  return {Verdict::kCounted,
          "m-" + std::to_string(i % 97) + "|movie,de|" + std::to_string(1000 + i) + "|" + std::to_string(i % 1000)};
}

// MARQUEE_SEED, or a fresh one; the caller prints it.
inline std::uint64_t seed() {
  if (const char* given = std::getenv("MARQUEE_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

}  // namespace marquee::test
