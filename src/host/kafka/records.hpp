// What a result and a letter look like as Kafka records: key, value, headers, to the letter of the contract. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/job.hpp"
#include "core/result.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

struct OutRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;  // none: null
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;

  // At most what the record takes of a topic's max.message.bytes when it is alone and uncompressed in its batch.
  std::size_t bytes() const;
};

// CloudEvents, Kafka binding, binary mode: the value is the result's JSON, attributes are headers.
OutRecord result_record(const JobSpec& job, const ResultRecord& result, const std::string& ce_source);

enum class LetterForm : std::uint8_t { kWhole, kHeadersOnly };

// The record with its own key and headers, and behind them Kafka Connect's (`__connect.errors.*`), `marquee.element`
// where its message held many and `marquee.timestamp` (the message's own, ms; the letter's is the time of writing,
// which no broker refuses). Cut to `bytes_max`: first the value, then its own headers, then its key;
// `marquee.truncated` says how many bytes the value had.
OutRecord letter_record(const LetterOut& letter, const PartitionStart& from, LetterForm form, std::size_t bytes_max);

}  // namespace marquee
