// StreamJob: Kafka in, Kafka out, HTTP beside it. What `run` does, and the demo, which only brings its own broker.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "app/config.hpp"
#include "core/status.hpp"
#include "pipeline/log.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"

namespace marquee {

class StreamJob {
 public:
  // All outlive it.
  StreamJob(const Config& config, Probe& probe, SnapshotBoard& snapshots, Log& log);
  // Lets go of Kafka's clients and of HTTP. Where a broker does not answer, librdkafka may block here for a minute.
  ~StreamJob();

  // Lets HTTP answer, where it is not switched off; once, before run(): while Kafka is not there, /readyz says why.
  Status serve();
  // The port where it does; 0 before, and where it is switched off.
  std::uint16_t http_port() const;

  // Connects and computes until `stop` is set (drains, then ok) or something final fails; once. When it returns, what
  // is committed is settled. The calling thread becomes the engine thread. `stop` must outlive the job.
  Status run(const std::atomic<bool>& stop);

 private:
  struct Parts;
  const Config& config_;
  Probe& probe_;
  SnapshotBoard& snapshots_;
  Log& log_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace marquee
