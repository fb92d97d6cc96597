#include "file/stdout_sink.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace marquee {
namespace {

constexpr std::size_t kBufferBytes = 1u << 20;

std::string what_to_do(int error) {
  switch (error) {
    case EPIPE:
      return "was closed by its reader; the results are not complete";
    case ENOSPC:
      return "is on a full disk; make room, then run again: the results are not complete";
    case EDQUOT:
      return "has reached its disk quota; make room, then run again: the results are not complete";
    default:
      return std::string("cannot be written: ") + std::strerror(error) + "; the results are not complete";
  }
}

}  // namespace

StdoutSink::StdoutSink(const JobSpec& job, int fd, std::string name) : job_(job), fd_(fd), name_(std::move(name)) {
  buffer_.reserve(kBufferBytes + (64u << 10));
}

Status StdoutSink::open(const std::atomic<bool>&) {
  return {};
}

Status StdoutSink::write(const Epoch& epoch) {
  for (const ResultRecord& result : epoch.results) {
    append_result_json(buffer_, job_, result);
    buffer_ += '\n';
    if (buffer_.size() < kBufferBytes) continue;
    if (Status s = flush(); !s.ok()) return s;
  }
  return {};
}

Status StdoutSink::commit(const Epoch& epoch, Acknowledged& acknowledged) {
  acknowledged.results += epoch.results.size();
  return flush();
}

Status StdoutSink::flush() {
  std::size_t written = 0;
  while (written < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + written, buffer_.size() - written);
    if (n >= 0) {
      written += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd ready{fd_, POLLOUT, 0};
      ::poll(&ready, 1, 1'000);
    } else if (errno != EINTR) {
      const int error = errno;
      buffer_.clear();
      return {Code::kUnavailable, name_ + " " + what_to_do(error)};
    }
  }
  buffer_.clear();
  return {};
}

}  // namespace marquee
