// The baseline of `replay`: a loop that only parses, with simdjson's fastest documented way (On-Demand iterate_many,
// one thread), the fields that the configuration beside it reads, and adds up enough to prove it did. No dictionary, no
// windows, no checks. parse_loop FILE 4|6 prints one JSON line: records, the sum of watch_ms, bytes, CPU-ns a record.
// 4: content_id, category, event_time, watch_ms (replay.toml). 6: action and country too (replay_six.toml).
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

struct Sums {
  unsigned long long records = 0, watch = 0, text = 0;
  long long time_xor = 0;
};

// In the order in which they stand.
template <bool six>
void read_one(simdjson::ondemand::object& object, Sums& sums) {
  std::string_view action, content, category, country;
  std::int64_t time = 0;
  std::uint64_t ms = 0;
  if (six && object["action"].get_string().get(action) != simdjson::SUCCESS) return;
  if (object["content_id"].get_string().get(content) != simdjson::SUCCESS ||
      object["category"].get_string().get(category) != simdjson::SUCCESS) {
    return;
  }
  if (six && object["country"].get_string().get(country) != simdjson::SUCCESS) return;
  if (object["event_time"].get_int64().get(time) != simdjson::SUCCESS ||
      object["watch_ms"].get_uint64().get(ms) != simdjson::SUCCESS) {
    return;
  }
  ++sums.records;
  sums.watch += ms;
  sums.text += action.size() + content.size() + category.size() + country.size();
  sums.time_xor ^= time;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string fields = argc == 3 ? argv[2] : "";
  if (fields != "4" && fields != "6") {
    std::fprintf(stderr, "usage: parse_loop FILE 4|6\n");
    return 64;
  }
  void (*const read_fields)(simdjson::ondemand::object&, Sums&) = fields == "6" ? &read_one<true> : &read_one<false>;
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
  unsigned long long bytes = 0;
  Sums sums;
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
      read_fields(object, sums);
    }
    kept = filled - end;
    std::memmove(buffer.data(), buffer.data() + end, kept);
  }
  const double cpu = cpu_seconds() - begin;
  close(fd);
  std::printf(
      "{\"records\":%llu,\"watch_ms\":%llu,\"bytes\":%llu,\"text_bytes\":%llu,\"time_xor\":%lld,\"cpu_ns_per_record\":%"
      ".2f,\"cpu_seconds\":%.4f}\n",
      sums.records, sums.watch, bytes, sums.text, sums.time_xor,
      cpu * 1e9 / static_cast<double>(sums.records ? sums.records : 1), cpu);
  return 0;
}
