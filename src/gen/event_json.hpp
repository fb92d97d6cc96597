// An event as compact JSON, fields always in the same order.
#pragma once

#include <cstddef>
#include <string_view>

#include "gen/workload.hpp"

namespace marquee::gen {

/// Longest record that write_event makes, in bytes.
inline constexpr size_t kEventBytesMax = 512;
/// Longest user id and the like: `u-` and up to ten digits.
inline constexpr size_t kUserIdBytesMax = 16;

/// Writes `event` as one JSON object without a line end. Returns the end; needs kEventBytesMax bytes. About 50 ns for
/// Profile::kSmall.
char* write_event(char* out, const Event& event, const Catalogue& catalogue, Profile profile);

/// What a spoilt record puts in the place of the right thing. Tokens are JSON as it will stand; an empty view means
/// that the field is left out altogether.
struct Tokens {
  std::string_view user;  ///< with its quotes
  std::string_view item;  ///< with its quotes
  std::string_view time;
  std::string_view watch;
};

/// As write_event, with these tokens for the four fields: for bad_record.cpp. Needs kEventBytesMax bytes more than the
/// tokens have.
char* write_event_with(char* out, const Event& event, Profile profile, const Tokens& tokens);

/// Writes `u-0001234`. Returns the end; needs kUserIdBytesMax bytes.
char* write_user_id(char* out, uint32_t viewer);

}  // namespace marquee::gen
