#include "app/access_report.hpp"

#include <chrono>
#include <cstdio>
#include <string>

#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/token_file.hpp"
#include "kafka/access_check.hpp"

namespace marquee {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

int report_access(const Config& config, Log& log) {
  int code = 0;
  std::size_t asked = 0;
  std::size_t missing = 0;
  const auto tell = [&](const AccessAnswer& answer) {
    const bool ok = answer.status.ok();
    const std::string line = answer.what + (ok ? "" : ": " + answer.status.message());
    std::printf("%s  %s\n", ok ? "ok     " : "missing", printable(line).c_str());
    std::fflush(stdout);
    ++asked;
    if (ok) return;
    ++missing;
    if (code == 0) code = answer.status.exit_code();
  };
  if (config.http.enabled && !config.http.token_file.empty()) {
    const Result<std::string> token = read_token(config.http.token_file);
    tell({"the token file " + config.http.token_file, token.ok() ? Status() : token.status()});
  }
  check_access(kafka_source_config(config), kafka_sink_config(config), kafka_pane_log_config(config), kPatience, log,
               tell);
  if (missing == 0) {
    std::puts("a run has all it needs; nothing was changed");
  } else {
    std::printf("%zu of %zu are missing; nothing was changed\n", missing, asked);
  }
  return code;
}

}  // namespace marquee
