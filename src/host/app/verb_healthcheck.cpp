// marquee healthcheck: asks a running marquee whether it is ready. For containers and scripts.

#include <cstdio>
#include <memory>

#include "app/console_log.hpp"
#include "app/http_get.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"

namespace marquee {
namespace {

struct HealthcheckOptions {
  ConfigOptions config;
  bool live = false;
  std::uint32_t timeout_s = 3;
};

int run_healthcheck(const HealthcheckOptions& options) {
  const std::optional<Config> config = load_or_complain(options.config, {.topic = false, .job = false});
  if (!config) return static_cast<int>(Code::kConfig);
  const std::optional<ListenAddress> address = parse_listen(config->http.listen);
  const std::string path = options.live ? "/healthz" : "/readyz";
  const Result<HttpAnswer> answer = http_get(*address, {path, {}, {}}, std::chrono::seconds(options.timeout_s));
  if (!answer.ok()) return report(answer.status());
  std::string body = answer.value().body;
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.pop_back();
  if (answer.value().status == 200) {
    std::puts(printable(body.empty() ? "ok" : body).c_str());
    return 0;
  }
  return report({Code::kUnavailable, config->http.listen + path + " answers " + std::to_string(answer.value().status) +
                                         (body.empty() ? "" : ": " + body)});
}

}  // namespace

void add_healthcheck(CLI::App& app, Action& action) {
  auto options = std::make_shared<HealthcheckOptions>();
  CLI::App* verb = app.add_subcommand("healthcheck", "Ask a running marquee whether it is ready; 0 if so, else 69");
  verb->footer(R"(Examples:
  marquee healthcheck
  marquee healthcheck --config marquee.toml
  marquee healthcheck --set http.listen=127.0.0.1:9090 --live)");
  add_config_options(*verb, options->config, false);
  verb->add_flag("--live", options->live, "ask whether it is alive (/healthz), not whether it is ready (/readyz)");
  verb->add_option("--timeout", options->timeout_s, "seconds to wait for the answer")
      ->type_name("N")
      ->check(whole_number(1, 60))
      ->capture_default_str();
  verb->callback([options, &action] { action = [options] { return run_healthcheck(*options); }; });
}

}  // namespace marquee
