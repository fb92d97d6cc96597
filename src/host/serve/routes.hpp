// What each path answers: a pure function of the request, the probe and the current snapshot. Knows no sockets.
#pragma once

#include <string>
#include <string_view>

#include "core/job.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"
#include "serve/metrics.hpp"
#include "serve/query.hpp"

namespace marquee {

struct HttpReply {
  unsigned status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::string_view allow;  // the Allow header; empty: none
};

// {"error":"…"}: `sentence` must be valid UTF-8.
HttpReply error_reply(unsigned status, std::string_view sentence);

// Looks at what it is given, which must outlive it. One thread at a time; never blocks.
class Routes {
 public:
  Routes(const JobSpec& job, const Probe& probe, const SnapshotBoard& board, Metrics& metrics);

  // Method and target as they stand in the request line. HEAD is answered like GET: leaving the body out is the
  // server's part.
  HttpReply reply(std::string_view method, std::string_view target);

 private:
  using Handler = HttpReply (Routes::*)(const RequestTarget&);
  struct Route {
    std::string_view path;
    Handler handler;
    std::string_view help;
  };
  static const Route kRoutes[];

  HttpReply index(const RequestTarget& target);
  HttpReply metrics(const RequestTarget& target);
  HttpReply healthz(const RequestTarget& target);
  HttpReply readyz(const RequestTarget& target);
  HttpReply top(const RequestTarget& target);

  const JobSpec& job_;
  const Probe& probe_;
  const SnapshotBoard& board_;
  Metrics& metrics_;
};

}  // namespace marquee
