// Log: how layers below the app speak to the operator. The app gives the one implementation (human or JSON lines).
#pragma once

#include <string_view>

namespace marquee {

class Log {
 public:
  enum class Level { kDebug, kInfo, kWarning, kError };
  virtual ~Log() = default;
  virtual void write(Level level, std::string_view message) = 0;  // any thread; one sentence, no line feed

  void debug(std::string_view m) { write(Level::kDebug, m); }
  void info(std::string_view m) { write(Level::kInfo, m); }
  void warning(std::string_view m) { write(Level::kWarning, m); }
  void error(std::string_view m) { write(Level::kError, m); }
};

}  // namespace marquee
