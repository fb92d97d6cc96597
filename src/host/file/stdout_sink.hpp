// StdoutSink: results as JSON, one a line, to a file descriptor. Replay's sink.
#pragma once

#include <string>

#include "core/job.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

class StdoutSink final : public Sink {
 public:
  // `name` stands in messages: "standard output". The job and the descriptor outlive the sink.
  StdoutSink(const JobSpec& job, int fd, std::string name);

  Status open(const std::atomic<bool>& stop) override;
  Status acquire() override { return {}; }
  Status begin(const Epoch&) override { return {}; }
  // Formats into a buffer, which goes out whenever it holds 1 MiB. Blocks while the reader does.
  Status write(const Epoch& epoch) override;
  // Everything written so far has left this process when it returns.
  Status commit(const Epoch& epoch, Acknowledged& acknowledged) override;
  Status abort() override { return {}; }  // what fails here is final

 private:
  Status flush();

  const JobSpec& job_;
  const int fd_;
  const std::string name_;
  std::string buffer_;
};

}  // namespace marquee
