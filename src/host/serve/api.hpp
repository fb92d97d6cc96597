// The API's answers as JSON: pure functions of a snapshot, the probe and what was asked. README, "The API".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"
#include "serve/query.hpp"
#include "serve/serve_config.hpp"

namespace marquee {

// What is wrong with a request, for the client.
struct ApiProblem {
  unsigned status = 400;
  std::string sentence;  // valid UTF-8
};

// Which results: of /api/v1/top and /api/v1/stream.
struct TopQuery {
  enum class Window : std::uint8_t { kCurrent, kFinal, kStart };
  std::optional<std::size_t> leaderboard;
  std::optional<std::vector<std::string>> group;
  Window window = Window::kCurrent;
  EventTimeMs window_start = 0;  // of kStart
  std::size_t rows_max = kTopMax;
  std::size_t results_max = 100;
  bool by_events = false;  // most events first, else by group
};

// What a query chose of a snapshot, in its order.
struct Chosen {
  std::vector<ResultPtr> results;
  bool more = false;  // than results_max
};

// What moves between two looks at the clock. Serve thread.
struct LiveFigures {
  std::int64_t wall_ms = 0;
  std::int64_t uptime_ms = 0;
  double events_per_s = 0;
};

class Api {
 public:
  // `job` outlives it.
  Api(const JobSpec& job, const ServeConfig& config) : job_(job), config_(config) {}

  // Fill `query`, or say what is wrong with it.
  std::optional<ApiProblem> read_top(const RequestTarget& target, TopQuery& query) const;
  std::optional<ApiProblem> read_stream(const RequestTarget& target, TopQuery& query) const;

  Chosen choose(const TopQuery& query, const Snapshot& snapshot) const;
  // {"schema":1,"epoch":…,"results":[…]} without a line feed. `whole` stands there for the stream alone.
  std::string top_json(const TopQuery& query, const Snapshot& snapshot, const Chosen& chosen,
                       std::optional<bool> whole = std::nullopt) const;

  // Each appends a body with its line feed to `out`, or says what is wrong.
  std::optional<ApiProblem> top(const RequestTarget& target, const Snapshot& snapshot, std::string& out) const;
  std::optional<ApiProblem> history(const RequestTarget& target, const Snapshot& snapshot, std::string& out) const;
  std::optional<ApiProblem> leaderboards(const RequestTarget& target, const Snapshot& snapshot, std::string& out) const;
  std::optional<ApiProblem> status(const RequestTarget& target, const Probe& probe, const Snapshot& snapshot,
                                   const LiveFigures& live, std::string& out) const;
  std::string status_json(const Probe& probe, const Snapshot& snapshot, const LiveFigures& live) const;

  // For messages: the first of them, with commas.
  std::string known_leaderboards() const;

 private:
  class Reader;
  void begin(std::string& out, const Snapshot& snapshot) const;
  void append_results(std::string& out, const std::vector<ResultPtr>& results, std::size_t rows_max) const;

  const JobSpec& job_;
  const ServeConfig& config_;
};

}  // namespace marquee
