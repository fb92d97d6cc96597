#include <cstring>
#include <fstream>
#include <string>

#include "runtime.cuh"

namespace marquee::gpu {
namespace {

constexpr int kCapabilityMin = 80;  // Ampere: major * 10 + minor

// Whether this binary has code for a device is known once a kernel has been asked for.
struct NoWork {
  struct Args {};
  struct Shared {};
  static constexpr unsigned kThreads = 32;
  static __device__ void run(Shared&, const Args&) {}
};

std::string cuda_version_text(int version) {
  return "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

// "580.65.06", from the kernel module's own line; empty where that cannot be read, as in some containers.
std::string kernel_module_version() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  while (file >> word) {
    if (word[0] >= '0' && word[0] <= '9' && word.find('.') != std::string::npos) return word;
  }
  return {};
}

std::string driver_text() {
  int version = 0;
  if (cudaDriverGetVersion(&version) != cudaSuccess) return "unknown";
  const std::string module = kernel_module_version();
  return (module.empty() ? "" : module + ", ") + cuda_version_text(version);
}

Status unavailable(std::string sentence) {
  return {Code::kUnavailable, std::move(sentence)};
}

Result<int> device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return count;
  if (error == cudaErrorInsufficientDriver) {  // none at all is told like that too
    int version = 0;
    if (cudaDriverGetVersion(&version) != cudaSuccess || version == 0) {
      return unavailable("there is no NVIDIA driver here (no libcuda.so.1)");
    }
    return unavailable("the NVIDIA driver is too old: it knows " + cuda_version_text(version) +
                       " at most, and this binary needs " + cuda_version_text(CUDART_VERSION));
  }
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    return unavailable("there is an NVIDIA driver (" + driver_text() +
                       "), but it shows no GPU (is CUDA_VISIBLE_DEVICES set, or the container started without GPUs?)");
  }
  return unavailable(std::string("the NVIDIA driver did not start: ") + cudaGetErrorString(error));
}

struct Asked {
  CudaDevice device;
  unsigned multiprocessors = 1;
};

// Makes device `index` the calling thread's and asks it everything.
Result<Asked> ask(int index) {
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, index); error != cudaSuccess) {
    return unavailable("GPU " + std::to_string(index) + " does not answer: " + cudaGetErrorString(error));
  }
  const int capability = properties.major * 10 + properties.minor;
  Asked out;
  out.multiprocessors = static_cast<unsigned>(properties.multiProcessorCount);
  out.device.name = properties.name;
  out.device.compute_capability = capability_text(capability);
  out.device.driver = driver_text();
  out.device.memory_bytes = properties.totalGlobalMem;

  const std::string who = std::string(properties.name) + ", compute capability " + out.device.compute_capability;
  if (capability < kCapabilityMin) {
    out.device.refused = "the GPU (" + who + ") is too old: " + capability_text(kCapabilityMin) + " is needed";
    return out;
  }
  std::size_t free = 0;
  std::size_t total = 0;
  cudaFuncAttributes attributes{};
  cudaError_t error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free, &total);
  if (error == cudaSuccess) error = cudaFuncGetAttributes(&attributes, kernel_entry<NoWork>);
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
    out.device.refused = "this binary has no code for the GPU (" + who + "): build it with ./dev build --cuda=release";
  } else if (error != cudaSuccess) {
    out.device.refused = "the GPU (" + who + ") cannot be used: " + cudaGetErrorString(error);
  } else {
    out.device.memory_free_bytes = free;
  }
  return out;
}

}  // namespace

Result<Device> Device::open() {
  if (const Result<int> count = device_count(); !count.ok()) return count.status();
  const Result<Asked> asked = ask(0);
  if (!asked.ok()) return asked.status();
  if (!asked.value().device.refused.empty()) return unavailable(asked.value().device.refused);
  Device device;
  device.memory_free_ = asked.value().device.memory_free_bytes;
  device.multiprocessors_ = asked.value().multiprocessors;
  return device;
}

Result<std::vector<CudaDevice>> Device::list() {
  const Result<int> count = device_count();
  if (!count.ok()) return count.status();
  int current = 0;
  (void)cudaGetDevice(&current);
  std::vector<CudaDevice> devices;
  for (int i = 0; i < count.value(); ++i) {
    const Result<Asked> asked = ask(i);
    if (!asked.ok()) return asked.status();
    devices.push_back(asked.value().device);
  }
  (void)cudaSetDevice(current);
  return devices;
}

Status Device::allocate(PinnedMemory& out, std::size_t size) const {
  void* data = nullptr;
  const Status s = to_status(cudaMallocHost(&data, size), "allocating pinned host memory");
  if (!s.ok() || data == nullptr) return s;
  std::memset(data, 0, size);
  out.data_ = static_cast<std::byte*>(data);
  out.size_ = size;
  return s;
}

}  // namespace marquee::gpu
