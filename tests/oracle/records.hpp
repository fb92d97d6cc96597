// Records, and how files and Kafka messages are split into them ("What a record is").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oracle {

struct Record {
  int partition = 0;
  std::int64_t offset = 0;  // of its message; in a file the number of the record, from 0
  std::optional<std::int64_t> kafka_timestamp_ms;
  std::string bytes;
  bool is_broken_array = false;  // a whole message that begins with `[` and is no array: malformed, not not_object
};

// One Kafka message. No value (a tombstone) is an empty one.
struct Message {
  int partition = 0;
  std::int64_t offset = 0;
  std::optional<std::int64_t> timestamp_ms;
  std::string value;
};

// Every line of a file but the blank ones, numbered from `first_offset`.
std::vector<Record> split_file(std::string_view bytes, int partition = 0, std::int64_t first_offset = 0);

// The one or many records of a message, all with its partition, offset and timestamp.
std::vector<Record> split_message(const Message& message);

}  // namespace oracle
