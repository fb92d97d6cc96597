#include "app/http_get.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace marquee {
namespace {

using Instant = std::chrono::steady_clock::time_point;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool wait_for(int fd, short events, Instant until) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd ready{fd, events, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

// A header field's value; empty: it is not there. `name` in lower case.
std::string field_of(std::string_view fields, std::string_view name) {
  while (!fields.empty()) {
    const std::string_view line = fields.substr(0, fields.find("\r\n"));
    fields.remove_prefix(std::min(line.size() + 2, fields.size()));
    const std::size_t colon = line.find(':');
    if (colon != name.size()) continue;
    const bool same = std::equal(name.begin(), name.end(), line.begin(),
                                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
    if (!same) continue;
    const std::size_t begin = line.find_first_not_of(' ', colon + 1);
    return begin == std::string_view::npos ? std::string() : std::string(line.substr(begin));
  }
  return {};
}

}  // namespace

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      ((out += '%') += kHex[byte >> 4]) += kHex[byte & 15];
    }
  }
  return out;
}

Result<HttpAnswer> http_get(const ListenAddress& address, const HttpAsked& asked, std::chrono::milliseconds timeout) {
  const Instant until = std::chrono::steady_clock::now() + timeout;
  const std::string host = address.host == "0.0.0.0" ? "127.0.0.1" : address.host == "::" ? "::1" : address.host;
  const std::string port = std::to_string(address.port);
  const std::string where = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  const auto failed = [&](const std::string& why) {
    return Status{Code::kUnavailable, "nobody answers at http://" + where + asked.path.substr(0, asked.path.find('?')) +
                                          " (" + why + "); is marquee running there?"};
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return failed(::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);

  std::string why = "no address";
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    const Socket socket(::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd() < 0) continue;
    if (::connect(socket.fd(), a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
      why = std::strerror(errno);
      continue;
    }
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (wait_for(socket.fd(), POLLOUT, until)) ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      why = std::strerror(error);
      continue;
    }
    // 1.0, so that no proxy answers in chunks.
    std::string request = "GET " + asked.path + " HTTP/1.0\r\nHost: " + where + "\r\n";
    if (!asked.token.empty()) request += "Authorization: Bearer " + asked.token + "\r\n";
    if (!asked.etag.empty()) request += "If-None-Match: " + asked.etag + "\r\n";
    request += "\r\n";
    if (::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return failed(std::strerror(errno));
    }
    std::string answer;
    std::array<char, 16384> buffer{};
    while (answer.size() < asked.answer_bytes_max) {
      if (!wait_for(socket.fd(), POLLIN, until)) return failed("no answer in time");
      const ssize_t n = ::recv(socket.fd(), buffer.data(), buffer.size(), 0);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0) break;
      answer.append(buffer.data(), static_cast<std::size_t>(n));
    }
    HttpAnswer out;
    const std::size_t space = answer.find(' ');
    if (!answer.starts_with("HTTP/1.") || space == std::string::npos) return failed("the answer is not HTTP");
    std::from_chars(answer.data() + space + 1, answer.data() + answer.size(), out.status);
    const std::size_t head = answer.find("\r\n\r\n");
    if (head == std::string::npos) return failed("the answer is cut off");
    const std::string_view fields = std::string_view(answer).substr(0, head + 2);
    out.etag = field_of(fields, "etag");
    out.body = answer.substr(head + 4);
    if (const std::string length = field_of(fields, "content-length");
        !length.empty() && length != std::to_string(out.body.size())) {
      return failed("the answer is cut off, or longer than what is read");
    }
    return out;
  }
  return failed(why);
}

}  // namespace marquee
