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
constexpr std::size_t kAnswerBytesMax = 1u << 20;

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

}  // namespace

Result<HttpAnswer> http_get(const ListenAddress& address, const std::string& path, std::chrono::milliseconds timeout) {
  const Instant until = std::chrono::steady_clock::now() + timeout;
  const std::string host = address.host == "0.0.0.0" ? "127.0.0.1" : address.host == "::" ? "::1" : address.host;
  const std::string port = std::to_string(address.port);
  const std::string where = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
  const auto failed = [&](const std::string& why) {
    return Status{Code::kUnavailable,
                  "nobody answers at http://" + where + path + " (" + why + "); is marquee running there?"};
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
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + where + "\r\nConnection: close\r\n\r\n";
    if (::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return failed(std::strerror(errno));
    }
    std::string answer;
    std::array<char, 4096> buffer{};
    while (answer.size() < kAnswerBytesMax) {
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
    const std::size_t body = answer.find("\r\n\r\n");
    if (body != std::string::npos) out.body = answer.substr(body + 4);
    return out;
  }
  return failed(why);
}

}  // namespace marquee
