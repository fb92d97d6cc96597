// Rows of a PartialBlock, with what they refer to.
#include "core/check.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

void PartialBlock::append(const PartialBlock& from, Row row) {
  const std::string_view item = from.item_of(row);
  row.item_begin = static_cast<std::uint32_t>(item_bytes.size());
  item_bytes += item;
  if (row.title != kNoTitle) {
    const Title& title = from.titles[row.title];
    set_title(row, title.time, from.text_of(title));
  }
  rows.push_back(row);
}

void PartialBlock::set_title(Row& row, EventTimeMs time, std::string_view text) {
  row.title = static_cast<std::uint32_t>(titles.size());
  titles.push_back({time, static_cast<std::uint32_t>(title_bytes.size()), static_cast<std::uint32_t>(text.size())});
  title_bytes += text;
  MARQUEE_CHECK(title_bytes.size() <= 0xffffffff);  // offsets into it have 32 bits
}

}  // namespace marquee
