#include "decode/record_reader.hpp"

#include <algorithm>

#include "decode/json_text.hpp"

namespace marquee::decoding {

void RecordReader::begin_run(const char* begin, const char* end) {
  run_end_ = end;
  reads_ = hits_ = 0;
  scanning_ = choice_.scanner && scanner_.able() && pause_ == 0;
  const auto size = static_cast<std::size_t>(end - begin);
  streaming_ = choice_.stream && !scanning_ && size <= kStreamBytesMax;
  if (streaming_) simdjson_.open_stream({begin, size});
}

void RecordReader::end_run() {
  if (!scanning_) {
    pause_ -= pause_ > 0 ? 1 : 0;
  } else if (reads_ >= 16 && hits_ * 2 < reads_) {
    pause_ = next_pause_;
    next_pause_ = std::min(next_pause_ * 2, kPauseMax);
  } else {
    next_pause_ = kPauseMin;
  }
}

bool RecordReader::read(std::string_view record, RawValue* fields) {
  ++reads_;
  if (scanning_) {
    if (scanner_.read(record, fields)) {
      ++hits_;
      return true;
    }
    if (!read_alone(record, fields)) return false;
    scanner_.learn(record);
    return true;
  }
  if (streaming_) {
    clear(fields);
    // In a run of whole lines the next document begins at the next byte that is not white space.
    const char* next = skip_space(record.data() + record.size(), run_end_);
    streaming_ = simdjson_.read_from_stream(record, next, fields);
    if (streaming_) return true;
  }
  return read_alone(record, fields);
}

bool RecordReader::read_alone(std::string_view record, RawValue* fields) {
  clear(fields);
  return simdjson_.read(record, fields);
}

void RecordReader::clear(RawValue* fields) const {
  std::fill_n(fields, trie_.field_count(), RawValue{});
}

}  // namespace marquee::decoding
