#include "pipeline/phase_hook.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace marquee {
namespace {

constexpr std::array<std::string_view, 11> kNames = {"claim",     "restore", "begin",         "panelog",
                                                     "produce",   "flush",   "offsets",       "commit",
                                                     "committed", "base",    "delete_records"};

// How often the phase asked for is still to be reached; 0: none is asked for, or it was reached.
struct Wish {
  PhasePoint point = PhasePoint::kClaim;
  std::atomic<std::int64_t> left{0};

  Wish() {
    const char* text = std::getenv("MARQUEE_DEBUG_STOP_AT");
    if (text == nullptr) return;
    const std::string_view wish(text);
    const std::string_view name = wish.substr(0, wish.find('#'));
    std::int64_t times = 1;
    if (name.size() < wish.size()) std::from_chars(wish.data() + name.size() + 1, wish.data() + wish.size(), times);
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (kNames[i] != name) continue;
      point = static_cast<PhasePoint>(i);
      left.store(times);
    }
  }
};

}  // namespace

void at_phase(PhasePoint point) {
  static Wish wish;
  if (wish.left.load(std::memory_order_relaxed) <= 0 || wish.point != point) return;
  if (wish.left.fetch_sub(1, std::memory_order_relaxed) == 1) std::raise(SIGSTOP);
}

}  // namespace marquee
