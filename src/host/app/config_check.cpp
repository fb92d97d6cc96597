#include "app/config_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "app/config_values.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee {
namespace {

// What an id and an entry take at least: two 32-byte slots at load 1/2 and 16 bytes an id (core/dictionary.hpp); an
// entry's key and two sums, at a load of two thirds.
constexpr std::uint64_t kIdBytes = 80;
constexpr std::uint64_t kEntryBytes = 36;
constexpr std::uint64_t kPaneBytes = 256;

std::string in_mib(std::uint64_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

class Check {
 public:
  Check(Config& config, const KeyPlaces& places, const ConfigRequest& request, ProblemList& problems)
      : config_(config), places_(places), request_(request), problems_(problems) {}

  void all() {
    required();
    names();
    dimensions_and_boards();
    engine();
    panes();
    memory();
  }

 private:
  void missing(const std::string& key, const std::string& meaning) {
    if (!places_.has(key)) problems_.add("", key + " is missing; " + meaning);
  }

  void required() {
    if (request_.needs_topic) missing("source.topic", "it names the topic of watch events");
    if (!request_.needs_job) return;
    missing("event.item", "it says where a record's item id stands, such as item = \"content_id\"");
    missing("event.time", "it says where a record's event time stands, such as time = \"event_time\"");
    if (config_.leaderboards.empty() && !places_.has("leaderboard")) {
      problems_.add("", "there is no [[leaderboard]]; at least one is needed, with a name");
    }
  }

  void names() {
    if (config_.leaderboards.size() > kLeaderboardsMax) {
      problems_.add(places_.of(board_key(kLeaderboardsMax)),
                    "there are " + std::to_string(config_.leaderboards.size()) + " leaderboards; at most " +
                        std::to_string(kLeaderboardsMax) + " fit");
    }
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < config_.leaderboards.size(); ++i) {
      const std::string& name = config_.leaderboards[i].name;
      if (!places_.has(board_key(i, "name"))) {
        problems_.add(places_.of(board_key(i)), "leaderboard.name is missing; it names the leaderboard in results");
        continue;
      }
      if (name.size() > kIdBytesMax) {
        problems_.add(places_.of(board_key(i, "name")),
                      "leaderboard.name is longer than " + std::to_string(kIdBytesMax) + " bytes");
      }
      if (name.empty()) continue;
      const auto [first, fresh] = seen.emplace(name, i);
      if (!fresh) {
        problems_.add(places_.of(board_key(i, "name")), "leaderboard.name " + toml_quoted(name) +
                                                            " is taken by the one at " +
                                                            places_.of(board_key(first->second, "name")));
      }
    }
  }

  // Only dimensions that some leaderboard groups by go into the job, sorted by name.
  void dimensions_and_boards() {
    std::set<std::string> used;
    for (std::size_t i = 0; i < config_.leaderboards.size(); ++i) {
      for (const std::string& name : config_.leaderboards[i].by) {
        if (find_dimension(config_.dimensions, name) == config_.dimensions.size()) {
          unknown_dimension(i, name);
        } else {
          used.insert(name);
        }
      }
    }
    if (used.size() > kDimensionsMax) {
      problems_.add("", "leaderboards group by " + std::to_string(used.size()) + " dimensions; at most " +
                            std::to_string(kDimensionsMax) + " fit");
    }
    JobSpec& job = config_.job;
    for (const DimensionSpec& dimension : config_.dimensions) {
      if (used.contains(dimension.name)) job.event.dimensions.push_back(dimension);
    }
    for (const LeaderboardSection& section : config_.leaderboards) {
      LeaderboardSpec board;
      board.name = section.name;
      for (const std::string& name : section.by) {
        const std::size_t position = find_dimension(job.event.dimensions, name);
        if (position < job.event.dimensions.size()) board.by.push_back(static_cast<std::uint32_t>(position));
      }
      board.window = section.window;
      board.measure = section.measure;
      board.top = section.top;
      board.emit_every_ms = section.emit_every_ms;
      if (!section.display.keys.empty()) board.display = display_of(job.event.displays, section.display);
      job.leaderboards.push_back(std::move(board));
    }
  }

  // Leaderboards that take titles from the same field share it.
  static std::uint32_t display_of(std::vector<FieldPath>& displays, const FieldPath& path) {
    const auto found =
        std::find_if(displays.begin(), displays.end(), [&](const FieldPath& d) { return d.keys == path.keys; });
    const auto at = static_cast<std::uint32_t>(found - displays.begin());
    if (found == displays.end()) displays.push_back(path);
    return at;
  }

  void unknown_dimension(std::size_t board, const std::string& name) {
    std::vector<std::string_view> names;
    names.reserve(config_.dimensions.size());
    for (const DimensionSpec& dimension : config_.dimensions) names.push_back(dimension.name);
    const std::string_view best = nearest(name, names);
    problems_.add(
        places_.of(board_key(board, "by")),
        "leaderboard.by names " + toml_quoted(name) + ", which is not in event.dimensions" +
            (best.empty() ? std::string("; add it there with its path") : "; the nearest is " + toml_quoted(best)));
  }

  static std::size_t find_dimension(const std::vector<DimensionSpec>& dimensions, const std::string& name) {
    const auto found =
        std::find_if(dimensions.begin(), dimensions.end(), [&](const DimensionSpec& d) { return d.name == name; });
    return static_cast<std::size_t>(found - dimensions.begin());
  }

  void engine() {
    const EngineSection& engine = config_.engine;
    if (const std::size_t least = batches_min(engine.threads); engine.batches < least) {
      const std::string& place =
          places_.has("engine.batches") ? places_.of("engine.batches") : places_.of("engine.threads");
      problems_.add(place, "engine.batches must be at least engine.threads + " +
                               std::to_string(least - engine.threads) + ", that is " + std::to_string(least) +
                               "; it is " + std::to_string(engine.batches));
    }
    if (!config_.sink.dead_letter_topic.empty() && config_.sink.dead_letter_topic == config_.sink.topic) {
      problems_.add(places_.of("sink.dead_letter_topic"),
                    "sink.dead_letter_topic must not be the topic of the results");
    }
    if (!config_.sink.late_topic.empty() && config_.sink.late_topic == config_.sink.topic) {
      problems_.add(places_.of("sink.late_topic"), "sink.late_topic must not be the topic of the results");
    }
    const auto& topics = config_.source.topics;
    for (const std::string* topic : {&config_.sink.topic, &config_.sink.dead_letter_topic, &config_.sink.late_topic}) {
      if (topic->empty() || std::find(topics.begin(), topics.end(), *topic) == topics.end()) continue;
      if (!config_.sink.brokers.empty() && config_.sink.brokers != config_.source.brokers) continue;
      problems_.add(places_.of("source.topic"), "source.topic names " + toml_quoted(*topic) +
                                                    ", which marquee writes; it would read its own output");
    }
    pane_log_topic();
  }

  // What a base makes needless is removed from the pane log's topic: nothing else may stand there.
  void pane_log_topic() {
    const std::string topic = config_.pane_log.topic.empty() ? config_.source.group + "-panes" : config_.pane_log.topic;
    const std::string& place = places_.has("pane_log.topic") || !places_.has("source.group")
                                   ? places_.of("pane_log.topic")
                                   : places_.of("source.group");
    const auto& topics = config_.source.topics;
    const auto differs = [&](bool same, const char* key) {
      if (!same) return;
      problems_.add(place, "pane_log.topic must be a topic of its own: " + toml_quoted(topic) + " is " + key +
                               " too, and what is in the pane log's topic is removed as state grows");
    };
    differs(std::find(topics.begin(), topics.end(), topic) != topics.end(), "source.topic");
    differs(topic == config_.sink.topic, "sink.topic");
    differs(topic == config_.sink.dead_letter_topic, "sink.dead_letter_topic");
    differs(topic == config_.sink.late_topic, "sink.late_topic");
  }

  // A window's panes are open together, so the budget must hold at least those of one window of each leaderboard.
  void panes() {
    std::uint64_t total = 0;
    std::size_t worst = 0;
    std::uint64_t worst_panes = 0;
    for (std::size_t i = 0; i < config_.leaderboards.size(); ++i) {
      const WindowSpec& window = config_.leaderboards[i].window;
      const auto panes = static_cast<std::uint64_t>(window.size_ms / window.pane_ms());
      total += panes;
      if (panes > static_cast<std::uint64_t>(kPanesPerWindowMax)) {
        problems_.add(places_.of(board_key(i, "window")), "leaderboard.window has " + std::to_string(panes) +
                                                              " panes of " + duration_text(window.pane_ms()) +
                                                              " in one window; at most " +
                                                              std::to_string(kPanesPerWindowMax) +
                                                              " fit: make size and step multiples of something longer");
        return;
      }
      if (panes > worst_panes) {
        worst_panes = panes;
        worst = i;
      }
    }
    if (total <= config_.job.budgets.open_panes) return;
    const WindowSpec& window = config_.leaderboards[worst].window;
    problems_.add(places_.of(board_key(worst, "window")),
                  "leaderboard.window: one window of each leaderboard has " + std::to_string(total) +
                      " panes open, more than limits.open_panes = " + std::to_string(config_.job.budgets.open_panes) +
                      "; this one has " + std::to_string(worst_panes) + " panes of " + duration_text(window.pane_ms()));
  }

  void memory() {
    if (request_.memory_bytes == 0) return;
    const std::uint64_t titles = config_.job.event.displays.empty() ? 0 : config_.job.budgets.title_bytes;
    const std::uint64_t needed = budget_bytes(config_.job.budgets) + titles;
    if (needed <= request_.memory_bytes) return;
    std::string place = places_.of("limits.entries");
    if (place.empty()) place = places_.of("limits.items");
    problems_.add(place, "limits come to " + in_mib(needed) + " when they are used up, and there are " +
                             in_mib(request_.memory_bytes) + " here; lower limits.entries (" +
                             std::to_string(kEntryBytes) + " bytes each) or limits.items (" + std::to_string(kIdBytes) +
                             " bytes each)");
  }

  static std::string board_key(std::size_t index, const std::string& key = {}) {
    return "leaderboard." + std::to_string(index) + (key.empty() ? "" : "." + key);
  }

  Config& config_;
  const KeyPlaces& places_;
  const ConfigRequest& request_;
  ProblemList& problems_;
};

}  // namespace

void check_config(Config& config, const KeyPlaces& places, const ConfigRequest& request, ProblemList& problems) {
  Check(config, places, request, problems).all();
}

std::uint64_t budget_bytes(const Budgets& budgets) {
  return kIdBytes * (std::uint64_t{budgets.items} + budgets.combinations + budgets.groups) +
         kEntryBytes * budgets.entries + kPaneBytes * budgets.open_panes;
}

std::uint64_t memory_there_is() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  std::uint64_t bytes =
      pages > 0 && page_bytes > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes) : 0;
  for (const char* limit_file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream in(limit_file);
    std::uint64_t limit = 0;
    if (in >> limit && limit > 0 && (bytes == 0 || limit < bytes)) bytes = limit;  // "max" is no number
  }
  return bytes;
}

}  // namespace marquee
