#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "decode/scan.hpp"

// The rest of the program runs on any x86-64; only what is marked so uses AVX2, and only after can_scan().
#define MARQUEE_AVX2 __attribute__((target("avx2,bmi")))

namespace marquee::decoding {
namespace {

MARQUEE_AVX2 inline __m256i load32(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// How many digits stand at p; 16 if there are more.
MARQUEE_AVX2 inline unsigned digits_at(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i nine = _mm_set1_epi8(9);
  const auto digits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(values, nine), nine)));
  return _tzcnt_u32(~digits);
}

// p moved on by `size`, the value's length. Where the next value begins depends on this one's length, so a record would
// be one long chain of loads, compares and adds. Where lengths are steady the chain is cut: the branch on the guess
// lets the CPU go on from guess, which it has, before size, which it is still waiting for, is known.
MARQUEE_AVX2 inline const char* advance(const char* p, std::uint32_t size, Slot& slot) {
  if (slot.trust < Slot::kTrusted) {
    slot.trust = slot.guess == size ? static_cast<std::uint8_t>(slot.trust + 1) : std::uint8_t{0};
    slot.guess = size;
    return p + size;
  }
  std::uint32_t step = slot.guess;
  asm("" : "+r"(step));  // or the compiler sees that below it is size, and adds size
  if (__builtin_expect(slot.guess == size, 1)) {
    if (slot.trust < Slot::kTrustMax) ++slot.trust;
    return p + step;
  }
  slot.trust = static_cast<std::uint8_t>(slot.trust > Slot::kTrusted * 2 ? slot.trust - Slot::kTrusted : 0);
  return p + size;
}

}  // namespace

bool can_scan() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

MARQUEE_AVX2 Letters inspect(std::string_view record) {
  if (record.size() < 32) return Letters::kUnfit;
  const __m256i backslash = _mm256_set1_epi8('\\');
  __m256i high = _mm256_setzero_si256();  // or of all bytes: the top bit says non-ASCII
  __m256i lowest = _mm256_set1_epi8(-1);  // least of all bytes: below 0x20 is a control character
  __m256i escapes = _mm256_setzero_si256();
  const auto look = [&](const char* p) MARQUEE_AVX2 {
    const __m256i bytes = load32(p);
    high = _mm256_or_si256(high, bytes);
    lowest = _mm256_min_epu8(lowest, bytes);
    escapes = _mm256_or_si256(escapes, _mm256_cmpeq_epi8(bytes, backslash));
  };
  const char* p = record.data();
  const char* const last = p + record.size() - 32;
  for (; p < last; p += 32) look(p);
  look(last);
  const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(lowest, _mm256_set1_epi8(0x1f)), lowest);
  const __m256i unfit = _mm256_or_si256(escapes, control);
  if (!_mm256_testz_si256(unfit, unfit)) return Letters::kUnfit;
  return _mm256_movemask_epi8(high) == 0 ? Letters::kAscii : Letters::kText;
}

MARQUEE_AVX2 bool scan(Layout& layout, std::string_view record, RawValue* fields) {
  const __m256i quote = _mm256_set1_epi8('"');
  const char* p = record.data();
  const char* const end = p + record.size();
  for (Slot* slot = layout.slots.data();; ++slot) {
    // p < end here, so that no load goes further than 63 bytes behind the record.
    const __m256i differs = _mm256_xor_si256(load32(p), load32(slot->gap.data()));
    if (!_mm256_testz_si256(differs, load32(slot->mask.data()))) return false;
    p += slot->gap_size;
    if (slot->kind == Slot::Kind::kString) {
      std::uint32_t before = 0;
      unsigned quotes = 0;
      while ((quotes = static_cast<unsigned>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(load32(p + before), quote)))) ==
             0) {
        before += 32;
        if (p + before >= end) return false;
      }
      const std::uint32_t size = before + _tzcnt_u32(quotes);
      if (slot->field != FieldTrie::kNone) fields[slot->field] = {p, size, ValueKind::kString};
      p = advance(p, size, *slot);
    } else if (slot->kind == Slot::Kind::kScalar) {
      const unsigned digits = digits_at(p);
      RawValue value{p, digits, ValueKind::kInteger};
      if (p[digits] == slot->behind && digits - 1 < 15 && (*p != '0' || digits == 1)) {
        p = advance(p, digits, *slot);
      } else {
        p = read_scalar(p, std::max(p, end), value);  // a sign, a fraction, a word; or nonsense
        if (p == nullptr) return false;
      }
      if (slot->field != FieldTrie::kNone) fields[slot->field] = value;
    } else if (slot->kind == Slot::Kind::kEnd) {
      return p == end;
    }
    if (p >= end) return false;
  }
}

}  // namespace marquee::decoding
