#include "simulation/outside.hpp"

#include <utility>

namespace simulation {

std::uint64_t Outside::begin_session() {
  settle();
  open.reset();
  return ++session;
}

void Outside::decide() {
  settle();
  decided = std::exchange(open, std::nullopt);
  if (decided->epoch > epoch) epoch = decided->epoch;
}

void Outside::settle() {
  if (!decided) return;
  const Transaction t = *std::exchange(decided, std::nullopt);
  results.insert(results.end(), t.results.begin(), t.results.end());
  letters.insert(letters.end(), t.letters.begin(), t.letters.end());
  for (const auto& [partition, committed] : t.offsets) offsets[partition] = committed;
  verdicts.counted += t.verdicts.counted;
  verdicts.filtered += t.verdicts.filtered;
  verdicts.late += t.verdicts.late;
  verdicts.invalid += t.verdicts.invalid;
  std::map<std::uint32_t, std::int64_t> first_of_base;
  for (const Appended& a : t.log) {
    const std::int64_t position = next_position_[a.partition]++;
    if (a.base) {
      ++base_parts;
      if (first_of_base.try_emplace(a.partition, position).second) ++bases;
    }
    log[a.partition].push_back({position, a.bytes, a.base});
  }
  for (const auto& [partition, position] : first_of_base) base_begins_[partition] = position;
  history.push_back({t.by, t.results.empty() && t.letters.empty() && t.log.empty(), !t.log.empty(), t.offsets});
}

void Outside::trim() {
  settle();
  for (const auto& [partition, position] : base_begins_) {
    std::erase_if(log[partition], [&](const LogValue& v) { return v.position < position; });
  }
}

bool Outside::everything_read() const {
  for (std::uint32_t p = 0; p < messages.size(); ++p) {
    if (published[p] < messages[p].size()) return false;
    const auto committed = offsets.find(p);
    if (messages[p].empty()) continue;
    if (committed == offsets.end() || committed->second.next != messages[p].back().offset + 1) return false;
  }
  return !decided;
}

}  // namespace simulation
