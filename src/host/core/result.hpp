// Results: what leaves. Owned bytes, made on the engine thread, immutable afterwards. And their JSON, to the letter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "core/job.hpp"

namespace marquee {

// One row of a leaderboard.
struct ResultRow {
  std::string item;
  std::uint64_t views = 0;
  std::uint64_t watch_ms = 0;
  std::string title{};  // empty: none is known
};

// The whole top-K of one (leaderboard, group, window) at one revision.
struct ResultRecord {
  LeaderboardIndex leaderboard{0};
  std::vector<std::string> group;  // values, in the order of LeaderboardSpec::by
  EventTimeMs window_start = 0;
  EventTimeMs window_end = 0;
  bool final = false;
  bool exact = true;
  std::uint64_t events = 0;
  std::vector<ResultRow> rows;  // best first
};

// Rises with every change; follows from the content, so it needs no stored state and survives restarts.
constexpr std::uint64_t revision_of(std::uint64_t events, bool exact, bool final) {
  return 4 * events + (exact ? 0u : 2u) + (final ? 1u : 0u);
}
inline std::uint64_t revision_of(const ResultRecord& r) {
  return revision_of(r.events, r.exact, r.final);
}

// Appends a JSON string literal of valid UTF-8.
void append_json_string(std::string& out, std::string_view text);
void append_number(std::string& out, std::int64_t value);
void append_number(std::string& out, std::uint64_t value);

// Appends the value of the contract (schema 1), compact, no line feed; of the rows, the best `rows_max`.
void append_result_json(std::string& out, const JobSpec& job, const ResultRecord& result,
                        std::size_t rows_max = std::numeric_limits<std::size_t>::max());
// Appends the key of the contract: ["trending",["movie"],1763800000000,1763800060000]
void append_result_key(std::string& out, const JobSpec& job, const ResultRecord& result);

// The order of `replay`: window end, leaderboard name, group values; all by bytes.
bool replay_order(const JobSpec& job, const ResultRecord& a, const ResultRecord& b);

// Combination and group keys: each value as a 16-bit little-endian length and its bytes, one after the other.
void append_key_part(std::string& key, std::string_view value);
// Part number `index` of a key.
std::string_view key_part(std::string_view key, std::size_t index);

}  // namespace marquee
