#include "gen/file_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace marquee::gen {
namespace {

std::string name_of(const std::string& path) {
  return path == "-" ? "standard output" : "'" + path + "'";
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

// What a failed write means to a person.
GenStatus write_failed(const std::string& path, int error, uint64_t bytes_before) {
  const std::string where = name_of(path) + " after " + std::to_string(bytes_before) + " bytes: " + reason(error);
  if (error == EPIPE) {
    return GenStatus::unavailable("the reader of " + name_of(path) + " went away after " +
                                  std::to_string(bytes_before) + " bytes; what it did not read was not generated");
  }
  if (error == ENOSPC || error == EDQUOT) {
    return GenStatus::unavailable("cannot write to " + where + "; make room there or ask for less with --count");
  }
  return GenStatus::unavailable("cannot write to " + where);
}

class FileWriter final : public Sink {
 public:
  FileWriter(std::string path, int fd, GenCounters* counters) : path_(std::move(path)), fd_(fd), counters_(counters) {}
  ~FileWriter() override {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }

  uint32_t partitions() const override { return 1; }

  GenStatus write(const Block& block, const std::atomic<bool>& /*stop*/, uint64_t& taken) override {
    taken = 0;
    auto status = write_all(block.bytes());
    if (!status.ok()) return status;
    taken = block.count();
    if (counters_ != nullptr) {
      counters_->sent += block.count();
      counters_->acked += block.count();
      counters_->bytes += block.bytes().size();
    }
    return {};
  }

  GenStatus finish(const std::atomic<bool>& /*stop*/) override { return close(); }

  GenStatus write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return write_failed(path_, errno, written_);
      written_ += static_cast<uint64_t>(written);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  // Some file systems tell of a full disk only here.
  GenStatus close() {
    const int fd = std::exchange(fd_, -1);
    if (fd > STDERR_FILENO && ::close(fd) != 0 && errno != EINTR) return write_failed(path_, errno, written_);
    return {};
  }

 private:
  std::string path_;
  int fd_;
  GenCounters* counters_;
  uint64_t written_ = 0;
};

GenStatus open_path(const std::string& path, int& fd) {
  fd = path == "-" ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd >= 0) return {};
  return GenStatus::unavailable("cannot open " + name_of(path) + " for writing: " + reason(errno) +
                                "; name a file in a folder that exists and may be written to");
}

}  // namespace

GenStatus open_file_writer(const std::string& path, GenCounters& counters, std::unique_ptr<Sink>& out) {
  int fd = -1;
  if (auto status = open_path(path, fd); !status.ok()) return status;
  out = std::make_unique<FileWriter>(path, fd, &counters);
  return {};
}

GenStatus write_file(const std::string& path, std::string_view content) {
  int fd = -1;
  if (auto status = open_path(path, fd); !status.ok()) return status;
  FileWriter writer(path, fd, nullptr);
  if (auto status = writer.write_all(content); !status.ok()) return status;
  return writer.close();
}

}  // namespace marquee::gen
