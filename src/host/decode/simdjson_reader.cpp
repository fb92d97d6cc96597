#include "decode/simdjson_reader.hpp"

#include <simdjson.h>

#include <algorithm>

#include "core/limits.hpp"
#include "decode/token_walk.hpp"

namespace marquee::decoding {

static_assert(kArenaPaddingBytes >= simdjson::SIMDJSON_PADDING);

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

namespace {

// A text, where its tokens begin, and what walks over them. Grows to the largest text.
class IndexedText {
 public:
  IndexedText(const FieldTrie& trie, TextPool& pool) : walk_(trie, pool) {}

  // False where there is no index: not UTF-8, an open string, a control character in one, or no memory.
  bool index(std::string_view text) {
    if (text.size() > capacity_) {
      const std::size_t capacity = std::max({text.size(), capacity_ * 2, kFirstCapacity});
      capacity_ = 0;
      if (parser_.allocate(capacity, 1) != simdjson::SUCCESS) return false;
      capacity_ = capacity;
    }
    auto& stage = *parser_.implementation;
    if (stage.stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), simdjson::stage1_mode::regular) !=
        simdjson::SUCCESS) {
      return false;
    }
    // There is room: simdjson allocates 9 more than the text has bytes.
    at_ = stage.structural_indexes.get();
    std::fill_n(stage.structural_indexes.get() + stage.n_structural_indexes, 4,
                static_cast<std::uint32_t>(text.size()));
    begin_ = text.data();
    walk_.begin(text);
    return true;
  }

  // Whether a token begins where the record, which lies behind the last one, does. To be asked before read().
  bool begins_token(std::string_view record) {
    const auto begin = static_cast<std::uint32_t>(record.data() - begin_);
    while (*at_ < begin) ++at_;
    return *at_ == begin;
  }

  bool read(std::string_view record, RawValue* fields) {
    const TokenWalk::Tokens behind = walk_.read(record, at_, fields);
    if (behind == nullptr) return false;
    at_ = behind;
    return true;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 64u << 10;

  simdjson::dom::parser parser_;
  std::size_t capacity_ = 0;
  const char* begin_ = nullptr;
  TokenWalk::Tokens at_ = nullptr;
  TokenWalk walk_;
};

}  // namespace

class SimdjsonReader::Parser {
 public:
  Parser(const FieldTrie& trie, TextPool& pool) : alone_(trie, pool), run_(trie, pool) {}

  void open_run(std::string_view run) { is_open_ = run_.index(run); }
  void close_run() { is_open_ = false; }

  // A token where the record begins is outside of any string, by the run's index too. What stands before such a '{'
  // says nothing about how the bytes behind it are taken, so the tokens of the record are the same as by an index of
  // its own. Behind its end other records' follow instead of none, and a record that goes on there is malformed.
  bool read(std::string_view record, RawValue* fields) {
    if (is_open_ && run_.begins_token(record)) return run_.read(record, fields);
    return alone_.index(record) && alone_.read(record, fields);
  }

 private:
  IndexedText alone_;
  IndexedText run_;
  bool is_open_ = false;
};

SimdjsonReader::SimdjsonReader(const FieldTrie& trie, TextPool& pool) : parser_(std::make_unique<Parser>(trie, pool)) {}
SimdjsonReader::~SimdjsonReader() = default;

void SimdjsonReader::open_run(std::string_view run) {
  parser_->open_run(run);
}
void SimdjsonReader::close_run() {
  parser_->close_run();
}
bool SimdjsonReader::read(std::string_view record, RawValue* fields) {
  return parser_->read(record, fields);
}

}  // namespace marquee::decoding
