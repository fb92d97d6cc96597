// marquee: exact top-K of a stream of watch events. Parses the command line and runs the verb.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "app/config_values.hpp"
#include "app/console_log.hpp"
#include "app/verbs.hpp"

namespace marquee {
namespace {

// A word that is no verb, told with the nearest one; CLI11 would only say that a verb is missing.
bool is_unknown_verb(const CLI::App& app, const std::string& word) {
  if (word.starts_with('-')) return false;
  std::vector<std::string_view> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_name() == word) return false;
    names.push_back(verb->get_name());
  }
  const std::string_view best = nearest(word, names);
  std::fprintf(stderr, "marquee: %s is no verb; %s\n", printable(word).c_str(),
               best.empty() ? "marquee --help lists them" : ("the nearest is " + std::string(best)).c_str());
  return true;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("What is being watched most, right now, in every category: exact top-K of a stream of watch events.",
               "marquee");
  app.footer(R"(Examples:
  marquee demo                                     a broker, a generator and the boards, all in one
  marquee run --config marquee.toml                Kafka in, Kafka out
  marquee replay events.ndjson --config marquee.toml
`marquee VERB --help` says more. Exit codes: 0 done, 64 usage, 69 unavailable, 70 internal, 75 fenced, 78 configuration.)");
  app.set_version_flag("--version", [] { return version_text(); });
  app.require_subcommand(1);
  Action action;
  add_verbs(app, action);
  if (argc > 1 && is_unknown_verb(app, argv[1])) return static_cast<int>(Code::kUsage);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Code::kUsage);
  }
  return action();
}

}  // namespace
}  // namespace marquee

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: a closed pipe is an error of the write, which says so
  const int code = marquee::parse_and_run(argc, argv);
  if (std::fflush(stdout) != 0 && code == 0) {
    std::fprintf(stderr, "marquee: standard output cannot be written: %s\n", std::strerror(errno));
    return static_cast<int>(marquee::Code::kUnavailable);
  }
  return code;
}
