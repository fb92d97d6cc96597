// The scheduler runs on the stack of whoever called run_grid(): a thread goes on until it arrives somewhere or an
// access of its lets others run first, then settle() sees whom that lets go on.
#include "grid.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "random.hpp"
#include "simt.cuh"

namespace marquee::standin {

void die(const char* format, ...) {
  std::va_list args;
  va_start(args, format);
  std::fputs("standin: ", stderr);
  std::vfprintf(stderr, format, args);
  std::fputc('\n', stderr);
  va_end(args);
  std::abort();
}

std::string readable(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : mangled;
}

Counters& Counters::operator+=(const Counters& other) {
  launches += other.launches;
  blocks += other.blocks;
  barriers += other.barriers;
  warp_functions += other.warp_functions;
  global_atomics += other.global_atomics;
  shared_atomics += other.shared_atomics;
  loads_and_stores += other.loads_and_stores;
  return *this;
}

namespace {

constexpr unsigned kLanes = 32;
constexpr unsigned kWarpsMax = 32;
constexpr std::size_t kStackBytes = 64u << 10;
constexpr unsigned kThreadsMax = 2048;
#ifdef STANDIN_TSAN
constexpr unsigned kSlotsMax = 2;  // a barrier costs the block's threads times all fibers there are
#else
constexpr unsigned kSlotsMax = 4;
#endif
constexpr std::uint32_t kUndefined = 0xa5a5a5a5u;
constexpr std::uint32_t kSwitchesMax = 1u << 16;  // of one thread, without arriving anywhere
constexpr const char* kWarpNames[] = {"ballot", "shuffle", "shuffle_up", "warp_barrier"};

// ThreadSanitizer does not see it: a write that everyone saw would order the blocks that share the room.
void poison_unseen(std::byte* data, std::size_t size) {
  volatile std::byte* to = data;  // or the compiler makes it a memset, which is seen
  for (std::size_t i = 0; i < size; ++i) to[i] = std::byte{0xa5};
}

bool same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

class Launch;
struct Slot;

enum class State : unsigned char { kReady, kAtBarrier, kAtWarp, kReturned };

struct Thread {
  explicit Thread(Slot& s) : slot(s), fiber(&Thread::live, this, kStackBytes) {}
  [[noreturn]] static void live(void* self);

  Slot& slot;
  Fiber fiber;
  Place at;
  State state = State::kReady;
  bool starved = false;        // runs only when no other can
  std::uint32_t switches = 0;  // since it arrived somewhere
  Warp what{};                 // at a warp function: which, and with what
  std::uint32_t lanes = 0;
  std::uint32_t value = 0;
  unsigned argument = 0;
  std::uint32_t answer = 0;
  std::source_location where;  // it waits
  unsigned warp_rounds = 0;    // of the sets of lanes of which it is the lowest
  char warp_edge[2] = {};
};

// Room for one block. What runs in the same slot, one block after the other, is ordered in ThreadSanitizer's eyes:
// stacks and shared memory are the same.
struct Slot {
  Launch* launch = nullptr;
  std::vector<std::unique_ptr<Thread>> threads;  // at least as many as the block has
  std::uint32_t warp_live[kWarpsMax] = {};       // lanes that have not returned
  std::uint32_t warp_waiting[kWarpsMax] = {};    // lanes at a warp function
  std::byte* shared = nullptr;
  unsigned live = 0;
  unsigned at_barrier = 0;
  unsigned barrier_rounds = 0;
  char barrier_edge[2] = {};
  unsigned block_rounds = 0;
  char block_edge[2] = {};
};

// Fibers are kept for the launches to come. One pool a thread of the host.
std::vector<std::unique_ptr<Slot>>& pool() {
  thread_local std::vector<std::unique_ptr<Slot>> slots;
  return slots;
}

constinit thread_local Thread* current = nullptr;

class Launch {
 public:
  Launch(const Kernel& kernel, unsigned blocks, unsigned rows, const void* args, std::uint64_t seed);
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
  ~Launch();
  void run();

  const Kernel& kernel;
  const void* const args;
  Counters counters;
  std::uint32_t until_switch = 1;
  void set_until_switch() { until_switch = 1 + random_.below(switch_every_); }

 private:
  void start_block(Slot& slot);
  Thread* pick();
  void shuffle_last(std::vector<Thread*>& ready) {
    std::swap(ready[random_.below(static_cast<std::uint32_t>(ready.size()))], ready.back());
  }
  void make_ready(Thread& thread);
  void settle(Thread& thread);
  void try_barrier(Slot& slot);
  void try_warp(Thread& any);
  [[noreturn]] void stuck(const Slot& slot, const char* why) const;

  const unsigned blocks_;
  Random random_;
  std::uint32_t switch_every_;
  bool in_turn_ = false;         // who was let go on last runs first, or any
  std::vector<unsigned> order_;  // of blocks still to run, last first
  std::vector<Slot*> slots_;
  std::vector<Thread*> ready_[2];  // [starved]
};

void Thread::live(void* self) {
  Thread& t = *static_cast<Thread*>(self);
  for (;;) {
    const unsigned round = t.slot.block_rounds;
    acquire(&t.slot.block_edge[round % 2]);
    t.slot.launch->kernel.run(t.slot.shared, t.slot.launch->args);
    release(&t.slot.block_edge[(round + 1) % 2]);  // for the next block, not for threads of this one
    t.state = State::kReturned;
    t.fiber.suspend();
  }
}

Launch::Launch(const Kernel& k, unsigned blocks, unsigned rows, const void* a, std::uint64_t seed)
    : kernel(k), args(a), blocks_(blocks), random_(seed) {
  constexpr std::uint32_t kSwitchEvery[] = {2, 8, 32, 128};  // accesses, at most
  switch_every_ = kSwitchEvery[random_.below(4)];
  in_turn_ = random_.below(2) != 0;
  order_.resize(std::size_t{blocks} * rows);
  std::iota(order_.begin(), order_.end(), 0u);
  switch (random_.below(3)) {
    case 0:
      break;
    case 1:
      std::reverse(order_.begin(), order_.end());
      break;
    default:
      for (std::size_t i = order_.size(); i > 1; --i) {
        std::swap(order_[i - 1], order_[random_.below(static_cast<std::uint32_t>(i))]);
      }
  }
  counters.launches = 1;
  counters.blocks = order_.size();
  const unsigned slots = std::min(kSlotsMax, kThreadsMax / kernel.threads);
  const unsigned resident = 1 + random_.below(slots);
  while (pool().size() < slots) pool().push_back(std::make_unique<Slot>());
  const unsigned first = random_.below(slots);
  for (unsigned i = 0; i < std::min<std::size_t>(resident, order_.size()); ++i) {
    Slot& slot = *pool()[(first + i) % slots];
    slot.launch = this;
    while (slot.threads.size() < kernel.threads) slot.threads.push_back(std::make_unique<Thread>(slot));
    void* shared = nullptr;  // of its size to the byte, so that AddressSanitizer sees its end
    if (posix_memalign(&shared, 128, kernel.shared_bytes) != 0) die("no memory for shared memory");
    slot.shared = static_cast<std::byte*>(shared);
    slots_.push_back(&slot);
  }
}

Launch::~Launch() {
  for (Slot* slot : slots_) std::free(slot->shared);
}

void Launch::run() {
  for (Slot* slot : slots_) {
    release(&slot->block_edge[(slot->block_rounds + 1) % 2]);
    start_block(*slot);
  }
  while (Thread* thread = pick()) {
    current = thread;
    place = &thread->at;
    thread->fiber.resume();
    current = nullptr;
    place = nullptr;
    settle(*thread);
  }
  for (Slot* slot : slots_) {
    if (slot->live != 0) stuck(*slot, "no thread can go on");
    acquire(&slot->block_edge[(slot->block_rounds + 1) % 2]);
  }
}

void Launch::start_block(Slot& slot) {
  const unsigned number = order_.back();
  order_.pop_back();
  poison_unseen(slot.shared, kernel.shared_bytes);
  ++slot.block_rounds;
  slot.live = kernel.threads;
  slot.at_barrier = 0;
  std::fill_n(slot.warp_live, kWarpsMax, 0);
  std::fill_n(slot.warp_waiting, kWarpsMax, 0);
  const std::uint32_t starved_of_8 = random_.below(3) == 0 ? random_.below(5) : 0;
  for (unsigned i = 0; i < kernel.threads; ++i) {
    Thread& t = *slot.threads[i];
    t.at = {i, kernel.threads, number % blocks_, blocks_, number / blocks_};
    t.starved = starved_of_8 != 0 && random_.below(8) < starved_of_8;
    slot.warp_live[i / kLanes] |= 1u << i % kLanes;
    make_ready(t);
  }
}

void Launch::make_ready(Thread& thread) {
  thread.state = State::kReady;
  ready_[thread.starved ? 1 : 0].push_back(&thread);
}

Thread* Launch::pick() {
  std::vector<Thread*>& ready = ready_[ready_[0].empty() ? 1 : 0];
  if (ready.empty()) return nullptr;
  if (!in_turn_) shuffle_last(ready);
  Thread* thread = ready.back();
  ready.pop_back();
  return thread;
}

void Launch::settle(Thread& thread) {
  Slot& slot = thread.slot;
  const unsigned warp = thread.at.thread / kLanes;
  const std::uint32_t bit = 1u << thread.at.thread % kLanes;
  if (thread.state == State::kReady) {  // let others run first
    if (++thread.switches > kSwitchesMax) stuck(slot, "a thread runs on and on: does it wait for another?");
    make_ready(thread);
    shuffle_last(ready_[thread.starved ? 1 : 0]);
    return;
  }
  thread.switches = 0;
  switch (thread.state) {
    case State::kReady:
      break;
    case State::kAtBarrier:
      ++slot.at_barrier;
      try_barrier(slot);
      break;
    case State::kAtWarp:
      slot.warp_waiting[warp] |= bit;
      try_warp(thread);
      break;
    case State::kReturned:
      slot.warp_live[warp] &= ~bit;
      if (--slot.live == 0) {
        if (!order_.empty()) start_block(slot);
        break;
      }
      try_barrier(slot);
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        if (slot.warp_waiting[warp] >> lane & 1) try_warp(*slot.threads[warp * kLanes + lane]);
      }
  }
}

// CUDA's rule: whoever has not returned has to arrive, and at the same barrier.
void Launch::try_barrier(Slot& slot) {
  if (slot.at_barrier < slot.live) return;
  const Thread* first = nullptr;
  for (unsigned i = 0; i < kernel.threads; ++i) {
    const Thread& t = *slot.threads[i];
    if (t.state != State::kAtBarrier) continue;
    if (first == nullptr) first = &t;
    if (!same(t.where, first->where)) {
      stuck(slot, "threads of a block are at different barriers");
    }
  }
  slot.at_barrier = 0;
  ++slot.barrier_rounds;
  ++counters.barriers;
  for (unsigned i = 0; i < kernel.threads; ++i) {
    if (slot.threads[i]->state == State::kAtBarrier) make_ready(*slot.threads[i]);
  }
}

void Launch::try_warp(Thread& any) {
  Slot& slot = any.slot;
  const unsigned warp = any.at.thread / kLanes;
  const std::uint32_t all = any.lanes & slot.warp_live[warp];
  if ((all & ~slot.warp_waiting[warp]) != 0) return;
  const auto& first = slot.threads.begin() + warp * kLanes;
  std::uint32_t votes = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if ((all >> lane & 1) == 0) continue;
    const Thread& other = *first[lane];
    if (other.lanes != any.lanes || other.what != any.what) {
      if ((other.lanes >> any.at.thread % kLanes & 1) != 0) {
        stuck(slot, "lanes that name each other called different warp functions, or with different masks");
      }
      return;  // it waits for others first
    }
    votes |= other.value << lane & 1u << lane;
  }
  const auto value_of = [&](unsigned lane) {
    return lane < kLanes && (all >> lane & 1) != 0 ? first[lane]->value : kUndefined;
  };
  ++first[std::countr_zero(any.lanes)]->warp_rounds;
  slot.warp_waiting[warp] &= ~all;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if ((all >> lane & 1) == 0) continue;
    Thread& t = *first[lane];
    switch (t.what) {
      case Warp::kBallot:
        t.answer = votes;
        break;
      case Warp::kShuffle:
        t.answer = value_of(t.argument);
        break;
      case Warp::kShuffleUp:
        t.answer = t.argument > lane ? t.value : value_of(lane - t.argument);
        break;
      case Warp::kBarrier:
        break;
    }
    make_ready(t);
  }
}

void Launch::stuck(const Slot& slot, const char* why) const {
  std::string all;
  unsigned first = 0;
  const auto say = [&](const Thread& t) -> std::string {
    const std::string at = std::string(" (") + t.where.file_name() + ":" + std::to_string(t.where.line()) + ")";
    char lanes[16];
    std::snprintf(lanes, sizeof lanes, "0x%08x", t.lanes);
    switch (t.state) {
      case State::kReady:
        return "can go on";
      case State::kAtBarrier:
        return "at barrier()" + at;
      case State::kAtWarp:
        return std::string("at ") + kWarpNames[static_cast<unsigned>(t.what)] + "(" + lanes + ")" + at;
      case State::kReturned:
        return "returned";
    }
    return {};
  };
  for (unsigned i = 1; i <= kernel.threads; ++i) {
    if (i < kernel.threads && i % kLanes != 0 && say(*slot.threads[i]) == say(*slot.threads[first])) continue;
    all += "\n  warp " + std::to_string(first / kLanes) + ", lanes " + std::to_string(first % kLanes) + "-" +
           std::to_string((i - 1) % kLanes) + ": " + say(*slot.threads[first]);
    first = i;
  }
  const Place& at = slot.threads[0]->at;
  die("%s: kernel %s, block %u of row %u%s", why, readable(kernel.name).c_str(), at.block, at.row, all.c_str());
}

Thread& running(const std::source_location& where) {
  if (current == nullptr) die("%s:%u: only a kernel may call this", where.file_name(), where.line());
  current->where = where;
  return *current;
}

}  // namespace

void barrier(const std::source_location& where) {
  Thread& t = running(where);
  char* edge = &t.slot.barrier_edge[t.slot.barrier_rounds % 2];
  t.state = State::kAtBarrier;
  release(edge);
  t.fiber.suspend();
  acquire(edge);
}

std::uint32_t warp(Warp what, std::uint32_t lanes, std::uint32_t value, unsigned argument,
                   const std::source_location& where) {
  Thread& t = running(where);
  const unsigned lane = t.at.thread % kLanes;
  if ((lanes >> lane & 1) == 0) {
    die("%s:%u: lane %u calls %s(0x%08x), which does not name it", where.file_name(), where.line(), lane,
        kWarpNames[static_cast<unsigned>(what)], lanes);
  }
  if (what == Warp::kShuffle && argument >= kLanes) {
    die("%s:%u: shuffle() from lane %u", where.file_name(), where.line(), argument);
  }
  ++t.slot.launch->counters.warp_functions;
  t.state = State::kAtWarp;
  t.what = what;
  t.lanes = lanes;
  t.value = value;
  t.argument = argument;
  Thread& lowest = *t.slot.threads[t.at.thread - lane + static_cast<unsigned>(std::countr_zero(lanes))];
  char* edge = &lowest.warp_edge[lowest.warp_rounds % 2];
  if (what == Warp::kBarrier) release(edge);  // votes and shuffles order no memory
  t.fiber.suspend();
  if (what == Warp::kBarrier) acquire(edge);
  return t.answer;
}

void touch(const void* at, std::size_t size, Space space, const std::source_location& where) {
  Thread& t = running(where);
  Launch& launch = *t.slot.launch;
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  const std::uintptr_t shared = address - reinterpret_cast<std::uintptr_t>(t.slot.shared);
  if (address % size != 0) die("%s:%u: %p is not aligned", where.file_name(), where.line(), at);
  if (space != Space::kAny && (space == Space::kShared) != (shared < launch.kernel.shared_bytes)) {
    die("%s:%u: %p is %s shared memory", where.file_name(), where.line(), at,
        space == Space::kShared ? "not in the block's" : "in");
  }
  ++(space == Space::kAny      ? launch.counters.loads_and_stores
     : space == Space::kShared ? launch.counters.shared_atomics
                               : launch.counters.global_atomics);
  if (--launch.until_switch == 0) {
    launch.set_until_switch();
    t.fiber.suspend();
  }
}

Counters run_grid(const Kernel& kernel, unsigned blocks, unsigned rows, const void* args, std::uint64_t seed) {
  Launch launch(kernel, blocks, rows, args, seed);
  launch.run();
  return launch.counters;
}

}  // namespace marquee::standin
