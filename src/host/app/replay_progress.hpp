// ReplayProgress: one line on a terminal, five times a second: bytes, events a second, time left. Elsewhere silence.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "file/file_source.hpp"
#include "pipeline/probe.hpp"

namespace marquee {

class ReplayProgress {
 public:
  // Starts a thread if `fd` is a terminal. Source and probe outlive it.
  ReplayProgress(int fd, const FileSource& source, const Probe& probe);
  ~ReplayProgress();  // wipes the line
  ReplayProgress(const ReplayProgress&) = delete;
  ReplayProgress& operator=(const ReplayProgress&) = delete;

 private:
  void draw_until_done();

  const int fd_;
  const FileSource& source_;
  const Probe& probe_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

// The line: "612.4 MB of 1.2 GB · 1,234,567 events/s · 3s left".
std::string progress_line(const FileProgress& files, std::uint64_t events, double seconds);

}  // namespace marquee
