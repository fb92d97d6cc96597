#include "file/memory_pane_log.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace marquee {

Status MemoryPaneLog::append(std::uint32_t, std::string value, bool base) {
  in_epoch_.push_back({std::move(value), base});
  return {};
}

void MemoryPaneLog::note_committed() {
  const auto base = std::find_if(in_epoch_.begin(), in_epoch_.end(), [](const Kept& k) { return k.base; });
  if (base != in_epoch_.end()) {
    kept_.clear();
    in_epoch_.erase(in_epoch_.begin(), base);
  }
  std::move(in_epoch_.begin(), in_epoch_.end(), std::back_inserter(kept_));
  in_epoch_.clear();
}

Status MemoryPaneLog::read(const std::function<Status(const Value&)>& apply) {
  in_epoch_.clear();  // of an epoch that failed
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (Status s = apply({0, static_cast<std::int64_t>(i), kept_[i].value}); !s.ok()) return s;
  }
  return {};
}

std::size_t MemoryPaneLog::bytes() const {
  std::size_t bytes = 0;
  for (const Kept& kept : kept_) bytes += kept.value.size();
  return bytes;
}

}  // namespace marquee
