// Linked into every test of the TSan build, and only there.
//
// librdkafka starts its threads and takes its locks through C11's <threads.h>, which ThreadSanitizer does not
// intercept: a thread that it has not seen start crashes in the first function that it does intercept, and what
// librdkafka's queues order for our data it takes for a race. Here threads start as POSIX ones, which it sees, and
// locks and conditions tell it what they order. They are not made into POSIX locks: those would be checked themselves,
// and librdkafka hands them over by atomics that, as it is not instrumented, cannot be seen.

#include <dlfcn.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <threads.h>

#include <cstdint>

namespace {

struct Start {
  thrd_start_t function;
  void* argument;
};

void* run(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(start.function(start.argument)));
}

// The C library's function of that name, behind ours.
template <typename Function>
Function* behind(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  auto* start = new Start{function, argument};
  if (pthread_create(thread, nullptr, run, start) == 0) return thrd_success;
  delete start;
  return thrd_error;
}

int thrd_join(thrd_t thread, int* result) {
  void* value = nullptr;
  if (pthread_join(thread, &value) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(value));
  return thrd_success;
}

int mtx_lock(mtx_t* mutex) {
  static auto* const lock = behind<decltype(mtx_lock)>("mtx_lock");
  const int result = lock(mutex);
  if (result == thrd_success) __tsan_acquire(mutex);
  return result;
}

int mtx_trylock(mtx_t* mutex) {
  static auto* const lock = behind<decltype(mtx_trylock)>("mtx_trylock");
  const int result = lock(mutex);
  if (result == thrd_success) __tsan_acquire(mutex);
  return result;
}

int mtx_unlock(mtx_t* mutex) {
  static auto* const unlock = behind<decltype(mtx_unlock)>("mtx_unlock");
  __tsan_release(mutex);
  return unlock(mutex);
}

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  static auto* const wait = behind<decltype(cnd_wait)>("cnd_wait");
  __tsan_release(mutex);
  const int result = wait(condition, mutex);
  __tsan_acquire(mutex);
  return result;
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  static auto* const wait = behind<decltype(cnd_timedwait)>("cnd_timedwait");
  __tsan_release(mutex);
  const int result = wait(condition, mutex, until);
  __tsan_acquire(mutex);
  return result;
}

}  // extern "C"
