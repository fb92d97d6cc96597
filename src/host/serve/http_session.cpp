#include "serve/http_session.hpp"

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr std::size_t kFirstReadBytes = 512;           // what an idle connection holds ready
constexpr std::size_t kPipelinedBytesMax = 16 << 10;   // read ahead of the request being answered
constexpr std::size_t kDiscardedBytesMax = 256 << 10;  // read and thrown away behind a refused request
constexpr std::chrono::milliseconds kCloseTimeout{2'000};

// Scripts, styles and connections of our own alone; nothing from the stream can become code, and no page may frame us.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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

HttpReply last_resort() {
  HttpReply reply;
  reply.status = 500;
  reply.content_type = "text/plain";
  reply.body = std::make_shared<const std::string>();
  return reply;
}

}  // namespace

HttpSession::HttpSession(HttpSessions& all, tcp::socket socket)
    : all_(all), stream_(std::move(socket)), buffer_(all.config.limits.header_bytes + kPipelinedBytesMax) {
  all_.probe.connections_open.fetch_add(1, std::memory_order_relaxed);
}

HttpSession::~HttpSession() {
  leave_idle();
  if (stream_place_) {
    all_.streams.erase(*stream_place_);
    all_.probe.streams_open.fetch_sub(1, std::memory_order_relaxed);
  }
  all_.probe.connections_open.fetch_sub(1, std::memory_order_relaxed);
}

void HttpSession::wait_for_request() {
  if (buffer_.size() > 0) return read_header();
  idle_place_ = all_.idle.insert(all_.idle.end(), this);
  stream_.expires_after(all_.config.limits.idle_timeout);
  stream_.async_read_some(buffer_.prepare(kFirstReadBytes),
                          [self = shared_from_this()](error_code error, std::size_t bytes) {
                            self->leave_idle();
                            if (error) return;
                            self->buffer_.commit(bytes);
                            self->read_header();
                          });
}

void HttpSession::evict() {
  leave_idle();
  close();
}

void HttpSession::refuse() {
  write(all_.routes.error(503, "too many connections; try again later"), /*keep_alive=*/false, 11, /*head=*/false);
}

void HttpSession::read_header() {
  stream_.expires_after(all_.config.limits.request_timeout);
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(all_.config.limits.header_bytes));
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](error_code error, std::size_t) { self->have_header(error); });
}

void HttpSession::have_header(error_code error) {
  if (error == beast::error::timeout) {
    all_.probe.timeouts.fetch_add(1, std::memory_order_relaxed);
    return close();
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return write(all_.routes.error(431, "the request's header is too long"), false, 11, false);
  }
  if (error == http::error::body_limit) return refuse_body(11, false);
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      (error && error.category() != http::make_error_code(http::error::bad_version).category())) {
    return close();
  }
  if (error) return write(all_.routes.error(400, "this is no HTTP/1.1 request"), false, 11, false);

  const auto& request = parser_->get();
  const bool head = request.method() == http::verb::head;
  if (!parser_->is_done()) return refuse_body(request.version(), head);
  if (request.version() >= 11 && request.count(http::field::host) != 1) {  // RFC 9112, 3.2
    return write(all_.routes.error(400, "an HTTP/1.1 request has exactly one Host field"), false, request.version(),
                 head);
  }
  const HttpRequest asked = request_of(request);
  HttpReply reply;
  try {
    if (const std::optional<TopQuery> query = all_.routes.stream_of(asked)) {
      if (all_.streams.size() < all_.streams_max) return begin_stream(asked, *query);
      reply = all_.routes.error(503, "too many streams are open; try again later, or ask /api/v1/top");
    } else {
      reply = all_.routes.reply(asked);
    }
  } catch (const std::exception& error_making) {
    all_.log.error(std::string("HTTP server: no answer could be made: ") + error_making.what());
    reply = last_resort();
  }
  write(std::move(reply), request.keep_alive(), request.version(), head);
}

void HttpSession::refuse_body(unsigned version, bool head) {
  write(all_.routes.error(413, "requests here have no body"), false, version, head);
}

void HttpSession::write(HttpReply reply, bool keep_alive, unsigned version, bool head) {
  all_.probe.count(reply.status);
  reply_ = std::move(reply);

  response_.emplace();
  response_->version(version);
  response_->result(reply_.status);
  response_->keep_alive(keep_alive);
  response_->set(http::field::date, http_date(std::time(nullptr)));
  response_->set(http::field::content_type, view_of(reply_.content_type));
  response_->set(http::field::cache_control, view_of(reply_.cache_control));
  response_->set("X-Content-Type-Options", "nosniff");
  response_->set("Referrer-Policy", "no-referrer");
  if (reply_.is_page) response_->set("Content-Security-Policy", view_of(kPagePolicy));
  if (!reply_.etag.empty()) response_->set(http::field::etag, reply_.etag);
  if (reply_.gzipped) response_->set(http::field::content_encoding, "gzip");
  if (reply_.varies) response_->insert(http::field::vary, "Accept-Encoding");
  if (!reply_.allow.empty()) response_->set(http::field::allow, view_of(reply_.allow));
  if (reply_.asks_for_token) response_->set(http::field::www_authenticate, "Bearer");
  if (!all_.config.cors_origins.empty()) response_->insert(http::field::vary, "Origin");
  if (!reply_.allowed_origin.empty()) {
    response_->set(http::field::access_control_allow_origin, reply_.allowed_origin);
    response_->set(http::field::access_control_expose_headers, "ETag");
  }
  if (reply_.is_preflight) {
    response_->set(http::field::access_control_allow_methods, "GET, HEAD");
    response_->set(http::field::access_control_allow_headers, "Authorization, If-None-Match");
    response_->set(http::field::access_control_max_age, "600");
  }
  response_->body() = beast::span<const char>(reply_.body->data(), reply_.body->size());
  // A 304's length would be that of what it stands for (RFC 9110, 8.6).
  if (reply_.status != 204 && reply_.status != 304) response_->content_length(reply_.body->size());
  serializer_.emplace(*response_);

  stream_.expires_after(all_.config.limits.write_timeout);
  auto done = [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
    self->written(error, keep_alive);
  };
  if (head) {
    http::async_write_header(stream_, *serializer_, std::move(done));
  } else {
    http::async_write(stream_, *serializer_, std::move(done));
  }
}

void HttpSession::written(error_code error, bool keep_alive) {
  serializer_.reset();
  response_.reset();
  parser_.reset();
  reply_ = {};
  if (error == beast::error::timeout) all_.probe.timeouts.fetch_add(1, std::memory_order_relaxed);
  if (error) return close();
  if (keep_alive) return wait_for_request();

  // What is still unread would turn the close into a reset, which can destroy the reply on its way: read it first.
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kCloseTimeout);
  discard(0);
}

// The body has no length, so its end is the connection's.
void HttpSession::begin_stream(const HttpRequest& request, const TopQuery& query) {
  all_.probe.count(200);
  all_.probe.streams_open.fetch_add(1, std::memory_order_relaxed);
  stream_place_ = all_.streams.insert(all_.streams.end(), this);
  viewer_ = all_.hub.join(std::string(request.target), query);
  std::string header =
      "HTTP/1.1 200 OK\r\nDate: " + http_date(std::time(nullptr)) +
      "\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
      "Referrer-Policy: no-referrer\r\nX-Accel-Buffering: no\r\nConnection: close\r\n";
  const std::string origin = all_.routes.origin_allowed(request);
  if (!origin.empty()) header += "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n";
  header += "\r\nretry: 1000\n\n";
  parser_.reset();
  buffer_.clear();
  stream_.expires_never();
  watch_client();
  std::vector<SharedBytes> frames{all_.memory.hold(std::move(header))};
  if (SharedBytes first = all_.hub.next(viewer_)) frames.push_back(std::move(first));
  if (all_.status != nullptr) frames.push_back(all_.status);
  write_stream(std::move(frames));
}

// A client has nothing more to say; that it has gone is what is waited for.
void HttpSession::watch_client() {
  stream_.async_read_some(buffer_.prepare(kFirstReadBytes), [self = shared_from_this()](error_code error, std::size_t) {
    if (error) return self->close();
    self->buffer_.clear();
    self->watch_client();
  });
}

void HttpSession::push(bool status) {
  status_due_ = status_due_ || status;
  if (!frames_.empty() || !stream_.socket().is_open()) return;
  if (all_.memory.held() > all_.config.limits.response_bytes) return;  // slow clients hold it: at the next look
  std::vector<SharedBytes> frames;
  if (SharedBytes next = all_.hub.next(viewer_)) frames.push_back(std::move(next));
  if (status_due_ && all_.status != nullptr) frames.push_back(all_.status);
  status_due_ = false;
  if (!frames.empty()) write_stream(std::move(frames));
}

void HttpSession::write_stream(std::vector<SharedBytes> frames) {
  frames_ = std::move(frames);
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(frames_.size());
  for (const SharedBytes& frame : frames_) buffers.push_back(asio::buffer(*frame));
  stream_.expires_after(all_.config.limits.write_timeout);  // of this write: the read goes on without an end
  asio::async_write(stream_, buffers, [self = shared_from_this()](error_code error, std::size_t) {
    self->frames_.clear();
    if (error == beast::error::timeout) self->all_.probe.timeouts.fetch_add(1, std::memory_order_relaxed);
    if (error) return self->close();
    self->push(false);
  });
}

void HttpSession::discard(std::size_t so_far) {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this(), so_far](error_code error, std::size_t bytes) {
                            if (error || so_far + bytes > kDiscardedBytesMax) return self->close();
                            self->discard(so_far + bytes);
                          });
}

void HttpSession::close() {
  error_code ignored;
  stream_.socket().close(ignored);
}

void HttpSession::leave_idle() {
  if (!idle_place_) return;
  all_.idle.erase(*idle_place_);
  idle_place_.reset();
}

}  // namespace marquee
