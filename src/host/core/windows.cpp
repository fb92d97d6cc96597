#include "core/windows.hpp"

#include <string_view>
#include <utility>

namespace marquee {

std::string duration_text(std::int64_t duration_ms) {
  constexpr std::pair<std::int64_t, std::string_view> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}};
  if (duration_ms == 0) return "0s";
  std::string out = duration_ms < 0 ? "-" : "";
  std::int64_t rest = duration_ms < 0 ? -duration_ms : duration_ms;
  for (const auto& [unit_ms, name] : kUnits) {
    if (rest >= unit_ms) (out += std::to_string(rest / unit_ms)) += name;
    rest %= unit_ms;
  }
  return out;
}

std::string window_text(const WindowSpec& window) {
  std::string out = window.kind == WindowKind::kTumbling  ? "tumbling "
                    : window.kind == WindowKind::kHopping ? "hopping "
                                                          : "cumulative ";
  out += duration_text(window.size_ms);
  if (window.kind != WindowKind::kTumbling) {
    out += window.kind == WindowKind::kHopping ? " every " : " step ";
    out += duration_text(window.every_ms);
  }
  if (window.offset_ms != 0) out += " offset " + duration_text(window.offset_ms);
  return out;
}

}  // namespace marquee
