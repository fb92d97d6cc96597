#include "serve/routes.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "core/result.hpp"
#include "serve/page_files.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kAssets = "/assets/";
constexpr std::size_t kPackedFrom = 1'000;  // bytes; less is one packet anyway

// Whether a list such as "deflate, gzip;q=0.5" allows it.
bool takes_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    std::string_view one = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(accept_encoding.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    const std::string_view name = one.substr(0, one.find_first_of("; "));
    if (name != "gzip" && name != "*") continue;
    const std::size_t q = one.find("q=");
    return q == std::string_view::npos || one.substr(q + 2).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

// Empty where it could not be done.
std::string gzip(std::string_view text) {
  z_stream z{};
  constexpr int kGzipWindow = 15 + 16;
  if (::deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(::deflateBound(&z, static_cast<uLong>(text.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib reads it, and has no const
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const bool whole = ::deflate(&z, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? z.total_out : 0);
  ::deflateEnd(&z);
  return out;
}

// FNV-1a, 64 bits: tells one answer from the next, and is no protection against whoever makes them.
std::string etag_of(std::string_view body) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  char text[24];
  const int n = std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return {text, static_cast<std::size_t>(n)};
}

// Weak comparison, as If-None-Match wants it (RFC 9110, 13.1.2).
bool names_etag(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

// In a time that does not tell how much of it is right.
bool equal_in_constant_time(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(given[i]) ^
                                        static_cast<unsigned char>(secret[i % secret.size()]));
  }
  return difference == 0;
}

}  // namespace

const Routes::Route Routes::kRoutes[] = {
    {"/", &Routes::page, "the page", true},
    {"/api", &Routes::index, "this list"},
    {"/metrics", &Routes::metrics, "metrics, in Prometheus' text format"},
    {"/healthz", &Routes::healthz, "200 while the process lives", true},
    {"/readyz", &Routes::readyz, "200 while results come out, else 503 and the reason", true},
    {"/api/v1/leaderboards", &Routes::leaderboards,
     "what leaderboards and groups there are: ?leaderboard &match &limit"},
    {"/api/v1/top", &Routes::top, "boards: ?leaderboard=NAME &group=VALUE or [\"a\",\"b\"] &window &k &limit &order"},
    {"/api/v1/history", &Routes::history, "boards of past windows: ?leaderboard=NAME &group &windows &limit &k"},
    {"/api/v1/stream", &Routes::stream,
     "the same as server-sent events, as they change: ?leaderboard &group &k &limit"},
    {"/api/v1/status", &Routes::status, "how the process is"},
    {"/api/v1/openapi.json", &Routes::openapi, "this API as an OpenAPI document", true},
};

Routes::Routes(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
               Metrics& metrics, ReplyMemory& memory)
    : config_(config), probe_(probe), board_(board), metrics_(metrics), memory_(memory), api_(job, config) {}

std::uint64_t Routes::events_read() const {
  std::uint64_t read = 0;
  for (const Counter& count : probe_.verdicts) read += count.load(std::memory_order_relaxed);
  return read;
}

HttpReply Routes::error(unsigned status, std::string_view sentence) {
  std::string body = R"({"error":)";
  append_json_string(body, sentence);
  body += "}\n";
  HttpReply reply;
  reply.status = status;
  reply.body = memory_.hold(std::move(body));
  return reply;
}

HttpReply Routes::text(std::string_view type, std::string body) {
  if (memory_.held() + body.size() > config_.limits.response_bytes) {
    return error(503, "too much is being written to slow clients; try again later");
  }
  HttpReply reply;
  reply.content_type = type;
  reply.body = memory_.hold(std::move(body));
  return reply;
}

// The scheme's case does not count (RFC 9110, 11.1).
bool Routes::may_pass(const HttpRequest& request) const {
  if (config_.token.empty()) return true;
  constexpr std::string_view kScheme = "bearer ";
  std::string scheme(request.authorization.substr(0, kScheme.size()));
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return scheme == kScheme && equal_in_constant_time(request.authorization.substr(kScheme.size()), config_.token);
}

std::string Routes::origin_allowed(const HttpRequest& request) const {
  const auto& origins = config_.cors_origins;
  if (request.origin.empty() || origins.empty()) return {};
  if (std::find(origins.begin(), origins.end(), "*") != origins.end()) return "*";
  return std::find(origins.begin(), origins.end(), request.origin) == origins.end() ? std::string()
                                                                                    : std::string(request.origin);
}

HttpReply Routes::reply(const HttpRequest& request) {
  HttpReply reply = judged(request);
  reply.allowed_origin = origin_allowed(request);
  return reply;
}

HttpReply Routes::judged(const HttpRequest& request) {
  const std::optional<RequestTarget> target = parse_target(request.target);
  if (!target) return error(400, "the request target is not a path with an optional, percent-encoded query");
  const bool is_asset = target->path.starts_with(kAssets);
  const auto route = std::find_if(std::begin(kRoutes), std::end(kRoutes),
                                  [&](const Route& candidate) { return candidate.path == target->path; });
  if (request.method == "OPTIONS" && !request.preflight_method.empty() && !origin_allowed(request).empty()) {
    HttpReply reply;
    reply.status = 204;
    reply.is_preflight = true;
    reply.body = memory_.hold({});
    return reply;
  }
  if (!is_asset && (route == std::end(kRoutes) || !route->open) && !may_pass(request)) {
    HttpReply reply = error(401, "give the token of http.token_file, as Authorization: Bearer …");
    reply.asks_for_token = true;
    return reply;
  }
  if (route == std::end(kRoutes) && !is_asset) {
    return error(404, "nothing at '" + quotable(target->path) + "'; /api lists what there is");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    HttpReply reply = error(405, "only GET and HEAD are answered here");
    reply.allow = "GET, HEAD";
    return reply;
  }
  return is_asset ? asset(std::string_view(target->path).substr(kAssets.size()), request)
                  : (this->*route->handler)(*target, request);
}

std::optional<TopQuery> Routes::stream_of(const HttpRequest& request) {
  const std::optional<RequestTarget> target = parse_target(request.target);
  TopQuery query;
  if (!target || target->path != "/api/v1/stream" || request.method != "GET" || !may_pass(request) ||
      api_.read_stream(*target, query)) {
    return std::nullopt;
  }
  return query;
}

// From the cache while the snapshot is the one it was made of.
HttpReply Routes::from_snapshot(const RequestTarget& target, const HttpRequest& request, Answer answer) {
  std::shared_ptr<const Snapshot> snapshot = board_.get();
  if (snapshot != cached_of_) {
    cache_.clear();
    cache_bytes_ = 0;
    cached_of_ = snapshot;
  }
  const std::string key(request.target);
  auto place = cache_.find(key);
  Cached alone;  // one that there is no room for
  if (place == cache_.end()) {
    std::string body;
    if (const std::optional<ApiProblem> wrong = (api_.*answer)(target, *snapshot, body)) return refused(*wrong);
    const HttpReply whole = text(kJson, std::move(body));
    if (whole.status != 200) return whole;
    alone = {whole.body, nullptr, false, etag_of(*whole.body)};
    if (cache_bytes_ + whole.body->size() + key.size() <= config_.limits.cache_bytes) {
      cache_bytes_ += whole.body->size() + key.size();
      place = cache_.emplace(key, alone).first;
    }
  }
  Cached& found = place == cache_.end() ? alone : place->second;
  const std::size_t packed_before = found.packed == nullptr ? 0 : found.packed->size();
  HttpReply reply = cached(found, request);
  if (place != cache_.end() && found.packed != nullptr) cache_bytes_ += found.packed->size() - packed_before;
  return reply;
}

// Packs what is asked for packed, once; 304 where the client has it.
HttpReply Routes::cached(Cached& found, const HttpRequest& request) {
  const bool pack = found.body->size() >= kPackedFrom && takes_gzip(request.accept_encoding);
  if (pack && !found.tried_to_pack) {
    found.tried_to_pack = true;
    std::string packed = gzip(*found.body);
    if (!packed.empty() && packed.size() < found.body->size()) found.packed = memory_.hold(std::move(packed));
  }
  HttpReply reply;
  reply.cache_control = "no-cache";
  reply.varies = found.body->size() >= kPackedFrom;
  reply.gzipped = pack && found.packed != nullptr;
  reply.etag = '"' + found.etag + (reply.gzipped ? "-gz\"" : "\"");
  reply.body = reply.gzipped ? found.packed : found.body;
  if (names_etag(request.if_none_match, reply.etag)) {
    reply.status = 304;
    reply.gzipped = false;
    reply.body = memory_.hold({});
  }
  return reply;
}

HttpReply Routes::page(const RequestTarget&, const HttpRequest& request) {
  return asset("index.html", request);
}

HttpReply Routes::openapi(const RequestTarget&, const HttpRequest& request) {
  return asset("openapi.json", request);
}

HttpReply Routes::asset(std::string_view name, const HttpRequest& request) {
  const std::span<const PageFile> files = page_files();
  const auto file = std::find_if(files.begin(), files.end(), [&](const PageFile& f) { return f.name == name; });
  if (file == files.end()) return error(404, "the page has no '" + quotable(name) + "'; /api lists what there is");
  Cached& found = assets_[std::string(name)];
  if (found.body == nullptr) found = {memory_.hold(std::string(file->bytes)), nullptr, false, etag_of(file->bytes)};
  HttpReply reply = cached(found, request);
  reply.content_type = file->content_type;
  reply.is_page = true;
  return reply;
}

HttpReply Routes::index(const RequestTarget&, const HttpRequest&) {
  std::string body = "marquee " MARQUEE_VERSION ": what is being watched most, right now\n\n";
  for (const Route& route : kRoutes) {
    body += route.path;
    body.append(22 - std::min<std::size_t>(21, route.path.size()), ' ');
    body += route.help;
    body += '\n';
  }
  body += "\nleaderboards: " + api_.known_leaderboards() + '\n';
  return text(kPlainText, std::move(body));
}

HttpReply Routes::metrics(const RequestTarget&, const HttpRequest&) {
  return text(kMetricsContentType, metrics_.text());
}

HttpReply Routes::healthz(const RequestTarget&, const HttpRequest&) {
  return text(kJson, "{\"alive\":true}\n");
}

HttpReply Routes::readyz(const RequestTarget&, const HttpRequest&) {
  const Phase phase = probe_.phase.load(std::memory_order_relaxed);
  const std::string reason = reason_now(probe_);
  const bool ready = is_ready(phase, reason);
  std::string body = ready ? R"({"ready":true,"phase":)" : R"({"ready":false,"phase":)";
  append_json_string(body, phase_name(phase));
  if (!ready) {
    body += R"(,"reason":)";
    append_json_string(body, reason.empty() ? "the pipeline is not running" : std::string_view(reason));
  }
  if (probe_.degraded.load(std::memory_order_relaxed)) {
    body += R"(,"degraded":"the GPU was lost; the CPU does its work until the next start")";
  }
  body += "}\n";
  HttpReply reply = text(kJson, std::move(body));
  if (!ready) reply.status = 503;
  return reply;
}

HttpReply Routes::leaderboards(const RequestTarget& target, const HttpRequest& request) {
  return from_snapshot(target, request, &Api::leaderboards);
}

HttpReply Routes::top(const RequestTarget& target, const HttpRequest& request) {
  return from_snapshot(target, request, &Api::top);
}

HttpReply Routes::history(const RequestTarget& target, const HttpRequest& request) {
  return from_snapshot(target, request, &Api::history);
}

// A stream that was asked for rightly is the server's; what comes here is HEAD, or wrong.
HttpReply Routes::stream(const RequestTarget& target, const HttpRequest&) {
  TopQuery query;
  if (const std::optional<ApiProblem> wrong = api_.read_stream(target, query)) return refused(*wrong);
  return text("text/event-stream", {});
}

HttpReply Routes::status(const RequestTarget& target, const HttpRequest&) {
  std::string body;
  if (const std::optional<ApiProblem> wrong = api_.status(target, probe_, *board_.get(), live_, body)) {
    return refused(*wrong);
  }
  return text(kJson, std::move(body));
}

}  // namespace marquee
