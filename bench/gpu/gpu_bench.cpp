// marquee-gpu-bench [--quick] [--json FILE]: what the CUDA engine does on this machine's GPU, beside what the GPU and
// the way to it can do, Thrust, CUB and the CPU engine on all cores (figures.hpp). Answers are checked before a figure
// is printed. 77 and a sentence where there is no GPU.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "document.hpp"
#include "figures.hpp"
#include "kernels/cuda_engine.hpp"
#include "kernels/trials/trials.hpp"

extern const char* const kCommit;  // note_commit.cmake

namespace marquee::bench {
namespace {

int cannot_write(const std::string& file) {
  std::fprintf(stderr, "marquee-gpu-bench: %s cannot be written\n", file.c_str());
  return static_cast<int>(Code::kUnavailable);
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
  std::ofstream out;
  if (!json_file.empty()) {
    out.open(json_file);  // told before minutes of work, not after them
    if (!out) return cannot_write(json_file);
  }
  Figures figures;
  const Status measured = measure(*trials.value(), quick ? Scale::quick() : Scale(), figures);
  if (!measured.ok()) std::fprintf(stderr, "marquee-gpu-bench: %s\n", measured.message().c_str());
  if (!json_file.empty()) {
    out << document({device, gpu::Trials::runtime(), kCommit, quick, measured}, figures);
    out.close();
    if (!out) return cannot_write(json_file);
  }
  return measured.exit_code();
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
