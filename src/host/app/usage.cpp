#include "app/usage.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "app/config_values.hpp"
#include "app/console_log.hpp"

namespace marquee {
namespace {

// "a, b or c"
std::string listed(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    text += words[i];
  }
  return text;
}

// "; the nearest is --config", or nothing where none is near: to a letter anything would be.
std::string nearest_of(const std::string& word, const std::vector<std::string>& words) {
  if (word.size() < 3) return "";
  const std::string_view found = nearest(word, {words.begin(), words.end()});
  return found.empty() ? "" : "; the nearest is " + std::string(found);
}

// Without the descriptions of its checks.
std::string type_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));
}

// As it stands in the help: "--config FILE", "FILE".
std::string shown(const CLI::Option& option) {
  if (!option.nonpositional()) return type_of(option);
  return option.get_name() + (option.get_items_expected_max() > 0 ? " " + type_of(option) : "");
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App* v) { return !v->get_name().empty(); })) {
    names.push_back(verb->get_name());
  }
  return names;
}

// The option that CLI11's words begin with (of a flag they leave the dashes out).
const CLI::Option* blamed(const CLI::App& app, std::string_view words) {
  const CLI::Option* found = nullptr;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    const bool named = words.starts_with(name) || words.starts_with(name.substr(std::min<std::size_t>(2, name.size())));
    if (named && (found == nullptr || name.size() > found->get_name().size())) found = option;
  }
  return found;
}

std::string unknown_option(const CLI::App& app, const CLI::App& at, const std::string& word) {
  const std::string near = nearest_of(word, options_of(at));
  std::string text = printable(word) + " is no option" + near;
  if (!near.empty() || &at != &app) return text;
  const auto verbs = app.get_subcommands([&](const CLI::App* verb) {
    const std::vector<std::string> names = options_of(*verb);
    return std::find(names.begin(), names.end(), word) != names.end();
  });
  return verbs.empty() ? text
                       : text + " before the verb: write it behind, as in marquee " + verbs[0]->get_name() + " " + word;
}

std::string missing(const CLI::App& app, const CLI::App& at) {
  std::vector<std::string> names;
  for (const CLI::Option* option : at.get_options()) {
    if (option->get_required() && option->count() == 0) names.push_back(shown(*option));
  }
  if (names.empty()) return "a verb is missing: " + listed(verbs_of(app), "or");
  return listed(names, "and") + (names.size() == 1 ? " is missing" : " are missing");
}

std::string wrong_count(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return option.get_name() + " takes no value";
  if (option.count() > 1) return option.get_name() + " is given more than once";
  return option.get_name() + " wants " + type_of(option) + " after it";
}

// Without the help's place. `at`: the verb, or `app` where the line did not come that far.
std::string what_was_wrong(const CLI::App& app, const CLI::App& at, const CLI::ParseError& error) {
  // What is misspelt comes first: it may be the very thing that is missing.
  for (const CLI::App* where : {&app, &at}) {
    for (const std::string& word : where->remaining()) {
      if (word.size() > 1 && word.front() == '-' && word != "--") {
        return unknown_option(app, *where, word.substr(0, word.find('=')));
      }
    }
  }
  const std::vector<std::string> extras = app.remaining(true);
  const std::string words = error.what();
  const CLI::Option* const about = blamed(at, words);
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::RequiredError:
      return missing(app, at);
    case CLI::ExitCodes::ExtrasError:
      if (!extras.empty()) return printable(extras.front()) + " is one word too many";
      break;
    case CLI::ExitCodes::ArgumentMismatch:
      if (about != nullptr) return wrong_count(*about);
      break;
    case CLI::ExitCodes::ValidationError:
      // "--threads: must be …": the checks below make it a sentence.
      if (about != nullptr) return about->get_name() + printable(words.substr(about->get_name().size() + 1));
      break;
    default:
      break;
  }
  return printable(words);
}

}  // namespace

std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error) {
  const auto parsed = app.get_subcommands([](const CLI::App* verb) { return verb->parsed(); });
  const CLI::App& at = parsed.empty() ? app : *parsed.front();
  const std::string command = &at == &app ? "marquee" : "marquee " + at.get_name();
  return command + ": " + what_was_wrong(app, at, error) + ". " + command + " --help says more";
}

std::string unknown_verb_sentence(const CLI::App& app, const std::string& word) {
  const std::vector<std::string> verbs = verbs_of(app);
  if (word.starts_with('-') || std::find(verbs.begin(), verbs.end(), word) != verbs.end()) return "";
  const std::string near = nearest_of(word, verbs);
  return "marquee: " + printable(word) + " is no verb" +
         (near.empty() ? "; the verbs are " + listed(verbs, "and") : near) + ". marquee --help says more";
}

CLI::Validator whole_number(std::uint64_t min, std::uint64_t max) {
  return CLI::Validator(
      [min, max](std::string& text) {
        std::uint64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto [stopped, wrong] = std::from_chars(text.data(), end, number);
        if (stopped != end || text.empty() || wrong == std::errc::invalid_argument) {
          return "must be a whole number, not " + text;
        }
        if (number < min && wrong == std::errc{}) return "must be at least " + std::to_string(min) + ", not " + text;
        if (number > max || wrong != std::errc{}) return "must be at most " + std::to_string(max) + ", not " + text;
        return std::string();
      },
      "");
}

CLI::Validator share() {
  return CLI::Validator(
      [](std::string& text) {
        double number = -1;
        const char* const end = text.data() + text.size();
        const auto [stopped, wrong] = std::from_chars(text.data(), end, number);
        if (wrong == std::errc{} && stopped == end && number >= 0 && number <= 1) return std::string();
        return "must be a share from 0 to 1, not " + text;
      },
      "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  const std::string description = "{" + [&words] {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
  }() + "}";
  return CLI::Validator(
      [words = std::move(words)](std::string& text) {
        if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
        return "must be " + listed(words, "or") + ", not " + text;
      },
      description);
}

}  // namespace marquee
