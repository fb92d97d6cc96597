// HttpSession: one connection. It waits for a request's first byte, reads its header, writes the reply, again; or it
// turns into a stream, and is written to until one side ends it. Owned by its pending operations.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/span_body.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/log.hpp"
#include "serve/http_probe.hpp"
#include "serve/http_reply.hpp"
#include "serve/http_request.hpp"
#include "serve/routes.hpp"
#include "serve/serve_config.hpp"
#include "serve/stream_hub.hpp"

namespace marquee {

class HttpSession;

// What all connections of a server share; the serve thread's alone. Outlives every session.
struct HttpSessions {
  const ServeConfig& config;
  Log& log;
  HttpProbe& probe;
  Routes& routes;
  ReplyMemory& memory;
  StreamHub& hub;
  std::size_t streams_max = 0;
  std::list<HttpSession*> idle;     // longest idle first
  std::list<HttpSession*> streams;  // those that are streams
  SharedBytes status;               // the newest status frame
};

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(HttpSessions& all, boost::asio::ip::tcp::socket socket);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void wait_for_request();
  // Ends an idle connection from outside.
  void evict();
  // Refuses a connection that there is no room for.
  void refuse();
  // Of a stream: there may be something new; `status`: the status frame is to be sent, too.
  void push(bool status);

 private:
  using error_code = boost::system::error_code;
  void read_header();
  void have_header(error_code error);
  void refuse_body(unsigned version, bool head);
  void write(HttpReply reply, bool keep_alive, unsigned version, bool head);
  void written(error_code error, bool keep_alive);
  void begin_stream(const HttpRequest& request, const TopQuery& query);
  void watch_client();
  void write_stream(std::vector<SharedBytes> frames);
  void discard(std::size_t so_far);
  void close();
  void leave_idle();

  HttpSessions& all_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<std::list<HttpSession*>::iterator> idle_place_;
  std::optional<RequestParser> parser_;
  HttpReply reply_;
  std::optional<boost::beast::http::response<boost::beast::http::span_body<const char>>> response_;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::span_body<const char>>> serializer_;

  std::optional<std::list<HttpSession*>::iterator> stream_place_;
  StreamHub::Viewer viewer_;
  std::vector<SharedBytes> frames_;  // being written
  bool status_due_ = false;
};

}  // namespace marquee
