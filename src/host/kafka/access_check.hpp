// What `marquee run --check` asks of Kafka: whether all that a run does would be allowed, without doing any of it. A
// running instance of the same group is not disturbed, and no topic, offset or transaction is touched.
//
// librdkafka has no call that tells a user's permissions everywhere (DescribeTopics with authorized operations is of
// 2.3, and there is none for a transactional id). A broker judges a request's permissions before anything else of it,
// so each probe is a request that a permitted user is refused for another reason:
//
//   write a topic       a record with acks=2, which no broker since 0.9 takes      INVALID_REQUIRED_ACKS
//   commit for a group  an offset of a partition that is not there                 UNKNOWN_TOPIC_OR_PART
//   transactional id    a transaction time-out of 23 days                          INVALID_TRANSACTION_TIMEOUT
//   delete records      those before offset 0: there are none                      nothing to do
//   create a topic      the broker is only asked (validate_only)                   nothing done
//   read a topic        a fetch at its end                                         nothing there yet
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "core/status.hpp"
#include "kafka/kafka_config.hpp"
#include "pipeline/log.hpp"

namespace marquee {

struct AccessAnswer {
  std::string what;  // that was tried, with what was found
  Status status;     // ok, or what is missing and how to give it
  bool changed;      // the broker took what it had to refuse: the sentence says what now is different
  bool unknown;      // it was not asked: `what` says why
};

// Blocks; each question waits for an answer for `patience` at most, and what depends on one without an answer is not
// asked. `tell` gets at least one answer, each when it is there, in the order in which a run needs these things.
//
// Where a broker allows transactions of 23 days (transaction.max.timeout.ms; 15 minutes unless set) it would give the
// transactional id to us, and fence a running instance: there it is not asked, as far as we may read that setting; else
// the answer says what has happened. On a new cluster the first to ask for a group or a transactional id, this one or a
// start, makes Kafka create its internal topics.
void check_access(const KafkaSourceConfig& source, const KafkaSinkConfig& sink, const KafkaPaneLogConfig& pane_log,
                  std::chrono::milliseconds patience, Log& log, const std::function<void(const AccessAnswer&)>& tell);

}  // namespace marquee
