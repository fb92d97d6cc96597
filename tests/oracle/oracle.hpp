// The reference that marquee is judged by: everything in std::map, every ranking a full sort, no idea of speed.
// Written from DESIGN.md and "To the letter" of src/README.md; it shares no code with the product.
//
// Not modelled, so tests must keep away from it: idle partitions and `expired` (keep partitions fed or set
// idle_after = "never"), budgets (`exact` is always true), and which of two equal keys counts (the first does here).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/job_config.hpp"
#include "oracle/records.hpp"
#include "oracle/verdict.hpp"

namespace oracle {

struct Judgement {
  Verdict verdict = Verdict::kInvalid;
  std::string reason;          // of kInvalid only
  std::vector<bool> late_for;  // by leaderboard, of kCounted and kLate only: this event is left out there
};

struct Row {
  std::string item;
  std::int64_t views = 0;
  std::int64_t watch_ms = 0;
  std::string title{};  // empty: none was seen
  std::int64_t title_time_ms = 0;
};

// The last content of one (leaderboard, group, window) that has an event.
struct Result {
  std::string leaderboard;
  std::vector<std::string> by;      // names of the dimensions
  std::vector<std::string> values;  // of the group, in the order of `by`
  std::int64_t window_start_ms = 0;
  std::int64_t window_end_ms = 0;
  std::int64_t events = 0;
  std::vector<Row> ranking;     // every item of the group and window, best first
  std::size_t top = 0;          // so many of them are rows of the result
  bool has_tie_at_top = false;  // the first row left out has the same measure as the last one kept

  std::size_t row_count() const { return ranking.size() < top ? ranking.size() : top; }
};

struct Counts {
  std::int64_t read = 0;
  std::int64_t counted = 0;
  std::int64_t filtered = 0;
  std::int64_t late = 0;
  std::map<std::string, std::int64_t> invalid;  // by reason

  std::int64_t invalid_total() const;
};

// Records of one partition must be fed in its order; how partitions are interleaved makes no difference.
class Oracle {
 public:
  explicit Oracle(JobConfig config);

  Judgement feed(const Record& record);
  void feed_file(std::string_view bytes, int partition = 0);    // all its records, as one partition
  std::vector<Judgement> feed_message(const Message& message);  // of each of its records

  const JobConfig& config() const { return config_; }
  const Counts& counts() const { return counts_; }

  // Of one partition: nothing before its first counted event.
  std::optional<std::int64_t> watermark_ms(int partition) const;
  // The minimum over all partitions that were ever fed; nothing while one of them has none.
  std::optional<std::int64_t> job_watermark_ms() const;

  // All results as they are in the end, in the order of `replay`.
  std::vector<Result> results() const;
  // What `marquee replay` prints: a line for each result, each ended by a line feed.
  std::string replay_output() const;
  // {"read":...,"counted":...,"filtered":...,"late":...,"invalid":{...},"results":...}, without a line feed.
  std::string summary_json() const;

 private:
  struct WindowKey {
    std::int64_t end_ms;
    std::string leaderboard;
    std::vector<std::string> values;
    std::int64_t start_ms;
    auto operator<=>(const WindowKey&) const = default;
  };
  struct WindowContent {
    std::size_t leaderboard_index = 0;
    std::int64_t events = 0;
    std::map<std::string, Row> items;
  };

  bool is_late(const Leaderboard& leaderboard, int partition, std::int64_t time_ms) const;
  void count(std::size_t leaderboard_index, const Event& event);

  JobConfig config_;
  Counts counts_;
  std::map<int, std::optional<std::int64_t>> highest_ms_;  // by partition: event time of counted events
  std::map<WindowKey, WindowContent> windows_;             // in the order of `replay`
};

struct Span {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  auto operator<=>(const Span&) const = default;
};

Span pane_of(const Window& window, std::int64_t time_ms);
// Every window that holds `time_ms`, earliest end first.
std::vector<Span> windows_of(const Window& window, std::int64_t time_ms);

// ["trending",["movie"],1763800000000,1763800060000]
std::string kafka_key(const Result& result);
// The result record, `"exact":true`, revision after the contract, without a line feed.
std::string result_json(const Result& result, bool is_final = true);

}  // namespace oracle
