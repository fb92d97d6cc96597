// GroupedTopK: the top K rows of every group out of a run of rows, in one pass, exact, ties settled by text.
//
// A row is a candidate while its measure is at least its group's threshold: the floor it was given, and later the K-th
// best value seen. Candidates gather in one list for all groups; when it has doubled, it is sorted by group (counting
// sort), each group with more than K keeps those at or above its K-th value (nth_element) and raises its threshold. So
// the cost stays O(rows) for one giant group and for a million groups of one, and the list holds at most about
// 2 (K * groups + ties at the cut). Text is read only for ties at the cut, eight bytes a round over what is left, and
// for equal measures among the K.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/engine.hpp"

namespace marquee {

class GroupedTopK {
 public:
  explicit GroupedTopK(const Texts& texts) : texts_(texts) {}

  // Fills `out`'s groups and rows from rows of distinct (group, item); rows without views are none. Group ids are below
  // group_bound. floors: by group id, a value that at least `top` rows of the group reach, or 0; may be shorter.
  void run(std::span<const PartialRow> rows, Measure measure, std::uint32_t top, std::size_t group_bound,
           std::span<const std::uint64_t> floors, Ranking& out);
  // How many rows the last run skipped because they had no views.
  std::size_t rows_without_views() const { return rows_without_views_; }
  std::size_t memory_bytes() const;

 private:
  struct Candidate {
    std::uint64_t measure;
    std::uint32_t row;
    std::uint32_t group;
  };
  struct Group {
    std::uint64_t events = 0;  // 0: not met yet
    std::uint64_t threshold = 0;
    std::uint32_t candidates = 0;
    std::uint32_t begin = 0;  // of its candidates, once sorted by group
    bool refused = false;
  };
  struct Tie {
    std::uint64_t prefix;  // eight bytes of the text, the first in the highest place, zeros behind its end
    std::uint32_t left;    // how many bytes of it the text had left, at most 9
    std::uint32_t index;   // into tied_ and tied_texts_
  };

  template <bool kManyGroups>
  void scan(std::span<const PartialRow> rows, Measure measure, std::span<const std::uint64_t> floors);
  void sort_by_group();
  void compact();
  // Moves the `top` best of [first, last) to the front, best first; returns how many there are.
  std::size_t select(Candidate* first, Candidate* last);
  void select_texts(Candidate* first, Candidate* last, std::size_t wanted);
  void sort_equals(Candidate* first, Candidate* last);
  std::string_view text_of(const Candidate& c) const { return texts_.item_text(rows_[c.row].item); }

  const Texts& texts_;
  std::span<const PartialRow> rows_;
  std::uint32_t top_ = 0;
  std::size_t rows_without_views_ = 0;
  std::size_t candidates_max_ = 0;  // compact when the list is as long
  std::vector<Group> groups_;       // by group id; all as new between runs
  std::vector<std::uint32_t> met_;  // group ids, in the order they were met
  std::vector<Candidate> candidates_;
  std::vector<Candidate> sorted_;
  std::vector<Candidate> tied_;
  std::vector<std::string_view> tied_texts_;
  std::vector<Tie> ties_;
};

}  // namespace marquee
