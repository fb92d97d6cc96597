// Decoder: bytes -> records -> event columns, one verdict a record. The meaning is in src/README.md, "To the letter".
#pragma once

#include <cstdint>
#include <memory>

#include "core/batch.hpp"
#include "core/dictionary.hpp"
#include "core/job.hpp"

namespace marquee {

namespace decoding {
// Which readers of src/host/decode/record_reader.hpp may be used beside the one that decides.
struct ReaderChoice {
  bool scanner = true;
  bool stream = true;
};
}  // namespace decoding

enum class Framing : std::uint8_t { kLines, kMessages };  // a file's lines, or Kafka messages

// Appends to batch.records the records of batch.messages[first_message …], by `framing` (kLines: a message is one
// line). A record that is its whole message keeps the white space around it. ~5 ns a message of one object, on top of
// one pass of memchr for line feeds. Allocates only what batch.records grows by, and below 1024 levels of nesting.
void split_records(Batch& batch, std::size_t first_message, Framing framing);

// One per ingest thread; not shared. After warm-up allocates nothing.
class Decoder {
 public:
  // Dictionaries are read only, through View; all arguments outlive the decoder.
  Decoder(const JobSpec& job, const Dictionary& items, const Dictionary& combinations);
  // The same with only some of the readers; for tests and benchmarks, which compare them.
  Decoder(const JobSpec& job, const Dictionary& items, const Dictionary& combinations, decoding::ReaderChoice choice);
  ~Decoder();

  // Decodes batch.records[first_record, end_record) in order and appends an event (item, combination, watch_ms,
  // time_ms, record; slot is left to the judge) for each that is neither filtered nor invalid; counts those two kinds
  // in batch.verdicts, and notes invalid ones in batch.letters where batch.keep_letters. Keys the dictionaries do not
  // know are appended to pending_items / pending_combinations and the column holds 0 until the engine thread fills it.
  // The columns must have room for as many events as records (batch.events_room()).
  void decode(Batch& batch, std::size_t first_record, std::size_t end_record);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace marquee
