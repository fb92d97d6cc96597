#include "serve/routes.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "core/result.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";

// Wide enough for demos; a bound, so that a wrong name in a long job gives a readable sentence.
constexpr std::size_t kNamesInMessageMax = 10;

std::string known_leaderboards(const JobSpec& job) {
  std::string names;
  for (std::size_t i = 0; i < job.leaderboards.size() && i < kNamesInMessageMax; ++i) {
    if (i > 0) names += ", ";
    names += job.leaderboards[i].name;
  }
  if (job.leaderboards.size() > kNamesInMessageMax) names += ", …";
  return names;
}

void append_time_or_null(std::string& out, EventTimeMs time, bool known) {
  if (known) {
    append_number(out, time);
  } else {
    out += "null";
  }
}

// The parameters of /api/v1/top, judged.
struct TopQuery {
  std::optional<std::size_t> leaderboard;
  std::optional<std::vector<std::string>> group;
};

// Fills `query`, or gives the reply that says what is wrong.
std::optional<HttpReply> read_top_query(const JobSpec& job, const RequestTarget& target, TopQuery& query) {
  bool leaderboard_given = false;
  bool group_given = false;
  for (const auto& [name, value] : target.parameters) {
    if (name != "leaderboard" && name != "group") {
      return error_reply(400, "unknown parameter '" + quotable(name) + "'; there are leaderboard and group");
    }
    bool& given = name == "group" ? group_given : leaderboard_given;
    if (given) return error_reply(400, "parameter '" + name + "' is given twice; give it once");
    given = true;
    if (value.empty()) continue;
    if (name == "leaderboard") {
      const auto found = std::find_if(job.leaderboards.begin(), job.leaderboards.end(),
                                      [&wanted = value](const LeaderboardSpec& spec) { return spec.name == wanted; });
      if (found == job.leaderboards.end()) {
        return error_reply(404, "no leaderboard '" + quotable(value) + "'; there are: " + known_leaderboards(job));
      }
      query.leaderboard = static_cast<std::size_t>(found - job.leaderboards.begin());
    } else {
      query.group = parse_group(value);
      if (!query.group) {
        return error_reply(400, "group is neither a plain value nor a JSON array of strings, as in [\"movie\",\"DE\"]");
      }
    }
  }
  if (query.group) {
    const auto fits = [&](const LeaderboardSpec& spec) { return spec.by.size() == query.group->size(); };
    const bool any = query.leaderboard ? fits(job.leaderboards[*query.leaderboard])
                                       : std::any_of(job.leaderboards.begin(), job.leaderboards.end(), fits);
    if (!any) {
      const std::string given = std::to_string(query.group->size());
      return error_reply(400, query.leaderboard
                                  ? "group has " + given + " values, but leaderboard '" +
                                        job.leaderboards[*query.leaderboard].name + "' has " +
                                        std::to_string(job.leaderboards[*query.leaderboard].by.size()) +
                                        " dimensions; give one value for each, in the order of its 'by'"
                                  : "group has " + given + " values, but no leaderboard has that many dimensions");
    }
  }
  return std::nullopt;
}

}  // namespace

HttpReply error_reply(unsigned status, std::string_view sentence) {
  HttpReply reply{status, kJson, R"({"error":)", {}};
  append_json_string(reply.body, sentence);
  reply.body += "}\n";
  return reply;
}

const Routes::Route Routes::kRoutes[] = {
    {"/", &Routes::index, "this list"},
    {"/metrics", &Routes::metrics, "metrics, in Prometheus' text format"},
    {"/healthz", &Routes::healthz, "200 while the process lives"},
    {"/readyz", &Routes::readyz, "200 while results come out, else 503 and the reason"},
    {"/api/v1/top", &Routes::top, "the current boards as JSON: ?leaderboard=NAME&group=VALUE or &group=[\"a\",\"b\"]"},
};

Routes::Routes(const JobSpec& job, const Probe& probe, const SnapshotBoard& board, Metrics& metrics)
    : job_(job), probe_(probe), board_(board), metrics_(metrics) {}

HttpReply Routes::reply(std::string_view method, std::string_view target_text) {
  const std::optional<RequestTarget> target = parse_target(target_text);
  if (!target) return error_reply(400, "the request target is not a path with an optional, percent-encoded query");
  const auto route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                  [&](const Route& candidate) { return candidate.path == target->path; });
  if (route == std::end(kRoutes)) {
    return error_reply(404, "nothing at '" + quotable(target->path) + "'; / lists what there is");
  }
  if (method != "GET" && method != "HEAD") {
    HttpReply reply = error_reply(405, "only GET and HEAD are answered here");
    reply.allow = "GET, HEAD";
    return reply;
  }
  return (this->*route->handler)(*target);
}

HttpReply Routes::index(const RequestTarget&) {
  HttpReply reply{200, kPlainText, "marquee " MARQUEE_VERSION ": what is being watched most, right now\n\n", {}};
  for (const Route& route : kRoutes) {
    reply.body += route.path;
    reply.body.append(16 - std::min<std::size_t>(15, route.path.size()), ' ');
    reply.body += route.help;
    reply.body += '\n';
  }
  reply.body += "\nleaderboards: " + known_leaderboards(job_) + '\n';
  return reply;
}

HttpReply Routes::metrics(const RequestTarget&) {
  return {200, kMetricsContentType, metrics_.text(), {}};
}

HttpReply Routes::healthz(const RequestTarget&) {
  return {200, kJson, "{\"alive\":true}\n", {}};
}

HttpReply Routes::readyz(const RequestTarget&) {
  const Phase phase = probe_.phase.load(std::memory_order_relaxed);
  const std::string reason = reason_now(probe_);
  const bool ready = is_ready(phase, reason);
  HttpReply reply{ready ? 200u : 503u, kJson, ready ? R"({"ready":true,"phase":)" : R"({"ready":false,"phase":)", {}};
  append_json_string(reply.body, phase_name(phase));
  if (!ready) {
    reply.body += R"(,"reason":)";
    append_json_string(reply.body, reason.empty() ? "the pipeline is not running" : std::string_view(reason));
  }
  if (probe_.degraded.load(std::memory_order_relaxed)) {
    reply.body += R"(,"degraded":"the GPU was lost; the CPU does its work until the next start")";
  }
  reply.body += "}\n";
  return reply;
}

HttpReply Routes::top(const RequestTarget& target) {
  TopQuery query;
  if (std::optional<HttpReply> wrong = read_top_query(job_, target, query)) return *std::move(wrong);

  const std::shared_ptr<const Snapshot> snapshot = board_.get();
  HttpReply reply{200, kJson, R"({"schema":1,"epoch":)", {}};
  std::string& out = reply.body;
  append_number(out, snapshot->epoch);
  out += R"(,"watermark":)";
  append_time_or_null(out, snapshot->watermark, snapshot->watermark != kNoTime);
  out += R"(,"published":)";
  append_time_or_null(out, snapshot->published_wall_ms, snapshot->published_wall_ms != 0);
  out += R"(,"results":[)";
  bool first = true;
  for (std::size_t i = 0; i < snapshot->boards.size() && i < job_.leaderboards.size(); ++i) {
    if (query.leaderboard && *query.leaderboard != i) continue;
    for (const BoardEntry& entry : snapshot->boards[i]) {
      if (entry.current == nullptr || (query.group && entry.current->group != *query.group)) continue;
      if (!first) out += ',';
      first = false;
      append_result_json(out, job_, *entry.current);
    }
  }
  out += "]}\n";
  return reply;
}

}  // namespace marquee
