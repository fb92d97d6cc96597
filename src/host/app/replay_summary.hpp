// What a replay came to, as JSON for --summary and as a sentence for people.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.hpp"
#include "core/verdict.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

struct ReplaySummary {
  VerdictCounts verdicts;
  std::uint64_t results = 0;
  std::uint64_t bytes = 0;  // of records
  std::uint64_t refused = 0;
  double seconds = 0;
};

ReplaySummary summary_of(const Probe& probe, double seconds);
// {"read":…,"counted":…,"filtered":…,"late":…,"invalid":{"reason":n,…},"results":…,"seconds":…} and a line feed.
std::string summary_json(const ReplaySummary& summary);
std::string summary_text(const ReplaySummary& summary);

// Writes text to a file; "-" is not special. kUnavailable with a sentence.
Status write_file(const std::string& path, const std::string& text);

}  // namespace marquee
