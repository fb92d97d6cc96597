// `marquee gen`, and the generator inside the demo.
#pragma once

#include <atomic>
#include <utility>

#include "gen/options.hpp"
#include "gen/sink.hpp"

namespace marquee::gen {

/// Makes one stream and sends it. For use in a process of one's own or beside other things: it starts
/// `options.threads` threads of its own (and librdkafka's), touches no signal handler, prints nothing (what a person
/// should know meanwhile goes to the notice). At the default 20,000 events a minute to Kafka it takes well under 1 % of
/// a core and a few MiB beside librdkafka's.
class Generator {
 public:
  explicit Generator(GenOptions options, Notice notice = {})
      : options_(std::move(options)), notice_(std::move(notice)) {}
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  /// Runs until the last event is delivered, something fails, or another thread or a signal handler raises `stop`: then
  /// it sends nothing new, waits up to 3 s for what is on its way, and ends with status ok if all of it was taken, with
  /// 69 if not, or if no topic had been found yet. (A write to a pipe that nobody reads is not interrupted.) The
  /// ledger, if asked for, is written at the end whatever the outcome, unless nothing could be started. Blocks; call
  /// once.
  GenStatus run(const std::atomic<bool>& stop);

  /// May be read at any time, from any thread.
  const GenCounters& counters() const { return counters_; }

 private:
  GenOptions options_;
  const Notice notice_;
  GenCounters counters_;
};

/// Generator(options).run(stop), for callers who need no counters.
GenStatus run_gen(const GenOptions& options, const std::atomic<bool>& stop);

}  // namespace marquee::gen
