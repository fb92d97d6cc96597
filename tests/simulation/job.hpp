// Job and input of a simulated world: made at random, and told twice, to the product and to the oracle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/job.hpp"
#include "differential/rng.hpp"
#include "oracle/job_config.hpp"
#include "oracle/records.hpp"

namespace simulation {

inline constexpr std::int64_t kPaneMsMax = 400;

// Written out side by side, never made one from the other.
struct Job {
  marquee::JobSpec spec;     // as it is configured now
  oracle::JobConfig config;  // with every leaderboard that there ever was
  bool has_room = false;     // no budget can be hit
  bool groups_have_room = false;
};

Job make_job(differential::Rng& rng);

// A further leaderboard over the window of one that there is, so that what is too late for all of them stays the same.
void add_board(Job& job, differential::Rng& rng, const std::string& name);
// Takes one out that has not the only window of its kind; its name. Nothing where there is none.
std::optional<std::string> remove_board(Job& job, differential::Rng& rng);

struct Input {
  std::vector<std::vector<oracle::Message>> messages;  // [partition]
  std::vector<std::vector<std::size_t>> order;         // [partition][message]: its place in the whole input
  // The last partition comes into being while others are read: nothing of it lies before this place, and nothing of the
  // others from this place on may be read before something of it was.
  std::optional<std::size_t> late_from;
  std::vector<std::size_t> removed;  // [partition]: so many messages were gone before anybody came to read
};

// Some hundred events, their items and groups changing with time and some returning; a few late, a few bad, some
// messages of many records, gaps in the offsets.
Input make_input(differential::Rng& rng);

// No event has a time after that of the last one before this place in the input.
std::int64_t time_max_ms(std::size_t place);

}  // namespace simulation
