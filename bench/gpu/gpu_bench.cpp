// marquee-gpu-bench [--quick] [--json FILE]: what the CUDA engine does on this machine's GPU, beside what the GPU and
// the way to it can do, Thrust, CUB and the CPU engine on all cores (figures.hpp). Answers are checked before a figure
// is printed. 77 and a sentence where there is no GPU.
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "core/result.hpp"
#include "figures.hpp"
#include "kernels/cuda_engine.hpp"
#include "kernels/trials/trials.hpp"

extern const char* const kCommit;  // note_commit.cmake

namespace marquee::bench {
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
         ", \"driver\": " + json_text(device.driver) + ", \"runtime\": " + json_text(gpu::Trials::runtime()) +
         ", \"memory_gib\": " + number(static_cast<double>(device.memory_bytes) / (1 << 30)) + "}";
}

int run(bool quick, const std::string& json_file) {
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
  Figures figures;
  if (const Status s = measure(*trials.value(), quick ? Scale::quick() : Scale(), figures); !s.ok()) {
    std::fprintf(stderr, "marquee-gpu-bench: %s\n", s.message().c_str());
    return s.exit_code();
  }
  if (json_file.empty()) return 0;
  std::ofstream out(json_file);
  out << "{\n \"benchmark\": \"gpu\",\n \"machine\": " << machine_json() << ",\n \"gpu\": " << gpu_json(device)
      << ",\n \"commit\": " << json_text(kCommit) << ",\n \"quick\": " << (quick ? "true" : "false")
      << ",\n \"figures\": " << figures.json() << "\n}\n";
  out.close();
  if (out) return 0;
  std::fprintf(stderr, "marquee-gpu-bench: %s cannot be written\n", json_file.c_str());
  return static_cast<int>(Code::kUnavailable);
}

}  // namespace
}  // namespace marquee::bench

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
  return marquee::bench::run(quick, json_file);
}
