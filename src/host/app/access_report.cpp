#include "app/access_report.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/token_file.hpp"
#include "kafka/access_check.hpp"

namespace marquee {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

int report_access(const Config& config, Log& log) {
  std::vector<AccessAnswer> answers;
  if (config.http.enabled && !config.http.token_file.empty()) {
    const Result<std::string> token = read_token(config.http.token_file);
    answers.push_back({"the token file " + config.http.token_file, token.ok() ? Status() : token.status()});
  }
  for (AccessAnswer& answer : check_access(kafka_source_config(config), kafka_sink_config(config),
                                           kafka_pane_log_config(config), kPatience, log)) {
    answers.push_back(std::move(answer));
  }
  int code = 0;
  std::size_t missing = 0;
  for (const AccessAnswer& answer : answers) {
    const bool ok = answer.status.ok();
    const std::string line = answer.what + (ok ? "" : ": " + answer.status.message());
    std::printf("%s  %s\n", ok ? "ok     " : "missing", printable(line).c_str());
    if (ok) continue;
    ++missing;
    if (code == 0) code = answer.status.exit_code();
  }
  if (missing == 0) {
    std::puts("a run has all it needs; nothing was changed");
  } else {
    std::printf("%zu of %zu are missing; nothing was changed\n", missing, answers.size());
  }
  return code;
}

}  // namespace marquee
