// What was wrong with a command line, as one sentence; and the checks of option values, which say it themselves.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace marquee {

// "marquee replay: --cnfig is no option; the nearest is --config. marquee replay --help lists them": what was wrong
// with the command line that `app` has just refused with `error`, the nearest right word where there is one, and where
// the help is.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error);
// The same for a first word that is no verb of `app`; empty when it is one, or an option.
std::string unknown_verb_sentence(const CLI::App& app, const std::string& word);

// Checks of an option's value: a whole number from `min` to `max`, a share from 0 to 1, or one of a few words.
CLI::Validator whole_number(std::uint64_t min, std::uint64_t max);
CLI::Validator share();
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace marquee
