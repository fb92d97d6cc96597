#include "decode/scanner.hpp"

#include <algorithm>

#include "decode/simdjson_reader.hpp"

namespace marquee::decoding {

bool Scanner::read(std::string_view record, RawValue* fields) {
  if (count_ == 0) return false;
  const Letters letters = inspect(record);
  if (letters == Letters::kUnfit) return false;
  for (std::uint32_t tried = 0; tried < count_; ++tried) {
    const std::uint32_t at = (last_ + tried) % count_;
    Layout& layout = layouts_[at];
    if (!scan(layout, record, fields)) continue;
    for (const Layout::Constant& c : layout.constants) fields[c.field] = {"", 0, c.kind};
    last_ = at;
    credit_ += credit_ < kCreditMax ? 1 : 0;
    return letters == Letters::kAscii || is_valid_utf8(record);
  }
  return false;
}

void Scanner::learn(std::string_view record) {
  if (!able_ || credit_ < kLearnCost || inspect(record) == Letters::kUnfit) return;
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
