#include "pipeline/pane_row_order.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "core/check.hpp"

namespace marquee {
namespace {

// Stable.
void counting_sort(std::vector<std::uint32_t>& order, const std::vector<std::uint32_t>& bucket_of,
                   std::size_t buckets) {
  std::vector<std::uint32_t> next(buckets + 1);
  for (const std::uint32_t bucket : bucket_of) ++next[bucket + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::uint32_t> sorted(order.size());
  for (const std::uint32_t row : order) sorted[next[bucket_of[row]]++] = row;
  order.swap(sorted);
}

}  // namespace

std::vector<std::uint32_t> pane_row_order(const PartialBlock& partials) {
  using Row = PartialBlock::Row;
  const std::vector<Row>& rows = partials.rows;
  MARQUEE_CHECK(rows.size() < std::numeric_limits<std::uint32_t>::max());
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto before = [](const Row& a, const Row& b) { return pane_row_key(a) < pane_row_key(b); };
  if (std::is_sorted(rows.begin(), rows.end(), before)) return order;

  std::vector<std::uint32_t> bucket_of(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) bucket_of[i] = rows[i].group + 1u;  // no group: 0
  counting_sort(order, bucket_of, partials.groups.size() + 1);

  // Then by leaderboard and pane, of which there are few, and most rows have those of the row before.
  std::map<std::pair<std::uint32_t, std::int64_t>, std::uint32_t> panes;  // numbered as they are found
  auto last = panes.end();
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::pair pane{rows[i].leaderboard, rows[i].pane};
    if (last == panes.end() || last->first != pane) {
      last = panes.try_emplace(pane, found).first;
      if (last->second == found) ++found;
    }
    bucket_of[i] = last->second;
  }
  std::vector<std::uint32_t> rank(found);
  std::uint32_t next = 0;
  for (const auto& [pane, number] : panes) rank[number] = next++;
  for (std::uint32_t& bucket : bucket_of) bucket = rank[bucket];
  counting_sort(order, bucket_of, found);
  return order;
}

}  // namespace marquee
