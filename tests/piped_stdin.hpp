#pragma once

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace marquee::test {

// Standard input replaced by a pipe for as long as this lives.
class PipedStdin {
 public:
  PipedStdin() : saved_(::dup(STDIN_FILENO)) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    write_end_ = ends[1];
  }
  PipedStdin(const PipedStdin&) = delete;
  PipedStdin& operator=(const PipedStdin&) = delete;
  ~PipedStdin() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  int write_end() const { return write_end_; }
  // Whether everything written has been read.
  bool drained() const {
    int waiting = -1;
    EXPECT_EQ(::ioctl(STDIN_FILENO, FIONREAD, &waiting), 0);
    return waiting == 0;
  }

 private:
  int saved_;
  int write_end_ = -1;
};

}  // namespace marquee::test
