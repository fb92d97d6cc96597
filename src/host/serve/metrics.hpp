// The Prometheus exposition: one table names every metric, and yields the text a scrape gets and the README's table.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"
#include "serve/http_probe.hpp"
#include "serve/serve_config.hpp"

namespace marquee {

// Renders probes and the current snapshot. Looks at what it is given, which must outlive it.
class Metrics {
 public:
  Metrics(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
          const HttpProbe& http);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Text format 0.0.4. One thread at a time. Does not block; costs some microseconds per series.
  std::string text();

 private:
  class Collector;
  std::unique_ptr<Collector> collector_;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// How a group is written as a label: the value itself where there is one dimension, else the compact JSON array.
std::string group_label(const std::vector<std::string>& group);

// The table of the README: name, type, labels, meaning.
std::string metrics_markdown();

}  // namespace marquee
