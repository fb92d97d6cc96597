// ByteStream: the bytes of one file, plain or unpacked. gzip (many members) and zstd (many frames) are told by their
// first bytes, never by a name. One thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/status.hpp"

namespace marquee {

class ByteStream {
 public:
  enum class Got : std::uint8_t { kBytes, kNothing, kEnd };
  struct Read {
    Got got;
    std::size_t size;  // with kBytes, at least 1
  };

  // Opens `path`, "-" for standard input. `bytes_read` is raised by what is read from the file itself (packed).
  // kUnavailable, with a sentence, for what is missing, a directory, or not to be read.
  static Result<std::unique_ptr<ByteStream>> open(const std::string& path, std::atomic<std::uint64_t>& bytes_read);

  virtual ~ByteStream() = default;
  // Up to `room` > 0 bytes to `to`. kNothing: none came within `wait` (pipes; a regular file never waits).
  // kUnavailable, with a sentence, for a failing disk and for packed data that is broken or cut off.
  virtual Result<Read> read(char* to, std::size_t room, std::chrono::milliseconds wait) = 0;
};

// How a file is called in messages: its path, or "standard input".
std::string display_name(const std::string& path);

}  // namespace marquee
