// marquee version.

#include <cstdio>

#include "app/verbs.hpp"
#include "kernels/cuda_engine.hpp"

namespace marquee {

std::string version_text() {
  std::string out = "marquee " MARQUEE_VERSION "\nengines: cpu";
  const Result<std::vector<CudaDevice>> devices = cuda_devices();
  if (!devices.ok()) return out + " (no cuda: " + devices.status().message() + ")";
  for (const CudaDevice& device : devices.value()) out += ", cuda (" + device.name + ", driver " + device.driver + ")";
  return out;
}

void add_version(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("version", "Print version and engines");
  verb->footer("Examples:\n  marquee version");
  verb->callback([&action] {
    action = [] {
      std::puts(version_text().c_str());
      return 0;
    };
  });
}

}  // namespace marquee
