// The list of configuration keys: name, type, default, meaning, how it is read and how it is shown. The one place.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"

namespace marquee {

// What is wrong with a value, as the end of a sentence that begins with the key ("must be …"). Tables may have several,
// each with its own line (0: that of the value).
struct ValueProblem {
  ValueProblem(std::string what) : text(std::move(what)) {}  // NOLINT: converts on purpose
  ValueProblem(const char* what) : text(what) {}             // NOLINT: converts on purpose
  ValueProblem(std::string what, const toml::node& at) : text(std::move(what)), line(at.source().begin.line) {}
  std::string text;
  std::uint32_t line = 0;
};
using ValueProblems = std::vector<ValueProblem>;

template <class Owner>
struct Key {
  std::string name;  // "source.topic"; within a leaderboard just "name"
  std::string type;  // for the table: "duration", "text", …
  bool required = false;
  std::string doc;
  bool open_table = false;  // what stands below it are names of the user's
  std::function<ValueProblems(const toml::node&, Owner&)> read;
  std::function<std::string(const Owner&)> show;  // the value as TOML; empty where it is unset
};

const std::vector<Key<Config>>& config_keys();
const std::vector<Key<LeaderboardSection>>& leaderboard_keys();

// "the number 5", "a table": a value as a message names it. Never shows text, which may be a secret.
std::string kind_of(const toml::node& node);

}  // namespace marquee
