// A libcuda.so.1 with no GPU behind it: it knows AILING_DRIVER_VERSION (13000 is CUDA 13.0), cuInit() answers
// AILING_DRIVER_START, and every other call fails. All that the runtime asks of it is found through cuGetProcAddress.
#include <cstdlib>
#include <cstring>

namespace {

int from_environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

int fails() {
  return 999;  // CUDA_ERROR_UNKNOWN
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  return from_environment("AILING_DRIVER_START");
}

int cuDriverGetVersion(int* version) {
  *version = from_environment("AILING_DRIVER_VERSION");
  return 0;
}

int cuGetProcAddress_v2(const char* name, void** function, int, unsigned long long, int* status) {
  *function = reinterpret_cast<void*>(&fails);
  if (std::strcmp(name, "cuInit") == 0) *function = reinterpret_cast<void*>(&cuInit);
  if (std::strcmp(name, "cuDriverGetVersion") == 0) *function = reinterpret_cast<void*>(&cuDriverGetVersion);
  if (std::strcmp(name, "cuGetProcAddress") == 0) *function = reinterpret_cast<void*>(&cuGetProcAddress_v2);
  if (status != nullptr) *status = 0;
  return 0;
}

int cuGetProcAddress(const char* name, void** function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
}
