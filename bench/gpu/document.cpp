#include "document.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "core/result.hpp"

namespace marquee::bench {
namespace {

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", bytes / (1 << 30));
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
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return "{\"cpu\": " + json_text(model) + ", \"cores\": " + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) +
         ", \"memory_gib\": " + gib(memory) + ", \"kernel\": " + json_text(system.release) + "}";
}

}  // namespace

std::string document(const About& about, const Figures& figures) {
  const CudaDevice& gpu = about.device;
  std::string out =
      "{\n \"benchmark\": \"gpu\",\n \"machine\": " + machine_json() +
      ",\n \"gpu\": {\"name\": " + json_text(gpu.name) +
      ", \"compute_capability\": " + json_text(gpu.compute_capability) + ", \"driver\": " + json_text(gpu.driver) +
      ", \"runtime\": " + json_text(about.runtime) + ", \"memory_gib\": " + gib(static_cast<double>(gpu.memory_bytes)) +
      "},\n \"commit\": " + json_text(about.commit) + ",\n \"quick\": " + (about.quick ? "true" : "false");
  if (!about.measured.ok()) out += ",\n \"error\": " + json_text(about.measured.message());
  return out + ",\n \"figures\": " + figures.json() + "\n}\n";
}

}  // namespace marquee::bench
