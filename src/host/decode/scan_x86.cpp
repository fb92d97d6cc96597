#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "decode/scan.hpp"

// The rest of the program runs on any x86-64; only what is marked so uses more, and only where inspects() offers it.
#define MARQUEE_AVX2 __attribute__((target("avx2,bmi,popcnt")))
#define MARQUEE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi,popcnt")))

namespace marquee::decoding {
namespace {

constexpr char kEscape = '\\';
constexpr char kFirstPrintable = ' ';

MARQUEE_AVX2 inline __m256i load32(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// The places of the bits of `quotes`, from `base` on, as D. Lemire's "Iterating over set bits quickly" (2018): mostly
// there are few, so eight are written without a branch on how many.
MARQUEE_AVX2 inline void append_quotes(std::uint64_t quotes, std::size_t base, Quotes& out) {
  std::uint16_t* at = out.at.data() + out.count;
  const auto count = static_cast<std::uint32_t>(_mm_popcnt_u64(quotes));
  std::uint32_t written = 0;
  do {
    for (std::uint32_t i = 0; i < 8; ++i) {
      at[written + i] = static_cast<std::uint16_t>(base + _tzcnt_u64(quotes));
      quotes = _blsr_u64(quotes);
    }
    written += 8;
  } while (written < count);
  out.count += count;
}

MARQUEE_AVX2 Letters inspect_avx2(std::string_view record, Quotes& quotes) {
  quotes.count = 0;
  if (record.size() > Quotes::kRecordBytesMax) return Letters::kUnfit;
  const __m256i quote = _mm256_set1_epi8('"');
  const __m256i escape = _mm256_set1_epi8(kEscape);
  __m256i high = _mm256_setzero_si256();  // or of all bytes: the top bit says non-ASCII
  __m256i lowest = _mm256_set1_epi8(-1);  // least of all bytes: below 0x20 is a control character
  __m256i escapes = _mm256_setzero_si256();
  const auto look = [&](__m256i bytes) MARQUEE_AVX2 {
    high = _mm256_or_si256(high, bytes);
    lowest = _mm256_min_epu8(lowest, bytes);
    escapes = _mm256_or_si256(escapes, _mm256_cmpeq_epi8(bytes, escape));
    return std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, quote)))};
  };
  const char* const p = record.data();
  std::size_t at = 0;
  for (; at + 64 <= record.size(); at += 64) {
    const std::uint64_t first = look(load32(p + at));
    append_quotes(first | look(load32(p + at + 32)) << 32, at, quotes);
    if (quotes.count > Quotes::kMax) return Letters::kUnfit;
  }
  // The rest, as if spaces stood behind it.
  const __m256i space = _mm256_set1_epi8(kFirstPrintable);
  const __m256i places = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                          22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  const auto look_at_first = [&](std::size_t size, const char* from) MARQUEE_AVX2 {
    const __m256i inside = _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(size)), places);
    return look(_mm256_blendv_epi8(space, load32(from), inside));
  };
  const std::size_t rest = record.size() - at;
  const std::size_t in_first = std::min<std::size_t>(rest, 32);
  const std::uint64_t first = look_at_first(in_first, p + at);
  append_quotes(first | look_at_first(rest - in_first, p + at + 32) << 32, at, quotes);
  if (quotes.count > Quotes::kMax) return Letters::kUnfit;

  const __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(lowest, _mm256_set1_epi8(kFirstPrintable - 1)), lowest);
  const __m256i unfit = _mm256_or_si256(escapes, control);
  if (!_mm256_testz_si256(unfit, unfit)) return Letters::kUnfit;
  return _mm256_movemask_epi8(high) == 0 ? Letters::kAscii : Letters::kText;
}

MARQUEE_AVX512 Letters inspect_avx512(std::string_view record, Quotes& quotes) {
  quotes.count = 0;
  if (record.size() > Quotes::kRecordBytesMax) return Letters::kUnfit;
  alignas(64) static constexpr auto kPlaces = [] {
    std::array<std::uint8_t, 64> places{};
    for (std::size_t i = 0; i < 64; ++i) places[i] = static_cast<std::uint8_t>(i);
    return places;
  }();
  const __m512i places = _mm512_load_si512(kPlaces.data());
  const __m512i space = _mm512_set1_epi8(kFirstPrintable);
  const __m512i quote = _mm512_set1_epi8('"');
  const __m512i escape = _mm512_set1_epi8(kEscape);
  __m512i high = _mm512_setzero_si512();
  __mmask64 unfit = 0;
  std::uint32_t count = 0;
  const char* const p = record.data();
  const auto look = [&](__m512i bytes, std::size_t at) MARQUEE_AVX512 {
    high = _mm512_or_si512(high, bytes);
    unfit |= _mm512_cmplt_epu8_mask(bytes, space) | _mm512_cmpeq_epi8_mask(bytes, escape);
    const __mmask64 here = _mm512_cmpeq_epi8_mask(bytes, quote);
    const __m512i packed = _mm512_maskz_compress_epi8(here, places);
    const __m512i base = _mm512_set1_epi16(static_cast<short>(at));
    std::uint16_t* const out = quotes.at.data() + count;
    const auto found = static_cast<std::uint32_t>(_mm_popcnt_u64(here));
    _mm512_storeu_si512(out, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed))));
    if (found > 32) {
      const __m256i upper = _mm512_extracti64x4_epi64(packed, 1);
      _mm512_storeu_si512(out + 32, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(upper)));
    }
    count += found;
    return count <= Quotes::kMax;
  };
  std::size_t at = 0;
  for (; at + 64 <= record.size(); at += 64) {
    if (!look(_mm512_loadu_si512(p + at), at)) return Letters::kUnfit;
  }
  const __mmask64 inside = (std::uint64_t{1} << (record.size() - at)) - 1;  // the rest, as if spaces stood behind it
  if (!look(_mm512_mask_loadu_epi8(space, inside, p + at), at)) return Letters::kUnfit;
  quotes.count = count;
  if (unfit != 0) return Letters::kUnfit;
  return _mm512_movepi8_mask(high) == 0 ? Letters::kAscii : Letters::kText;
}

// How many digits stand at p; 16 if there are more.
MARQUEE_AVX2 inline unsigned digits_at(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i values = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i nine = _mm_set1_epi8(9);
  const auto digits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(values, nine), nine)));
  return _tzcnt_u32(~digits);
}

}  // namespace

std::span<const Inspect> inspects() {
  static constexpr std::array<Inspect, 2> kAll = {inspect_avx512, inspect_avx2};
  static const std::span<const Inspect> able = [] {
    std::span<const Inspect> all = kAll;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("popcnt")) {
      return all.first(0);
    }
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vbmi2");
    return wide ? all : all.subspan(1);
  }();
  return able;
}

MARQUEE_AVX2 bool scan(const Layout& layout, std::string_view record, const Quotes& quotes, RawValue* fields) {
  if (quotes.count != layout.quotes) return false;
  const char* const begin = record.data();
  const char* const end = begin + record.size();
  const char* p = begin;
  for (const Slot* slot = layout.slots.data();; ++slot) {
    // p < end here, so that no load goes further than 63 bytes behind the record.
    const __m256i differs = _mm256_xor_si256(load32(p), load32(slot->gap.data()));
    if (!_mm256_testz_si256(differs, load32(slot->mask.data()))) return false;
    p += slot->gap_size;
    if (slot->kind == Slot::Kind::kEnd) return p == end;
    if (p >= end) return false;  // the gap went on in what stands behind the record
    if (slot->kind == Slot::Kind::kString) {
      // All gaps so far were within the record, so that their quotes are the record's first ones: this one is the next.
      const char* const close = begin + quotes.at[slot->quote];
      if (slot->field != FieldTrie::kNone) {
        fields[slot->field] = {p, static_cast<std::uint32_t>(close - p), ValueKind::kString};
      }
      p = close;
    } else if (slot->kind == Slot::Kind::kScalar) {
      const unsigned digits = digits_at(p);
      RawValue value{p, digits, ValueKind::kInteger};
      if (p[digits] == slot->behind && digits - 1 < 15 && (*p != '0' || digits == 1)) {
        p += digits;
      } else {
        p = read_scalar(p, end, value);  // a sign, a fraction, a word; or nonsense
        if (p == nullptr) return false;
      }
      if (slot->field != FieldTrie::kNone) fields[slot->field] = value;
      if (p >= end) return false;
    }
  }
}

}  // namespace marquee::decoding
