#include "gen/options.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "gen/catalogue.hpp"
#include "gen/workload.hpp"

namespace marquee::gen {
namespace {

bool is_share(double share) {
  return share >= 0.0 && share <= 1.0;
}

GenStatus check(const GenOptions& options) {
  static constexpr std::array<std::string_view, 5> kCodecs{"none", "gzip", "snappy", "lz4", "zstd"};
  if (!is_share(options.late_share)) return GenStatus::usage("--late-share is a share between 0 and 1");
  if (!is_share(options.bad_share)) return GenStatus::usage("--bad-share is a share between 0 and 1");
  if (options.late_share + options.bad_share > 1.0) {
    return GenStatus::usage("--late-share and --bad-share together are more than all events");
  }
  if (options.threads < 1 || options.threads > 256) return GenStatus::usage("--threads is between 1 and 256");
  if (options.titles < 1 || options.titles > kTitlesMax) return GenStatus::usage("--titles is between 1 and 16777216");
  if (options.viewers > std::numeric_limits<uint32_t>::max()) return GenStatus::usage("--viewers is below 4294967296");
  if (options.pack < 1 || options.pack > 100'000) return GenStatus::usage("--pack is between 1 and 100000");
  if (options.partitions < 1 || options.partitions > 10'000) {
    return GenStatus::usage("--partitions is between 1 and 10000");
  }
  if (options.output.empty() && (options.brokers.empty() || options.topic.empty())) {
    return GenStatus::usage("nowhere to send to: give --output FILE, or --brokers and --topic");
  }
  if (std::find(kCodecs.begin(), kCodecs.end(), options.compression) == kCodecs.end()) {
    return GenStatus::usage("--compression is none, gzip, snappy, lz4 or zstd, not '" + options.compression + "'");
  }
  if (options.density && options.density->is_max()) return GenStatus::usage("--density is a number of events, not max");
  if (options.start_ms && *options.start_ms < 0) return GenStatus::usage("--start is before 1970");
  if (options.for_ms && *options.for_ms <= 0) return GenStatus::usage("--for is more than zero");
  return {};
}

}  // namespace

GenStatus resolve(const GenOptions& options, int64_t now_ms, Resolved& out) {
  if (auto status = check(options); !status.ok()) return status;
  const bool to_kafka = options.output.empty();
  out.rate = options.rate.value_or(to_kafka ? Rate::per_minute(20'000) : Rate::max());
  if (options.density) {
    out.density = *options.density;
  } else if (!to_kafka) {
    out.density = Rate::per_minute(20'000);
  } else {
    out.density = out.rate.is_max() ? Rate::per_second(1'000'000) : out.rate;
  }
  out.start_ms = options.start_ms.value_or(to_kafka ? now_ms : kDefaultStartMs);
  out.viewers = options.viewers != 0
                    ? options.viewers
                    : std::min<uint64_t>(4 * watching_at_once(out.density), std::numeric_limits<uint32_t>::max());
  out.total = options.count.value_or(std::numeric_limits<uint64_t>::max());
  if (options.for_ms) out.total = std::min(out.total, out.density.events_in(*options.for_ms));
  return {};
}

}  // namespace marquee::gen
