#include "decode/layout.hpp"

#include <algorithm>
#include <cstring>

namespace marquee::decoding {
namespace {

constexpr std::size_t kSlotsPerRecordMax = 96;
constexpr std::size_t kDepthMax = 16;

// Builds the slots while walk_value() goes over the record.
class Builder {
 public:
  Builder(const FieldTrie& trie, std::string_view record, std::vector<std::uint8_t>& seen,
          std::vector<ValueKind>& kinds, Layout& layout)
      : trie_(trie), gap_(record.data()), seen_(seen), kinds_(kinds), layout_(layout) {}

  bool good() const { return good_; }

  void open(bool object) {
    const FieldTrie::Node node = pending_;
    if (depth_ > 0) note_container();
    if (depth_ == kDepthMax) {
      good_ = false;
      return;
    }
    // Arrays, and objects that no path enters, hold nothing that is wanted.
    within_[depth_] = !object ? FieldTrie::kNone : depth_ == 0 ? FieldTrie::kRoot : node;
    ++depth_;
    pending_ = FieldTrie::kNone;
  }
  void close(bool /*object*/) {
    if (good_) --depth_;
    pending_ = FieldTrie::kNone;
  }
  void key(std::string_view raw, bool escaped) {
    if (!good_) return;
    if (escaped) good_ = false;
    pending_ = FieldTrie::kNone;
    const FieldTrie::Node node = within_[depth_ - 1];
    if (node == FieldTrie::kNone) return;
    pending_ = trie_.child(node, raw);
    if (pending_ == FieldTrie::kNone) return;
    if (seen_[pending_] != 0) good_ = false;
    seen_[pending_] = 1;
  }
  void string(std::string_view raw, bool escaped) {
    if (escaped) good_ = false;
    value(raw.data(), raw.data() + raw.size(), Slot::Kind::kString);
  }
  void scalar(const RawValue& token) {
    const char* begin = token.data;
    value(begin, begin + token.size, Slot::Kind::kScalar);
  }
  void finish(const char* end) { value(end, end, Slot::Kind::kEnd); }

 private:
  std::uint32_t wanted() const { return pending_ == FieldTrie::kNone ? FieldTrie::kNone : trie_.field(pending_); }

  void note_container() {
    if (const std::uint32_t field = wanted(); field != FieldTrie::kNone) {
      kinds_[field] = ValueKind::kOther;
    }
  }

  // The gap up to `begin`, in pieces, then a value that ends before `end`.
  void value(const char* begin, const char* end, Slot::Kind kind) {
    if (!good_) return;
    if (!layout_.slots.empty()) layout_.slots.back().behind = *gap_;
    while (true) {
      if (layout_.slots.size() == kSlotsPerRecordMax) {
        good_ = false;
        return;
      }
      Slot& slot = layout_.slots.emplace_back();
      const std::size_t size = std::min(static_cast<std::size_t>(begin - gap_), Slot::kGapMax);
      std::memcpy(slot.gap.data(), gap_, size);
      std::fill_n(slot.mask.begin(), size, std::uint8_t{0xff});
      slot.gap_size = static_cast<std::uint32_t>(size);
      layout_.quotes += static_cast<std::uint32_t>(std::count(gap_, gap_ + size, '"'));
      gap_ += size;
      if (gap_ != begin) continue;
      slot.kind = kind;
      slot.quote = layout_.quotes;
      slot.field = kind == Slot::Kind::kEnd ? FieldTrie::kNone : wanted();
      if (slot.field != FieldTrie::kNone) kinds_[slot.field] = ValueKind::kString;
      break;
    }
    gap_ = end;
    pending_ = FieldTrie::kNone;
  }

  const FieldTrie& trie_;
  const char* gap_;
  std::vector<std::uint8_t>& seen_;
  std::vector<ValueKind>& kinds_;
  Layout& layout_;
  std::array<FieldTrie::Node, kDepthMax> within_{};
  std::size_t depth_ = 0;
  FieldTrie::Node pending_ = FieldTrie::kNone;  // of the key whose value comes next
  bool good_ = true;
};

}  // namespace

bool LayoutLearner::learn(std::string_view record, Layout& layout) {
  layout.slots.clear();
  layout.quotes = 0;
  layout.constants.clear();
  seen_.assign(trie_.node_count(), 0);
  kinds_.assign(trie_.field_count(), ValueKind::kAbsent);
  Builder builder(trie_, record, seen_, kinds_, layout);
  const char* const end = record.data() + record.size();
  if (walk_value(record.data(), end, nesting_, builder) != end || !builder.good()) return false;
  builder.finish(end);
  for (std::uint32_t field = 0; field < trie_.field_count(); ++field) {
    const ValueKind kind = kinds_[field];
    if (kind == ValueKind::kAbsent || kind == ValueKind::kOther) layout.constants.push_back({field, kind});
  }
  return builder.good();
}

}  // namespace marquee::decoding
