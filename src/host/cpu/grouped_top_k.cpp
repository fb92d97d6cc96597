#include "cpu/grouped_top_k.hpp"

#include <algorithm>
#include <cstring>

#include "core/check.hpp"

namespace marquee {
namespace {

constexpr std::size_t kCandidatesMin = 16'384;  // 256 KiB: within a core's second-level cache
constexpr std::size_t kFewGroups = 4096;        // their states stay in the first- and second-level cache
constexpr std::size_t kAhead = 16;              // rows

// Eight bytes of `text` from `at` on as a number that orders as the bytes do; zeros behind the end.
std::uint64_t prefix_at(std::string_view text, std::size_t at) {
  std::uint64_t bytes = 0;
  if (at < text.size()) std::memcpy(&bytes, text.data() + at, std::min<std::size_t>(8, text.size() - at));
  return __builtin_bswap64(bytes);
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(ends.first - a.begin());
}

}  // namespace

template <bool kManyGroups>
void GroupedTopK::scan(std::span<const PartialRow> rows, Measure measure, std::span<const std::uint64_t> floors) {
  const bool by_views = measure == Measure::kViews;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PartialRow& row = rows[i];
    if constexpr (kManyGroups) {
      if (i + kAhead < rows.size()) __builtin_prefetch(&groups_[raw(rows[i + kAhead].group)], 1);
    }
    if (row.views == 0) [[unlikely]] {
      ++rows_without_views_;
      continue;
    }
    const std::uint32_t id = raw(row.group);
    Group& group = groups_[id];
    if (group.events == 0) [[unlikely]] {
      met_.push_back(id);
      if (id < floors.size()) group.threshold = floors[id];
    }
    group.events += row.views;
    if (row.item == kRefusedItem) [[unlikely]] {
      group.refused = true;
      continue;
    }
    const std::uint64_t value = by_views ? row.views : row.watch_ms;
    if (value < group.threshold) continue;
    ++group.candidates;
    candidates_.push_back({value, static_cast<std::uint32_t>(i), id});
    if (candidates_.size() >= candidates_max_) compact();
  }
}

// candidates_ -> sorted_, group after group; each group's begin says where.
void GroupedTopK::sort_by_group() {
  std::uint32_t begin = 0;
  for (const std::uint32_t id : met_) {
    groups_[id].begin = begin;
    begin += groups_[id].candidates;
  }
  if (met_.size() == 1) {
    sorted_.swap(candidates_);
    return;
  }
  sorted_.resize(candidates_.size());
  for (const Candidate& c : candidates_) sorted_[groups_[c.group].begin++] = c;
  for (const std::uint32_t id : met_) groups_[id].begin -= groups_[id].candidates;
}

void GroupedTopK::compact() {
  sort_by_group();
  candidates_.clear();
  for (const std::uint32_t id : met_) {
    Group& group = groups_[id];
    Candidate* const first = sorted_.data() + group.begin;
    Candidate* last = first + group.candidates;
    if (group.candidates > top_) {
      std::nth_element(first, first + top_ - 1, last,
                       [](const Candidate& a, const Candidate& b) { return a.measure > b.measure; });
      group.threshold = first[top_ - 1].measure;
      last = std::partition(first + top_, last, [&group](const Candidate& c) { return c.measure == group.threshold; });
      group.candidates = static_cast<std::uint32_t>(last - first);
    }
    candidates_.insert(candidates_.end(), first, last);
  }
  candidates_max_ = 2 * candidates_.size() + std::max(kCandidatesMin, met_.size());
}

// The `wanted` candidates with the smallest texts to the front, in no order.
void GroupedTopK::select_texts(Candidate* first, Candidate* last, std::size_t wanted) {
  tied_.assign(first, last);
  tied_texts_.clear();
  for (const Candidate& c : tied_) tied_texts_.push_back(text_of(c));
  ties_.resize(tied_.size());
  for (std::size_t i = 0; i < ties_.size(); ++i) ties_[i].index = static_cast<std::uint32_t>(i);

  // Invariant: the texts of [begin, end) agree in their first `at` bytes, all before it are chosen, all behind it not.
  std::size_t begin = 0;
  std::size_t end = ties_.size();
  std::size_t at = 0;
  while (begin < wanted && wanted < end) {
    std::size_t common = tied_texts_[ties_[begin].index].size();
    const std::string_view sample = tied_texts_[ties_[begin].index];
    for (std::size_t i = begin; i < end && common > at; ++i) {
      common = at + common_prefix(sample.substr(at, common - at), tied_texts_[ties_[i].index].substr(at));
    }
    at = common;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string_view text = tied_texts_[ties_[i].index];
      ties_[i].prefix = prefix_at(text, at);
      ties_[i].left = static_cast<std::uint32_t>(std::min<std::size_t>(text.size() - std::min(at, text.size()), 9));
    }
    const auto before = [](const Tie& a, const Tie& b) {
      return a.prefix != b.prefix ? a.prefix < b.prefix : a.left < b.left;
    };
    const auto data = ties_.data();
    std::nth_element(data + begin, data + wanted - 1, data + end, before);
    const Tie cut = data[wanted - 1];
    Tie* const equal = std::partition(data + begin, data + wanted, [&](const Tie& t) { return before(t, cut); });
    Tie* const behind = std::partition(data + wanted, data + end, [&](const Tie& t) { return !before(cut, t); });
    begin = static_cast<std::size_t>(equal - data);
    end = static_cast<std::size_t>(behind - data);
    if (cut.left <= 8) break;  // the text ends here, and no two items have the same
    at += 8;
  }
  for (std::size_t i = 0; i < ties_.size(); ++i) first[i] = tied_[ties_[i].index];
}

void GroupedTopK::sort_equals(Candidate* first, Candidate* last) {
  tied_.assign(first, last);
  tied_texts_.clear();
  for (const Candidate& c : tied_) tied_texts_.push_back(text_of(c));
  ties_.resize(tied_.size());
  for (std::size_t i = 0; i < ties_.size(); ++i)
    ties_[i] = {prefix_at(tied_texts_[i], 0), 0, static_cast<std::uint32_t>(i)};
  std::sort(ties_.begin(), ties_.end(), [this](const Tie& a, const Tie& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : tied_texts_[a.index] < tied_texts_[b.index];
  });
  for (std::size_t i = 0; i < ties_.size(); ++i) first[i] = tied_[ties_[i].index];
}

std::size_t GroupedTopK::select(Candidate* first, Candidate* last) {
  const auto better = [](const Candidate& a, const Candidate& b) { return a.measure > b.measure; };
  if (static_cast<std::size_t>(last - first) > top_) {
    std::nth_element(first, first + top_ - 1, last, better);
    const std::uint64_t cut = first[top_ - 1].measure;
    Candidate* const tied = std::partition(first, first + top_, [cut](const Candidate& c) { return c.measure > cut; });
    Candidate* const tied_end =
        std::partition(first + top_, last, [cut](const Candidate& c) { return c.measure == cut; });
    if (tied_end > first + top_) select_texts(tied, tied_end, static_cast<std::size_t>(first + top_ - tied));
    last = first + top_;
  }
  std::sort(first, last, better);
  for (Candidate* run = first; run < last;) {
    Candidate* const next = std::find_if(run, last, [run](const Candidate& c) { return c.measure != run->measure; });
    if (next - run > 1) sort_equals(run, next);
    run = next;
  }
  return static_cast<std::size_t>(last - first);
}

void GroupedTopK::run(std::span<const PartialRow> rows, Measure measure, std::uint32_t top, std::size_t group_bound,
                      std::span<const std::uint64_t> floors, Ranking& out) {
  MARQUEE_CHECK(top > 0);
  rows_ = rows;
  top_ = top;
  rows_without_views_ = 0;
  candidates_.clear();
  candidates_max_ = kCandidatesMin;
  if (groups_.size() < group_bound) groups_.resize(group_bound);
  if (group_bound > kFewGroups) {
    scan<true>(rows, measure, floors);
  } else {
    scan<false>(rows, measure, floors);
  }

  sort_by_group();
  for (const std::uint32_t id : met_) {
    Group& group = groups_[id];
    Candidate* const first = sorted_.data() + group.begin;
    const std::size_t count = select(first, first + group.candidates);
    out.groups.push_back({GroupId{id}, group.events, group.refused, static_cast<std::uint32_t>(out.rows.size()),
                          static_cast<std::uint32_t>(count)});
    for (std::size_t i = 0; i < count; ++i) {
      const PartialRow& row = rows[first[i].row];
      out.rows.push_back({row.item, row.views, row.watch_ms});
    }
    group = Group();
  }
  met_.clear();
  rows_ = {};
}

std::size_t GroupedTopK::memory_bytes() const {
  return groups_.capacity() * sizeof(Group) + met_.capacity() * sizeof(std::uint32_t) +
         (candidates_.capacity() + sorted_.capacity() + tied_.capacity()) * sizeof(Candidate) +
         tied_texts_.capacity() * sizeof(std::string_view) + ties_.capacity() * sizeof(Tie);
}

}  // namespace marquee
