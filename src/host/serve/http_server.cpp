#include "serve/http_server.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <csignal>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "core/check.hpp"
#include "serve/http_session.hpp"
#include "serve/metrics.hpp"
#include "serve/routes.hpp"

namespace marquee {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kLookEvery{100};  // for a new snapshot, where somebody watches
constexpr std::int64_t kLooksAStatus = 10;
constexpr std::size_t kRateLooks = 51;                  // looks that events per second are taken over: five seconds
constexpr std::chrono::milliseconds kAcceptPause{100};  // after an accept failed for want of a resource
constexpr std::size_t kRefusalsMax = 64;                // connections over the bound that are told so at once
constexpr rlim_t kReservedFds = 256;                    // left to brokers, files and the GPU

struct ListenAddress {
  std::string host;  // empty: every address
  std::uint16_t port = 0;
};

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.empty()) return std::nullopt;
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;
  }
  ListenAddress address{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return address;
}

// How many connections the limit of open files allows, after raising the soft limit as far as they need.
std::size_t connections_allowed(std::size_t wanted) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  const rlim_t needed = wanted + kRefusalsMax + kReservedFds;
  if (files.rlim_cur < needed) {
    rlimit raised = files;
    raised.rlim_cur = std::min(needed, files.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  if (files.rlim_cur >= needed) return wanted;
  return std::max<std::size_t>(1, files.rlim_cur > kReservedFds ? files.rlim_cur - kReservedFds : files.rlim_cur / 4);
}

}  // namespace

class HttpServer::Server {
 public:
  Server(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board, Log& log)
      : config_(config),
        log_(log),
        board_(board),
        metrics_(config_, job, probe, board, http_probe_),
        routes_(config_, job, probe, board, metrics_, memory_),
        hub_(routes_.api(), memory_),
        sessions_{config_, log_, http_probe_, routes_, memory_, hub_, 0, {}, {}, nullptr} {}
  ~Server() { stop(); }

  Status start();
  void stop();
  std::uint16_t port() const { return port_; }
  const HttpProbe& http_probe() const { return http_probe_; }

 private:
  Status listen();
  void run() noexcept;
  void accept();
  void accepted(tcp::socket socket);
  bool evict_longest_idle();
  void look();
  void look_again();
  void note_live();

  const ServeConfig config_;
  Log& log_;
  const SnapshotBoard& board_;
  HttpProbe http_probe_;
  Metrics metrics_;
  std::uint16_t port_ = 0;
  bool started_ = false;

  // The serve thread's alone, from here on. Sessions are owned by their pending operations, so by io_, and touch what
  // stands above it when they go.
  ReplyMemory memory_;
  Routes routes_;
  StreamHub hub_;
  HttpSessions sessions_;
  std::size_t connections_max_ = 0;
  std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> read_;  // events, at the last looks
  std::int64_t looks_ = 0;
  bool accept_failing_ = false;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer accept_pause_{io_};
  asio::steady_timer next_look_{io_};
  std::thread thread_;
};

Status HttpServer::Server::listen() {
  const std::optional<ListenAddress> address = parse_listen(config_.listen);
  if (!address) {
    return {Code::kConfig, "http.listen = \"" + config_.listen +
                               "\" is no address; write HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080"};
  }
  const auto unavailable = [this](const error_code& error) {
    std::string what = "cannot listen on " + config_.listen + " (http.listen): ";
    if (error == asio::error::address_in_use) {
      what += "another program has this port; stop it or choose another port (0 takes any free one)";
    } else if (error == asio::error::access_denied) {
      what += "not permitted; choose a port above 1023";
    } else {
      what += error.message() + "; choose an address of this machine";
    }
    return Status(Code::kUnavailable, std::move(what));
  };

  error_code error;
  tcp::endpoint endpoint(tcp::v6(), address->port);  // every address, IPv4 ones too
  if (!address->host.empty()) {
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(address->host, std::to_string(address->port),
                                        tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error) return unavailable(error);
    endpoint = *found.begin();
  }
  acceptor_.open(endpoint.protocol(), error);
  if (error && address->host.empty()) {  // no IPv6 here
    endpoint = tcp::endpoint(tcp::v4(), address->port);
    acceptor_.open(endpoint.protocol(), error);
  }
  if (error) return unavailable(error);
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (address->host.empty() && endpoint.protocol() == tcp::v6()) {
    acceptor_.set_option(asio::ip::v6_only(false), error);
  }
  acceptor_.bind(endpoint, error);
  if (error) return unavailable(error);
  acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return unavailable(error);
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

Status HttpServer::Server::start() {
  MARQUEE_CHECK(!started_);
  try {
    if (Status status = listen(); !status.ok()) {
      error_code ignored;
      acceptor_.close(ignored);
      return status;
    }
    connections_max_ = connections_allowed(config_.limits.connections);
    if (connections_max_ < config_.limits.connections) {
      log_.warning("the limit of open files allows " + std::to_string(connections_max_) +
                   " HTTP connections; raise it (ulimit -n) for more");
    }
    sessions_.streams_max = std::max<std::size_t>(1, connections_max_ / 2);
    accept();
    look();
    look_again();
    // Signals are for the thread that waits for them: the new thread inherits a full mask.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  } catch (const std::exception& error) {
    return {Code::kUnavailable, std::string("cannot start the HTTP server: ") + error.what()};
  }
  started_ = true;
  return {};
}

void HttpServer::Server::stop() {
  if (!thread_.joinable()) return;
  io_.stop();
  thread_.join();
  error_code ignored;
  acceptor_.close(ignored);
}

// Handlers answer for their own errors; what they still throw (no memory) costs one connection, not the server.
void HttpServer::Server::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "marquee-serve");
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& error) {
      log_.error(std::string("HTTP server: a connection was lost: ") + error.what());
    }
  }
}

void HttpServer::Server::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error || error == asio::error::connection_aborted) {
      accept_failing_ = false;
      accept();  // first, so that nothing thrown below ends accepting
      if (!error) accepted(std::move(socket));
      return;
    }
    if (!std::exchange(accept_failing_, true)) {
      log_.warning("HTTP server: cannot take a connection: " + error.message() + "; trying again");
    }
    evict_longest_idle();
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
  });
}

void HttpServer::Server::accepted(tcp::socket socket) {
  http_probe_.connections.fetch_add(1, std::memory_order_relaxed);
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const std::uint64_t open = http_probe_.connections_open.load(std::memory_order_relaxed);
  const bool room = open < connections_max_ || evict_longest_idle();
  if (!room && open >= connections_max_ + kRefusalsMax) return;  // the socket closes as it goes
  const auto session = std::make_shared<HttpSession>(sessions_, std::move(socket));
  if (room) {
    session->wait_for_request();
  } else {
    session->refuse();
  }
}

bool HttpServer::Server::evict_longest_idle() {
  if (sessions_.idle.empty()) return false;
  http_probe_.evicted.fetch_add(1, std::memory_order_relaxed);
  sessions_.idle.front()->evict();
  return true;
}

// Ten times a second: is there something new for those who watch? Once a second how the process is.
void HttpServer::Server::look() {
  const bool status_due = looks_++ % kLooksAStatus == 0;
  note_live();
  if (hub_.watched() || !sessions_.streams.empty()) {
    const bool fresh = hub_.advance(board_.get());
    if (status_due) {
      sessions_.status = memory_.hold("event: status\ndata: " + routes_.status_json() + "\n\n");
    }
    if (fresh || status_due) {
      for (HttpSession* session : sessions_.streams) session->push(status_due);
    }
  }
}

void HttpServer::Server::look_again() {
  next_look_.expires_after(kLookEvery);
  next_look_.async_wait([this](error_code stopped) {
    if (stopped) return;
    look_again();  // first, so that nothing thrown below ends it
    look();
  });
}

void HttpServer::Server::note_live() {
  const auto now = std::chrono::steady_clock::now();
  read_.emplace_back(now, routes_.events_read());
  if (read_.size() > kRateLooks) read_.pop_front();
  LiveFigures live;
  live.wall_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  live.uptime_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_at_).count();
  const double seconds = std::chrono::duration<double>(now - read_.front().first).count();
  if (seconds > 0) {
    live.events_per_s = static_cast<double>(read_.back().second - read_.front().second) / seconds;
  }
  routes_.note_live(live);
}

HttpServer::HttpServer(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
                       Log& log)
    : server_(std::make_unique<Server>(config, job, probe, board, log)) {}
HttpServer::~HttpServer() = default;
Status HttpServer::start() {
  return server_->start();
}
void HttpServer::stop() {
  server_->stop();
}
std::uint16_t HttpServer::port() const {
  return server_->port();
}
const HttpProbe& HttpServer::http_probe() const {
  return server_->http_probe();
}

}  // namespace marquee
