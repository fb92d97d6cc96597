// KafkaSink: results, dead letters and late events to their topics, and the source's offsets, in one transaction an
// epoch.
//
// A letter that the broker refuses for its content aborts the epoch; made again, it is written as headers only; refused
// once more, it is dropped and counted. A result that is refused is final.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/job.hpp"
#include "core/status.hpp"
#include "kafka/client.hpp"
#include "kafka/kafka_config.hpp"
#include "kafka/kafka_source.hpp"
#include "kafka/producer_session.hpp"
#include "kafka/records.hpp"
#include "kafka/topics.hpp"
#include "kafka/waiting.hpp"
#include "pipeline/log.hpp"
#include "pipeline/ports.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

class KafkaSink final : public Sink {
 public:
  // All outlive it. Letters and offsets name partitions of `source`, which is opened before the first epoch.
  KafkaSink(KafkaSinkConfig config, const JobSpec& job, KafkaSource& source, ProducerSession& session, Log& log,
            Probe& probe);

  // Waits for broker and topics (creating them where it may), says why in probe and log; kUnavailable when `stop` is
  // set, which it looks at every second or so. `stop` must outlive the sink.
  Status open(const std::atomic<bool>& stop) override;
  Status acquire() override;
  Status begin(const Epoch& epoch) override;
  // Produces everything. Blocks while the producer's queue is full, that is while the broker is slower than we are.
  Status write(const Epoch& epoch) override;
  // Returns when every record was acknowledged and the transaction, offsets included, is committed. Waits for an absent
  // broker for as long as the transaction's time-out, or until the source's leave_is_over(). kInternal: a result or a
  // pane-log value was refused. kUnavailable: no permission, or left.
  Status commit(const Epoch& epoch, Acknowledged& acknowledged) override;
  Status abort() override { return session_.abort(); }

  using Kind = ProducerSession::Kind;
  // The topics that are written to, and what each is for.
  static std::vector<std::pair<Kind, TopicWish>> targets(const KafkaSinkConfig& config);

 private:
  using Sent = ProducerSession::Sent;
  struct Target {
    std::string name;
    std::size_t message_bytes_max = 0;
  };
  using LetterId = std::tuple<std::uint32_t, std::int64_t, std::uint32_t>;  // partition, offset, element
  static LetterId id_of(const LetterOut& letter) { return {raw(letter.partition), raw(letter.offset), letter.element}; }

  Status send(const Epoch& epoch, Kind kind, std::uint32_t index);
  Status judge(const Epoch& epoch, const Sent& sent);
  std::string name_of_record(const Epoch& epoch, const Sent& sent) const;

  KafkaSinkConfig config_;
  const JobSpec& job_;
  KafkaSource& source_;
  ProducerSession& session_;
  Log& log_;
  Probe& probe_;
  const std::atomic<bool>* stop_ = nullptr;

  std::unique_ptr<Client> asking_;  // while open() asks for topics; kept where it gave up, since letting go may block
  std::string cluster_id_;          // where the topics are; empty where it has no name
  std::map<Kind, Target> targets_;
  std::map<LetterId, int> refusals_;  // how often the broker has refused a letter, kept until an epoch with it commits
};

}  // namespace marquee
