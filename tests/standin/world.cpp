#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <numeric>
#include <unordered_set>

#include "fiber.hpp"
#include "random.hpp"
#include "runtime.cuh"

namespace marquee::gpu {

using standin::die;

struct World::Operation {
  std::function<void()> run;  // on the stream's fiber; empty for record and wait
  std::vector<Span> names;    // memory
  Mark* mark = nullptr;       // to record or to wait for
  std::uint64_t record = 0;   // number of that record
  bool waits = false;
};

// A fiber of its own, so that ThreadSanitizer tells its accesses from the host's and the other streams'.
struct World::Lane {
  static constexpr std::size_t kStackBytes = 256u << 10;
  Lane() : fiber(&Lane::live, this, kStackBytes) {}
  [[noreturn]] static void live(void* self);

  standin::Fiber fiber;
  std::deque<std::unique_ptr<Operation>> queue;
  std::unique_ptr<Operation> now;
  char done_edge = 0;
};

struct World::Mark {
  bool timed = false;
  std::uint64_t last_record = 0;
  std::chrono::steady_clock::time_point recorded{};
  mutable char edge = 0;
};

struct World::State {
  explicit State(std::uint64_t seed) : random(seed) {}

  standin::Random random;
  std::uint32_t eager_of_256 = 0;  // how likely a call is to run one operation more
  std::deque<Lane> lanes;          // these two stay when their owner goes: queued operations name them
  std::deque<Mark> marks;
  struct Memory {
    std::size_t size = 0;
    Kind kind = Kind::kDevice;
  };
  std::map<std::uintptr_t, Memory> memory;  // by its first byte
  std::uint64_t device_bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t seen = 0;                   // the latest record that the host was told of
  std::unordered_set<std::uint64_t> ahead;  // records that the device has not passed
  Fault fault = Fault::kError;
  bool breaks = false;  // with the next operation
  bool hung = false;
  bool lost = false;
};

namespace {

constexpr std::size_t kPoisonedMax = 4u << 20;

std::uintptr_t address(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data);
}

}  // namespace

void World::Lane::live(void* self) {
  Lane& lane = *static_cast<Lane*>(self);
  for (;;) {
    Operation& operation = *lane.now;
    standin::acquire(&operation);
    if (operation.waits) standin::acquire(&operation.mark->edge);
    if (operation.run) operation.run();
    if (operation.mark != nullptr && !operation.waits) standin::release(&operation.mark->edge);
    lane.now.reset();
    standin::release(&lane.done_edge);
    lane.fiber.suspend();
  }
}

World::World(WorldOptions options) : options_(options), state_(std::make_unique<State>(options.seed)) {
  constexpr std::uint32_t kEager[] = {0, 64, 192, 256};
  state_->eager_of_256 = kEager[state_->random.below(4)];
}

World::~World() {
  for (const auto& [begin, memory] : state_->memory) {
    if (!state_->lost && !state_->hung && !left_) die("%zu bytes are still allocated or pinned", memory.size);
    if (memory.kind != Kind::kPinnedByCaller) std::free(reinterpret_cast<void*>(begin));
  }
}

void World::fail_at_call(std::uint64_t n, Fault fault) {
  fault_call_ = n;
  state_->fault = fault;
}

// The device does nothing from now on. What it has read may be written over: nobody reads what it made of it.
void World::stop() {
  for (Lane& lane : state_->lanes) standin::acquire(&lane.done_edge);
}

void World::lose() {
  stop();
  state_->lost = true;
  for (Lane& lane : state_->lanes) lane.queue.clear();
}

Status World::call(const char* what) {
  ++calls_;
  State& s = *state_;
  if (calls_ == fault_call_) {
    switch (s.fault) {
      case Fault::kError:
        lose();
        break;
      case Fault::kLate:
        s.breaks = true;
        break;
      case Fault::kHang:
        stop();
        s.hung = true;
    }
  }
  while (s.random.below(256) < s.eager_of_256 && step()) {
  }
  if (s.lost) return {Code::kUnavailable, std::string("the GPU failed: ") + what + ": simulated"};
  return {};
}

void World::enqueue(Lane& lane, std::unique_ptr<Operation> operation) {
  standin::release(operation.get());
  lane.queue.push_back(std::move(operation));
}

bool World::step() {
  State& s = *state_;
  if (s.hung || s.lost) return false;
  const auto can_run = [&](const Lane& lane) {
    return !lane.queue.empty() && !(lane.queue.front()->waits && s.ahead.contains(lane.queue.front()->record));
  };
  std::uint32_t choices = 0;
  for (const Lane& lane : s.lanes) choices += can_run(lane);
  if (choices == 0) return false;
  std::uint32_t choice = s.random.below(choices);
  for (Lane& lane : s.lanes) {
    if (!can_run(lane) || choice-- != 0) continue;
    if (s.breaks) {
      lose();
      return false;
    }
    lane.now = std::move(lane.queue.front());
    lane.queue.pop_front();
    if (!lane.now->waits) s.ahead.erase(lane.now->record);
    if (lane.now->mark != nullptr && !lane.now->waits) lane.now->mark->recorded = std::chrono::steady_clock::now();
    lane.fiber.resume();
    break;
  }
  return true;
}

void World::finish() {
  while (step()) {
  }
}

Counters World::counters() const {
  Counters all;
  for (const auto& [name, counters] : kernels_) all += counters;
  return all;
}

bool World::in_use(const void* data, std::size_t size) const {
  const std::uintptr_t begin = address(data);
  for (const Lane& lane : state_->lanes) {
    for (const auto& operation : lane.queue) {
      for (const Span& span : operation->names) {
        if (span.begin < begin + size && begin < span.begin + span.size) return true;
      }
    }
  }
  return false;
}

void World::poison(void* data, std::size_t size) {
  std::memset(data, 0xa5, size);
}

// --- Memory.

std::uint64_t World::memory_free() const {
  return options_.memory_bytes - state_->device_bytes;
}

Status World::allocate(std::byte*& out, std::size_t size, Kind kind) {
  if (Status s = call("allocating memory"); !s.ok()) return s;
  if (size == 0) return {};
  if (kind == Kind::kDevice && size > memory_free()) {
    return {Code::kUnavailable, "the GPU failed: allocating device memory: out of memory"};
  }
  void* data = nullptr;  // of its size to the byte, so that AddressSanitizer sees its end
  if (posix_memalign(&data, kind == Kind::kDevice ? 256 : 4096, size) != 0) die("no memory for %zu bytes", size);
  // Of large device memory the first part only: its owner divides it, and filling it all takes longer than the tests.
  std::memset(data, kind == Kind::kDevice ? 0xa5 : 0, kind == Kind::kDevice ? std::min(size, kPoisonedMax) : size);
  state_->memory[address(data)] = {size, kind};
  if (kind == Kind::kDevice) state_->device_bytes += size;
  out = static_cast<std::byte*>(data);
  return {};
}

void World::let_go(const void* data, std::size_t size, const char* what) {
  bool idle = true;
  for (Lane& lane : state_->lanes) {
    standin::acquire(&lane.done_edge);  // the real one waits for the device
    idle = idle && lane.queue.empty();
  }
  if (state_->hung) {
    frees_that_block_ += !idle;
  } else if (in_use(data, size)) {
    die("%s %zu bytes that a queued operation names", what, size);
  }
}

void World::free(std::byte* data) {
  const auto found = state_->memory.find(address(data));
  if (found == state_->memory.end()) die("freeing what was not allocated");
  let_go(data, found->second.size, "freeing");
  if (found->second.kind == Kind::kDevice) state_->device_bytes -= found->second.size;
  state_->memory.erase(found);
  std::free(data);
}

Status World::pin(void* data, std::size_t size) {
  if (Status s = call("pinning host memory"); !s.ok()) return s;
  const auto next = state_->memory.lower_bound(address(data) + size);
  if (next != state_->memory.begin() && std::prev(next)->first + std::prev(next)->second.size > address(data)) {
    if (std::prev(next)->second.kind != Kind::kPinnedByCaller) die("pinning memory that is allocated already");
    return {Code::kUnavailable, "the GPU failed: pinning host memory: it is pinned already"};
  }
  state_->memory[address(data)] = {size, Kind::kPinnedByCaller};
  return {};
}

Status World::unpin(void* data) {
  Status status = call("unpinning host memory");
  const auto found = state_->memory.find(address(data));
  if (found == state_->memory.end() || found->second.kind != Kind::kPinnedByCaller) {
    die("unpinning what was not pinned");
  }
  let_go(data, found->second.size, "unpinning");
  state_->memory.erase(found);
  return status;
}

const World::Kind& World::kind_of(const void* data, std::size_t size, const char* what) const {
  auto found = state_->memory.upper_bound(address(data));
  if (found != state_->memory.begin()) {
    --found;
    if (address(data) + size <= found->first + found->second.size) return found->second.kind;
  }
  die("%s: %zu bytes at %p are not within memory that is allocated or pinned", what, size, data);
}

void World::spoil_copy(std::size_t size, std::uint64_t n, std::size_t at, std::byte mask) {
  MARQUEE_CHECK(at < size && n > 0);
  spoil_ = {size, n, at, mask, false};
}

// --- What is queued.

Status World::make(Lane*& out) {
  Status s = call("creating a stream");
  if (s.ok()) out = &state_->lanes.emplace_back();
  return s;
}

Status World::make(Mark*& out, bool timed) {
  Status s = call("creating an event");
  if (s.ok()) {
    out = &state_->marks.emplace_back();
    out->timed = timed;
  }
  return s;
}

Status World::copy_runs(Lane& lane, void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                        std::size_t width, std::size_t rows) {
  if (Status s = call("copying"); !s.ok()) return s;
  const std::size_t to_size = to_pitch * (rows - 1) + width;
  const std::size_t from_size = from_pitch * (rows - 1) + width;
  const bool to_device = kind_of(to, to_size, "copying to") == Kind::kDevice;
  const bool from_device = kind_of(from, from_size, "copying from") == Kind::kDevice;
  if (!to_device && !from_device) die("copying from host to host");
  if (to_pitch < width || from_pitch < width) die("copying runs that overlap");
  if (address(to) < address(from) + from_size && address(from) < address(to) + to_size) die("copying onto itself");
  (from_device ? to_device ? copied_.within_device : copied_.from_device : copied_.to_device) += width * rows;
  auto operation = std::make_unique<Operation>();
  operation->names = {{address(to), to_size}, {address(from), from_size}};
  const bool spoils = spoil_.copies_left > 0 && width * rows == spoil_.size && --spoil_.copies_left == 0;
  operation->run = [=, this] {
    for (std::size_t i = 0; i < rows; ++i) {
      std::memcpy(static_cast<std::byte*>(to) + i * to_pitch, static_cast<const std::byte*>(from) + i * from_pitch,
                  width);
    }
    if (!spoils) return;
    static_cast<std::byte*>(to)[spoil_.at / width * to_pitch + spoil_.at % width] ^= spoil_.mask;
    spoil_.done = true;
  };
  enqueue(lane, std::move(operation));
  return {};
}

Status World::zero(Lane& lane, void* to, std::size_t size) {
  if (Status s = call("clearing device memory"); !s.ok()) return s;
  if (kind_of(to, size, "clearing") != Kind::kDevice) die("clearing memory that is not the device's");
  auto operation = std::make_unique<Operation>();
  operation->names = {{address(to), size}};
  operation->run = [=] { std::memset(to, 0, size); };
  enqueue(lane, std::move(operation));
  return {};
}

Status World::record(Mark& mark, Lane& lane) {
  if (Status s = call("recording an event"); !s.ok()) return s;
  auto operation = std::make_unique<Operation>();
  operation->mark = &mark;
  operation->record = mark.last_record = ++state_->records;
  state_->ahead.insert(operation->record);
  enqueue(lane, std::move(operation));
  return {};
}

Status World::wait(Lane& lane, Mark& mark) {
  if (Status s = call("waiting between streams"); !s.ok()) return s;
  if (mark.last_record == 0) return {};
  auto operation = std::make_unique<Operation>();
  operation->mark = &mark;
  operation->record = mark.last_record;
  operation->waits = true;
  enqueue(lane, std::move(operation));
  return {};
}

Result<bool> World::passed(const Mark& mark) {
  if (Status s = call("asking for an event"); !s.ok()) return s;
  if (state_->ahead.contains(mark.last_record)) step();
  if (state_->ahead.contains(mark.last_record)) return false;
  // As if asked a moment earlier: of two events the later one may be the first that is seen to have passed. But what
  // was recorded before something seen is told at once.
  if (options_.late_answers && mark.last_record > state_->seen && state_->random.below(8) == 0) return false;
  state_->seen = std::max(state_->seen, mark.last_record);
  if (mark.last_record != 0) standin::acquire(&mark.edge);
  return true;
}

Result<double> World::seconds_between(const Mark& begin, const Mark& end) {
  if (Status s = call("asking for the time between events"); !s.ok()) return s;
  for (const Mark* mark : {&begin, &end}) {
    if (!mark->timed) die("the time of an event that was made without");
    if (mark->last_record == 0 || state_->ahead.contains(mark->last_record)) die("the time of an event not passed");
  }
  return std::chrono::duration<double>(end.recorded - begin.recorded).count();
}

Status World::launch(Lane& lane, const standin::Kernel& kernel, Grid grid, const void* args, std::size_t args_bytes) {
  if (Status s = call("launching a kernel"); !s.ok()) return s;
  if (grid.rows > 65535 || grid.blocks > 2147483647u) die("a grid of %u x %u blocks", grid.blocks, grid.rows);
  auto operation = std::make_unique<Operation>();
  const std::shared_ptr<std::byte[]> copy(new std::byte[args_bytes]);
  std::memcpy(copy.get(), args, args_bytes);
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= args_bytes; at += sizeof(std::uintptr_t)) {
    std::uintptr_t value = 0;
    std::memcpy(&value, copy.get() + at, sizeof value);
    auto found = state_->memory.upper_bound(value);
    if (found == state_->memory.begin()) continue;
    --found;
    if (value < found->first + found->second.size) operation->names.push_back({found->first, found->second.size});
  }
  Counters* counters = &kernels_[standin::readable(kernel.name)];
  operation->run = [=, seed = state_->random.next()] {
    *counters += standin::run_grid(kernel, grid.blocks, grid.rows, copy.get(), seed);
  };
  enqueue(lane, std::move(operation));
  return {};
}

Status World::sort(Lane& lane, void* scratch, std::size_t scratch_bytes, std::uint64_t* const keys[2],
                   std::uint32_t* const values[2], std::size_t n, int begin_bit, int end_bit, bool& flip) {
  if (Status s = call("sorting"); !s.ok()) return s;
  if (scratch_bytes < 512 + n) die("sorting %zu pairs with %zu bytes of scratch", n, scratch_bytes);
  if (begin_bit < 0 || end_bit > 64) die("sorting by bits %d to %d", begin_bit, end_bit);
  flip = state_->random.below(2) != 0;
  auto operation = std::make_unique<Operation>();
  operation->names = {{address(scratch), scratch_bytes}};
  for (int i = 0; i < 2; ++i) {
    operation->names.push_back({address(keys[i]), n * sizeof *keys[i]});
    operation->names.push_back({address(values[i]), n * sizeof *values[i]});
  }
  for (const Span& span : operation->names) {
    if (kind_of(reinterpret_cast<void*>(span.begin), span.size, "sorting") != Kind::kDevice) {
      die("sorting memory that is not the device's");
    }
  }
  operation->run = [=, k0 = keys[0], k1 = keys[1], v0 = values[0], v1 = values[1], to_other = flip] {
    // Copied whole: of what is done here ThreadSanitizer sees memcpy and memset, and nothing else.
    std::vector<std::uint64_t> key(n);
    std::vector<std::uint32_t> value(n);
    std::memcpy(key.data(), k0, n * sizeof *k0);
    std::memcpy(value.data(), v0, n * sizeof *v0);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::uint64_t mask = (end_bit == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << end_bit) - 1) &
                               ~((std::uint64_t{1} << begin_bit) - 1);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return (key[a] & mask) < (key[b] & mask); });
    poison(scratch, scratch_bytes);
    for (std::uint64_t* k : {k0, k1}) poison(k, n * sizeof *k);
    for (std::uint32_t* v : {v0, v1}) poison(v, n * sizeof *v);
    std::uint64_t* const k = to_other ? k1 : k0;
    std::uint32_t* const v = to_other ? v1 : v0;
    for (std::size_t i = 0; i < n; ++i) {
      k[i] = key[order[i]];
      v[i] = value[order[i]];
    }
  };
  enqueue(lane, std::move(operation));
  return {};
}

}  // namespace marquee::gpu
