// Dumps of Kafka topics as text: what went in, and a comparison of what came out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/oracle.hpp"
#include "oracle/records.hpp"

namespace oracle {

// A line is `partition<TAB>offset<TAB>timestamp_ms<TAB>base64(value)`; a negative timestamp is none, an empty value
// is a null or empty one. Throws std::runtime_error that names the line.
std::vector<Message> parse_message_dump(std::string_view text);

struct TopicCheck {
  std::int64_t records = 0;              // lines of the dump
  std::int64_t keys = 0;                 // different keys
  std::int64_t compared = 0;             // keys compared in full
  std::vector<std::string> differences;  // a sentence or more each, in the order of the oracle's results
};

// Compares a dump of the result topic, lines of `key<TAB>value` in offset order, with what it must hold: of each key
// the record with the highest revision counts.
// - Every record must be a valid result that agrees with its key and with its own revision.
// - With `upto_watermark` every window complete at the oracle's job watermark must be there, equal and final; without,
//   every window must be there and equal, and those complete must be final.
// - A record that says it is final must be equal whatever the watermark is.
// - Of other windows no more may be there than the oracle has counted.
TopicCheck check_topic(const Oracle& oracle, std::string_view dump, bool upto_watermark);

// RFC 4648, with padding; throws std::runtime_error.
std::string decode_base64(std::string_view text);

}  // namespace oracle
