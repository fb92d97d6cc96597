// A fiber: a stack of its own, on which code runs until it suspends itself. The sanitizers are told of every switch.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace marquee::standin {

// Happens-before, for ThreadSanitizer; nothing elsewhere. What was done before release(at) is ordered before what is
// done after a later acquire(at). Switching between fibers orders nothing.
void release(void* at);
void acquire(void* at);

// Lives until it is destroyed; its code never returns. Destroyed while suspended, or never resumed.
class Fiber {
 public:
  Fiber(void (*code)(void*), void* argument, std::size_t stack_bytes);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  void resume();   // Goes on where it suspended, until it does again. From any other fiber or plain thread.
  void suspend();  // Back to whoever resumed it. From its own code.

 private:
#if defined(__x86_64__)
  using Context = void*;  // the stack pointer
#else
  using Context = ucontext_t;
#endif
  static void switch_to(Context& from, Context& to);
  [[noreturn]] static void start();

  void (*code_)(void*);
  void* argument_;
  std::byte* mapped_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  Context own_{};
  Context caller_{};
  // What AddressSanitizer and ThreadSanitizer know of the two sides.
  [[maybe_unused]] void* own_fake_stack_ = nullptr;
  [[maybe_unused]] const void* caller_stack_ = nullptr;
  [[maybe_unused]] std::size_t caller_stack_bytes_ = 0;
  [[maybe_unused]] void* own_identity_ = nullptr;
  [[maybe_unused]] void* caller_identity_ = nullptr;
};

}  // namespace marquee::standin
