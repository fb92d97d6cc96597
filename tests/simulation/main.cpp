// marquee-simulate: schedules of a simulated world, each judged by the auditor. Its last line says how many were wrong.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "oracle/json.hpp"
#include "simulation/running_seeds.hpp"
#include "simulation/schedule.hpp"

namespace {

constexpr const char* kUsage =
    "usage: marquee-simulate [--seeds N] [--seed FIRST] [--threads N] [--until-wrong] [--summary FILE] [--commit "
    "NAME]\n"
    "                        [--loud]\n"
    "Runs N schedules (1000), from seed FIRST (1) on. --until-wrong: no more after the first wrong one. --summary: "
    "what\n"
    "was run, as JSON, with the name of the commit it is of. --loud: what happens goes to standard error.\n";

struct Options {
  std::uint64_t seeds = 1'000;
  std::uint64_t first = 1;
  std::uint64_t threads = 1;
  bool until_wrong = false;
  bool loud = false;
  std::string summary;
  std::string commit;
};

bool number(const char* text, std::uint64_t& value) {
  const char* const end = text + std::strlen(text);
  return std::from_chars(text, end, value).ptr == end && text != end;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg(argv[i]);
    if (arg == "--loud") {
      options.loud = true;
      continue;
    }
    if (arg == "--until-wrong") {
      options.until_wrong = true;
      continue;
    }
    if (++i == argc) return false;
    bool ok = false;
    if (arg == "--seeds") ok = number(argv[i], options.seeds);
    if (arg == "--seed") ok = number(argv[i], options.first);
    if (arg == "--threads") ok = number(argv[i], options.threads) && options.threads > 0;
    if (arg == "--summary" || arg == "--commit") {
      (arg == "--summary" ? options.summary : options.commit) = argv[i];
      ok = true;
    }
    if (!ok) return false;
  }
  return true;
}

struct Sum {
  std::uint64_t schedules = 0;
  std::uint64_t wrong = 0;
  simulation::Counts counts;
};

Sum run(const Options& options) {
  std::atomic<std::uint64_t> next{options.first};
  std::atomic<bool> enough{false};
  std::mutex mutex;
  Sum sum;
  const auto work = [&] {
    while (!enough.load()) {
      const std::uint64_t seed = next.fetch_add(1);
      if (seed - options.first >= options.seeds) return;
      simulation::Verdicts v;
      {
        const simulation::RunningSeed named(seed);
        v = simulation::run_schedule(seed, options.loud);
      }
      const std::lock_guard lock(mutex);
      ++sum.schedules;
      sum.counts += v.counts;
      if (v.wrong.empty()) continue;
      ++sum.wrong;
      enough.store(options.until_wrong);
      const auto said = static_cast<unsigned long long>(seed);
      std::printf("seed %llu is wrong:\n", said);
      for (const std::string& what : v.wrong) std::printf("  %s\n", what.c_str());
      std::printf("  again: marquee-simulate --seed %llu --seeds 1 --loud\n", said);
      std::fflush(stdout);
    }
  };
  std::vector<std::thread> workers;
  for (std::uint64_t t = 0; t < options.threads; ++t) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  return sum;
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

bool write_summary(const Options& options, const Sum& sum) {
  std::ofstream out(options.summary, std::ios::trunc);
  out << "{\n \"benchmark\": \"simulate\",\n \"machine\": {\n  \"cpu\": " << oracle::json::quote(cpu_model())
      << ",\n  \"cores\": " << std::thread::hardware_concurrency()
      << "\n },\n \"commit\": " << oracle::json::quote(options.commit) << ",\n \"first_seed\": " << options.first
      << ",\n \"schedules\": " << sum.schedules << ",\n \"wrong\": " << sum.wrong;
  for (const auto& [name, value] : sum.counts.named()) out << ",\n \"" << name << "\": " << value;
  out << "\n}\n";
  return static_cast<bool>(out.flush());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    const bool asked = argc == 2 && std::string_view(argv[1]) == "--help";
    std::fputs(kUsage, asked ? stdout : stderr);
    return asked ? 0 : 64;
  }
  simulation::name_seed_of_crash();
  const Sum sum = run(options);
  std::string text;
  for (const auto& [name, value] : sum.counts.named()) {
    std::string words(name);
    std::replace(words.begin(), words.end(), '_', ' ');
    text += (text.empty() ? "" : ", ") + std::to_string(value) + " " + words;
  }
  std::printf("%s\n", text.c_str());
  if (!options.summary.empty() && !write_summary(options, sum)) {
    std::fprintf(stderr, "%s cannot be written\n", options.summary.c_str());
    return 69;
  }
  std::printf("%llu schedules, %llu wrong\n", static_cast<unsigned long long>(sum.schedules),
              static_cast<unsigned long long>(sum.wrong));
  return sum.wrong == 0 ? 0 : 1;
}
