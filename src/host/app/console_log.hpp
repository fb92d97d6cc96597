// ConsoleLog: the one implementation of Log. To standard error, human or JSON lines.
#pragma once

#include <memory>
#include <string>

#include "app/config.hpp"
#include "pipeline/log.hpp"

namespace marquee {

class ConsoleLog final : public Log {
 public:
  // kAuto: human where standard error is a terminal.
  explicit ConsoleLog(const LogSection& section);
  ~ConsoleLog() override;
  void write(Level level, std::string_view message) override;
  // From here on, less is not written. Any thread.
  void set_level(LogLevel level);

 private:
  class Lines;
  std::unique_ptr<Lines> lines_;
};

// Text as it may stand in one line of a log or a terminal: control characters and broken UTF-8 replaced by '?'.
std::string printable(std::string_view text);

}  // namespace marquee
