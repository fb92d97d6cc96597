// marquee-gpu-tests [--quick] [GoogleTest's own options]: 77 and a sentence where there is no GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "kernels/trials/trials.hpp"

int main(int argc, char** argv) {
  char** const last =
      std::remove_if(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--quick"; });
  if (last != argv + argc) {
    setenv("MARQUEE_ROUNDS", "4", 0);  // NOLINT(concurrency-mt-unsafe): there is no other thread yet
    argc = static_cast<int>(last - argv);
  }
  if (const auto trials = marquee::gpu::Trials::open(); !trials.ok()) {
    std::printf("no GPU: %s\n", trials.status().message().c_str());
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
