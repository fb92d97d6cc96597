#include "app/replay_progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "app/config_values.hpp"
#include "app/terminal_text.hpp"

namespace marquee {
namespace {

void write_all(int fd, const std::string& text) {
  // A terminal that takes no more is no reason to stop replaying.
  [[maybe_unused]] const ssize_t n = ::write(fd, text.data(), text.size());
}

}  // namespace

std::string progress_line(const FileProgress& files, std::uint64_t events, double seconds) {
  std::string line = bytes_text(files.bytes_read);
  if (files.bytes_total > 0) line += " of " + bytes_text(files.bytes_total);
  const double elapsed = std::max(seconds, 1e-3);
  line += " · " + grouped(static_cast<std::uint64_t>(static_cast<double>(events) / elapsed)) + " events/s";
  if (files.bytes_total > 0 && files.bytes_read > 0 && files.bytes_read <= files.bytes_total) {
    const double left =
        elapsed * static_cast<double>(files.bytes_total - files.bytes_read) / static_cast<double>(files.bytes_read);
    line += " · " + duration_text(static_cast<std::int64_t>(left + 0.999) * 1'000) + " left";
  }
  return line;
}

ReplayProgress::ReplayProgress(int fd, const FileSource& source, const Probe& probe)
    : fd_(fd), source_(source), probe_(probe) {
  if (::isatty(fd) != 0) thread_ = std::thread([this] { draw_until_done(); });
}

ReplayProgress::~ReplayProgress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
  write_all(fd_, "\r\x1b[K");
}

void ReplayProgress::draw_until_done() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::milliseconds(200), [this] { return done_; })) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    write_all(fd_, "\r\x1b[K" + progress_line(source_.progress(), probe_.messages_read.load(), seconds));
  }
}

}  // namespace marquee
