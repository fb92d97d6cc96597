// marquee: exact top-K of a stream of watch events. Parses the command line and runs the verb.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "app/usage.hpp"
#include "app/verbs.hpp"

namespace marquee {
namespace {

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
  std::string wrong = argc > 1 ? unknown_verb_sentence(app, argv[1]) : "";
  if (wrong.empty()) {
    try {
      app.parse(argc, argv);
      return action();
    } catch (const CLI::Success& help) {
      return app.exit(help);
    } catch (const CLI::ParseError& error) {
      wrong = usage_sentence(app, error);
    }
  }
  std::fprintf(stderr, "%s\n", wrong.c_str());
  return static_cast<int>(Code::kUsage);
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
