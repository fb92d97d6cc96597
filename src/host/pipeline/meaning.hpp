// Meaning: what decides what a result says, as text, one `key=value` a line. The pane log keeps it beside the state, so
// that a changed configuration is noticed when the state is read again. Settings that only decide when something is
// said, or how much there is room for, are no part of it.
#pragma once

#include <string>
#include <string_view>

#include "core/job.hpp"

namespace marquee {

// Of the job, leaderboards and their dimensions apart.
std::string job_meaning(const JobSpec& job);
// Of a leaderboard, its name apart, with the dimensions it groups by.
std::string leaderboard_meaning(const JobSpec& job, const LeaderboardSpec& board);

// "key was \"x\" and is now \"y\"" for the first line that differs; empty where none does.
std::string meaning_difference(std::string_view before, std::string_view now);

}  // namespace marquee
