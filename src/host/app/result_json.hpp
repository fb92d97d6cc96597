// A result of the contract (schema 1) read back: what the output topic and the API hold.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/snapshot.hpp"

namespace marquee {

struct ReadResult {
  std::string leaderboard;
  std::uint64_t revision = 0;
  ResultPtr record;  // its `leaderboard` means nothing
};

// None where it is not one.
std::optional<ReadResult> read_result(const simdjson::dom::element& json);

}  // namespace marquee
