#include "decode/decoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "decode/field_trie.hpp"
#include "decode/json_text.hpp"
#include "decode/judge.hpp"
#include "decode/record_reader.hpp"
#include "decode/text_pool.hpp"

namespace marquee {

using namespace decoding;

namespace {

// Records are decoded in runs: read and judge them all, asking for the dictionaries' cache lines on the way, then look
// the keys up, when the lines have come.
constexpr std::size_t kRun = 64;

// An event of the run, between reading and looking up.
struct Row {
  std::string_view item;
  std::string_view combination;
  std::uint64_t item_hash;
  std::uint64_t combination_hash;
  std::int64_t time_ms;
  std::uint32_t watch_ms;
  std::uint32_t record;
};

}  // namespace

class Decoder::Impl {
 public:
  Impl(const JobSpec& job, const Dictionary& items, const Dictionary& combinations, ReaderChoice choice)
      : items_(items),
        combinations_(combinations),
        judge_(job, trie_),
        fields_(trie_.field_count() + 1),
        reader_(trie_, pool_, choice) {}

  void decode(Batch& batch, std::size_t first_record, std::size_t end_record) {
    MARQUEE_CHECK(first_record <= end_record && end_record <= batch.records.size());
    MARQUEE_CHECK(end_record - first_record <= batch.events_room());
    for (std::size_t at = first_record; at < end_record; at += kRun) {
      decode_run(batch, at, std::min(kRun, end_record - at));
    }
  }

 private:
  void decode_run(Batch& batch, std::size_t first, std::size_t size) {
    pool_.reset();
    const Dictionary::View items = items_.view();
    const Dictionary::View combinations = combinations_.view();
    const Record& last = batch.records[first + size - 1];
    reader_.begin_run(batch.arena() + batch.records[first].begin, batch.arena() + last.begin + last.size);
    std::size_t count = 0;
    for (std::size_t i = first; i < first + size; ++i) {
      const Record& record = batch.records[i];
      const Verdict verdict = decode_record(batch, record, event_);
      if (verdict != Verdict::kCounted) {
        note(batch, static_cast<std::uint32_t>(i), verdict);
        continue;
      }
      Row& row = rows_[count++];
      row.item = event_.item;
      row.combination = combination_key(event_);
      row.time_ms = event_.time_ms;
      row.watch_ms = event_.watch_ms;
      row.record = static_cast<std::uint32_t>(i);
      if (judge_.display_count() > 0) append_titles(batch);
      row.item_hash = items.hash(row.item);
      items.prefetch(row.item_hash);
    }
    reader_.end_run();
    // Not above: a key hashed right after it was written waits for its own bytes (failed store-to-load forwarding).
    for (std::size_t i = 0; i < count; ++i) {
      rows_[i].combination_hash = combinations.hash(rows_[i].combination);
      combinations.prefetch(rows_[i].combination_hash);
    }
    const Columns columns(batch);
    for (std::size_t i = 0; i < count; ++i) append(batch, columns, rows_[i], items, combinations);
  }

  Verdict decode_record(const Batch& batch, const Record& record, EventValues& event) {
    if (record.element == Record::kBrokenArray) return Verdict::kMalformed;
    const std::string_view text = trim_space(batch.bytes(record));
    if (text.empty()) return Verdict::kEmpty;
    if (text.front() != '{') return Verdict::kNotObject;
    if (!reader_.read(text, fields_.data())) return Verdict::kMalformed;
    return judge_.judge(fields_.data(), batch.messages[record.message].timestamp_ms, event);
  }

  // As core's append_key_part() would write it.
  std::string_view combination_key(const EventValues& event) {
    const std::span<const std::string_view> values(event.dimensions.data(), judge_.dimension_count());
    std::size_t size = 0;
    for (const std::string_view value : values) size += 2 + value.size();
    char* const key = pool_.take(size);
    char* p = key;
    for (const std::string_view value : values) {
      *p++ = static_cast<char>(value.size() & 0xff);
      *p++ = static_cast<char>(value.size() >> 8);
      p = copy_short(p, value);
    }
    return {key, size};
  }

  // memcpy for what is mostly a few bytes: no call, and no branch on the size. Both ends have kTextSlack.
  static char* copy_short(char* to, std::string_view from) {
    static_assert(kTextSlack == 16);
    char piece[16];  // the two may overlap: an unescaped value may lie right before the key
    std::memcpy(piece, from.data(), 16);
    std::memcpy(to, piece, 16);
    if (from.size() > 16) std::memcpy(to + 16, from.data() + 16, from.size() - 16);
    return to + from.size();
  }

  struct Columns {
    explicit Columns(Batch& b)
        : item(b.item()),
          combination(b.combination()),
          watch_ms(b.watch_ms()),
          time_ms(b.time_ms()),
          record(b.record()) {}
    ItemId* item;
    CombinationId* combination;
    std::uint32_t* watch_ms;
    EventTimeMs* time_ms;
    std::uint32_t* record;
  };

  static void append(Batch& batch, const Columns& columns, const Row& row, const Dictionary::View& items,
                     const Dictionary::View& combinations) {
    const std::uint32_t e = batch.event_count++;
    std::uint32_t item = items.find(row.item, row.item_hash);
    if (item == Dictionary::kNone) item = leave_item(batch, e, row);
    std::uint32_t combination = combinations.find(row.combination, row.combination_hash);
    if (combination == Dictionary::kNone) combination = leave_combination(batch, e, row);
    columns.item[e] = ItemId{item};
    columns.combination[e] = CombinationId{combination};
    columns.watch_ms[e] = row.watch_ms;
    columns.time_ms[e] = row.time_ms;
    columns.record[e] = row.record;
  }

  // In the order in which events are appended.
  [[gnu::noinline]] void append_titles(Batch& batch) {
    judge_.read_titles(fields_.data(), event_);
    for (std::size_t d = 0; d < judge_.display_count(); ++d) {
      const std::string_view title = event_.titles[d];
      batch.titles.push_back(title.empty() || in_arena(batch, title) ? title : keep(batch, title));
    }
  }

  static bool in_arena(const Batch& batch, std::string_view text) {
    return text.data() >= batch.arena() && text.data() < batch.arena() + batch.arena_used;
  }

  // A key that is not known yet: its id is given at hand-over. Out of line, as is all below: the loops over records
  // keep their registers.
  [[gnu::noinline]] static std::uint32_t leave_item(Batch& batch, std::uint32_t event, const Row& row) {
    batch.pending_items.push_back({event, row.item_hash, in_arena(batch, row.item) ? row.item : keep(batch, row.item)});
    return Dictionary::kRefused;
  }
  [[gnu::noinline]] static std::uint32_t leave_combination(Batch& batch, std::uint32_t event, const Row& row) {
    batch.pending_combinations.push_back({event, row.combination_hash, keep(batch, row.combination)});
    return Dictionary::kRefused;
  }

  static std::string_view keep(Batch& batch, std::string_view text) {
    if (text.empty()) return {};
    char* place = batch.scratch(text.size());
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
  }

  [[gnu::noinline]] static void note(Batch& batch, std::uint32_t record, Verdict verdict) {
    ++batch.verdicts[verdict];
    if (batch.keep_letters && is_invalid(verdict)) batch.letters.push_back({record, verdict});
  }

  const Dictionary& items_;
  const Dictionary& combinations_;
  FieldTrie trie_;
  Judge judge_;
  TextPool pool_;
  std::vector<RawValue> fields_;  // of the record being read
  EventValues event_;             // of the record being judged
  RecordReader reader_;
  std::array<Row, kRun> rows_;
};

Decoder::Decoder(const JobSpec& job, const Dictionary& items, const Dictionary& combinations)
    : Decoder(job, items, combinations, ReaderChoice{}) {}
Decoder::Decoder(const JobSpec& job, const Dictionary& items, const Dictionary& combinations, ReaderChoice choice)
    : impl_(std::make_unique<Impl>(job, items, combinations, choice)) {}
Decoder::~Decoder() = default;

void Decoder::decode(Batch& batch, std::size_t first_record, std::size_t end_record) {
  impl_->decode(batch, first_record, end_record);
}

}  // namespace marquee
