#include "serve/http_server.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "core/check.hpp"
#include "serve/metrics.hpp"
#include "serve/routes.hpp"

namespace marquee {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kFirstReadBytes = 512;           // what an idle connection holds ready
constexpr std::size_t kPipelinedBytesMax = 16 << 10;   // read ahead of the request being answered
constexpr std::size_t kDiscardedBytesMax = 256 << 10;  // read and thrown away behind a refused request
constexpr std::chrono::milliseconds kCloseTimeout{2'000};
constexpr std::chrono::milliseconds kAcceptPause{100};  // after an accept failed for want of a resource
constexpr std::size_t kRefusalsMax = 64;                // connections over the bound that are told so at once
constexpr rlim_t kReservedFds = 256;                    // left to brokers, files and the GPU

// Between Boost's string_view, whose type changes with its version, and ours.
std::string_view view_of(beast::string_view text) {
  return {text.data(), text.size()};
}
beast::string_view view_of(std::string_view text) {
  return {text.data(), text.size()};
}

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

// "Tue, 15 Nov 1994 08:12:31 GMT", whatever the locale.
std::string http_date(std::time_t now) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  ::gmtime_r(&now, &t);
  char text[64];
  const int n = std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[t.tm_wday], t.tm_mday,
                              kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return {text, static_cast<std::size_t>(std::max(n, 0))};
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
        metrics_(config, job, probe, board, http_probe_),
        routes_(job, probe, board, metrics_) {}
  ~Server() { stop(); }

  Status start();
  void stop();
  std::uint16_t port() const { return port_; }
  const HttpProbe& http_probe() const { return http_probe_; }

 private:
  class Session;

  Status listen();
  void run() noexcept;
  void accept();
  void accepted(tcp::socket socket);
  bool evict_longest_idle();
  HttpReply answer(std::string_view method, std::string_view target) noexcept;

  const ServeConfig config_;
  Log& log_;
  HttpProbe http_probe_;
  Metrics metrics_;
  Routes routes_;
  std::uint16_t port_ = 0;
  bool started_ = false;

  // The serve thread's alone, from here on. Sessions are owned by their pending operations, so by io_, and touch what
  // stands above it when they go.
  std::size_t connections_max_ = 0;
  std::size_t response_bytes_ = 0;  // being written
  std::list<Session*> idle_;        // longest idle first
  bool accept_failing_ = false;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer accept_pause_{io_};
  std::thread thread_;
};

// One connection: wait for a request's first byte, read its header, write the reply, again.
class HttpServer::Server::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, tcp::socket socket)
      : server_(server), stream_(std::move(socket)), buffer_(server.config_.limits.header_bytes + kPipelinedBytesMax) {
    server_.http_probe_.connections_open.fetch_add(1, std::memory_order_relaxed);
  }
  ~Session() {
    leave_idle();
    server_.response_bytes_ -= reply_.body.size();
    server_.http_probe_.connections_open.fetch_sub(1, std::memory_order_relaxed);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void wait_for_request() {
    if (buffer_.size() > 0) return read_header();
    idle_place_ = server_.idle_.insert(server_.idle_.end(), this);
    stream_.expires_after(server_.config_.limits.idle_timeout);
    stream_.async_read_some(buffer_.prepare(kFirstReadBytes),
                            [self = shared_from_this()](error_code error, std::size_t bytes) {
                              self->leave_idle();
                              if (error) return;
                              self->buffer_.commit(bytes);
                              self->read_header();
                            });
  }

  // Ends an idle connection from outside.
  void evict() {
    leave_idle();
    close();
  }

  // Refuses a connection that there is no room for.
  void refuse() {
    write(error_reply(503, "too many connections; try again later"), /*keep_alive=*/false, 11, /*head=*/false);
  }

 private:
  void read_header() {
    stream_.expires_after(server_.config_.limits.request_timeout);
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.config_.limits.header_bytes));
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, std::size_t) { self->have_header(error); });
  }

  void have_header(error_code error) {
    if (error == beast::error::timeout) {
      server_.http_probe_.timeouts.fetch_add(1, std::memory_order_relaxed);
      return close();
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return write(error_reply(431, "the request's header is too long"), false, 11, false);
    }
    if (error == http::error::body_limit) return refuse_body(11, false);
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        (error && error.category() != http::make_error_code(http::error::bad_version).category())) {
      return close();
    }
    if (error) return write(error_reply(400, "this is no HTTP/1.1 request"), false, 11, false);

    const auto& request = parser_->get();
    const bool head = request.method() == http::verb::head;
    if (!parser_->is_done()) return refuse_body(request.version(), head);
    if (request.version() >= 11 && request.count(http::field::host) != 1) {  // RFC 9112, 3.2
      return write(error_reply(400, "an HTTP/1.1 request has exactly one Host field"), false, request.version(), head);
    }
    write(server_.answer(view_of(request.method_string()), view_of(request.target())), request.keep_alive(),
          request.version(), head);
  }

  void refuse_body(unsigned version, bool head) {
    write(error_reply(413, "requests here have no body"), false, version, head);
  }

  void write(HttpReply reply, bool keep_alive, unsigned version, bool head) {
    if (server_.response_bytes_ + reply.body.size() > server_.config_.limits.response_bytes) {
      reply = error_reply(503, "too much is being written to slow clients; try again later");
      keep_alive = false;
    }
    server_.http_probe_.count(reply.status);
    server_.response_bytes_ += reply.body.size();
    reply_ = std::move(reply);

    response_.emplace();
    response_->version(version);
    response_->result(reply_.status);
    response_->keep_alive(keep_alive);
    response_->set(http::field::date, http_date(std::time(nullptr)));
    response_->set(http::field::content_type, view_of(reply_.content_type));
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    if (!reply_.allow.empty()) response_->set(http::field::allow, view_of(reply_.allow));
    response_->body() = beast::span<const char>(reply_.body.data(), reply_.body.size());
    response_->content_length(reply_.body.size());
    serializer_.emplace(*response_);

    stream_.expires_after(server_.config_.limits.write_timeout);
    auto done = [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
      self->written(error, keep_alive);
    };
    if (head) {
      http::async_write_header(stream_, *serializer_, std::move(done));
    } else {
      http::async_write(stream_, *serializer_, std::move(done));
    }
  }

  void written(error_code error, bool keep_alive) {
    server_.response_bytes_ -= reply_.body.size();
    serializer_.reset();
    response_.reset();
    parser_.reset();
    reply_ = {};
    if (error == beast::error::timeout) server_.http_probe_.timeouts.fetch_add(1, std::memory_order_relaxed);
    if (error) return close();
    if (keep_alive) return wait_for_request();

    // What is still unread would turn the close into a reset, which can destroy the reply on its way: read it first.
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kCloseTimeout);
    discard(0);
  }

  void discard(std::size_t so_far) {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this(), so_far](error_code error, std::size_t bytes) {
                              if (error || so_far + bytes > kDiscardedBytesMax) return self->close();
                              self->discard(so_far + bytes);
                            });
  }

  void close() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

  void leave_idle() {
    if (!idle_place_) return;
    server_.idle_.erase(*idle_place_);
    idle_place_.reset();
  }

  Server& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<std::list<Session*>::iterator> idle_place_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  HttpReply reply_;
  std::optional<http::response<http::span_body<const char>>> response_;
  std::optional<http::response_serializer<http::span_body<const char>>> serializer_;
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
    accept();
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
  const auto session = std::make_shared<Session>(*this, std::move(socket));
  if (room) {
    session->wait_for_request();
  } else {
    session->refuse();
  }
}

bool HttpServer::Server::evict_longest_idle() {
  if (idle_.empty()) return false;
  http_probe_.evicted.fetch_add(1, std::memory_order_relaxed);
  idle_.front()->evict();
  return true;
}

HttpReply HttpServer::Server::answer(std::string_view method, std::string_view target) noexcept {
  try {
    return routes_.reply(method, target);
  } catch (const std::exception& error) {
    log_.error(std::string("HTTP server: no answer could be made: ") + error.what());
    return {500, "text/plain", {}, {}};
  }
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
