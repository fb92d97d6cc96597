// The baseline of `run`: a bare librdkafka consumer that reads a topic from its beginning to its end in batches and
// drops every message. kafka_drain BROKERS TOPIC MESSAGES prints one JSON line: messages, bytes, CPU-ns a message (the
// whole process, librdkafka's threads included).
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(u.ru_utime) + seconds(u.ru_stime);
}

void set(rd_kafka_conf_t* conf, const char* name, const char* value, bool optional = false) {
  char error[256];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK && !optional) {
    std::fprintf(stderr, "kafka_drain: %s\n", error);
    std::exit(70);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: kafka_drain BROKERS TOPIC MESSAGES\n");
    return 64;
  }
  const unsigned long long wanted = std::strtoull(argv[3], nullptr, 10);
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", argv[1]);
  set(conf, "group.id", "bare-drain");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "queued.min.messages", "2000000");
  set(conf, "queued.max.messages.kbytes", "65536");
  set(conf, "fetch.queue.backoff.ms", "5", true);
  char error[256];
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  if (kafka == nullptr) {
    std::fprintf(stderr, "kafka_drain: %s\n", error);
    return 69;
  }
  rd_kafka_poll_set_consumer(kafka);
  const rd_kafka_metadata_t* metadata = nullptr;
  rd_kafka_topic_t* topic = rd_kafka_topic_new(kafka, argv[2], nullptr);
  if (rd_kafka_metadata(kafka, 0, topic, &metadata, 10'000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::fprintf(stderr, "kafka_drain: no metadata of %s\n", argv[2]);
    return 69;
  }
  rd_kafka_topic_partition_list_t* parts = rd_kafka_topic_partition_list_new(8);
  for (int i = 0; i < metadata->topics[0].partition_cnt; ++i) {
    rd_kafka_topic_partition_list_add(parts, argv[2], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_metadata_destroy(metadata);
  const double begin = cpu_seconds();
  const auto wall = std::chrono::steady_clock::now();
  rd_kafka_assign(kafka, parts);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(kafka);
  std::vector<rd_kafka_message_t*> messages(1000);
  unsigned long long count = 0, bytes = 0;
  while (count < wanted) {
    const ssize_t n = rd_kafka_consume_batch_queue(queue, 1000, messages.data(), messages.size());
    for (ssize_t i = 0; i < n; ++i) {
      rd_kafka_message_t* m = messages[static_cast<std::size_t>(i)];
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++count;
        bytes += m->len;
      }
      rd_kafka_message_destroy(m);
    }
  }
  const double cpu = cpu_seconds() - begin;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
  std::printf("{\"messages\":%llu,\"bytes\":%llu,\"cpu_ns_per_message\":%.2f,\"cpu_seconds\":%.4f,\"seconds\":%.4f}\n",
              count, bytes, cpu * 1e9 / static_cast<double>(count), cpu, seconds);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(parts);
  rd_kafka_topic_destroy(topic);
  rd_kafka_consumer_close(kafka);
  rd_kafka_destroy(kafka);
  return 0;
}
