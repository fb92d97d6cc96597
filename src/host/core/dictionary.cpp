#include "core/dictionary.hpp"

#include <algorithm>
#include <memory>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace marquee {
namespace {

constexpr std::size_t kFirstCapacity = 1024;
constexpr std::size_t kChunkBytes = 64u << 10;
constexpr std::size_t kTextUnit = 16;

std::size_t text_class(std::size_t size) {
  return (std::max<std::size_t>(size, 1) + kTextUnit - 1) / kTextUnit;
}

}  // namespace

Dictionary::Table::Table(std::size_t capacity) : mask(capacity - 1) {
  const std::size_t bytes = capacity * sizeof(Slot);
  const std::align_val_t alignment{bytes >= kHugePageBytes ? kHugePageBytes : alignof(Slot)};
  slots = {static_cast<Slot*>(::operator new(bytes, alignment)), Free{alignment}};
#ifdef __linux__
  // Lookups are random: without huge pages nearly each one misses the TLB too, and waits for it even as a prefetch.
  // Advice only; a kernel that says no changes nothing.
  if (bytes >= kHugePageBytes) madvise(slots.get(), bytes, MADV_HUGEPAGE);
#endif
  std::uninitialized_value_construct_n(slots.get(), capacity);
}

Dictionary::Dictionary(std::uint32_t budget, std::uint64_t seed)
    : budget_(budget), hash_(seed), table_(new Table(kFirstCapacity)) {
  texts_.push_back({"", 0, false});  // id 0
}

Dictionary::~Dictionary() {
  delete table_.load(std::memory_order_relaxed);
}

std::uint32_t Dictionary::find_or_give(std::string_view text, std::uint64_t hash) {
  Table* table = table_.load(std::memory_order_relaxed);
  if (const std::uint32_t id = find_in(table->slots.get(), table->mask, text, hash); id != kNone) return id;
  std::uint32_t id = 0;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else {
    if (full()) return kRefused;
    id = id_bound();
    texts_.emplace_back();
  }
  texts_[id] = {store(text), static_cast<std::uint32_t>(text.size()), true};
  if ((used_slots_ + 1) * 2 > table->mask + 1) {
    rebuild();
    table = table_.load(std::memory_order_relaxed);
  }
  insert(*table, this->text(id), hash, id);
  ++used_slots_;
  ++live_count_;
  return id;
}

void Dictionary::insert(Table& table, std::string_view text, std::uint64_t hash, std::uint32_t id) {
  std::size_t i = hash & table.mask;
  while (table.slots[i].id.load(std::memory_order_relaxed) != 0) i = (i + 1) & table.mask;
  Slot& slot = table.slots[i];
  slot.tag = static_cast<std::uint32_t>(hash >> 32);
  slot.size = static_cast<std::uint16_t>(text.size());
  if (text.size() > kInline) {
    const char* data = text.data();
    std::memcpy(slot.text, static_cast<const void*>(&data), sizeof(data));
  } else if (!text.empty()) {
    std::memcpy(slot.text, text.data(), text.size());
  }
  slot.id.store(id, std::memory_order_release);
}

// A new table with the live ids alone, at load <= 1/4, so that rebuilding stays amortised under churn too.
void Dictionary::rebuild() {
  std::size_t capacity = kFirstCapacity;
  while (capacity < std::size_t{live_count_ + 1} * 4) capacity *= 2;
  auto next = std::make_unique<Table>(capacity);
  used_slots_ = 0;
  const Table* old = table_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i <= old->mask; ++i) {
    const Slot& slot = old->slots[i];
    const std::uint32_t id = slot.id.load(std::memory_order_relaxed);
    if (id == 0 || id == kTombstone) continue;
    insert(*next, text(id), hash(text(id)), id);
    ++used_slots_;
  }
  old_tables_.push_back({std::unique_ptr<Table>(table_.exchange(next.release(), std::memory_order_acq_rel)), era_});
}

void Dictionary::retire(std::uint32_t id) {
  MARQUEE_CHECK(live(id));
  Table* table = table_.load(std::memory_order_relaxed);
  const std::uint64_t hash = this->hash(text(id));
  for (std::size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
    const std::uint32_t here = table->slots[i].id.load(std::memory_order_relaxed);
    MARQUEE_CHECK(here != 0);
    if (here != id) continue;
    table->slots[i].id.store(kTombstone, std::memory_order_release);
    break;
  }
  texts_[id].live = false;
  --live_count_;
  retired_.push_back({id, era_, epoch_});
}

void Dictionary::reclaim(std::uint64_t era, std::uint64_t epoch_committed) {
  std::erase_if(retired_, [&](const Retired& r) {
    if (r.era > era || r.epoch > epoch_committed) return false;
    release(texts_[r.id]);
    free_.push_back(r.id);
    return true;
  });
  std::erase_if(old_tables_, [&](const OldTable& t) { return t.era <= era; });
}

void Dictionary::clear() {
  delete table_.exchange(new Table(kFirstCapacity), std::memory_order_acq_rel);
  old_tables_.clear();
  retired_.clear();
  free_.clear();
  texts_.assign(1, {"", 0, false});
  chunks_.clear();
  chunk_left_ = 0;
  free_text_.clear();
  used_slots_ = 0;
  live_count_ = 0;
}

const char* Dictionary::store(std::string_view text) {
  const std::size_t units = text_class(text.size());
  if (free_text_.size() <= units) free_text_.resize(units + 1);
  char* place = nullptr;
  if (!free_text_[units].empty()) {
    place = free_text_[units].back();
    free_text_[units].pop_back();
  } else {
    const std::size_t bytes = units * kTextUnit;
    MARQUEE_CHECK(bytes <= kChunkBytes);
    if (bytes > chunk_left_) {
      chunks_.push_back(std::make_unique<char[]>(kChunkBytes));
      chunk_left_ = kChunkBytes;
    }
    place = chunks_.back().get() + (kChunkBytes - chunk_left_);
    chunk_left_ -= bytes;
  }
  if (!text.empty()) std::memcpy(place, text.data(), text.size());
  return place;
}

void Dictionary::release(Text& text) {
  free_text_[text_class(text.size)].push_back(const_cast<char*>(text.data));
  text = {};
}

std::size_t Dictionary::memory_bytes() const {
  std::size_t bytes = texts_.capacity() * sizeof(Text) + chunks_.size() * kChunkBytes;
  bytes += (table_.load(std::memory_order_relaxed)->mask + 1) * sizeof(Slot);
  for (const OldTable& t : old_tables_) bytes += (t.table->mask + 1) * sizeof(Slot);
  return bytes;
}

}  // namespace marquee
