#include "serve/api.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/result.hpp"
#include "core/verdict.hpp"
#include "serve/parameters.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

// Wide enough for demos; a bound, so that a wrong name in a long job gives a readable sentence.
constexpr std::size_t kNamesInMessageMax = 10;
constexpr std::size_t kTopResultsMax = 1'000;
constexpr std::size_t kHistoryResultsMax = 5'000;
constexpr std::size_t kHistoryWindowsMax = 100'000;  // of each group; as many as may be kept
constexpr std::size_t kGroupsMax = 1'000;

void append_time_or_null(std::string& out, EventTimeMs time, bool known) {
  if (known) {
    append_number(out, time);
  } else {
    out += "null";
  }
}

void append_bool(std::string& out, bool value) {
  out += value ? "true" : "false";
}

void append_group(std::string& out, const std::vector<std::string>& group) {
  out += '[';
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, group[i]);
  }
  out += ']';
}

std::string_view kind_name(WindowKind kind) {
  switch (kind) {
    case WindowKind::kTumbling:
      return "tumbling";
    case WindowKind::kHopping:
      return "hopping";
    case WindowKind::kCumulative:
      return "cumulative";
  }
  return "unknown";
}

// Whether one of the values has `part` in it, ASCII letters alike in both cases.
bool matches(const std::vector<std::string>& group, std::string_view part) {
  return std::any_of(group.begin(), group.end(),
                     [&](const std::string& value) { return holds_ignoring_case(value, part); });
}

bool more_events(const ResultRecord& a, const ResultRecord& b) {
  if (a.events != b.events) return a.events > b.events;
  return a.group < b.group;
}

ResultPtr of_window(const BoardEntry& entry, EventTimeMs start) {
  for (const ResultPtr& record : {entry.current, entry.last_final}) {
    if (record != nullptr && record->window_start == start) return record;
  }
  if (entry.history == nullptr) return nullptr;
  const auto found = std::find_if(entry.history->begin(), entry.history->end(),
                                  [&](const ResultPtr& record) { return record->window_start == start; });
  return found == entry.history->end() ? nullptr : *found;
}

}  // namespace

// Reads what several paths take alike.
class Api::Reader {
 public:
  Reader(const Api& api, const RequestTarget& target, std::initializer_list<std::string_view> known)
      : parameters(target, known), api_(api) {}

  std::optional<std::size_t> leaderboard() {
    const std::optional<std::string_view> name = parameters.text("leaderboard");
    if (!name) return std::nullopt;
    const auto& boards = api_.job_.leaderboards;
    const auto found = std::find_if(boards.begin(), boards.end(), [&](const auto& spec) { return spec.name == *name; });
    if (found == boards.end()) {
      if (parameters.problem().empty()) status_ = 404;
      parameters.refuse("no leaderboard '" + quotable(*name) + "'; there are: " + api_.known_leaderboards());
      return std::nullopt;
    }
    return static_cast<std::size_t>(found - boards.begin());
  }

  std::optional<std::vector<std::string>> group(std::optional<std::size_t> leaderboard) {
    const std::optional<std::string_view> text = parameters.text("group");
    if (!text) return std::nullopt;
    std::optional<std::vector<std::string>> group = parse_group(*text);
    if (!group) {
      parameters.refuse("group is neither a plain value nor a JSON array of strings, as in [\"movie\",\"DE\"]");
      return std::nullopt;
    }
    const auto& boards = api_.job_.leaderboards;
    const auto fits = [&](const LeaderboardSpec& spec) { return spec.by.size() == group->size(); };
    if (leaderboard && !fits(boards[*leaderboard])) {
      parameters.refuse("group has " + std::to_string(group->size()) + " values, but leaderboard '" +
                        boards[*leaderboard].name + "' has " + std::to_string(boards[*leaderboard].by.size()) +
                        " dimensions; give one value for each, in the order of its 'by'");
    } else if (!leaderboard && std::none_of(boards.begin(), boards.end(), fits)) {
      parameters.refuse("group has " + std::to_string(group->size()) +
                        " values, but no leaderboard has that many dimensions");
    }
    return group;
  }

  void window(TopQuery& query) {
    const std::optional<std::string_view> text = parameters.text("window");
    if (!text || *text == "current") return;
    query.window = *text == "final" ? TopQuery::Window::kFinal : TopQuery::Window::kStart;
    if (query.window == TopQuery::Window::kFinal) return;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), query.window_start);
    if (error != std::errc{} || end != text->data() + text->size()) {
      parameters.refuse("window is neither current, nor final, nor a window's start in milliseconds");
    }
  }

  void order(TopQuery& query) {
    const std::optional<std::string_view> text = parameters.text("order");
    query.by_events = text == "events";
    if (text && *text != "events" && *text != "group") parameters.refuse("order is neither group nor events");
  }

  std::optional<ApiProblem> problem() const {
    if (parameters.problem().empty()) return std::nullopt;
    return ApiProblem{status_, parameters.problem()};
  }

  Parameters parameters;

 private:
  const Api& api_;
  unsigned status_ = 400;
};

std::string Api::known_leaderboards() const {
  std::string names;
  for (std::size_t i = 0; i < job_.leaderboards.size() && i < kNamesInMessageMax; ++i) {
    if (i > 0) names += ", ";
    names += job_.leaderboards[i].name;
  }
  if (job_.leaderboards.size() > kNamesInMessageMax) names += ", …";
  return names;
}

std::optional<ApiProblem> Api::read_top(const RequestTarget& target, TopQuery& query) const {
  Reader reader(*this, target, {"leaderboard", "group", "window", "k", "limit", "order"});
  query.leaderboard = reader.leaderboard();
  query.group = reader.group(query.leaderboard);
  reader.window(query);
  query.rows_max = reader.parameters.number("k", 1, kTopMax, kTopMax);
  query.results_max = reader.parameters.number("limit", 1, kTopResultsMax, query.results_max);
  reader.order(query);
  return reader.problem();
}

std::optional<ApiProblem> Api::read_stream(const RequestTarget& target, TopQuery& query) const {
  for (const auto& [name, value] : target.parameters) {
    if (name == "window") return ApiProblem{400, "a stream is of current windows; it takes no window"};
  }
  return read_top(target, query);
}

Chosen Api::choose(const TopQuery& query, const Snapshot& snapshot) const {
  Chosen chosen;
  const auto take = [&](const BoardEntry& entry) {
    const ResultPtr record = query.window == TopQuery::Window::kCurrent ? entry.current
                             : query.window == TopQuery::Window::kFinal ? entry.last_final
                                                                        : of_window(entry, query.window_start);
    if (record == nullptr) return true;
    if (!query.by_events && chosen.results.size() == query.results_max) {
      chosen.more = true;
      return false;
    }
    chosen.results.push_back(record);
    return true;
  };
  for (std::size_t i = 0; i < snapshot.boards.size() && i < job_.leaderboards.size() && !chosen.more; ++i) {
    if (query.leaderboard && *query.leaderboard != i) continue;
    if (query.group) {
      if (const BoardEntry* entry = snapshot.boards[i].find(*query.group)) take(*entry);
      continue;
    }
    for (const BoardEntry& entry : snapshot.boards[i]) {
      if (!take(entry)) break;
    }
  }
  if (query.by_events) {
    const auto before = [](const ResultPtr& a, const ResultPtr& b) {
      return a->leaderboard != b->leaderboard ? raw(a->leaderboard) < raw(b->leaderboard) : more_events(*a, *b);
    };
    const std::size_t kept = std::min(query.results_max, chosen.results.size());
    std::partial_sort(chosen.results.begin(), chosen.results.begin() + static_cast<std::ptrdiff_t>(kept),
                      chosen.results.end(), before);
    chosen.more = kept < chosen.results.size();
    chosen.results.resize(kept);
  }
  return chosen;
}

void Api::begin(std::string& out, const Snapshot& snapshot) const {
  out += R"({"schema":1,"epoch":)";
  append_number(out, snapshot.epoch);
}

void Api::append_results(std::string& out, const std::vector<ResultPtr>& results, std::size_t rows_max) const {
  out += R"("results":[)";
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i > 0) out += ',';
    append_result_json(out, job_, *results[i], rows_max);
  }
  out += ']';
}

std::string Api::top_json(const TopQuery& query, const Snapshot& snapshot, const Chosen& chosen,
                          std::optional<bool> whole) const {
  std::string out;
  begin(out, snapshot);
  out += R"(,"watermark":)";
  append_time_or_null(out, snapshot.watermark, snapshot.watermark != kNoTime);
  out += R"(,"published":)";
  append_time_or_null(out, snapshot.published_wall_ms, snapshot.published_wall_ms != 0);
  out += R"(,"more":)";
  append_bool(out, chosen.more);
  if (whole) {
    out += R"(,"whole":)";
    append_bool(out, *whole);
  }
  out += ',';
  append_results(out, chosen.results, query.rows_max);
  out += '}';
  return out;
}

std::optional<ApiProblem> Api::top(const RequestTarget& target, const Snapshot& snapshot, std::string& out) const {
  TopQuery query;
  if (std::optional<ApiProblem> wrong = read_top(target, query)) return wrong;
  (out += top_json(query, snapshot, choose(query, snapshot))) += '\n';
  return std::nullopt;
}

// The newest window first, in it group by group.
std::optional<ApiProblem> Api::history(const RequestTarget& target, const Snapshot& snapshot, std::string& out) const {
  Reader reader(*this, target, {"leaderboard", "group", "windows", "limit", "k"});
  const std::optional<std::size_t> leaderboard = reader.leaderboard();
  if (!leaderboard) reader.parameters.refuse("leaderboard is missing; there are: " + known_leaderboards());
  const std::optional<std::vector<std::string>> group = reader.group(leaderboard);
  const std::size_t windows = reader.parameters.number("windows", 1, kHistoryWindowsMax, kHistoryWindowsMax);
  const std::size_t limit = reader.parameters.number("limit", 1, kHistoryResultsMax, kTopResultsMax);
  const std::size_t rows_max = reader.parameters.number("k", 1, kTopMax, kTopMax);
  if (std::optional<ApiProblem> wrong = reader.problem()) return wrong;

  TopQuery query;
  query.rows_max = rows_max;
  Chosen chosen;
  const auto take = [&](const BoardEntry& entry) {
    const bool again = entry.history != nullptr && entry.history->front()->window_end == entry.current->window_end;
    if (!again) chosen.results.push_back(entry.current);
    if (entry.history == nullptr) return;
    for (const ResultPtr& record : *entry.history) chosen.results.push_back(record);
  };
  if (*leaderboard < snapshot.boards.size()) {
    const BoardEntries& entries = snapshot.boards[*leaderboard];
    if (group) {
      if (const BoardEntry* entry = entries.find(*group)) take(*entry);
    } else {
      std::for_each(entries.begin(), entries.end(), take);
    }
  }
  std::sort(chosen.results.begin(), chosen.results.end(), [](const ResultPtr& a, const ResultPtr& b) {
    return a->window_end != b->window_end ? a->window_end > b->window_end : a->group < b->group;
  });
  std::size_t windows_seen = 0;
  for (std::size_t i = 0; i < chosen.results.size(); ++i) {
    if (i == 0 || chosen.results[i]->window_end != chosen.results[i - 1]->window_end) ++windows_seen;
    if (windows_seen > windows || i == limit) {
      chosen.more = true;
      chosen.results.resize(i);
    }
  }
  (out += top_json(query, snapshot, chosen)) += '\n';
  return std::nullopt;
}

std::optional<ApiProblem> Api::leaderboards(const RequestTarget& target, const Snapshot& snapshot,
                                            std::string& out) const {
  Reader reader(*this, target, {"leaderboard", "match", "limit"});
  const std::optional<std::size_t> only = reader.leaderboard();
  const std::optional<std::string_view> part = reader.parameters.text("match");
  const std::size_t limit = reader.parameters.number("limit", 0, kGroupsMax, 100);
  if (std::optional<ApiProblem> wrong = reader.problem()) return wrong;

  begin(out, snapshot);
  out += R"(,"leaderboards":[)";
  bool first = true;
  for (std::size_t l = 0; l < job_.leaderboards.size(); ++l) {
    if (only && *only != l) continue;
    const LeaderboardSpec& spec = job_.leaderboards[l];
    std::vector<const ResultRecord*> groups;
    if (l < snapshot.boards.size()) {
      for (const BoardEntry& entry : snapshot.boards[l]) {
        if (!part || matches(entry.current->group, *part)) groups.push_back(entry.current.get());
      }
    }
    const std::size_t shown = std::min(limit, groups.size());
    std::partial_sort(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(shown), groups.end(),
                      [](const ResultRecord* a, const ResultRecord* b) { return more_events(*a, *b); });
    if (!std::exchange(first, false)) out += ',';
    out += R"({"name":)";
    append_json_string(out, spec.name);
    out += R"(,"by":[)";
    for (std::size_t i = 0; i < spec.by.size(); ++i) {
      if (i > 0) out += ',';
      append_json_string(out, job_.event.dimensions[spec.by[i]].name);
    }
    out += R"(],"window":{"text":)";
    append_json_string(out, window_text(spec.window));
    out += R"(,"kind":")";
    (out += kind_name(spec.window.kind)) += R"(","size_ms":)";
    append_number(out, spec.window.size_ms);
    out += R"(,"step_ms":)";
    append_number(out, spec.window.every_ms);
    out += R"(,"offset_ms":)";
    append_number(out, spec.window.offset_ms);
    out += spec.measure == Measure::kViews ? R"(},"measure":"views","top":)" : R"(},"measure":"watch_ms","top":)";
    append_number(out, std::uint64_t{spec.top});
    out += R"(,"emit_every_ms":)";
    append_number(out, spec.emit_every_ms);
    out += R"(,"titles":)";
    append_bool(out, spec.display.has_value());
    out += R"(,"group_count":)";
    append_number(out, std::uint64_t{groups.size()});
    out += R"(,"groups":[)";
    for (std::size_t i = 0; i < shown; ++i) {
      if (i > 0) out += ',';
      append_group(out, groups[i]->group);
    }
    out += "]}";
  }
  out += "]}\n";
  return std::nullopt;
}

std::optional<ApiProblem> Api::status(const RequestTarget& target, const Probe& probe, const Snapshot& snapshot,
                                      const LiveFigures& live, std::string& out) const {
  const Reader reader(*this, target, {});
  if (std::optional<ApiProblem> wrong = reader.problem()) return wrong;
  (out += status_json(probe, snapshot, live)) += '\n';
  return std::nullopt;
}

std::string Api::status_json(const Probe& probe, const Snapshot& snapshot, const LiveFigures& live) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const Phase phase = probe.phase.load(kRelaxed);
  const std::string reason = reason_now(probe);
  const auto number = [](std::string& out, const char* name, std::int64_t value) {
    out += name;
    append_number(out, value);
  };
  const auto known = [](std::string& out, const char* name, std::int64_t value, bool is_known) {
    out += name;
    append_time_or_null(out, value, is_known);
  };
  std::string out = R"({"schema":1,"version":")" MARQUEE_VERSION R"(","group":)";
  append_json_string(out, config_.about.group);
  out += R"(,"instance":)";
  append_json_string(out, config_.about.instance);
  out += R"(,"phase":)";
  append_json_string(out, phase_name(phase));
  out += R"(,"ready":)";
  append_bool(out, is_ready(phase, reason));
  out += R"(,"reason":)";
  if (reason.empty()) {
    out += "null";
  } else {
    append_json_string(out, reason);
  }
  out += R"(,"engine":)";
  append_json_string(out, probe.engine.load(kRelaxed));
  out += R"(,"degraded":)";
  append_bool(out, probe.degraded.load(kRelaxed));
  out += R"(,"epoch":)";
  append_number(out, snapshot.epoch);
  known(out, R"(,"watermark":)", snapshot.watermark, snapshot.watermark != kNoTime);
  known(out, R"(,"published":)", snapshot.published_wall_ms, snapshot.published_wall_ms != 0);
  number(out, R"(,"now":)", live.wall_ms);
  number(out, R"(,"uptime_ms":)", live.uptime_ms);
  std::uint64_t read = 0;
  std::uint64_t invalid = 0;
  for (std::size_t v = 0; v < kVerdictCount; ++v) {
    const std::uint64_t count = probe.verdicts[v].load(kRelaxed);
    read += count;
    if (is_invalid(static_cast<Verdict>(v))) invalid += count;
  }
  const auto verdict = [&](Verdict v) {
    return static_cast<std::int64_t>(probe.verdicts[static_cast<std::size_t>(v)].load(kRelaxed));
  };
  number(out, R"(,"events_read":)", static_cast<std::int64_t>(read));
  number(out, R"(,"events_per_s":)", std::llround(live.events_per_s));
  const std::int64_t lag = probe.lag_messages.load(kRelaxed);
  known(out, R"(,"lag_messages":)", lag, lag >= 0);
  known(out, R"(,"watermark_delay_ms":)", live.wall_ms - probe.watermark_ms.load(kRelaxed),
        probe.watermark_known.load(std::memory_order_acquire));
  number(out, R"(,"partitions":)", probe.partitions.load(kRelaxed));
  number(out, R"(,"partitions_idle":)", probe.partitions_idle.load(kRelaxed));
  number(out, R"(,"verdicts":{"counted":)", verdict(Verdict::kCounted));
  number(out, R"(,"filtered":)", verdict(Verdict::kFiltered));
  number(out, R"(,"late":)", verdict(Verdict::kLate));
  number(out, R"(,"invalid":)", static_cast<std::int64_t>(invalid));
  number(out, R"(},"entries":)", probe.entries.load(kRelaxed));
  number(out, R"(,"commit_every_ms":)", config_.about.commit_every_ms);
  out += '}';
  return out;
}

}  // namespace marquee
