#include "fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "core/check.hpp"

#ifdef STANDIN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef STANDIN_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace marquee::standin {

#ifdef STANDIN_TSAN
void release(void* at) {
  __tsan_release(at);
}
void acquire(void* at) {
  __tsan_acquire(at);
}
#else
void release(void*) {}
void acquire(void*) {}
#endif

namespace {
constinit thread_local Fiber* starting = nullptr;
}

#if defined(__x86_64__)
// ucontext's switch makes a system call each time. This one keeps what the ABI wants kept; nobody here changes how
// floating point rounds.
extern "C" void standin_switch(void** save, void* take);
asm(R"(
.text
.globl standin_switch
.hidden standin_switch
.type standin_switch, @function
standin_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size standin_switch, .-standin_switch
)");

void Fiber::switch_to(Context& from, Context& to) {
  standin_switch(&from, to);
}
#else
void Fiber::switch_to(Context& from, Context& to) {
  MARQUEE_CHECK(swapcontext(&from, &to) == 0);
}
#endif

Fiber::Fiber(void (*code)(void*), void* argument, std::size_t stack_bytes) : code_(code), argument_(argument) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  mapped_bytes_ = page + (stack_bytes + page - 1) / page * page;
  void* mapped = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MARQUEE_CHECK(mapped != MAP_FAILED);
  mapped_ = static_cast<std::byte*>(mapped);
  MARQUEE_CHECK(mprotect(mapped_, page, PROT_NONE) == 0);  // the stack grows down into this page
  // Stacks that all begin at the same offset in a page fight for the same sets of the cache.
  thread_local std::size_t count = 0;
  const std::size_t used = mapped_bytes_ - count++ % 15 * 256;
#if defined(__x86_64__)
  auto* top = reinterpret_cast<void**>(mapped_ + used);
  *--top = nullptr;                                 // where start() would return to
  *--top = reinterpret_cast<void*>(&Fiber::start);  // popped by the switch's ret, with the stack as after a call
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  own_ = top;
#else
  MARQUEE_CHECK(getcontext(&own_) == 0);
  own_.uc_stack.ss_sp = mapped_ + page;
  own_.uc_stack.ss_size = used - page;
  makecontext(&own_, &Fiber::start, 0);
#endif
#ifdef STANDIN_TSAN
  own_identity_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#ifdef STANDIN_TSAN
  __tsan_destroy_fiber(own_identity_);
#endif
#ifdef STANDIN_ASAN
  __asan_unpoison_memory_region(mapped_, mapped_bytes_);  // its frames have not ended; who maps it next is to see none
#endif
  munmap(mapped_, mapped_bytes_);
}

void Fiber::start() {
  Fiber& self = *starting;
#ifdef STANDIN_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self.caller_stack_, &self.caller_stack_bytes_);
#endif
  self.code_(self.argument_);
  check_failed("a fiber's code has returned", __FILE__, __LINE__);
}

void Fiber::resume() {
  starting = this;
#ifdef STANDIN_ASAN
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, mapped_, mapped_bytes_);
#endif
#ifdef STANDIN_TSAN
  caller_identity_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own_identity_, __tsan_switch_to_fiber_no_sync);
#endif
  switch_to(caller_, own_);
#ifdef STANDIN_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#ifdef STANDIN_ASAN
  __sanitizer_start_switch_fiber(&own_fake_stack_, caller_stack_, caller_stack_bytes_);
#endif
#ifdef STANDIN_TSAN
  __tsan_switch_to_fiber(caller_identity_, __tsan_switch_to_fiber_no_sync);
#endif
  switch_to(own_, caller_);
#ifdef STANDIN_ASAN
  __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_stack_, &caller_stack_bytes_);
#endif
}

}  // namespace marquee::standin
