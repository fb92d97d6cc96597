// What one record is found to be, and the event inside it, judged alone: everything of the verdict but lateness.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "oracle/job_config.hpp"
#include "oracle/records.hpp"

namespace oracle {

enum class Verdict { kCounted, kFiltered, kLate, kInvalid };

struct Event {
  std::string item;
  std::int64_t time_ms = 0;
  std::int64_t watch_ms = 0;
  std::map<std::string, std::string> dimensions;  // those that some leaderboard groups by
  std::map<std::string, std::string> titles;      // by path, those that some leaderboard displays; never empty
};

struct Reading {
  Verdict verdict = Verdict::kInvalid;
  std::string reason;  // of kInvalid only: "malformed", "item_missing", ...
  Event event;         // of kCounted only
};

// kCounted here means: counted unless it turns out to be late.
Reading read_record(const JobConfig& config, const Record& record);

// The parts of it that are rules of their own. `error` is empty when `ms` holds an answer.
struct Milliseconds {
  std::int64_t ms = 0;
  std::string error;
};
Milliseconds parse_decimal_time(std::string_view text, TimeUnit unit);  // not kRfc3339
Milliseconds parse_rfc3339(std::string_view text);
Milliseconds parse_watch(std::string_view number_token, WatchUnit unit);

}  // namespace oracle
