// marquee completion bash|zsh: made from the parser itself, so it never lags behind.

#include <cstdio>
#include <memory>

#include "app/usage.hpp"
#include "app/verbs.hpp"

namespace marquee {
namespace {

struct CompletedOption {
  std::string name;  // --config
  std::string help;
  bool takes_value;
  bool takes_file;
};

std::vector<CompletedOption> options_of(const CLI::App& verb) {
  std::vector<CompletedOption> out;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      out.push_back({"--" + name, option->get_description(), option->get_items_expected_max() > 0,
                     option->get_type_name() == "FILE"});
    }
  }
  return out;
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App* v) { return !v->get_name().empty(); }))
    out.push_back(verb);
  return out;
}

// Text within single quotes of a zsh option specification, whose brackets and colons mean something.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out;
}

std::string bash_script(const CLI::App& app) {
  std::string verbs;
  std::string cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += verb->get_name() + " ";
    std::string words;
    for (const CompletedOption& option : options_of(*verb)) words += option.name + " ";
    cases += "    " + verb->get_name() + ") words=\"" + words + "\" ;;\n";
  }
  return R"(# bash completion for marquee: source <(marquee completion bash)
_marquee() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      verb=${COMP_WORDS[i]}
      break
    fi
  done
  case "$verb" in
    "") words=")" +
         verbs + R"(--help --version" ;;
)" + cases +
         R"(  esac
  if [[ -z $verb || $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  elif [[ $verb == completion ]]; then
    mapfile -t COMPREPLY < <(compgen -W "bash zsh" -- "$cur")
  elif [[ $verb == panelog && $COMP_CWORD == 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "dump" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}
complete -o filenames -F _marquee marquee
)";
}

std::string zsh_script(const CLI::App& app) {
  std::string verbs;
  std::string cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += "    '" + verb->get_name() + ":" + zsh_text(verb->get_description()) + "'\n";
    cases += "    " + verb->get_name() + ")\n      _arguments";
    for (const CompletedOption& option : options_of(*verb)) {
      cases += " \\\n        '*" + option.name + "[" + zsh_text(option.help) + "]";
      if (option.takes_value) cases += option.takes_file ? ":file:_files" : ":value:";
      cases += "'";
    }
    if (verb->get_name() == "completion") {
      cases += " \\\n        '1:shell:(bash zsh)'";
    } else if (verb->get_name() == "panelog") {
      cases += " \\\n        '1:what:(dump)'";
    } else {
      cases += " \\\n        '*:file:_files'";
    }
    cases += " ;;\n";
  }
  return R"(#compdef marquee
# zsh completion for marquee: source <(marquee completion zsh)
_marquee() {
  local -a verbs=(
)" + verbs +
         R"(  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
)" + cases +
         R"(  esac
}
compdef _marquee marquee
)";
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  return shell == "zsh" ? zsh_script(app) : bash_script(app);
}

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Print a completion script for your shell");
  verb->footer(R"(Examples:
  source <(marquee completion bash)
  source <(marquee completion zsh))");
  verb->add_option("shell", *shell, "bash or zsh")->type_name("SHELL")->required()->check(one_of({"bash", "zsh"}));
  verb->callback([shell, &app, &action] {
    action = [shell, &app] {
      std::fputs(completion_script(app, *shell).c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace marquee
