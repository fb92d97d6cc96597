// Process: one marquee in a simulated world: the pipeline's stages as they are, driven step by step in one thread by
// whoever owns the seed. What threads do in Pipeline is one random choice here.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/batch_pool.hpp"
#include "pipeline/batch_queue.hpp"
#include "pipeline/engine_feed.hpp"
#include "pipeline/generations.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/snapshot.hpp"
#include "simulation/ports.hpp"

namespace simulation {

class Process {
 public:
  // All outlive it. `engine` makes its engines, the first one and after each loss.
  Process(Outside& outside, Fate& fate, const marquee::JobSpec& job, const marquee::PipelineOptions& options,
          std::size_t value_bytes_max, differential::Rng rng, bool loud, marquee::EngineFactory engine);
  ~Process();

  // One step of whatever can be done; may throw Killed. Nothing once it has left.
  void step();
  // Told to stop, as by SIGTERM: what was read is counted and committed, then it leaves.
  void leave() { stop_.store(true); }
  // Time passes.
  void advance_ms(std::int64_t ms) { clock_.advance_ms(ms); }
  bool has_left() const { return left_; }
  const marquee::Status& status() const { return status_; }
  const std::string& name() const { return options_.instance; }
  // Epoch of what its page shows; 0: nothing yet.
  std::uint64_t epoch_shown() const { return snapshots_.get()->epoch; }
  std::uint64_t recoveries() const { return probe_.recoveries.load(); }

 private:
  void begin();
  void answer(marquee::Status status);
  marquee::Status act();
  marquee::Status take();
  marquee::Status commit_step();
  marquee::Status end_epoch(bool last);

  Outside& outside_;
  const marquee::JobSpec& job_;
  marquee::PipelineOptions options_;
  differential::Rng rng_;
  SimClock clock_;
  SimLog log_;
  marquee::Probe probe_;
  marquee::SnapshotBoard snapshots_;
  SimSource source_;
  SimSink sink_;
  SimPaneLog pane_log_;
  marquee::PipelineParts parts_;
  marquee::BatchPool pool_;
  marquee::EngineFeed feed_;
  marquee::Generations generations_;
  marquee::BatchQueue queue_;
  std::vector<std::unique_ptr<marquee::IngestStage>> lanes_;
  marquee::EngineStage* stage_ = nullptr;
  std::unique_ptr<marquee::Epoch> waiting_;  // for the commit stage
  std::atomic<bool> stop_{false};
  marquee::Status status_;
  bool opened_ = false;
  bool last_ended_ = false;  // the epoch after which it leaves
  bool left_ = false;
};

}  // namespace simulation
