#include "app/config.hpp"
#include "app/config_keys.hpp"

namespace marquee {

bool is_secret(std::string_view kafka_setting) {
  for (const std::string_view part : {"password", "passphrase", "secret", "token", "jaas", "credential", "ssl.key",
                                      "ssl_key", "private", "oauthbearer.config", "kinit.cmd"}) {
    if (kafka_setting.find(part) != std::string_view::npos) return true;
  }
  return false;
}

std::string print_config(const Config& config) {
  std::string out;
  std::string section;
  for (const Key<Config>& key : config_keys()) {
    const std::size_t dot = key.name.find('.');
    if (key.name.substr(0, dot) != section) {
      section = key.name.substr(0, dot);
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    const std::string value = key.show(config);
    const std::string name = key.name.substr(dot + 1);
    out += value.empty() ? "# " + name + " is not set\n" : name + " = " + value + "\n";
  }
  for (const LeaderboardSection& board : config.leaderboards) {
    out += "\n[[leaderboard]]\n";
    for (const Key<LeaderboardSection>& key : leaderboard_keys()) out += key.name + " = " + key.show(board) + "\n";
  }
  return out;
}

namespace {

template <class Owner>
std::string docs_row(const std::string& name, const Key<Owner>& key) {
  const std::string fallback = key.show(Owner{});
  return "| `" + name + "` | " + key.type + " | " + (key.required ? "required" : "`" + fallback + "`") + " | " +
         key.doc + " |\n";
}

}  // namespace

std::string config_docs() {
  std::string out = "| key | type | default | meaning |\n|---|---|---|---|\n";
  for (const Key<Config>& key : config_keys()) out += docs_row(key.name, key);
  for (const Key<LeaderboardSection>& key : leaderboard_keys()) out += docs_row("[[leaderboard]] " + key.name, key);
  return out;
}

}  // namespace marquee
