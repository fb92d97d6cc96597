// CHECK: a bug stops the process, in release builds too. Bad data and a failing world are never a CHECK.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace marquee {

[[noreturn]] inline void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "marquee: CHECK failed: %s at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace marquee

#define MARQUEE_CHECK(condition)                               \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) \
                                                     : ::marquee::check_failed(#condition, __FILE__, __LINE__))
