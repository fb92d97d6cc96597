// marquee version.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/verbs.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee {

std::string version_text() {
  return "marquee " MARQUEE_VERSION;
}

namespace {

std::string gib(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

// One line an engine or device.
std::string engines_text() {
  const Result<std::vector<CudaDevice>> devices = cuda_devices();
  std::string out = "cpu: " + std::to_string(std::thread::hardware_concurrency()) + " cores";
  if (!devices.ok()) return out + "\ncuda: none, " + devices.status().message();
  for (const CudaDevice& device : devices.value()) {
    out += "\ncuda: " + device.name + ", compute capability " + device.compute_capability + ", " +
           gib(device.memory_bytes) + ", driver " + device.driver + "; ";
    out += device.refused.empty() ? gib(device.memory_free_bytes) + " free" : "refused: " + device.refused;
  }
  return out;
}

}  // namespace

void add_version(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("version", "Print the version, and which engines there are");
  auto engines = std::make_shared<bool>(false);
  verb->add_flag("--engines", *engines, "the engines too: cores, GPUs with memory and driver, or why there is no GPU");
  verb->footer("Examples:\n  marquee version\n  marquee version --engines");
  verb->callback([engines, &action] {
    action = [engines] {
      std::puts(version_text().c_str());
      if (*engines) std::puts(engines_text().c_str());
      return 0;
    };
  });
}

}  // namespace marquee
