#include "gen/catalogue.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "gen/digits.hpp"
#include "gen/mix.hpp"

namespace marquee::gen {
namespace {

// Which category each of 32 ranks in a row has; the popular ones alternate.
constexpr size_t kCycle = 32;
constexpr std::array<uint8_t, kCycle> kCategoryOf{1, 0, 2, 4, 1, 0, 3, 5, 1, 0, 7, 1, 3, 0, 1, 6,
                                                  0, 1, 4, 0, 1, 3, 2, 1, 0, 5, 1, 4, 0, 1, 3, 7};

// For each of the 32: how many before it have its category.
constexpr std::array<uint8_t, kCycle> kOrdinalOf = [] {
  std::array<uint8_t, kCycle> out{};
  std::array<uint8_t, kCategoryCount> seen{};
  for (size_t i = 0; i < kCycle; ++i) out[i] = seen[kCategoryOf[i]]++;
  return out;
}();

constexpr std::array<uint8_t, kCategoryCount> kPerCycle = [] {
  std::array<uint8_t, kCategoryCount> out{};
  for (const auto category : kCategoryOf) ++out[category];
  return out;
}();

// The number whose product with `value` is 1 modulo `modulus` (extended Euclid); 0 when modulus is 1.
uint64_t inverse(uint64_t value, uint64_t modulus) {
  int64_t old_r = static_cast<int64_t>(value);
  int64_t r = static_cast<int64_t>(modulus);
  int64_t old_s = 1;
  int64_t s = 0;
  while (r != 0) {
    const int64_t quotient = old_r / r;
    old_r = std::exchange(r, old_r - quotient * r);
    old_s = std::exchange(s, old_s - quotient * s);
  }
  const auto m = static_cast<int64_t>(modulus);
  return static_cast<uint64_t>(((old_s % m) + m) % m);
}

}  // namespace

Catalogue::Catalogue(uint32_t titles, uint64_t seed)
    : size_(titles), shift_(mix64(mix64(seed) + 1) % titles), id_digits_(6), alias_(titles) {
  step_ = std::max<uint64_t>(1, static_cast<uint64_t>(titles) * 618 / 1000);
  while (std::gcd(step_, static_cast<uint64_t>(titles)) != 1) ++step_;
  step_inverse_ = inverse(step_, titles);
  for (uint64_t bound = 1'000'000; bound < titles; bound *= 10) ++id_digits_;

  // Weights 2^36 / rank, times the number of slots: below 2^60. A slot holds `sum`.
  std::vector<uint64_t> scaled(titles);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < titles; ++i) {
    const uint64_t weight = (1ULL << 36) / (i + 1ULL);
    sum += weight;
    scaled[i] = weight * titles;
  }
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < titles; ++i) (scaled[i] < sum ? small : large).push_back(i);
  // sum < 2^41, so 22 bits of threshold can be had in 64-bit integers, then 10 bits of zeroes.
  while (!small.empty() && !large.empty()) {
    const uint32_t low = small.back();
    const uint32_t high = large.back();
    small.pop_back();
    alias_[low] = {static_cast<uint32_t>(((scaled[low] << 22) / sum) << 10), high};
    scaled[high] -= sum - scaled[low];
    if (scaled[high] < sum) {
      large.pop_back();
      small.push_back(high);
    }
  }
  for (const auto* rest : {&small, &large}) {
    for (const uint32_t i : *rest) alias_[i] = {0xffffffffU, i};
  }
}

size_t Catalogue::category(uint32_t title) {
  return kCategoryOf[title % kCycle];
}

char* Catalogue::write_content_id(char* out, uint32_t title) const {
  *out++ = kCategories[category(title)].letter;
  *out++ = '-';
  return write_padded(out, (title * step_ + shift_) % size_, id_digits_);
}

char* Catalogue::write_title(char* out, uint32_t title) {
  const size_t position = title % kCycle;
  const size_t kind = kCategoryOf[position];
  return write_title_name(out, kind, static_cast<uint64_t>(title / kCycle) * kPerCycle[kind] + kOrdinalOf[position]);
}

std::string Catalogue::content_id(uint32_t title) const {
  std::array<char, kContentIdBytesMax> text{};
  return {text.data(), write_content_id(text.data(), title)};
}

std::string Catalogue::title(uint32_t title) {
  std::array<char, kTitleBytesMax> text{};
  return {text.data(), write_title(text.data(), title)};
}

std::optional<uint32_t> Catalogue::find(std::string_view content_id) const {
  if (content_id.size() != static_cast<size_t>(id_digits_) + 2) return std::nullopt;
  uint64_t number = 0;
  for (const char c : content_id.substr(2)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  if (number >= size_) return std::nullopt;
  const auto title = static_cast<uint32_t>((number + size_ - shift_) % size_ * step_inverse_ % size_);
  // The letter must fit too.
  return this->content_id(title) == content_id ? std::optional(title) : std::nullopt;
}

}  // namespace marquee::gen
