// The baseline of `replay`: a loop that only parses, with simdjson's fastest documented way (On-Demand iterate_many,
// one thread), the six fields an application of this kind reads, and adds up enough to prove it did. No dictionary, no
// windows, no checks. parse_loop FILE prints one JSON line: records, the sum of watch_ms, bytes, CPU-ns a record.
#include <fcntl.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(u.ru_utime) + seconds(u.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: parse_loop FILE\n");
    return 64;
  }
  const int fd = open(argv[1], O_RDONLY);
  if (fd < 0) {
    std::perror(argv[1]);
    return 69;
  }
  constexpr std::size_t kChunk = 1 << 20;
  std::vector<char> buffer(kChunk + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::parser parser(kChunk);
  parser.threaded = false;
  std::size_t kept = 0;  // bytes of an unfinished line at the buffer's front
  unsigned long long records = 0, bytes = 0;
  unsigned long long watch = 0, text = 0;
  long long time_xor = 0;
  const double begin = cpu_seconds();
  while (true) {
    const ssize_t got = read(fd, buffer.data() + kept, kChunk - kept);
    if (got <= 0) break;
    bytes += static_cast<unsigned long long>(got);
    const std::size_t filled = kept + static_cast<std::size_t>(got);
    std::size_t end = filled;
    while (end > 0 && buffer[end - 1] != '\n') --end;
    simdjson::ondemand::document_stream stream;
    if (parser.iterate_many(buffer.data(), end, kChunk).get(stream) != simdjson::SUCCESS) return 70;
    for (auto document : stream) {
      simdjson::ondemand::object object;
      if (document.get_object().get(object) != simdjson::SUCCESS) continue;
      std::string_view user, content, category, country;
      std::int64_t time = 0;
      std::uint64_t ms = 0;
      if (object["user_id"].get_string().get(user) != simdjson::SUCCESS ||
          object["content_id"].get_string().get(content) != simdjson::SUCCESS ||
          object["category"].get_string().get(category) != simdjson::SUCCESS ||
          object["country"].get_string().get(country) != simdjson::SUCCESS ||
          object["event_time"].get_int64().get(time) != simdjson::SUCCESS ||
          object["watch_ms"].get_uint64().get(ms) != simdjson::SUCCESS) {
        continue;
      }
      ++records;
      watch += ms;
      text += user.size() + content.size() + category.size() + country.size();
      time_xor ^= time;
    }
    kept = filled - end;
    std::memmove(buffer.data(), buffer.data() + end, kept);
  }
  const double cpu = cpu_seconds() - begin;
  close(fd);
  std::printf(
      "{\"records\":%llu,\"watch_ms\":%llu,\"bytes\":%llu,\"text_bytes\":%llu,\"time_xor\":%lld,\"cpu_ns_per_record\":%"
      ".2f,\"cpu_seconds\":%.4f}\n",
      records, watch, bytes, text, time_xor, cpu * 1e9 / static_cast<double>(records ? records : 1), cpu);
  return 0;
}
