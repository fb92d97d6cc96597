// HttpServer: metrics, health and API on one asynchronous server, one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "core/job.hpp"
#include "core/status.hpp"
#include "pipeline/log.hpp"
#include "pipeline/probe.hpp"
#include "pipeline/snapshot.hpp"
#include "serve/http_probe.hpp"
#include "serve/serve_config.hpp"

namespace marquee {

// Looks at job, probe, board and log, which must outlive it. Public functions belong to one owner thread, except
// http_probe(), whose figures any thread may read. The server's own thread blocks every signal.
class HttpServer {
 public:
  HttpServer(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board, Log& log);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds, listens and starts the thread; when it returns ok, connections are taken. kConfig: `listen` is no address;
  // kUnavailable: the address cannot be had. At most once. Raises the process's soft limit of open files if that is
  // what `limits.connections` needs, and lowers the bound of connections where the hard limit forbids it.
  Status start();

  // Closes everything, responses half written too, and joins the thread. Blocks some milliseconds. May be repeated.
  void stop();

  // The port listened on, after start(): the one chosen where `listen` asked for port 0.
  std::uint16_t port() const;

  const HttpProbe& http_probe() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace marquee
