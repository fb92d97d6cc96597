// What there is to watch: titles with a category, an id, a human name, and how popular each is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::gen {

inline constexpr uint32_t kTitlesMax = 1U << 24;
inline constexpr size_t kCategoryCount = 8;
/// Longest content id and title, in bytes.
inline constexpr size_t kContentIdBytesMax = 16;
inline constexpr size_t kTitleBytesMax = 96;

/// A category's name as events carry it, and the letter its content ids begin with.
struct Category {
  std::string_view name;
  char letter;
};

inline constexpr std::array<Category, kCategoryCount> kCategories{{{"movie", 'm'},
                                                                   {"show", 's'},
                                                                   {"live", 'l'},
                                                                   {"kids", 'k'},
                                                                   {"sports", 'p'},
                                                                   {"news", 'n'},
                                                                   {"music", 'u'},
                                                                   {"documentary", 'd'}}};

/// A title is named by its rank in everlasting popularity, from 0. Everything else about it is computed from that
/// rank; the only memory is the sampling table, 8 bytes a title. Immutable after construction, any thread may read.
class Catalogue {
 public:
  /// `titles` between 1 and kTitlesMax; the seed decides the ids' numbers. Costs about 20 ns a title.
  Catalogue(uint32_t titles, uint64_t seed);

  uint32_t size() const { return size_; }

  /// A title drawn with probability proportional to 1 / (rank + 1) (Zipf, exponent 1) from one random word; one table
  /// look-up (alias method: M. D. Vose, "A linear algorithm for generating random numbers with a given distribution",
  /// IEEE TSE 17(9), 1991; built in integers, so it is the same on every machine).
  uint32_t sample(uint64_t word) const {
    const auto slot = static_cast<uint32_t>(((word >> 32) * size_) >> 32);
    return (word & 0xffffffffU) < alias_[slot].threshold ? slot : alias_[slot].other;
  }

  /// Index into kCategories. Of 32 titles in a row 8 are movies, 10 shows, 2 live, 4 kids, 3 sports, 2 news, 1 music,
  /// 2 documentaries.
  static size_t category(uint32_t title);

  /// Writes the content id, `m-000123`: the category's letter and a number unrelated to popularity. Returns the end;
  /// needs kContentIdBytesMax bytes.
  char* write_content_id(char* out, uint32_t title) const;

  /// Writes the human name, UTF-8 without characters that JSON escapes; no two titles of a category share one. Returns
  /// the end; needs kTitleBytesMax bytes.
  static char* write_title(char* out, uint32_t title);

  std::string content_id(uint32_t title) const;
  static std::string title(uint32_t title);

  /// The title that has this content id, if any: for a display that wants names for ids.
  std::optional<uint32_t> find(std::string_view content_id) const;

 private:
  struct Slot {
    uint32_t threshold;  // of 2^32: stay with the slot's own title
    uint32_t other;
  };

  uint32_t size_;
  uint64_t step_;  // number = (title * step_ + shift_) mod size_
  uint64_t shift_;
  uint64_t step_inverse_;
  int id_digits_;
  std::vector<Slot> alias_;
};

/// The `ordinal`-th name of a category (titles.cpp). Returns the end; needs kTitleBytesMax bytes.
char* write_title_name(char* out, size_t category, uint64_t ordinal);

}  // namespace marquee::gen
