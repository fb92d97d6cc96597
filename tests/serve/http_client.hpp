// A plain blocking HTTP client over one socket, for tests that must also be able to misbehave.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace marquee::test {

struct ClientReply {
  int status = 0;
  std::string header;  // with the status line, lower case
  std::string body;

  // The value of a header field, or empty.
  std::string field(const std::string& name) const {
    const std::size_t at = header.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return header.substr(begin, header.find("\r\n", begin) - begin);
  }
};

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{20, 0};  // a test fails instead of hanging
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), pending_(std::move(other.pending_)) {}
  Client& operator=(Client&&) = delete;

  bool connected() const { return connected_; }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // The next reply; `head`: it has no body whatever its length says.
  std::optional<ClientReply> read(bool head = false) {
    std::size_t end = std::string::npos;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    ClientReply reply;
    reply.header = pending_.substr(0, end + 2);
    for (char& c : reply.header) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    pending_.erase(0, end + 4);
    reply.status = std::atoi(reply.header.c_str() + 9);
    if (head) return reply;
    const std::size_t length = std::strtoull(reply.field("content-length").c_str(), nullptr, 10);
    while (pending_.size() < length) {
      if (!receive()) return std::nullopt;
    }
    reply.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return reply;
  }

  // `fields`: more lines of the header, each with its line end.
  std::optional<ClientReply> get(const std::string& target, const std::string& fields = "") {
    send("GET " + target + " HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n");
    return read();
  }

  // Of a stream: everything up to and with `mark`; what came until then if it never comes.
  std::string read_past(std::string_view mark) {
    std::size_t at;
    while ((at = pending_.find(mark)) == std::string::npos) {
      if (!receive()) return std::exchange(pending_, {});
    }
    std::string text = pending_.substr(0, at + mark.size());
    pending_.erase(0, at + mark.size());
    return text;
  }

  // Blocks until the server has closed; false if it sends something first, or does not close.
  bool sees_close() {
    if (!pending_.empty()) return false;
    char byte;
    const ssize_t n = ::recv(fd_, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
  }

  // Nothing came, and the connection stands.
  bool is_open_and_silent() {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  bool receive() {
    char chunk[65536];
    const ssize_t n = ::recv(fd_, chunk, sizeof(chunk), 0);
    if (n <= 0) return false;
    pending_.append(chunk, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool connected_ = false;
  std::string pending_;
};

}  // namespace marquee::test
