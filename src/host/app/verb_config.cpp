// marquee config and marquee validate: what the configuration comes to, and whether it is right.

#include <cstdio>
#include <memory>

#include "app/verbs.hpp"
#include "serve/metrics.hpp"

namespace marquee {

void add_config(CLI::App& app, Action& action) {
  struct Options {
    ConfigOptions config;
    bool docs = false;
    bool metrics_docs = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("config", "Print the effective configuration, secrets masked");
  verb->footer(R"(Examples:
  marquee config --config marquee.toml
  MARQUEE_SINK__TOPIC=top marquee config --config marquee.toml --set time.disorder=10s
  marquee config --docs)");
  add_config_options(*verb, options->config, false);
  verb->add_flag("--docs", options->docs, "print every key with type, default and meaning, as a Markdown table");
  verb->add_flag("--metrics-docs", options->metrics_docs,
                 "print every metric with type and meaning, as a Markdown table");
  verb->callback([options, &action] {
    action = [options] {
      if (options->metrics_docs) {
        std::fputs(metrics_markdown().c_str(), stdout);
        return 0;
      }
      if (options->docs) {
        std::fputs(config_docs().c_str(), stdout);
        return 0;
      }
      if (options->config.file.empty()) {
        return report({Code::kUsage, "config needs --config FILE, or --docs; marquee config --help says more"});
      }
      const std::optional<Config> config = load_or_complain(options->config, {});
      if (!config) return static_cast<int>(Code::kConfig);
      std::fputs(print_config(*config).c_str(), stdout);
      return 0;
    };
  });
}

void add_validate(CLI::App& app, Action& action) {
  auto options = std::make_shared<ConfigOptions>();
  CLI::App* verb = app.add_subcommand("validate", "Check a configuration and tell every problem, one a line");
  verb->footer(R"(Examples:
  marquee validate --config marquee.toml
  marquee validate --config marquee.toml --set limits.items=1000000)");
  add_config_options(*verb, *options, true);
  verb->callback([options, &action] {
    action = [options] {
      const std::optional<Config> config = load_or_complain(*options, {});
      if (!config) return static_cast<int>(Code::kConfig);
      if (complain_of_kafka_settings(*config)) return static_cast<int>(Code::kConfig);
      std::puts("OK");
      return 0;
    };
  });
}

}  // namespace marquee
