// Reads the parts of marquee's TOML file that decide results. For the command-line tool and for tests of generators;
// unknown keys are left alone, since judging a configuration is the product's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "oracle/job_config.hpp"

namespace oracle {

// Throws std::runtime_error that says what is wrong and where.
JobConfig parse_job_config(std::string_view toml_text);
JobConfig load_job_config(const std::string& path);

// "500ms", "5s", "1m", "6h", "1d", "5h30m", "-5h30m"; throws std::runtime_error.
std::int64_t parse_duration_ms(std::string_view text);
// "tumbling 1m", "hopping 10m every 1m", "cumulative 1d step 1h", each with "offset 5h30m" after it or without.
Window parse_window(std::string_view text);

}  // namespace oracle
