#include "gen/audience.hpp"

#include <array>

namespace marquee::gen {
namespace {

struct Weighted {
  std::string_view name;
  int weight;  // of 256
};

constexpr std::array<Weighted, 24> kCountries{{{"US", 61}, {"IN", 31}, {"BR", 20}, {"GB", 15}, {"DE", 14}, {"MX", 13},
                                               {"JP", 12}, {"FR", 11}, {"CA", 10}, {"KR", 8},  {"ES", 7},  {"IT", 7},
                                               {"AU", 6},  {"ID", 6},  {"AR", 5},  {"PL", 5},  {"NL", 4},  {"TR", 4},
                                               {"CO", 4},  {"SE", 3},  {"PH", 3},  {"NG", 3},  {"ZA", 2},  {"NZ", 2}}};
constexpr std::array<Weighted, 7> kAgeBands{
    {{"13-17", 18}, {"18-24", 44}, {"25-34", 62}, {"35-44", 52}, {"45-54", 38}, {"55-64", 26}, {"65+", 16}}};
constexpr std::array<Weighted, 5> kDevices{{{"tv", 102}, {"mobile", 77}, {"web", 38}, {"tablet", 26}, {"console", 13}}};

// One entry for each value of a byte.
template <size_t N>
constexpr std::array<std::string_view, 256> spread(const std::array<Weighted, N>& list) {
  std::array<std::string_view, 256> out{};
  size_t at = 0;
  for (const auto& entry : list) {
    for (int i = 0; i < entry.weight; ++i) out.at(at++) = entry.name;
  }
  if (at != out.size()) throw "weights must add up to 256";  // fails to compile
  return out;
}

constexpr auto kCountryOf = spread(kCountries);
constexpr auto kAgeBandOf = spread(kAgeBands);
constexpr auto kDeviceOf = spread(kDevices);

}  // namespace

Viewer viewer_from(uint64_t word) {
  return {kCountryOf[word & 0xff], kAgeBandOf[(word >> 8) & 0xff], kDeviceOf[(word >> 16) & 0xff]};
}

std::string_view device_from(uint64_t word) {
  return kDeviceOf[word & 0xff];
}

}  // namespace marquee::gen
