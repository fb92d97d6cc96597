// What each path answers: a function of the request, the probe and the current snapshot. Knows no sockets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"
#include "serve/api.hpp"
#include "serve/http_reply.hpp"
#include "serve/metrics.hpp"
#include "serve/query.hpp"

namespace marquee {

// Looks at what it is given, which must outlive it. One thread; never blocks.
//
// Answers that follow from the snapshot alone are kept until the next one, packed too where a client takes that: a
// thousand clients of one board cost little more than one.
class Routes {
 public:
  Routes(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
         Metrics& metrics, ReplyMemory& memory);

  // HEAD is answered like GET: leaving the body out is the server's part.
  HttpReply reply(const HttpRequest& request);
  // {"error":"…"}: `sentence` must be valid UTF-8.
  HttpReply error(unsigned status, std::string_view sentence);

  // What a stream is asked for; none where the request is for something else, or is refused by reply().
  std::optional<TopQuery> stream_of(const HttpRequest& request);

  // The Access-Control-Allow-Origin that this request gets; empty: none.
  std::string origin_allowed(const HttpRequest& request) const;

  const Api& api() const { return api_; }
  std::string status_json() const { return api_.status_json(probe_, *board_.get(), live_); }
  // About once a second: what moves between two looks at the clock.
  void note_live(const LiveFigures& live) { live_ = live; }
  std::uint64_t events_read() const;

 private:
  using Handler = HttpReply (Routes::*)(const RequestTarget&, const HttpRequest&);
  struct Route {
    std::string_view path;
    Handler handler;
    std::string_view help;
    bool open = false;  // without the token too
  };
  struct Cached {
    SharedBytes body;
    SharedBytes packed;  // null: not asked for yet, or does not pay
    bool tried_to_pack = false;
    std::string etag;
  };
  using Answer = std::optional<ApiProblem> (Api::*)(const RequestTarget&, const Snapshot&, std::string&) const;
  static const Route kRoutes[];

  HttpReply judged(const HttpRequest& request);
  HttpReply text(std::string_view type, std::string body);
  HttpReply refused(const ApiProblem& problem) { return error(problem.status, problem.sentence); }
  HttpReply from_snapshot(const RequestTarget& target, const HttpRequest& request, Answer answer);
  bool may_pass(const HttpRequest& request) const;

  HttpReply page(const RequestTarget& target, const HttpRequest& request);
  HttpReply openapi(const RequestTarget& target, const HttpRequest& request);
  HttpReply asset(std::string_view name, const HttpRequest& request);
  HttpReply cached(Cached& found, const HttpRequest& request);
  HttpReply index(const RequestTarget& target, const HttpRequest& request);
  HttpReply metrics(const RequestTarget& target, const HttpRequest& request);
  HttpReply healthz(const RequestTarget& target, const HttpRequest& request);
  HttpReply readyz(const RequestTarget& target, const HttpRequest& request);
  HttpReply leaderboards(const RequestTarget& target, const HttpRequest& request);
  HttpReply top(const RequestTarget& target, const HttpRequest& request);
  HttpReply history(const RequestTarget& target, const HttpRequest& request);
  HttpReply stream(const RequestTarget& target, const HttpRequest& request);
  HttpReply status(const RequestTarget& target, const HttpRequest& request);

  const ServeConfig& config_;
  const Probe& probe_;
  const SnapshotBoard& board_;
  Metrics& metrics_;
  ReplyMemory& memory_;
  const Api api_;
  LiveFigures live_;

  std::shared_ptr<const Snapshot> cached_of_;
  std::unordered_map<std::string, Cached> cache_;  // by request target
  std::size_t cache_bytes_ = 0;
  std::unordered_map<std::string, Cached> assets_;  // by name; there are but a few
};

}  // namespace marquee
