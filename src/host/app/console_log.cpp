#include "app/console_log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

#include "core/result.hpp"

namespace marquee {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::level::level_enum level_of(Log::Level level) {
  switch (level) {
    case Log::Level::kDebug:
      return spdlog::level::debug;
    case Log::Level::kInfo:
      return spdlog::level::info;
    case Log::Level::kWarning:
      return spdlog::level::warn;
    case Log::Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// How many bytes a well-formed UTF-8 sequence at `p` has; 0 where it is none.
std::size_t sequence_size(const unsigned char* p, std::size_t left) {
  const std::size_t size = p[0] < 0x80                   ? 1
                           : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                           : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                           : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                                         : 0;
  if (size == 0 || size > left) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
  if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
  return size;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = sequence_size(bytes + i, text.size() - i);
    const bool control = size == 1 && (bytes[i] < 0x20 || bytes[i] == 0x7f);
    if (size == 0 || control) {
      out += '?';
      ++i;
    } else {
      out.append(text.substr(i, size));
      i += size;
    }
  }
  return out;
}

class ConsoleLog::Lines {
 public:
  explicit Lines(const LogSection& section)
      : json_(section.format == LogFormat::kJson ||
              (section.format == LogFormat::kAuto && ::isatty(STDERR_FILENO) == 0)),
        logger_("marquee", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    logger_.set_level(level_of(section.level));
    if (json_) {
      logger_.set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})",
                          spdlog::pattern_time_type::utc);
    } else {
      logger_.set_pattern("%H:%M:%S.%e %^%-7l%$ %v");
    }
    logger_.flush_on(spdlog::level::trace);
  }
  void set_level(LogLevel level) { logger_.set_level(level_of(level)); }
  void write(Level level, std::string_view message) {
    const auto spd_level = level_of(level);
    if (!logger_.should_log(spd_level)) return;
    std::string text = printable(message);
    if (json_) {
      std::string quoted;
      append_json_string(quoted, text);
      text = std::move(quoted);
    }
    logger_.log(spd_level, spdlog::string_view_t(text.data(), text.size()));
  }

 private:
  const bool json_;
  spdlog::logger logger_;
};

ConsoleLog::ConsoleLog(const LogSection& section) : lines_(std::make_unique<Lines>(section)) {}
ConsoleLog::~ConsoleLog() = default;
void ConsoleLog::set_level(LogLevel level) {
  lines_->set_level(level);
}
void ConsoleLog::write(Level level, std::string_view message) {
  lines_->write(level, message);
}

}  // namespace marquee
