// JSON texts of single values: good ones in every way they may be written, and wrong ones of every kind.
#pragma once

#include <cstdint>
#include <string>

#include "differential/random_schema.hpp"
#include "differential/rng.hpp"

namespace differential {

// A time as the configured unit writes it: token or string, fractions, offsets and leap seconds.
std::string time_token(Rng& rng, std::int64_t time_ms, oracle::TimeUnit unit);
// A time out of range or of a wrong type.
std::string wrong_time_token(Rng& rng, oracle::TimeUnit unit);

std::string watch_token(Rng& rng, oracle::WatchUnit unit);
std::string wrong_watch_token(Rng& rng, oracle::WatchUnit unit);

// A text of an item, a dimension or a where field: an integer or a boolean now and then where that means the same.
std::string text_token(Rng& rng, const std::string& text, Role role, bool escapes);
// Of a wrong type, empty or too long.
std::string wrong_text_token(Rng& rng, Role role);

// No JSON at all, or a string that cannot be decoded; malformed wherever it is read.
std::string malformed_token(Rng& rng, Role role);

}  // namespace differential
