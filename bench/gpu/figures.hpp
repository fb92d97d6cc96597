// Figures: what marquee-gpu-bench measures, each as a median of rounds, and the share of a copy's bandwidth that it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/status.hpp"
#include "kernels/trials/trials.hpp"
#include "workload.hpp"

namespace marquee::bench {

// How much of everything.
struct Scale {
  int rounds = 7;
  std::vector<std::size_t> copy_bytes{std::size_t{256} << 10, std::size_t{16} << 20, std::size_t{256} << 20};
  std::size_t copies_max = 2'000;  // of one size in a round
  unsigned launches = 20'000;
  std::uint32_t events = 1u << 24;
  std::vector<std::uint32_t> keys{10'000, 1'000'000, 10'000'000};
  std::vector<std::uint32_t> batches{1u << 12, 1u << 16, 1u << 20, 1u << 22};
  // From pinned host memory: fewer than 2^23 events, a whole number of each of the batches. The first is the batch of
  // the hand-over.
  std::uint32_t pinned_events = 7u << 20;
  std::uint32_t pinned_keys = 1'000'000;
  std::vector<std::uint32_t> pinned_batches{1u << 16, 1u << 18, 1u << 20};
  std::uint32_t hand_overs = 4'000;
  std::uint32_t rows = 10'000'000;
  std::vector<std::uint32_t> groups{3, 100, 1'000};
  std::vector<std::uint32_t> tops{10, 100, 1'000};
  unsigned cores = 0;  // for the CPU engine; 0: all there are

  static Scale quick();
};

// What a figure was measured with: names and values, the values as JSON.
using Settings = std::vector<std::pair<std::string, std::string>>;

class Figures {
 public:
  // Of copies, in bytes moved a second, for the shares; once they are known.
  double device_copy = 0;
  double pcie_copy = 0;

  // Takes values[rounds], prints and keeps them. bytes_a_second, where it is not 0: what the median moves at least.
  void add(const std::string& name, const Settings& with, const std::string& unit, std::vector<double> values,
           double bytes_a_second = 0);
  // The median of the last figure of that name and those settings.
  std::optional<double> median(const std::string& name, const Settings& with) const;
  std::string json() const;

 private:
  struct Figure {
    std::string name;
    Settings with;
    std::string unit;
    std::vector<double> values;  // in the order measured
    double median = 0;
    double p99 = 0;
    double bytes_a_second = 0;
  };
  std::vector<Figure> all_;
};

// Everything, into `out`. Whatever fails ends it, and so does the first wrong answer (kInternal): no figure is added
// before its answer was checked.
Status measure(gpu::Trials& gpu, const Scale& scale, Figures& out);

}  // namespace marquee::bench
