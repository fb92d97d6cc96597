#include "decode/record_reader.hpp"

#include <algorithm>

namespace marquee::decoding {

void RecordReader::begin_run(const char* begin, const char* end) {
  reads_ = hits_ = 0;
  scanning_ = choice_.scanner && scanner_.able() && pause_ == 0;
  const auto size = static_cast<std::size_t>(end - begin);
  if (choice_.run_index && !scanning_ && size <= kIndexedBytesMax) {
    simdjson_.open_run({begin, size});
  } else {
    simdjson_.close_run();
  }
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

bool RecordReader::read_by_simdjson(std::string_view record, RawValue* fields) {
  std::fill_n(fields, trie_.field_count(), RawValue{});
  if (!simdjson_.read(record, fields)) return false;
  if (scanning_) scanner_.learn(record);
  return true;
}

}  // namespace marquee::decoding
