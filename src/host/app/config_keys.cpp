#include "app/config_keys.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "app/config_values.hpp"
#include "pipeline/pipeline.hpp"

namespace marquee {
namespace {

std::string found(const toml::node& node) {
  return "; it is " + kind_of(node);
}
std::string quoted_value(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return "; it is " + toml_quoted(*text);
  return found(node);
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += toml_quoted(names[i]);
  }
  return out;
}

// The text of a scalar: strings, integers and booleans. Floats too where librdkafka may want one.
std::optional<std::string> scalar_text(const toml::node& node, bool with_floats = false) {
  if (auto text = node.value_exact<std::string>()) return text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (with_floats && node.is_floating_point()) {
    std::string text = std::to_string(*node.value<double>());
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text += '0';
    return text;
  }
  return std::nullopt;
}

std::optional<FieldPath> parse_path(std::string_view text) {
  FieldPath path;
  while (true) {
    const std::size_t dot = text.find('.');
    path.keys.emplace_back(text.substr(0, dot));
    if (path.keys.back().empty()) return std::nullopt;
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

std::string path_text(const FieldPath& path) {
  std::string out;
  for (const std::string& key : path.keys) out += (out.empty() ? "" : ".") + key;
  return out;
}

std::string quoted_list(const std::vector<std::string>& list) {
  std::string out = "[";
  for (std::size_t i = 0; i < list.size(); ++i) out += (i > 0 ? ", " : "") + toml_quoted(list[i]);
  return out + "]";
}

// --- One maker a type. `at` is a generic lambda from the owner (const or not) to the member.

template <class Owner, class At>
Key<Owner> text_key(std::string name, std::string doc, bool may_be_empty, At at, bool required = false) {
  const auto read = [at, may_be_empty](const toml::node& node, Owner& owner) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    if (!text) return {"must be text in quotes" + found(node)};
    if (text->empty() && !may_be_empty) return {"must not be empty"};
    at(owner) = *text;
    return {};
  };
  return {std::move(name), "text", required, std::move(doc), false, read, [at](const Owner& owner) {
            return toml_quoted(at(owner));
          }};
}

template <class Owner, class At>
Key<Owner> text_list_key(std::string name, std::string type, std::string doc, bool one_will_do, bool may_be_empty,
                         At at, bool required = false) {
  const auto read = [at, one_will_do, may_be_empty](const toml::node& node, Owner& owner) -> ValueProblems {
    std::vector<std::string> list;
    if (const auto text = node.value_exact<std::string>(); text && one_will_do) {
      list.push_back(*text);
    } else if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        const auto entry = element.value_exact<std::string>();
        if (!entry) return {"must hold only text in quotes; it holds " + kind_of(element)};
        list.push_back(*entry);
      }
    } else {
      return {std::string("must be ") + (one_will_do ? "text in quotes or an array of such" : "an array of text") +
              found(node)};
    }
    if (list.empty() && !may_be_empty) return {"must not be empty"};
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].empty()) return {"must not hold empty text"};
      if (std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
          list.begin() + static_cast<std::ptrdiff_t>(i)) {
        return {"names " + toml_quoted(list[i]) + " twice"};
      }
    }
    at(owner) = std::move(list);
    return {};
  };
  const auto show = [at, one_will_do](const Owner& owner) {
    const std::vector<std::string>& list = at(owner);
    if (one_will_do && list.empty()) return std::string();
    return one_will_do && list.size() == 1 ? toml_quoted(list[0]) : quoted_list(list);
  };
  return {std::move(name), std::move(type), required, std::move(doc), false, read, show};
}

// `never`: the text "never" is read too, into an empty optional.
template <class Owner, class At>
Key<Owner> duration_key(std::string name, std::string doc, std::int64_t least_ms, At at) {
  constexpr bool kOptional = !std::is_same_v<std::remove_cvref_t<decltype(at(std::declval<Owner&>()))>, std::int64_t>;
  const auto read = [at, least_ms](const toml::node& node, Owner& owner) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    if constexpr (kOptional) {
      if (text && *text == "never") {
        at(owner).reset();
        return {};
      }
    }
    const auto ms = text ? parse_duration_ms(*text) : std::nullopt;
    if (!ms) {
      return {std::string("must be a duration such as \"500ms\", \"5s\" or \"1h30m\"") +
              (kOptional ? ", or \"never\"" : "") + quoted_value(node)};
    }
    const std::int64_t value_ms = *ms;
    if (value_ms < least_ms) return {"must be at least " + duration_text(least_ms) + quoted_value(node)};
    at(owner) = value_ms;
    return {};
  };
  const auto show = [at](const Owner& owner) {
    if constexpr (kOptional) {
      return at(owner) ? toml_quoted(duration_text(*at(owner))) : std::string("\"never\"");
    } else {
      return toml_quoted(duration_text(at(owner)));
    }
  };
  return {std::move(name), kOptional ? "duration or \"never\"" : "duration", false, std::move(doc), false, read, show};
}

template <class Owner, class At>
Key<Owner> count_key(std::string name, std::string doc, std::uint64_t least, std::uint64_t most, At at) {
  const auto read = [at, least, most](const toml::node& node, Owner& owner) -> ValueProblems {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) < least ||
        static_cast<std::uint64_t>(*number) > most) {
      return {"must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + found(node)};
    }
    auto& target = at(owner);
    target = static_cast<std::remove_reference_t<decltype(target)>>(*number);
    return {};
  };
  return {std::move(name), "number", false, std::move(doc), false, read, [at](const Owner& owner) {
            return std::to_string(at(owner));
          }};
}

Key<Config> size_key(std::string name, std::string doc, std::uint64_t least, std::uint64_t most,
                     std::uint64_t& (*at)(Config&)) {
  const auto read = [at, least, most](const toml::node& node, Config& owner) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    const auto number = node.value_exact<std::int64_t>();
    const auto bytes = text ? parse_size(*text) : number ? parse_size(std::to_string(*number)) : std::nullopt;
    if (!bytes || *bytes < least || *bytes > most) {
      return {"must be a size from " + size_text(least) + " to " + size_text(most) + ", such as \"64MiB\"" +
              quoted_value(node)};
    }
    at(owner) = *bytes;
    return {};
  };
  const auto show = [at](const Config& owner) {
    Config copy = owner;
    return toml_quoted(size_text(at(copy)));
  };
  return {std::move(name), "size", false, std::move(doc), false, read, show};
}

Key<Config> flag_key(std::string name, std::string doc, bool& (*at)(Config&)) {
  const auto read = [at](const toml::node& node, Config& owner) -> ValueProblems {
    const auto flag = node.value_exact<bool>();
    if (!flag) return {"must be true or false" + found(node)};
    at(owner) = *flag;
    return {};
  };
  const auto show = [at](const Config& owner) {
    Config copy = owner;
    return std::string(at(copy) ? "true" : "false");
  };
  return {std::move(name), "true or false", false, std::move(doc), false, read, show};
}

// An enum whose values are 0, 1, … in the order of `names`.
template <class Owner, class At>
Key<Owner> choice_key(std::string name, std::string doc, std::span<const std::string_view> names, At at) {
  const auto read = [at, names](const toml::node& node, Owner& owner) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    for (std::size_t i = 0; text && i < names.size(); ++i) {
      if (names[i] != *text) continue;
      auto& target = at(owner);
      target = static_cast<std::remove_reference_t<decltype(target)>>(i);
      return {};
    }
    return {"must be " + joined(names) + quoted_value(node)};
  };
  const auto show = [at, names](const Owner& owner) { return toml_quoted(names[static_cast<std::size_t>(at(owner))]); };
  return {std::move(name), joined(names), false, std::move(doc), false, read, show};
}

template <class Owner>
Key<Owner> path_key(std::string name, std::string doc, bool may_be_empty, FieldPath& (*at)(Owner&),
                    bool required = false) {
  const auto read = [at, may_be_empty](const toml::node& node, Owner& owner) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    if (text && text->empty() && may_be_empty) {
      at(owner).keys.clear();
      return {};
    }
    auto path = text ? parse_path(*text) : std::nullopt;
    if (!path) return {"must be the path of a field, such as \"content_id\" or \"content.id\"" + quoted_value(node)};
    at(owner) = std::move(*path);
    return {};
  };
  const auto show = [at](const Owner& owner) {
    Owner copy = owner;
    const FieldPath& path = at(copy);
    return toml_quoted(path_text(path));
  };
  return {std::move(name), "path", required, std::move(doc), false, read, show};
}

// --- Tables

// Settings that marquee sets itself, with where to say it instead.
constexpr std::array<std::array<std::string_view, 2>, 12> kOwnSettings = {{
    {"bootstrap.servers", "set `brokers` instead"},
    {"metadata.broker.list", "set `brokers` instead"},
    {"group.id", "set source.group instead"},
    {"auto.offset.reset", "set source.start instead"},
    {"enable.auto.commit", "offsets are committed with the results they led to"},
    {"enable.auto.offset.store", "offsets are committed with the results they led to"},
    {"enable.partition.eof", "idle partitions are told by it"},
    {"partition.assignment.strategy", "one process reads every partition"},
    {"enable.idempotence", "results are always written idempotently"},
    {"isolation.level", "committed records alone are read"},
    {"partitioner", "keys are partitioned as Java's client does"},
    {"transactional.id", "it follows from source.group"},
}};

void flatten_settings(const toml::table& table, const std::string& prefix, KafkaSettings& out,
                      ValueProblems& problems) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* below = node.as_table()) {
      flatten_settings(*below, name + ".", out, problems);
      continue;
    }
    const auto* own =
        std::find_if(kOwnSettings.begin(), kOwnSettings.end(), [&](const auto& s) { return s[0] == name; });
    const auto text = scalar_text(node, true);
    if (own != kOwnSettings.end()) {
      problems.emplace_back("may not hold " + name + ", which marquee sets itself: " + std::string((*own)[1]), node);
    } else if (!text) {
      problems.emplace_back("holds " + name + ", which must be text, a number, true or false" + found(node), node);
    } else {
      out[name] = *text;
    }
  }
}

Key<Config> kafka_key(std::string name, std::string doc, KafkaSettings& (*at)(Config&)) {
  const auto read = [at](const toml::node& node, Config& owner) -> ValueProblems {
    const toml::table* table = node.as_table();
    if (table == nullptr) return {"must be a table of librdkafka's settings" + found(node)};
    ValueProblems problems;
    at(owner).clear();
    flatten_settings(*table, "", at(owner), problems);
    return problems;
  };
  const auto show = [at](const Config& owner) {
    Config copy = owner;
    std::string out;
    for (const auto& [setting, value] : at(copy)) {
      out +=
          (out.empty() ? " " : ", ") + toml_quoted(setting) + " = " + toml_quoted(is_secret(setting) ? "***" : value);
    }
    return out.empty() ? std::string("{}") : "{" + out + " }";
  };
  return {std::move(name), "table", false, std::move(doc), true, read, show};
}

ValueProblems read_dimension(const std::string& name, const toml::node& node, DimensionSpec& out) {
  const std::string where = "has the dimension " + toml_quoted(name) + ", which ";
  const auto bad_path = [&](const toml::node& n) {
    return where + "must be the path of a field, such as \"geo.country\"" + quoted_value(n);
  };
  out.name = name;
  if (name.empty()) return {{"has a dimension without a name", node}};
  if (name.size() > kIdBytesMax) return {{where + "is longer than " + std::to_string(kIdBytesMax) + " bytes", node}};
  if (const auto text = node.value_exact<std::string>()) {
    auto path = parse_path(*text);
    if (!path) return {{bad_path(node), node}};
    out.path = std::move(*path);
    return {};
  }
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    return {{where + "must be a path, or { path = \"…\", default = \"…\" }" + found(node), node}};
  }
  ValueProblems problems;
  bool has_path = false;
  for (const auto& [key, value] : *table) {
    if (key.str() == "path") {
      const auto text = value.value_exact<std::string>();
      auto path = text ? parse_path(*text) : std::nullopt;
      has_path = true;
      if (path) {
        out.path = std::move(*path);
      } else {
        problems.emplace_back(bad_path(value), value);
      }
    } else if (key.str() == "default") {
      out.default_value = scalar_text(value);
      if (!out.default_value) {
        problems.emplace_back(where + "must have a default of text, a whole number, true or false" + found(value),
                              value);
      } else if (out.default_value->size() > kIdBytesMax) {
        problems.emplace_back(where + "has a default longer than " + std::to_string(kIdBytesMax) + " bytes", value);
      }
    } else {
      problems.emplace_back(where + "has the unknown key " + toml_key(key.str()) + "; it may have path and default",
                            value);
    }
  }
  if (!has_path) problems.emplace_back(where + "needs a path", node);
  return problems;
}

Key<Config> dimensions_key() {
  const auto read = [](const toml::node& node, Config& config) -> ValueProblems {
    const toml::table* table = node.as_table();
    if (table == nullptr) return {"must be a table: { category = \"category\" }" + found(node)};
    ValueProblems problems;
    config.dimensions.clear();
    for (const auto& [key, value] : *table) {
      DimensionSpec dimension;
      ValueProblems of_one = read_dimension(std::string(key.str()), value, dimension);
      // A wrong one is kept: leaderboards that name it are not wrong for it.
      config.dimensions.push_back(std::move(dimension));
      problems.insert(problems.end(), of_one.begin(), of_one.end());
    }
    std::sort(config.dimensions.begin(), config.dimensions.end(),
              [](const DimensionSpec& a, const DimensionSpec& b) { return a.name < b.name; });
    return problems;
  };
  const auto show = [](const Config& config) {
    std::string out;
    for (const DimensionSpec& d : config.dimensions) {
      out += (out.empty() ? " " : ", ") + toml_key(d.name) + " = ";
      const std::string path = toml_quoted(path_text(d.path));
      out += d.default_value ? "{ path = " + path + ", default = " + toml_quoted(*d.default_value) + " }" : path;
    }
    return out.empty() ? std::string("{}") : "{" + out + " }";
  };
  return {"event.dimensions",
          "table",
          false,
          "dimensions that leaderboards may group by: name to path, or to `{ path = …, default = … }`",
          true,
          read,
          show};
}

void flatten_where(const toml::table& table, const std::string& prefix, std::vector<WhereSpec>& out,
                   ValueProblems& problems) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* below = node.as_table()) {
      flatten_where(*below, name + ".", out, problems);
      continue;
    }
    WhereSpec where;
    auto path = parse_path(name);
    if (!path) {
      problems.emplace_back("has the field " + toml_quoted(name) + ", which is no path such as \"geo.country\"", node);
      continue;
    }
    where.path = std::move(*path);
    bool texts = true;
    const auto add = [&](const toml::node& value) {
      const auto text = scalar_text(value);
      if (text) where.values.push_back(*text);
      texts = texts && text;
    };
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& value : *array) add(value);
    } else {
      add(node);
    }
    if (!texts) {
      problems.emplace_back("has the field " + toml_quoted(name) +
                                ", which must be text, a whole number, true, false, or an array of those" + found(node),
                            node);
    } else if (where.values.empty()) {
      problems.emplace_back("has the field " + toml_quoted(name) + " with no value, so nothing would be counted", node);
    }
    // An override beside the file's own nested tables names the same path again; the last one counts.
    std::erase_if(out, [&](const WhereSpec& other) { return other.path.keys == where.path.keys; });
    out.push_back(std::move(where));
  }
}

Key<Config> where_key() {
  const auto read = [](const toml::node& node, Config& config) -> ValueProblems {
    const toml::table* table = node.as_table();
    if (table == nullptr) return {"must be a table: { action = [\"play\", \"heartbeat\"] }" + found(node)};
    ValueProblems problems;
    config.job.event.where.clear();
    flatten_where(*table, "", config.job.event.where, problems);
    return problems;
  };
  const auto show = [](const Config& config) {
    std::string out;
    for (const WhereSpec& where : config.job.event.where) {
      out += (out.empty() ? " " : ", ") + toml_key(path_text(where.path)) + " = " + quoted_list(where.values);
    }
    return out.empty() ? std::string("{}") : "{" + out + " }";
  };
  return {"event.where", "table",
          false,         "path to the text, or texts, that the field must have; any other record is `filtered`",
          true,          read,
          show};
}

Key<Config> listen_key() {
  const auto read = [](const toml::node& node, Config& config) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    if (!text || !parse_listen(*text)) {
      return {"must be address:port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"" + quoted_value(node)};
    }
    config.http.listen = *text;
    return {};
  };
  return {"http.listen",
          "address:port",
          false,
          "where metrics, health and API are served",
          false,
          read,
          [](const Config& config) { return toml_quoted(config.http.listen); }};
}

Key<LeaderboardSection> window_key() {
  const auto read = [](const toml::node& node, LeaderboardSection& board) -> ValueProblems {
    const auto text = node.value_exact<std::string>();
    if (!text) return {"must be text such as \"tumbling 1m\"" + found(node)};
    std::string problem;
    const auto window = parse_window(*text, problem);
    if (!window) return {problem};
    board.window = *window;
    return {};
  };
  return {"window",
          "window",
          false,
          "`tumbling 1m`, `hopping 10m every 1m` or `cumulative 1d step 1h`, each may end in `offset 5h30m`",
          false,
          read,
          [](const LeaderboardSection& board) { return toml_quoted(window_text(board.window)); }};
}

constexpr std::array<std::string_view, 2> kStarts = {"earliest", "latest"};
constexpr std::array<std::string_view, 2> kOnGaps = {"stop", "continue"};
constexpr std::array<std::string_view, 5> kTimeUnits = {"s", "ms", "us", "ns", "rfc3339"};
constexpr std::array<std::string_view, 2> kWatchUnits = {"s", "ms"};
constexpr std::array<std::string_view, 2> kMeasures = {"views", "watch_ms"};
constexpr std::array<std::string_view, 3> kEngines = {"auto", "cpu", "cuda"};
constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 3> kFormats = {"auto", "human", "json"};

constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();

std::vector<Key<Config>> make_config_keys() {
  using C = Config;
  std::vector<Key<Config>> keys;
  const auto add = [&keys](Key<Config> key) { keys.push_back(std::move(key)); };

  add(text_key<C>("source.brokers", "Kafka brokers to start from, with commas between", false,
                  [](auto& c) -> auto& { return c.source.brokers; }));
  add(text_list_key<C>(
      "source.topic", "text or array", "topic, or topics, of watch events; only `run` needs it", true, false,
      [](auto& c) -> auto& { return c.source.topics; }, true));
  add(text_key<C>("source.group", "the name under which offsets are committed", false,
                  [](auto& c) -> auto& { return c.source.group; }));
  add(choice_key<C>("source.start", "where to begin where the group has committed nothing", kStarts,
                    [](auto& c) -> auto& { return c.source.start; }));
  add(choice_key<C>("source.on_gap", "what to do where retention has removed records before they were read", kOnGaps,
                    [](auto& c) -> auto& { return c.source.on_gap; }));
  add(kafka_key("source.kafka", "librdkafka's own settings for the consumer: TLS, SASL, buffers",
                [](C& c) -> KafkaSettings& { return c.source.kafka; }));

  add(path_key<C>(
      "event.item", "where the item's id stands in a record; dots descend", false,
      [](C& c) -> FieldPath& { return c.job.event.item; }, true));
  add(path_key<C>(
      "event.time", "where the event time stands", false, [](C& c) -> FieldPath& { return c.job.event.time; }, true));
  add(choice_key<C>("event.time_unit", "how the event time is written", kTimeUnits,
                    [](auto& c) -> auto& { return c.job.event.time_unit; }));
  add(path_key<C>("event.watch", "where the watch time stands; empty: there is none", true,
                  [](C& c) -> FieldPath& { return c.job.event.watch; }));
  add(choice_key<C>("event.watch_unit", "how the watch time is written", kWatchUnits,
                    [](auto& c) -> auto& { return c.job.event.watch_unit; }));
  add(dimensions_key());
  add(where_key());

  add(duration_key<C>("time.disorder", "how far event times of a partition may go back and forth and still be in time",
                      0, [](auto& c) -> auto& { return c.job.time.disorder_ms; }));
  add(duration_key<C>("time.lateness", "how long after its end a window still takes late events, as corrections", 0,
                      [](auto& c) -> auto& { return c.job.time.lateness_ms; }));
  add(duration_key<C>("time.idle_after", "a partition at its end holds nobody up after this long without a record", 1,
                      [](auto& c) -> auto& { return c.job.time.idle_after_ms; }));
  add(duration_key<C>("time.max_future", "an event further ahead of its Kafka timestamp is invalid", 0,
                      [](auto& c) -> auto& { return c.job.time.max_future_ms; }));

  add(text_key<C>("sink.brokers", "other brokers of the same cluster; empty: those of the source", true,
                  [](auto& c) -> auto& { return c.sink.brokers; }));
  add(text_key<C>("sink.topic", "topic of the results", false, [](auto& c) -> auto& { return c.sink.topic; }));
  add(duration_key<C>("sink.commit_every", "how often results and offsets are committed", 1,
                      [](auto& c) -> auto& { return c.sink.commit_every_ms; }));
  add(text_key<C>("sink.dead_letter_topic", "topic for invalid records; empty: they are only counted", true,
                  [](auto& c) -> auto& { return c.sink.dead_letter_topic; }));
  add(text_key<C>("sink.late_topic", "topic for late events; empty: they are only counted", true,
                  [](auto& c) -> auto& { return c.sink.late_topic; }));
  add(flag_key("sink.create_topics", "create topics to write to that are missing, the pane log's too",
               [](C& c) -> bool& { return c.sink.create_topics; }));
  add(kafka_key("sink.kafka", "librdkafka's own settings for the producer",
                [](C& c) -> KafkaSettings& { return c.sink.kafka; }));

  add(text_key<C>("pane_log.topic", "topic that state is rebuilt from; empty: `<source.group>-panes`", true,
                  [](auto& c) -> auto& { return c.pane_log.topic; }));
  add(count_key<C>("pane_log.partitions", "its partitions; part of the state, never to be changed", 1, 1000,
                   [](auto& c) -> auto& { return c.pane_log.partitions; }));
  add(size_key("pane_log.base_after",
               "a partition's open state is written anew when its blocks exceed half of it, and this", 1, 1u << 30,
               [](Config& c) -> std::uint64_t& { return c.pane_log.base_after_bytes; }));

  add(choice_key<C>("engine.kind", "`auto` takes CUDA where there is a device", kEngines,
                    [](auto& c) -> auto& { return c.engine.kind; }));
  add(count_key<C>("engine.threads", "ingest threads, which read and decode", 1, 256,
                   [](auto& c) -> auto& { return c.engine.threads; }));
  add(count_key<C>("engine.batches", "batches in the pool; at least threads + 3", batches_min(1), 4096,
                   [](auto& c) -> auto& { return c.engine.batches; }));
  add(count_key<C>("engine.batch_events", "events a batch holds at most, but for one longer message", 1,
                   kBatchEventsMax, [](auto& c) -> auto& { return c.engine.batch_events; }));
  add(size_key("engine.batch_bytes", "payload a batch holds at most, but for one larger message", 4096, 1u << 30,
               [](C& c) -> std::uint64_t& { return c.engine.batch_bytes; }));

  add(count_key<C>("limits.items", "items that may be open at once", 1, kMax32 - 1,
                   [](auto& c) -> auto& { return c.job.budgets.items; }));
  add(count_key<C>("limits.combinations", "combinations of dimension values that may be open at once", 1, kMax32 - 1,
                   [](auto& c) -> auto& { return c.job.budgets.combinations; }));
  add(count_key<C>("limits.groups", "groups that a leaderboard may have open at once", 1, kMax32 - 1,
                   [](auto& c) -> auto& { return c.job.budgets.groups; }));
  add(count_key<C>("limits.entries", "(leaderboard, pane, group, item) entries over all open panes", 1,
                   std::uint64_t{1} << 40, [](auto& c) -> auto& { return c.job.budgets.entries; }));
  add(count_key<C>("limits.open_panes", "open panes over all leaderboards", 1, kMax32 - 1,
                   [](auto& c) -> auto& { return c.job.budgets.open_panes; }));
  add(size_key("limits.title_bytes", "what titles may take; beyond it new ones are left out", 0, std::uint64_t{1} << 40,
               [](C& c) -> std::uint64_t& { return c.job.budgets.title_bytes; }));

  add(flag_key("http.enabled", "serve metrics, health and API", [](C& c) -> bool& { return c.http.enabled; }));
  add(listen_key());
  add(text_key<C>("http.token_file",
                  "a file with a token that clients of everything but page and health must bear; empty: nobody must",
                  true, [](auto& c) -> auto& { return c.http.token_file; }));
  add(text_list_key<C>("http.cors_origins", "array of text",
                       "pages of which other origins may read the API, such as \"https://example.org\"; \"*\": all",
                       false, true, [](auto& c) -> auto& { return c.http.cors_origins; }));
  add(count_key<C>("http.history_windows", "complete windows of each group that the API keeps, in memory alone", 0,
                   100'000, [](auto& c) -> auto& { return c.http.history_windows; }));
  add(count_key<C>("http.item_labels",
                   "distinct items that may ever be labels of marquee_top_*, each with the first title it had; 0: none",
                   0, 1'000'000, [](auto& c) -> auto& { return c.http.item_labels; }));
  add(size_key("http.history_bytes", "what all of them may take; the oldest go first", 0, std::uint64_t{1} << 40,
               [](C& c) -> std::uint64_t& { return c.http.history_bytes; }));

  add(choice_key<C>("log.level", "the least serious message that is logged", kLevels,
                    [](auto& c) -> auto& { return c.log.level; }));
  add(choice_key<C>("log.format", "`auto`: human on a terminal, JSON lines elsewhere", kFormats,
                    [](auto& c) -> auto& { return c.log.format; }));
  return keys;
}

std::vector<Key<LeaderboardSection>> make_leaderboard_keys() {
  using B = LeaderboardSection;
  std::vector<Key<B>> keys;
  keys.push_back(
      text_key<B>("name", "its name, in results and metrics", false, [](auto& b) -> auto& { return b.name; }, true));
  keys.push_back(text_list_key<B>("by", "array of text", "dimensions to group by; empty: one group for all", false,
                                  true, [](auto& b) -> auto& { return b.by; }));
  keys.push_back(window_key());
  keys.push_back(
      choice_key<B>("measure", "what items are ranked by", kMeasures, [](auto& b) -> auto& { return b.measure; }));
  keys.push_back(
      count_key<B>("top", "how many items a result holds", 1, kTopMax, [](auto& b) -> auto& { return b.top; }));
  keys.push_back(duration_key<B>("emit_every", "how often a provisional result leaves where something changed", 1,
                                 [](auto& b) -> auto& { return b.emit_every_ms; }));
  keys.push_back(path_key<B>("display", "where an item's title stands, to be shown with it; empty: ids alone are shown",
                             true, [](B& b) -> FieldPath& { return b.display; }));
  return keys;
}

}  // namespace

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "the number " + std::to_string(*node.value_exact<std::int64_t>());
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return *node.value_exact<bool>() ? "true" : "false";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::none:
      break;
    default:
      return "a date or time";
  }
  return "nothing";
}

const std::vector<Key<Config>>& config_keys() {
  static const std::vector<Key<Config>> keys = make_config_keys();
  return keys;
}

const std::vector<Key<LeaderboardSection>>& leaderboard_keys() {
  static const std::vector<Key<LeaderboardSection>> keys = make_leaderboard_keys();
  return keys;
}

}  // namespace marquee
