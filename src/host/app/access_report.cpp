#include "app/access_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/token_file.hpp"
#include "kafka/access_check.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

int report_access(const Config& config, Log& log) {
  int code = 0;
  std::size_t asked = 0;
  std::size_t missing = 0;
  bool changed = false;
  bool unknown = false;
  const auto tell = [&](const AccessAnswer& answer) {
    const bool ok = answer.status.ok();
    const std::string line = answer.what + (ok ? "" : ": " + answer.status.message());
    std::printf("%s  %s\n", !ok ? "missing" : answer.unknown ? "unknown" : "ok     ", printable(line).c_str());
    std::fflush(stdout);
    ++asked;
    changed = changed || answer.changed;
    unknown = unknown || answer.unknown;
    if (ok) return;
    ++missing;
    if (code == 0) code = answer.status.exit_code();
  };
  if (config.http.enabled && !config.http.token_file.empty()) {
    const Result<std::string> token = read_token(config.http.token_file);
    tell({"the token file " + config.http.token_file, token.ok() ? Status() : token.status(), false, false});
  }
  if (config.engine.kind == EngineKind::kCuda) {
    const Result<std::vector<CudaDevice>> devices = cuda_devices();
    const bool usable = devices.ok() && std::any_of(devices.value().begin(), devices.value().end(),
                                                    [](const CudaDevice& device) { return device.refused.empty(); });
    const std::string why =
        devices.ok() ? "no GPU is usable: `marquee version --engines` says why" : devices.status().message();
    tell({"engine.kind = \"cuda\"", usable ? Status() : Status(Code::kUnavailable, why), false, false});
  }
  check_access(kafka_source_config(config), kafka_sink_config(config), kafka_pane_log_config(config), kPatience, log,
               tell);
  const char* const after = changed ? "see above for what was changed" : "nothing was changed";
  if (missing == 0) {
    std::printf("Kafka has all that a run needs%s; %s. Records and the group's state were not looked at\n",
                unknown ? ", as far as it was asked" : "", after);
  } else {
    std::printf("%zu of %zu are missing; %s\n", missing, asked, after);
  }
  return code;
}

}  // namespace marquee
