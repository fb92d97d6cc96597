// marquee-gpu-bench [--quick] [--json FILE]: what the GPU and the way to it can do, by the host's clock. Answers are
// checked before a figure is printed. 77 and a sentence where there is no GPU.
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "kernels/cuda_engine.hpp"
#include "kernels/trials/trials.hpp"

extern const char* const kCommit;  // note_commit.cmake

namespace marquee {
namespace {

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string machine_json() {
  std::string model = "unknown";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  utsname system{};
  uname(&system);
  const double gib =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
  return "{\"cpu\": " + json_text(model) + ", \"cores\": " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) +
         ", \"memory_gib\": " + number(gib) + ", \"kernel\": " + json_text(system.release) + "}";
}

std::string gpu_json(const CudaDevice& device) {
  return "{\"name\": " + json_text(device.name) + ", \"compute_capability\": " + json_text(device.compute_capability) +
         ", \"driver\": " + json_text(device.driver) +
         ", \"memory_gib\": " + number(static_cast<double>(device.memory_bytes) / (1 << 30)) + "}";
}

class Bench {
 public:
  Bench(gpu::Trials& trials, bool quick) : trials_(trials), rounds_(quick ? 3 : 9), quick_(quick) {}

  Status run() {
    struct Path {
      gpu::CopyPath path;
      const char* name;
      int bytes_moved_per_byte;  // within the device a byte is read and written
    };
    for (const Path path : {Path{gpu::CopyPath::kHostToDevice, "copy_host_to_device", 1},
                            Path{gpu::CopyPath::kDeviceToHost, "copy_device_to_host", 1},
                            Path{gpu::CopyPath::kWithinDevice, "copy_within_device", 2}}) {
      for (const std::size_t kib : {std::size_t{256}, std::size_t{16} << 10, std::size_t{256} << 10}) {
        if (quick_ && kib > std::size_t{16} << 10) continue;
        const std::size_t size = kib << 10;
        const auto times = static_cast<unsigned>(std::max<std::size_t>(4, (std::size_t{1} << 29) / size));
        const double moved = static_cast<double>(size) * path.bytes_moved_per_byte;
        const Status s = figure(std::string(path.name) + "_" + std::to_string(kib) + "_kib", "GB/s", [&] {
          return mapped(trials_.copy_seconds(path.path, size, quick_ ? std::min(times, 64u) : times),
                        [&](double seconds) { return moved / seconds / 1e9; });
        });
        if (!s.ok()) return s;
      }
    }
    const auto micro = [](double seconds) { return seconds * 1e6; };
    const unsigned launches = quick_ ? 1'000 : 20'000;
    if (const Status s = figure("launch", "us", [&] { return mapped(trials_.launch_seconds(launches), micro); });
        !s.ok()) {
      return s;
    }
    return figure("launch_and_wait", "us",
                  [&] { return mapped(trials_.launch_and_wait_seconds(quick_ ? 200 : 2'000), micro); });
  }

  const std::string& json() const { return json_; }

 private:
  template <class F>
  static Result<double> mapped(const Result<double>& of, F f) {
    if (!of.ok()) return of.status();
    return f(of.value());
  }

  // Takes it `rounds_` times; prints the median.
  template <class F>
  Status figure(const std::string& name, const char* unit, F measure) {
    std::vector<double> values;
    std::string list;
    for (int i = 0; i < rounds_; ++i) {
      const Result<double> value = measure();
      if (!value.ok()) return value.status();
      values.push_back(value.value());
      list += (list.empty() ? "" : ", ") + number(value.value());
    }
    std::sort(values.begin(), values.end());
    const double median = values[values.size() / 2];
    std::printf("%-32s %10.4g %-5s (%.4g to %.4g)\n", name.c_str(), median, unit, values.front(), values.back());
    json_ += (json_.empty() ? "" : ",\n") + ("  " + json_text(name)) + ": {\"unit\": " + json_text(unit) +
             ", \"median\": " + number(median) + ", \"all\": [" + list + "]}";
    return {};
  }

  gpu::Trials& trials_;
  int rounds_;
  bool quick_;
  std::string json_;
};

int measure(bool quick, const std::string& json_file) {
  const Result<std::unique_ptr<gpu::Trials>> trials = gpu::Trials::open();
  if (!trials.ok()) {
    std::printf("no GPU: %s\n", trials.status().message().c_str());
    return 77;
  }
  const Result<std::vector<CudaDevice>> devices = cuda_devices();
  if (!devices.ok()) {
    std::fprintf(stderr, "marquee-gpu-bench: %s\n", devices.status().message().c_str());
    return devices.status().exit_code();
  }
  const CudaDevice& device = devices.value().front();  // the one that the engine takes
  std::printf("%s, driver %s, commit %s\n", device.name.c_str(), device.driver.c_str(), kCommit);
  Bench bench(*trials.value(), quick);
  if (const Status s = bench.run(); !s.ok()) {
    std::fprintf(stderr, "marquee-gpu-bench: %s\n", s.message().c_str());
    return s.exit_code();
  }
  if (json_file.empty()) return 0;
  std::ofstream out(json_file);
  out << "{\n \"benchmark\": \"gpu\",\n \"machine\": " << machine_json() << ",\n \"gpu\": " << gpu_json(device)
      << ",\n \"commit\": " << json_text(kCommit) << ",\n \"quick\": " << (quick ? "true" : "false")
      << ",\n \"figures\": {\n"
      << bench.json() << "\n }\n}\n";
  out.close();
  if (out) return 0;
  std::fprintf(stderr, "marquee-gpu-bench: %s cannot be written\n", json_file.c_str());
  return static_cast<int>(Code::kUnavailable);
}

}  // namespace
}  // namespace marquee

int main(int argc, char** argv) {
  CLI::App app("Measures the GPU, the way to it and the CUDA engine", "marquee-gpu-bench");
  bool quick = false;
  std::string json_file;
  app.add_flag("--quick", quick, "fewer and smaller rounds");
  app.add_option("--json", json_file, "write the figures with machine, driver and commit")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(marquee::Code::kUsage);
  }
  return marquee::measure(quick, json_file);
}
