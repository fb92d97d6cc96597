#include "decode/scanner.hpp"

#include <algorithm>

#include "decode/simdjson_reader.hpp"

namespace marquee::decoding {

bool Scanner::scan_by_another(std::string_view record, RawValue* fields) {
  for (std::uint32_t at = 0; at < count_; ++at) {
    if (at == last_ || !scan(layouts_[at], record, quotes_, fields)) continue;
    last_ = at;
    return true;
  }
  return false;
}

void Scanner::learn(std::string_view record) {
  if (!able() || credit_ < kLearnCost || inspect_(record, quotes_) == Letters::kUnfit) return;
  credit_ -= kLearnCost;
  std::uint32_t at = count_;
  if (count_ == kLayouts) {
    if (victim_ == last_) victim_ = (victim_ + 1) % kLayouts;
    at = victim_;
    victim_ = (victim_ + 1) % kLayouts;
  }
  if (learner_.learn(record, layouts_[at])) {
    if (at == count_) ++count_;
    last_ = at;
  } else if (at != count_) {
    std::swap(layouts_[at], layouts_[--count_]);  // it is no layout any more
    last_ = 0;
  }
}

}  // namespace marquee::decoding
