// KafkaSink: results, dead letters and late events to their topics, then the source's offsets. At least once: offsets
// are committed when everything the epoch produced has been acknowledged, so a crash between the two repeats an epoch,
// and a reader applies a record only if its revision is higher.
//
// The seam for exactly-once: begin() opens what commit() closes, write() only produces. With a transactional producer,
// begin becomes begin_transaction, commit becomes send_offsets_to_transaction + commit_transaction, and refusals_
// outlives the abort.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/job.hpp"
#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/kafka_config.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/records.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

class KafkaSink final : public Sink {
 public:
  // All outlive it. Letters and offsets name partitions of `source`, which is opened before the first epoch.
  KafkaSink(KafkaSinkConfig config, const JobSpec& job, KafkaSource& source, Log& log, Probe& probe);
  // Drops what is in flight. May block as ~KafkaSource does.
  ~KafkaSink() override;

  // Waits for broker and topics (creating them where it may), says why in probe and log; kUnavailable when `stop` is
  // set, which it looks at every second or so. `stop` must outlive the sink.
  Status open(const std::atomic<bool>& stop) override;
  Status begin(const Epoch& epoch) override;
  // Produces everything. Blocks while the producer's queue is full, that is while the broker is slower than we are.
  Status write(const Epoch& epoch) override;
  // Returns when every record was acknowledged and the offsets are stored; adds to probe.results, letters_dead and
  // letters_late what was. Waits for an absent broker for as long as it takes, or until the source's leave_is_over().
  // kInternal: a result was refused, or the producer is broken for good. kUnavailable: no permission, or left.
  Status commit(const Epoch& epoch, Acknowledged& acknowledged) override;

  std::uint64_t letters_dropped() const { return letters_dropped_.load(std::memory_order_relaxed); }

 private:
  enum class Kind : std::uint8_t { kResult, kDead, kLate };
  static std::uint64_t& count_of(Acknowledged& acknowledged, Kind kind);
  struct Target {
    std::string name;
    KafkaTopic handle;
    std::size_t message_bytes_max = 0;
  };
  struct Sent {
    Kind kind = Kind::kResult;
    std::uint32_t index = 0;  // into the epoch's results or letters
    int error = 0;
  };
  using LetterId = std::tuple<std::uint32_t, std::int64_t, std::uint32_t>;  // partition, offset, element
  static LetterId id_of(const LetterOut& letter) { return {raw(letter.partition), raw(letter.offset), letter.element}; }

  ClientSpec client_spec() const;
  Status send(const Epoch& epoch, const Sent& sent);
  Status produce(Target& target, const OutRecord& record, std::size_t slot);
  Status wait_for_answers(Waiting& waiting);
  Status judge(const Epoch& epoch, const Sent& sent, std::vector<Sent>& again);
  Status still_possible(const std::string& what);
  void on_delivery(std::uintptr_t tag, int error);
  void forget_in_flight();
  std::string name_of_record(const Epoch& epoch, const Sent& sent) const;

  KafkaSinkConfig config_;
  const JobSpec& job_;
  KafkaSource& source_;
  Log& log_;
  Probe& probe_;

  std::unique_ptr<Client> asking_;  // while open() asks for topics; kept where it gave up, since letting go may block
  std::unique_ptr<Client> client_;
  std::map<Kind, Target> targets_;

  // The epoch in flight.
  std::uint32_t round_ = 0;  // raised by each begin and each resend: answers to an older round are ignored
  std::vector<Sent> sent_;
  std::size_t answered_ = 0;
  std::map<LetterId, int> refusals_;  // how often the broker has refused a letter, kept until its epoch commits
  std::atomic<std::uint64_t> letters_dropped_{0};
};

}  // namespace marquee
