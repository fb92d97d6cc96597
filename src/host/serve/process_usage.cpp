#include "serve/process_usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <ctime>
#include <string>
#include <string_view>

namespace marquee {
namespace {

// The first 4 kB of a small file; empty if it cannot be read.
std::string slurp(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(4096, '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

// The number at white-space separated field `index`, or 0.
std::uint64_t field(std::string_view text, std::size_t index) {
  for (; index > 0; --index) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return 0;
    text.remove_prefix(space + 1);
  }
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

double clock_s(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

std::uint64_t count_open_fds() {
  DIR* const folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t n = 0;
  while (const dirent* entry = ::readdir(folder)) n += entry->d_name[0] != '.';
  ::closedir(folder);
  return n > 0 ? n - 1 : 0;  // without the one this takes
}

}  // namespace

std::uint64_t resident_bytes() {
  return field(slurp("/proc/self/statm"), 1) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

ProcessUsage process_usage() {
  ProcessUsage usage;
  const std::uint64_t page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::string memory = slurp("/proc/self/statm");
  usage.virtual_bytes = field(memory, 0) * page_bytes;
  usage.resident_bytes = field(memory, 1) * page_bytes;

  const std::string stat = slurp("/proc/self/stat");
  // The command's name, in parentheses, may hold anything; fields are counted behind the last one.
  if (const std::size_t close = stat.rfind(") "); close != std::string::npos) {
    const std::string_view rest = std::string_view(stat).substr(close + 2);
    usage.threads = field(rest, 17);
    const double since_boot_s = static_cast<double>(field(rest, 19)) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    usage.start_time_s = clock_s(CLOCK_REALTIME) - clock_s(CLOCK_BOOTTIME) + since_boot_s;
  }
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    usage.cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) usage.max_fds = files.rlim_cur;
  usage.open_fds = count_open_fds();
  return usage;
}

}  // namespace marquee
