#include "file/byte_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace marquee {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kPackedBufferBytes = 256u << 10;

Status unavailable(const std::string& path, const std::string& what) {
  return {Code::kUnavailable, display_name(path) + " " + what};
}

// The file itself.
class RawFile {
 public:
  RawFile(std::string path, int fd, bool owned, bool waits, std::atomic<std::uint64_t>& bytes_read)
      : path_(std::move(path)), fd_(fd), owned_(owned), waits_(waits), bytes_read_(&bytes_read) {}
  ~RawFile() {
    if (owned_) ::close(fd_);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  Result<ByteStream::Read> read(char* to, std::size_t room, milliseconds wait) {
    while (true) {
      if (waits_) {
        pollfd ready{fd_, POLLIN, 0};
        const int n = ::poll(&ready, 1, static_cast<int>(wait.count()));
        if (n == 0 || (n < 0 && errno == EINTR)) return ByteStream::Read{ByteStream::Got::kNothing, 0};
      }
      const ssize_t n = ::read(fd_, to, room);
      if (n > 0) {
        bytes_read_->fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
        return ByteStream::Read{ByteStream::Got::kBytes, static_cast<std::size_t>(n)};
      }
      if (n == 0) return ByteStream::Read{ByteStream::Got::kEnd, 0};
      if (errno == EAGAIN || errno == EWOULDBLOCK) return ByteStream::Read{ByteStream::Got::kNothing, 0};
      if (errno != EINTR) {
        return unavailable(path_,
                           std::string("cannot be read on: ") + std::strerror(errno) + "; check the disk it is on");
      }
    }
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_;
  bool owned_;
  bool waits_;  // a pipe, terminal or socket: reading may block
  std::atomic<std::uint64_t>* bytes_read_;
};

// Unpacks. One call takes what it can from `in` and gives what it can to `out`.
class Codec {
 public:
  struct Span {
    const char* in;
    std::size_t in_size;
    char* out;
    std::size_t out_size;
  };
  virtual ~Codec() = default;
  // Advances `span` past what it took and gave; false when the data is broken.
  virtual bool unpack(Span& span) = 0;
  // Whether the input may end here: between members or frames.
  virtual bool at_boundary() const = 0;
  virtual std::string_view name() const = 0;
};

class Gzip final : public Codec {
 public:
  Gzip() { broken_ = inflateInit2(&stream_, 15 + 16) != Z_OK; }  // 16: a gzip header is wanted
  ~Gzip() override { inflateEnd(&stream_); }
  bool unpack(Span& span) override {
    if (broken_) return false;
    if (boundary_ && any_member_) {
      // Behind a member: another one, or padding with zero bytes (tapes, block devices), which is nothing.
      while (span.in_size > 0 && *span.in == 0) take(span, 1);
      if (span.in_size == 0) return true;
      if (inflateReset(&stream_) != Z_OK) return false;
    }
    boundary_ = false;
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(span.in));  // zlib's interface is not const; it only reads
    stream_.avail_in = static_cast<uInt>(span.in_size);
    stream_.next_out = reinterpret_cast<Bytef*>(span.out);
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(span.out_size, 1u << 30));
    const uInt room = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    take(span, span.in_size - stream_.avail_in);
    span.out += room - stream_.avail_out;
    span.out_size -= room - stream_.avail_out;
    if (status == Z_STREAM_END) boundary_ = any_member_ = true;
    return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
  }
  bool at_boundary() const override { return boundary_; }
  std::string_view name() const override { return "gzip"; }

 private:
  static void take(Span& span, std::size_t n) {
    span.in += n;
    span.in_size -= n;
  }
  z_stream stream_{};
  bool broken_ = false;
  bool boundary_ = false;
  bool any_member_ = false;
};

class Zstd final : public Codec {
 public:
  Zstd() : stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {}
  bool unpack(Span& span) override {
    ZSTD_inBuffer in{span.in, span.in_size, 0};
    ZSTD_outBuffer out{span.out, span.out_size, 0};
    const std::size_t status = ZSTD_decompressStream(stream_.get(), &out, &in);
    if (ZSTD_isError(status) != 0) return false;
    span.in += in.pos;
    span.in_size -= in.pos;
    span.out += out.pos;
    span.out_size -= out.pos;
    if (in.pos > 0 || out.pos > 0 || status == 0) boundary_ = status == 0;
    return true;
  }
  bool at_boundary() const override { return boundary_; }
  std::string_view name() const override { return "zstd"; }

 private:
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  bool boundary_ = false;
};

// Looks at the first bytes, then hands bytes through or unpacks them.
class SniffingStream final : public ByteStream {
 public:
  explicit SniffingStream(std::unique_ptr<RawFile> file) : file_(std::move(file)), buffer_(kPackedBufferBytes) {}

  Result<Read> read(char* to, std::size_t room, milliseconds wait) override {
    while (!sniffed_) {
      Result<Read> read = fill(wait);
      if (!read.ok() || read.value().got == Got::kNothing) return read;
      if (read.value().got == Got::kEnd) ended_ = true;
      sniffed_ = ended_ || end_ >= kMagicBytes || !may_be_packed();
      if (sniffed_) choose();
    }
    return codec_ != nullptr ? unpack(to, room, wait) : plain(to, room, wait);
  }

 private:
  static constexpr std::size_t kMagicBytes = 4;

  Result<Read> fill(milliseconds wait) {
    Result<Read> read = file_->read(buffer_.data() + end_, buffer_.size() - end_, wait);
    if (read.ok() && read.value().got == Got::kBytes) end_ += read.value().size;
    return read;
  }

  // By the first byte alone: a line that is typed is not kept waiting for a fourth byte.
  bool may_be_packed() const {
    const auto first = static_cast<unsigned char>(buffer_[0]);
    return first == 0x1f || first == 0x28 || (first & 0xf0) == 0x50;
  }

  void choose() {
    const auto byte = [this](std::size_t i) { return i < end_ ? static_cast<unsigned char>(buffer_[i]) : 0u; };
    if (byte(0) == 0x1f && byte(1) == 0x8b) {
      codec_ = std::make_unique<Gzip>();
      return;
    }
    const bool frame = byte(0) == 0x28 && byte(1) == 0xb5 && byte(2) == 0x2f && byte(3) == 0xfd;
    const bool skippable = (byte(0) & 0xf0) == 0x50 && byte(1) == 0x2a && byte(2) == 0x4d && byte(3) == 0x18;
    if (frame || skippable) codec_ = std::make_unique<Zstd>();  // pzstd's files begin with a skippable frame
  }

  Result<Read> plain(char* to, std::size_t room, milliseconds wait) {
    if (begin_ < end_) {
      const std::size_t n = std::min(room, end_ - begin_);
      std::memcpy(to, buffer_.data() + begin_, n);
      begin_ += n;
      return Read{Got::kBytes, n};
    }
    if (ended_) return Read{Got::kEnd, 0};
    return file_->read(to, room, wait);
  }

  Result<Read> unpack(char* to, std::size_t room, milliseconds wait) {
    while (true) {
      Codec::Span span{buffer_.data() + begin_, end_ - begin_, to, room};
      if ((begin_ < end_ || !drained_) && !codec_->unpack(span)) {
        return unavailable(file_->path(), "holds broken " + std::string(codec_->name()) +
                                              " data; fetch it again, or unpack it to see how far it is right");
      }
      begin_ = end_ - span.in_size;
      drained_ = span.out_size > 0;  // else the codec may hold more than there was room for
      if (span.out_size < room) return Read{Got::kBytes, room - span.out_size};
      if (begin_ < end_) continue;
      begin_ = end_ = 0;
      if (!ended_) {
        const Result<Read> read = fill(wait);
        if (!read.ok() || read.value().got == Got::kNothing) return read;
        ended_ = read.value().got == Got::kEnd;
      }
      if (!ended_) continue;
      if (codec_->at_boundary()) return Read{Got::kEnd, 0};
      return unavailable(file_->path(), "ends in the middle of its " + std::string(codec_->name()) +
                                            " data; it was cut off, so fetch it again");
    }
  }

  std::unique_ptr<RawFile> file_;
  std::unique_ptr<Codec> codec_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool sniffed_ = false;
  bool ended_ = false;
  bool drained_ = true;
};

}  // namespace

std::string display_name(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

Result<std::unique_ptr<ByteStream>> ByteStream::open(const std::string& path, std::atomic<std::uint64_t>& bytes_read) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return unavailable(
        path, std::string("cannot be opened: ") + std::strerror(errno) + "; check the path and its permissions");
  }
  struct stat about{};
  const bool known = ::fstat(fd, &about) == 0;
  auto file = std::make_unique<RawFile>(path, fd, !standard_input, !(known && S_ISREG(about.st_mode)), bytes_read);
  if (!known) return unavailable(path, std::string("cannot be read: ") + std::strerror(errno));
  if (S_ISDIR(about.st_mode)) return unavailable(path, "is a directory; name the files in it");
  if (S_ISREG(about.st_mode)) ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<ByteStream>(std::make_unique<SniffingStream>(std::move(file)));
}

}  // namespace marquee
