// After warm-up decoding allocates nothing. Its own binary: it counts every operator new of the process.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "decode_fixture.hpp"

namespace {
std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void* counted(std::size_t size, std::align_val_t align) {
  ++allocations;
  const auto a = static_cast<std::size_t>(align);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
void* operator new(std::size_t size, std::align_val_t align) {
  return counted(size, align);
}
void* operator new[](std::size_t size, std::align_val_t align) {
  return counted(size, align);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace marquee::test {
namespace {

std::uint64_t allocations_of_a_batch(Bench& bench, const std::vector<std::string>& messages) {
  bench.batch.clear();
  for (const std::string& m : messages) bench.append(m);
  const std::uint64_t before = allocations;
  split_records(bench.batch, 0, Framing::kMessages);
  bench.decoder.decode(bench.batch, 0, bench.batch.records.size());
  const std::uint64_t after = allocations;
  bench.give_ids();
  return after - before;
}

TEST(Allocation, NoneAfterWarmUp) {
  std::vector<std::string> steady, mixed;
  for (std::size_t i = 0; i < 2000; ++i) {
    steady.push_back(good_record(i));
    switch (i % 8) {
      case 0:
        mixed.push_back(good_record(i) + "\n" + good_record(i + 1));
        break;
      case 1:
        mixed.push_back("[" + good_record(i) + ",{}]");
        break;
      case 2:
        mixed.push_back(R"({"event_time":1,"content_id":"\u0041)" + std::to_string(i) + R"(","category":"\n"})");
        break;
      case 3:
        mixed.push_back("{" + good_record(i));
        break;
      case 4:
        mixed.push_back(R"({"x":[[[{"y":1}]]],"content_id":"\ud800"})");
        break;
      case 5:
        mixed.push_back(R"({"category":"é","content_id":"m-1","event_time":5})");
        break;
      default:
        mixed.push_back(good_record(i));
        break;
    }
  }
  for (const std::vector<std::string>& messages : {steady, mixed}) {
    Bench bench(plain_job());
    for (int warm = 0; warm < 3; ++warm) allocations_of_a_batch(bench, messages);
    for (int round = 0; round < 5; ++round) EXPECT_EQ(allocations_of_a_batch(bench, messages), 0u);
  }
}

}  // namespace
}  // namespace marquee::test
