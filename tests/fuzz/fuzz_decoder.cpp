// The decoder with all its readers (learnt layouts, one index for a run) against record by record, over the same bytes:
// the same verdicts, the same events; and what is malformed against a walk over the bytes. And the split of the bytes
// as one Kafka message must hold together.
//
// Input: a byte that chooses job and framing, then the payload. With lines, each line of it is a message; some good
// records go before it, so that there is something to have learnt.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/batch.hpp"
#include "core/check.hpp"
#include "core/dictionary.hpp"
#include "core/job.hpp"
#include "decode/decoder.hpp"
#include "decode/json_text.hpp"
#include "decode/simdjson_reader.hpp"

namespace {

using namespace marquee;

JobSpec make_job(std::uint8_t choice) {
  JobSpec job;
  job.event.item = {{"i"}};
  job.event.time = {{"t"}};
  job.event.time_unit = static_cast<TimeUnit>(choice % 5);
  job.event.watch = {{"w"}};
  job.event.watch_unit = choice & 8 ? WatchUnit::kSeconds : WatchUnit::kMilliseconds;
  job.event.dimensions = {{"c", {{"c"}}, std::nullopt}, {"g", {{"g", "x"}}, "-"}};
  job.event.displays = {{{"n"}}};
  if (choice & 16) job.event.where = {{{{"c"}}, {"a", "7", "true", "sixteen bytes 16", "a longer text than that"}}};
  return job;
}

struct Event {
  std::uint32_t record;
  std::string item, combination, title;
  std::int64_t time_ms;
  std::uint32_t watch_ms;
  friend bool operator==(const Event&, const Event&) = default;
};

// Everything is unknown to the dictionaries, so that the keys' own bytes are compared.
struct Side {
  Side(const JobSpec& job, decoding::ReaderChoice choice) : decoder(job, items, combinations, choice) {}

  std::vector<Event> events(const Batch& batch) const {
    std::vector<Event> out;
    MARQUEE_CHECK(batch.pending_items.size() == batch.event_count &&
                  batch.pending_combinations.size() == batch.event_count);
    for (std::uint32_t e = 0; e < batch.event_count; ++e) {
      out.push_back({batch.record()[e], std::string(batch.pending_items[e].bytes),
                     std::string(batch.pending_combinations[e].bytes), std::string(batch.titles[e]), batch.time_ms()[e],
                     batch.watch_ms()[e]});
    }
    return out;
  }

  Dictionary items{16}, combinations{16};
  Decoder decoder;
};

std::unique_ptr<Batch> make_batch(std::string_view payload, bool lines) {
  auto batch = std::make_unique<Batch>(
      BatchShape{.events_max = 256, .arena_bytes = payload.size() + 1024, .leaderboard_count = 1});
  batch->keep_letters = true;
  const auto append = [&](std::string_view value) {
    MARQUEE_CHECK(batch->append(value, 0, Offset{0}, 1'763'000'000'000));
  };
  for (int i = 0; i < 3; ++i)
    append(R"({"i":"m-123","t":1763000000,"w":12.5,"c":"a","g":{"x":"de","y":[1,"é"]},"n":null})");
  if (!lines) {
    append(payload);
  } else {
    while (!payload.empty()) {
      const std::size_t size = std::min(payload.find('\n'), payload.size());
      append(payload.substr(0, size));
      payload.remove_prefix(std::min(size + 1, payload.size()));
    }
  }
  split_records(*batch, 0, lines ? Framing::kLines : Framing::kMessages);
  return batch;
}

// Malformed is what the grammar does not take, and nothing else but lone surrogates, for which there must be a \u.
void check_malformed(const Batch& batch) {
  std::vector<bool> malformed(batch.records.size());
  for (const Letter& letter : batch.letters) malformed[letter.record] = letter.verdict == Verdict::kMalformed;
  decoding::Nesting nesting;
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const std::string_view text = decoding::trim_space(batch.bytes(batch.records[i]));
    if (batch.records[i].element == Record::kBrokenArray || text.empty() || text.front() != '{') continue;
    const char* const end = text.data() + text.size();
    const bool good = decoding::walk_value(text.data(), end, nesting, decoding::WalkNothing{}) == end &&
                      decoding::is_valid_utf8(text);
    MARQUEE_CHECK(good ? !malformed[i] || text.find("\\u") != std::string_view::npos : malformed[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 1 << 16) return 0;
  const std::uint8_t choice = data[0];
  const std::string_view payload(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool lines = (choice & 32) == 0;
  // One a job for good: record by record it remembers nothing.
  static std::array<std::unique_ptr<JobSpec>, 256> jobs;
  static std::array<std::unique_ptr<Side>, 256> alones;
  if (!jobs[choice]) {
    jobs[choice] = std::make_unique<JobSpec>(make_job(choice));
    alones[choice] =
        std::make_unique<Side>(*jobs[choice], decoding::ReaderChoice{.scanner = false, .run_index = false});
  }
  const JobSpec& job = *jobs[choice];
  Side& alone = *alones[choice];
  // Scanner first, run index only, and both.
  for (const decoding::ReaderChoice readers : {decoding::ReaderChoice{true, false}, {false, true}, {true, true}}) {
    Side side(job, readers);
    const std::unique_ptr<Batch> a = make_batch(payload, lines), b = make_batch(payload, lines);
    MARQUEE_CHECK(a->records.size() == b->records.size());
    for (std::size_t at = 0; at < a->records.size();) {
      const std::size_t end = std::min<std::size_t>(at + a->events_max(), a->records.size());
      alone.decoder.decode(*a, at, end);
      side.decoder.decode(*b, at, end);
      at = end;
      MARQUEE_CHECK(a->verdicts.by_verdict == b->verdicts.by_verdict);
      MARQUEE_CHECK(alone.events(*a) == side.events(*b));
      MARQUEE_CHECK(a->letters.size() == b->letters.size());
      for (std::size_t i = 0; i < a->letters.size(); ++i) {
        MARQUEE_CHECK(a->letters[i].record == b->letters[i].record && a->letters[i].verdict == b->letters[i].verdict);
      }
      for (Batch* batch : {a.get(), b.get()}) {
        batch->event_count = 0;
        batch->pending_items.clear();
        batch->pending_combinations.clear();
        batch->titles.clear();
      }
    }
    check_malformed(*a);
  }
  return 0;
}
