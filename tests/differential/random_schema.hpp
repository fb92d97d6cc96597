// The first half of a random job: its configuration, and what its records are to be made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "differential/rng.hpp"
#include "oracle/job_config.hpp"

namespace differential {

enum class Role { kItem, kTime, kWatch, kDimension, kWhere, kTitle };

// A place in a record that the configuration names.
struct Field {
  Role role = Role::kItem;
  std::string path;
  std::vector<std::string> texts;  // what stands there in good records; unused for kTime and kWatch
  bool is_read = true;             // false for a dimension that no leaderboard groups by
};

struct Schema {
  oracle::JobConfig config;
  std::vector<Field> fields;  // no two with the same path, none the beginning of another
  std::int64_t scale_ms = 0;  // windows, disorder and lateness are small multiples of it
};

Schema random_schema(Rng& rng);

// The schema's configuration as a marquee TOML file; keys at their defaults are left out now and then.
std::string to_toml(Rng& rng, const oracle::JobConfig& config, bool idle_never);

// "1m30s", "90s" or another way to write it.
std::string to_duration(Rng& rng, std::int64_t ms);

}  // namespace differential
