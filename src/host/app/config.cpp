#include "app/config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>

#include "app/config_check.hpp"
#include "app/config_keys.hpp"
#include "app/config_values.hpp"

extern char** environ;  // NOLINT: POSIX

namespace marquee {
namespace {

constexpr std::string_view kEnvironmentPrefix = "MARQUEE_";

// Reads one configuration: the file's table with overrides laid over it, then key by key into the Config.
class Loader {
 public:
  Loader(const ConfigRequest& request, std::string name) : request_(request), name_(std::move(name)) {}

  ConfigOutcome load(std::string_view text) {
    if (parse(text)) {
      for (const auto& [variable, value] : request_.environment) override_from_environment(variable, value);
      for (const std::string& set : request_.sets) override_from_set(set);
      read_sections();
      read_leaderboards();
      check_config(config_, places_, request_, problems_);
    }
    ConfigOutcome outcome;
    outcome.config = std::move(config_);
    outcome.problems = problems_.take();
    return outcome;
  }

 private:
  bool parse(std::string_view text) {
    try {
      root_ = toml::parse(text, name_);
    } catch (const toml::parse_error& error) {
      problems_.add(place(error.source().begin.line), "not TOML: " + std::string(error.description()));
      return false;
    }
    problems_.set_name(name_);
    return true;
  }

  std::string place(std::uint32_t line) const { return line == 0 ? name_ : name_ + ":" + std::to_string(line); }

  // --- Overrides

  static const Key<Config>* find_key(std::string_view name, std::string& below) {
    for (const Key<Config>& key : config_keys()) {
      if (key.name == name) return &key;
      if (key.open_table && name.size() > key.name.size() + 1 && name.starts_with(key.name) &&
          name[key.name.size()] == '.') {
        below = std::string(name.substr(key.name.size() + 1));
        return &key;
      }
    }
    return nullptr;
  }

  // Of librdkafka's own settings: the name of one that is a secret.
  static bool is_secret_key(const Key<Config>& key, const std::string& below) {
    return key.name.ends_with(".kafka") && is_secret(below);
  }

  // The value as TOML, or as plain text where it is not TOML, where the key wants text, and where it is a secret.
  static toml::table value_for(const Key<Config>& key, const std::string& below, const std::string& text) {
    const auto wrapped = [&](const toml::node& value) {
      toml::table table;
      if (below.empty()) {
        table.insert_or_assign("v", value);
      } else {
        toml::table inner;
        inner.insert_or_assign(below, value);
        table.insert_or_assign("v", std::move(inner));
      }
      return table;
    };
    toml::table plain = wrapped(toml::value<std::string>(text));
    if (is_secret_key(key, below)) return plain;
    try {
      toml::table parsed = toml::parse("v = " + text);
      if (parsed.size() != 1) return plain;
      toml::table typed = wrapped(*parsed.get("v"));
      Config scratch;
      if (!key.read(*typed.get("v"), scratch).empty() && key.read(*plain.get("v"), scratch).empty()) return plain;
      return typed;
    } catch (const toml::parse_error&) {
      return plain;
    }
  }

  void apply_override(const std::string& origin, const std::string& name, const std::string& text) {
    if (name == "leaderboard" || name.starts_with("leaderboard.")) {
      problems_.add(origin,
                    "leaderboards are written in the file, as [[leaderboard]]; they cannot be set from outside");
      return;
    }
    std::string below;
    const Key<Config>* key = find_key(name, below);
    if (key == nullptr) {
      problems_.add(origin, unknown_key(name));
      return;
    }
    const std::size_t dot = key->name.find('.');
    const std::string section_name = key->name.substr(0, dot);
    const std::string key_name = key->name.substr(dot + 1);
    if (root_.get(section_name) == nullptr) root_.insert_or_assign(section_name, toml::table{});
    toml::table* section = root_.get_as<toml::table>(section_name);
    if (section == nullptr) return;  // told when sections are read
    toml::table value = value_for(*key, below, text);
    if (below.empty()) {
      section->insert_or_assign(key_name, *value.get("v"));
    } else {
      if (section->get_as<toml::table>(key_name) == nullptr) section->insert_or_assign(key_name, toml::table{});
      section->get_as<toml::table>(key_name)->insert_or_assign(below, *value.get_as<toml::table>("v")->get(below));
    }
    places_.set(key->name, origin);
  }

  void override_from_set(const std::string& set) {
    const std::size_t equals = set.find('=');
    const std::size_t name_end = std::min(
        set.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), set.size());
    if (equals == 0 || equals != name_end) {
      // What stands behind the name may be a secret that was written otherwise than it must be.
      problems_.add("--set " + set.substr(0, name_end), "must be section.key=value");
      return;
    }
    const std::string name = set.substr(0, equals);
    if (const std::string secret = secret_in(name, set.substr(equals + 1)); !secret.empty()) {
      problems_.add("--set " + name,
                    secret +
                        " is a secret, and everybody on this machine can read a command line: write it in the file, or "
                        "set " +
                        variable_of(secret) + ", or " + variable_of(secret) + "_FILE to a file that holds it");
      return;
    }
    apply_override("--set " + name, name, set.substr(equals + 1));
  }

  // The first secret that an override of that name and text sets, with its section; empty: none. It may stand within a
  // table, or a table of tables.
  static std::string secret_in(const std::string& name, const std::string& text) {
    std::string below;
    const Key<Config>* key = find_key(name, below);
    if (key == nullptr || !key->name.ends_with(".kafka")) return {};
    if (is_secret(below)) return name;
    toml::table value;
    try {
      value = toml::parse("v = " + text);
    } catch (const toml::parse_error&) {
      return {};  // plain text, of a setting that is no secret
    }
    std::string found;
    const std::function<void(const toml::table&, const std::string&)> look = [&](const toml::table& table,
                                                                                 const std::string& above) {
      for (const auto& [setting, node] : table) {
        const std::string full = above + "." + std::string(setting.str());
        if (const toml::table* inner = node.as_table()) look(*inner, full);
        if (found.empty() && is_secret(std::string_view(full).substr(key->name.size() + 1))) found = full;
      }
    };
    if (const toml::table* settings = value.get_as<toml::table>("v")) look(*settings, name);
    return found;
  }

  // The environment variable that sets a librdkafka setting (section.kafka.its.name).
  static std::string variable_of(const std::string& name) {
    std::string out(kEnvironmentPrefix);
    int sections = 0;
    for (const char c : name) {
      if (c == '.' && sections < 2) {
        out += "__";
        ++sections;
      } else if (c == '.') {
        out += '_';
      } else if (c == '_' && sections == 2) {
        out += "__";
      } else {
        out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      }
    }
    return out;
  }

  void override_from_environment(const std::string& variable, const std::string& value) {
    std::string name;
    std::string rest = variable.substr(std::min(kEnvironmentPrefix.size(), variable.size()));
    for (char& c : rest) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t first = rest.find("__");
    const std::size_t second = first == std::string::npos ? first : rest.find("__", first + 2);
    if (first == std::string::npos) {
      name = rest;
    } else if (second == std::string::npos) {
      name = rest.substr(0, first) + "." + rest.substr(first + 2);
    } else {
      // librdkafka's names have dots where an environment variable cannot: one underscore is a dot, two are one.
      std::string below = rest.substr(second + 2);
      if (rest.substr(first + 2, second - first - 2) == "kafka") {
        std::string dotted;
        for (std::size_t i = 0; i < below.size(); ++i) {
          const bool two = below[i] == '_' && i + 1 < below.size() && below[i + 1] == '_';
          dotted += below[i] == '_' && !two ? '.' : below[i];
          if (two) ++i;
        }
        below = dotted;
      }
      name = rest.substr(0, first) + "." + rest.substr(first + 2, second - first - 2) + "." + below;
    }
    const std::string origin = "environment " + variable;
    constexpr std::string_view kFile = ".file";
    std::string below;
    const Key<Config>* key = find_key(name, below);
    if (key == nullptr || !is_secret_key(*key, below) || !below.ends_with(kFile)) {
      apply_override(origin, name, value);
      return;
    }
    // A secret in a file of its own, as containers mount them.
    std::error_code none;
    const bool regular = std::filesystem::is_regular_file(value, none);  // such as no folder that a mount has made
    std::ifstream file(regular ? value : std::string(), std::ios::binary);
    std::ostringstream bytes;
    if (file) bytes << file.rdbuf();
    std::string secret = bytes.str();
    const bool read = regular && !file.bad();
    if (secret.ends_with('\n')) secret.pop_back();
    if (secret.ends_with('\r')) secret.pop_back();
    if (!read || secret.empty() || secret.find('\0') != std::string::npos) {
      problems_.add(origin, "the file " + value + " cannot be read, is empty, or holds a zero byte");
      return;
    }
    const std::string_view alone = std::string_view(variable).substr(0, variable.size() - std::strlen("_FILE"));
    if (std::any_of(request_.environment.begin(), request_.environment.end(),
                    [&](const auto& other) { return other.first == alone; })) {
      problems_.add(origin, std::string(alone) + " is set too: which of them is it?");
      return;
    }
    apply_override(origin, name.substr(0, name.size() - kFile.size()), secret);
  }

  // --- Unknown names

  static std::string unknown_key(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Key<Config>& key : config_keys()) names.push_back(key.name);
    // The same key in another section is nearer than any other of this one: sink.commit_every for source.commit_every.
    const std::string_view last = name.substr(name.rfind('.') == std::string_view::npos ? 0 : name.rfind('.') + 1);
    std::string_view best;
    for (const std::string_view key : names) {
      if (key.substr(key.find('.') + 1) == last) best = key;
    }
    if (best.empty()) best = nearest(name, names);
    std::string out = std::string(name) + " is not a key";
    out += best.empty() ? "; `marquee config --docs` lists them" : "; the nearest is " + std::string(best);
    return out;
  }

  static std::vector<std::string_view> section_names() {
    std::vector<std::string_view> names;
    for (const Key<Config>& key : config_keys()) {
      const std::string_view section = std::string_view(key.name).substr(0, key.name.find('.'));
      if (names.empty() || names.back() != section) names.push_back(section);
    }
    return names;
  }

  // --- Reading

  void read_sections() {
    const std::vector<std::string_view> sections = section_names();
    for (const auto& [key, node] : root_) {
      const std::string_view section = key.str();
      if (section == "leaderboard") continue;
      const std::uint32_t line = key.source().begin.line;
      if (std::find(sections.begin(), sections.end(), section) == sections.end()) {
        std::vector<std::string_view> candidates = sections;
        candidates.emplace_back("leaderboard");
        std::string_view best = nearest(section, candidates);
        std::string text = std::string(section) + " is not a section";
        if (!best.empty()) {
          text += "; the nearest is " + std::string(best == "leaderboard" ? "[[leaderboard]]" : best);
        } else {
          std::string elsewhere = unknown_key(section);
          const std::size_t hint = elsewhere.find("; the nearest");
          if (hint != std::string::npos) text += elsewhere.substr(hint);
        }
        problems_.add(place(line), text);
      } else if (node.is_table()) {
        read_section(section, *node.as_table());
      } else {
        problems_.add(place(line), std::string(section) + " must be a section, [" + std::string(section) + "]; it is " +
                                       kind_of(node));
      }
    }
  }

  void read_section(std::string_view section, const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string name = std::string(section) + "." + std::string(key.str());
      const auto& keys = config_keys();
      const auto known = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == name; });
      const std::uint32_t line = key.source().begin.line;
      if (known == keys.end()) {
        problems_.add(place(line), unknown_key(name));
        continue;
      }
      const bool overridden = places_.has(name);
      if (!overridden) places_.set(name, place(line));
      for (const ValueProblem& problem : known->read(node, config_)) {
        problems_.add(overridden || problem.line == 0 ? places_.of(name) : place(problem.line),
                      name + " " + problem.text);
      }
    }
  }

  void read_leaderboards() {
    const toml::node* node = root_.get("leaderboard");
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) {
      problems_.add(place(node->source().begin.line),
                    "leaderboard must be written in double brackets, [[leaderboard]]");
      places_.set("leaderboard", place(node->source().begin.line));
      return;
    }
    for (const toml::node& element : *array) {
      const std::size_t index = config_.leaderboards.size();
      const std::string prefix = "leaderboard." + std::to_string(index);
      config_.leaderboards.emplace_back();
      places_.set(prefix, place(element.source().begin.line));
      const toml::table* table = element.as_table();
      if (table == nullptr) {
        problems_.add(places_.of(prefix), "leaderboard must be a table; it is " + kind_of(element));
        continue;
      }
      read_leaderboard(prefix, *table, config_.leaderboards.back());
    }
  }

  void read_leaderboard(const std::string& prefix, const toml::table& table, LeaderboardSection& board) {
    for (const auto& [key, node] : table) {
      const auto& keys = leaderboard_keys();
      const auto known = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == key.str(); });
      const std::string at = place(key.source().begin.line);
      const std::string name = "leaderboard." + std::string(key.str());
      if (known == keys.end()) {
        std::vector<std::string_view> names;
        names.reserve(keys.size());
        for (const auto& k : keys) names.push_back(k.name);
        const std::string_view best = nearest(key.str(), names);
        problems_.add(at,
                      name + " is not a key" +
                          (best.empty() ? "; a leaderboard has name, by, window, measure, top, emit_every and display"
                                        : "; the nearest is leaderboard." + std::string(best)));
        continue;
      }
      places_.set(prefix + "." + known->name, at);
      for (const ValueProblem& problem : known->read(node, board)) problems_.add(at, name + " " + problem.text);
    }
  }

  const ConfigRequest& request_;
  std::string name_;
  toml::table root_;
  Config config_;
  KeyPlaces places_;
  ProblemList problems_;
};

}  // namespace

ConfigOutcome parse_config(std::string_view text, const std::string& name, const ConfigRequest& request) {
  return Loader(request, name).load(text);
}

ConfigOutcome load_config(const ConfigRequest& request) {
  if (request.file.empty()) return parse_config("", "configuration", request);
  ConfigOutcome failed;
  errno = 0;
  std::ifstream in(request.file, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || (text.str().empty() && errno != 0)) {
    failed.problems.push_back(request.file + ": cannot be read (" + std::strerror(errno == 0 ? EIO : errno) +
                              "); name the configuration file with --config");
    return failed;
  }
  return parse_config(text.str(), request.file, request);
}

std::vector<std::pair<std::string, std::string>> marquee_environment() {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view entry = *variable;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || !entry.starts_with(kEnvironmentPrefix)) continue;
    const std::string_view name = entry.substr(0, equals);
    // Kubernetes and others set MARQUEE_PORT and the like for a service of that name; ours have two underscores.
    if (name.find("__") == std::string_view::npos) continue;
    found.emplace_back(name, entry.substr(equals + 1));
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace marquee
