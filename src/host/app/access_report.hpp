// marquee run --check: everything a run needs of the outside, tried and told, a line each.
#pragma once

#include "app/config.hpp"
#include "pipeline/log.hpp"

namespace marquee {

// Prints to standard output; blocks some seconds for each question without an answer. The exit code
// of the first thing that is missing; 0 where nothing is.
int report_access(const Config& config, Log& log);

}  // namespace marquee
