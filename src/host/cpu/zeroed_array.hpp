// ZeroedArray: a fixed number of trivial values in memory that starts as zeros, on huge pages where it is large.
//
// A table is probed at random: with 4 KiB pages every probe of a table beyond a few MiB also misses the TLB. Memory
// above 2 MiB is therefore mapped at a 2 MiB boundary and the kernel asked for huge pages (madvise; only a wish).
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace marquee {

template <class T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  ZeroedArray() = default;
  // Throws std::bad_alloc when the system gives no memory.
  explicit ZeroedArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (bytes() < kHugePageBytes) {
      data_ = static_cast<T*>(std::aligned_alloc(kLineBytes, rounded(bytes(), kLineBytes)));
      if (data_ == nullptr) throw std::bad_alloc();
      std::memset(static_cast<void*>(data_), 0, bytes());
      return;
    }
    // One huge page more than needed, then the ends that stick out are given back.
    const std::size_t wanted = rounded(bytes(), kHugePageBytes);
    void* const mapped =
        mmap(nullptr, wanted + kHugePageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    char* const begin = static_cast<char*>(mapped);
    const std::size_t before =
        (kHugePageBytes - reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes) % kHugePageBytes;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + wanted, kHugePageBytes - before);
    madvise(begin + before, wanted, MADV_HUGEPAGE);
    data_ = reinterpret_cast<T*>(begin + before);
  }
  ZeroedArray(ZeroedArray&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~ZeroedArray() {
    if (data_ == nullptr) return;
    if (bytes() < kHugePageBytes) {
      std::free(data_);
    } else {
      munmap(data_, rounded(bytes(), kHugePageBytes));
    }
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  static constexpr std::size_t kHugePageBytes = 2u << 20;
  static constexpr std::size_t kLineBytes = 64;
  static constexpr std::size_t rounded(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

  std::size_t size_ = 0;
  T* data_ = nullptr;
};

}  // namespace marquee
