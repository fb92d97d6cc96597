#include <cstdio>

#include "app/console_log.hpp"
#include "app/kafka_sections.hpp"
#include "app/verbs.hpp"

namespace marquee {

void add_verbs(CLI::App& app, Action& action) {
  add_run(app, action);
  add_replay(app, action);
  add_gen(app, action);
  add_demo(app, action);
  add_top(app, action);
  add_validate(app, action);
  add_config(app, action);
  add_healthcheck(app, action);
  add_panelog(app, action);
  add_version(app, action);
  add_completion(app, action);
  for (CLI::App* verb : app.get_subcommands({})) {
    for (CLI::Option* option : verb->get_options()) {
      if (option->get_items_expected_max() == 0) option->disable_flag_override();  // --docs=no would be a yes
    }
  }
}

void add_config_options(CLI::App& verb, ConfigOptions& options, bool required) {
  verb.add_option("--config,-c", options.file, "the configuration, a TOML file")->type_name("FILE")->required(required);
  verb.add_option("--set", options.sets, "overrides one key of the configuration; may be repeated")
      ->type_name("SECTION.KEY=VALUE")
      ->expected(1)
      ->take_all();
}

std::optional<Config> load_or_complain(const ConfigOptions& options, const ConfigNeeds& needs) {
  ConfigRequest request;
  request.file = options.file;
  request.environment = marquee_environment();
  request.sets = options.sets;
  request.needs_topic = needs.topic;
  request.needs_job = needs.job;
  request.memory_bytes = memory_there_is();
  ConfigOutcome outcome = load_config(request);
  if (outcome.problems.empty()) return std::move(outcome.config);
  for (const std::string& problem : outcome.problems) std::fprintf(stderr, "%s\n", printable(problem).c_str());
  return std::nullopt;
}

bool complain_of_kafka_settings(const Config& config) {
  const std::vector<std::string> problems = kafka_settings_problems(config);
  for (const std::string& problem : problems) std::fprintf(stderr, "%s\n", printable(problem).c_str());
  return !problems.empty();
}

int report(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "marquee: %s\n", printable(status.message()).c_str());
  return status.exit_code();
}

}  // namespace marquee
