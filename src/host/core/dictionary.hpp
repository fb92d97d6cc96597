// Dictionary: text -> dense 32-bit id, read by many threads while one thread writes.
//
// Open addressing over 32-byte slots: text up to 20 bytes stands in the slot itself, so a hit costs one cache line.
// A slot's text never changes once its id is published (release), and a removed slot becomes a tombstone that this
// table never reuses; the table is rebuilt without them, and grown, under a new pointer (read-copy-update). Text, ids
// and old tables are reclaimed by era: the owner raises the era when it takes something out, every batch carries the
// era in which its filling began, and what was taken out in era e may be reused once no batch begun at or before e is
// left.
//
// Threads: View is for any thread, valid while the batch it was taken for is being filled. All else is the owner's.
// Cost: find ~25 ns in cache, one miss outside it; prefetch() hides that. Memory: 32 bytes a slot at load <= 1/2, plus
// 16 bytes an id, plus text over 20 bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "core/check.hpp"
#include "core/short_text.hpp"

namespace marquee {

// wyhash's mix over 16-byte steps (Wang Yi, wyhash v4; public domain), the last of them filled up with zeros. Seeded
// per process against crafted ids. For a text behind which kTextSlack bytes can be read; bare: behind which nothing
// need be. Both say the same.
class TextHash {
 public:
  explicit TextHash(std::uint64_t seed) : start_(seed ^ mix(seed ^ k0, k1)) {}
  std::uint64_t operator()(std::string_view text) const { return of<false>(text); }
  std::uint64_t bare(std::string_view text) const { return of<true>(text); }

 private:
  static constexpr std::uint64_t k0 = 0xa0761d6478bd642fULL, k1 = 0xe7037ed1a0b428dbULL;
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide r = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(r) ^ static_cast<std::uint64_t>(r >> 64);
  }
  template <bool bare>
  [[gnu::always_inline]] std::uint64_t of(std::string_view s) const {
    const std::size_t size = s.size();
    std::uint64_t h = start_;
    for (; s.size() > ShortText::kBytesMax; s.remove_prefix(ShortText::kBytesMax)) {
      const ShortText step = ShortText::of_16(s.data());
      h = mix(step.first ^ k1, step.second ^ h);
    }
    const ShortText rest = bare ? ShortText::of_bare(s) : ShortText::of(s);
    return mix(k1 ^ size, mix(rest.first ^ k1, rest.second ^ h));
  }

  std::uint64_t start_;
};

class Dictionary {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kRefused = 0;  // the id that stands for every text there was no room for

  // At most `budget` ids live at once (0, the refused one, not counted). `seed` salts the hash.
  explicit Dictionary(std::uint32_t budget, std::uint64_t seed = 0);
  ~Dictionary();
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;

 private:
  struct alignas(32) Slot {            // two to a cache line, none across two
    std::atomic<std::uint32_t> id{0};  // 0: empty; kTombstone: removed; else published
    std::uint32_t tag = 0;             // upper half of the hash
    std::uint16_t size = 0;
    std::uint16_t unused_ = 0;
    char text[20] = {};  // the text, then zeros; or, above 20 bytes, a pointer to it
  };
  static_assert(sizeof(Slot) == 32);
  static constexpr std::uint32_t kTombstone = 0xffffffff;
  static constexpr std::size_t kInline = sizeof(Slot::text);
  static constexpr std::size_t kHugePageBytes = 2u << 20;
  struct Table {
    struct Free {
      std::align_val_t alignment;
      void operator()(Slot* p) const { ::operator delete(p, alignment); }
    };
    explicit Table(std::size_t capacity);
    std::size_t mask;
    std::unique_ptr<Slot[], Free> slots;
  };

 public:
  // What ingest threads read. Cheap to take, once a run of records. Behind every text kTextSlack bytes can be read.
  class View {
   public:
    std::uint64_t hash(std::string_view text) const { return hash_(text); }
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(slots_ + (hash & mask_)); }
    // The id, or kNone.
    std::uint32_t find(std::string_view text, std::uint64_t hash) const {
      if (text.size() > ShortText::kBytesMax) return find_in(slots_, mask_, text, hash);
      return find_in(slots_, mask_, ShortText::of(text), hash);
    }

   private:
    friend class Dictionary;
    View(const Table& table, TextHash hash) : slots_(table.slots.get()), mask_(table.mask), hash_(hash) {}
    const Slot* slots_;
    std::size_t mask_;
    TextHash hash_;
  };
  View view() const { return {*table_.load(std::memory_order_acquire), hash_}; }

  // Owner: the id of `text`, given now if it is new; kRefused when the budget is used up.
  std::uint32_t find_or_give(std::string_view text, std::uint64_t hash);
  std::uint32_t find_or_give(std::string_view text) { return find_or_give(text, hash(text)); }
  // What a View would say, of any text.
  std::uint64_t hash(std::string_view text) const { return hash_.bare(text); }

  // Owner: text of a live or retired-but-not-reclaimed id. Valid until the id is reclaimed.
  std::string_view text(std::uint32_t id) const { return {texts_[id].data, texts_[id].size}; }
  bool live(std::uint32_t id) const { return id < texts_.size() && texts_[id].live; }

  // Owner: what is taken out from now on belongs to this era (that of the batches begun now) and this epoch.
  void set_now(std::uint64_t era, std::uint64_t epoch) {
    era_ = era;
    epoch_ = epoch;
  }
  // Owner: takes a live id out of what Views find. It stays unavailable until reclaim() says era and epoch are over.
  void retire(std::uint32_t id);
  // Owner: makes what was taken out in eras <= `era` and, ids, in epochs <= `epoch_committed`, available again.
  void reclaim(std::uint64_t era, std::uint64_t epoch_committed);
  bool has_garbage() const { return !retired_.empty() || !old_tables_.empty(); }
  // Owner: forgets every id at once (recovery; no View may be in use).
  void clear();

  std::uint32_t live_count() const { return live_count_; }
  std::uint32_t budget() const { return budget_; }
  // Ids are below this; columns indexed by id have this many rows.
  std::uint32_t id_bound() const { return static_cast<std::uint32_t>(texts_.size()); }
  bool full() const { return live_count_ + static_cast<std::uint32_t>(retired_.size()) >= budget_; }
  std::size_t retired_count() const { return retired_.size(); }
  std::size_t memory_bytes() const;

 private:
  struct Text {
    const char* data = nullptr;
    std::uint32_t size = 0;
    bool live = false;
  };
  struct Retired {
    std::uint32_t id;
    std::uint64_t era;
    std::uint64_t epoch;
  };
  struct OldTable {
    std::unique_ptr<Table> table;
    std::uint64_t era;
  };

  static bool equals(const Slot& slot, std::string_view text) {
    if (slot.size != text.size()) return false;
    const char* data = slot.text;
    if (text.size() > kInline) std::memcpy(&data, slot.text, sizeof(data));
    return text.empty() || std::memcmp(data, text.data(), text.size()) == 0;
  }
  static bool equals(const Slot& slot, const ShortText& text) {
    ShortText here{0, 0, slot.size};  // a longer one's pointer, or first bytes, may be anything: its size is not
    std::memcpy(&here.first, slot.text, 8);
    std::memcpy(&here.second, slot.text + 8, 8);
    return here == text;
  }
  template <class T>
  static std::uint32_t find_in(const Slot* slots, std::size_t mask, const T& text, std::uint64_t hash) {
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Slot& slot = slots[i];
      const std::uint32_t id = slot.id.load(std::memory_order_acquire);
      if (id == 0) return kNone;
      if (id != kTombstone && slot.tag == tag && equals(slot, text)) return id;
    }
  }
  void insert(Table& table, std::string_view text, std::uint64_t hash, std::uint32_t id);
  void rebuild();
  const char* store(std::string_view text);
  void release(Text& text);

  std::uint32_t budget_;
  TextHash hash_;
  std::uint64_t epoch_ = 0;
  std::uint64_t era_ = 0;
  std::atomic<Table*> table_;
  std::size_t used_slots_ = 0;  // published or tombstone
  std::uint32_t live_count_ = 0;
  std::vector<Text> texts_;          // by id
  std::vector<std::uint32_t> free_;  // ids to reuse
  std::vector<Retired> retired_;
  std::vector<OldTable> old_tables_;
  // Text storage: size classes of 16 bytes, each with a free list; chunks are never moved.
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;
  std::vector<std::vector<char*>> free_text_;
};

}  // namespace marquee
