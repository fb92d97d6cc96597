// Where blocks go: a port with two ends, file_writer.hpp and kafka_producer.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "gen/block.hpp"
#include "gen/options.hpp"

namespace marquee::gen {

/// Figures of a run under way. Written by the generator's threads, readable from any.
struct GenCounters {
  std::atomic<uint64_t> sent{0};    ///< events handed to the file or to librdkafka
  std::atomic<uint64_t> acked{0};   ///< events written, or acknowledged by the broker
  std::atomic<uint64_t> failed{0};  ///< events whose delivery failed for good
  std::atomic<uint64_t> bytes{0};   ///< of records sent, line feeds included
};

/// Told, as one sentence, what somebody who waits should know: that the broker does not answer, and that it does again.
/// Each is said once, not at every try. May be empty. Called from the generator's threads, by one at a time.
using Notice = std::function<void(const std::string&)>;

/// Takes blocks in the order of the stream. write() and finish() are called by one thread at a time; idle() by any.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  /// How many partitions records may name; at least 1.
  virtual uint32_t partitions() const = 0;

  /// Takes the records of `block`, waiting for room if need be; gives up waiting when `stop` is raised. `taken` is how
  /// many records, from the front, will be delivered if nothing fails later.
  virtual GenStatus write(const Block& block, const std::atomic<bool>& stop, uint64_t& taken) = 0;

  /// Called at least every 50 ms while there is nothing to write.
  virtual void idle() {}

  /// Delivers what is still on its way. After a stop it does not wait longer than 3 s. The last call.
  virtual GenStatus finish(const std::atomic<bool>& stop) = 0;
};

}  // namespace marquee::gen
