#include "decode/simdjson_reader.hpp"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "core/limits.hpp"
#include "decode/json_text.hpp"

namespace marquee::decoding {

namespace ondemand = simdjson::ondemand;

static_assert(kArenaPaddingBytes >= simdjson::SIMDJSON_PADDING);

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

class SimdjsonReader::Parser {
 public:
  Parser(const FieldTrie& trie, TextPool& pool) : trie_(trie), pool_(pool) {
#ifdef SIMDJSON_THREADS_ENABLED
    parser_.threaded = false;  // its second thread costs more than it gives at our sizes
#endif
    reserve(kFirstCapacity);
  }

  bool read(std::string_view record, RawValue* fields) {
    stream_.reset();  // the parser has one set of indexes
    reserve(record.size());
    ondemand::document document;
    const simdjson::padded_string_view padded(record.data(), record.size(), record.size() + simdjson::SIMDJSON_PADDING);
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS) return false;
    end_ = record.data() + record.size();
    ondemand::object object;
    if (document.get_object().get(object) != simdjson::SUCCESS || !read_object(object, FieldTrie::kRoot, fields)) {
      return false;
    }
    // Out of bounds: nothing stands behind the object.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  }

  void open_stream(std::string_view run) {
    stream_.reset();
    reserve(run.size());
    stream_begin_ = run.data();
    stream_.emplace();
    if (parser_.iterate_many(run.data(), run.size(), parser_.capacity()).get(*stream_) != simdjson::SUCCESS) {
      stream_.reset();
      return;
    }
    at_ = stream_->begin();
  }

  bool read_from_stream(std::string_view record, const char* next, RawValue* fields) {
    if (!stream_) return false;
    const bool good = read_document(record, next, fields);
    if (!good) stream_.reset();
    return good;
  }

 private:
  static constexpr std::size_t kFirstCapacity = 64u << 10;

  void reserve(std::size_t size) {
    if (size <= parser_.capacity()) return;
    // An error (no memory) shows at the next iterate() as the record's error.
    if (parser_.allocate(std::max(size, parser_.capacity() * 2)) != simdjson::SUCCESS) return;
  }

  bool read_document(std::string_view record, const char* next, RawValue* fields) {
    if (!(at_ != stream_->end()) || at_.error() != simdjson::SUCCESS) return false;
    if (stream_begin_ + at_.current_index() != record.data()) return false;
    end_ = record.data() + record.size();
    ondemand::object object;
    auto document = *at_;
    if (document.get_object().get(object) != simdjson::SUCCESS || !read_object(object, FieldTrie::kRoot, fields)) {
      return false;
    }
    ++at_;
    if (!(at_ != stream_->end()) || at_.error() != simdjson::SUCCESS) return false;
    return stream_begin_ + at_.current_index() == next;
  }

  // Every key and value of the object; recursion is as deep as the longest configured path.
  bool read_object(ondemand::object& object, FieldTrie::Node node, RawValue* fields) {
    for (auto field_result : object) {
      ondemand::field field;
      if (std::move(field_result).get(field) != simdjson::SUCCESS) return false;
      ondemand::value value = field.value();
      const std::string_view token = value.raw_json_token();
      if (token.empty() || token.data() >= end_) return false;
      FieldTrie::Node child = FieldTrie::kNone;
      if (!find_child(node, field.key().raw(), token.data(), child)) return false;
      const bool enter = child != FieldTrie::kNone && trie_.has_children(child);
      RawValue raw;
      if (token[0] == '{' && enter) {
        raw = {token.data(), 1, ValueKind::kOther};
        ondemand::object inner;
        if (value.get_object().get(inner) != simdjson::SUCCESS || !read_object(inner, child, fields)) return false;
      } else if (token[0] == '{' || token[0] == '[') {
        // skip_child() counts brackets but does not tell one kind from the other, so the value is walked here first.
        raw = {token.data(), 1, ValueKind::kOther};
        if (walk_value(token.data(), end_, nesting_, WalkNothing{}) == nullptr) return false;
      } else if (!read_token(token, child != FieldTrie::kNone && trie_.field(child) != FieldTrie::kNone, raw)) {
        return false;
      }
      if (child != FieldTrie::kNone && trie_.field(child) != FieldTrie::kNone) fields[trie_.field(child)] = raw;
    }
    return true;
  }

  // `key`: first byte within its quotes; between its closing quote and `value` only a colon and white space may stand.
  bool find_child(FieldTrie::Node node, const char* key, const char* value, FieldTrie::Node& child) {
    bool escaped = false;
    const char* close = skip_string(key, value, escaped);
    if (close == nullptr) return false;
    const char* colon = skip_space(close + 1, value);
    if (colon == value || *colon != ':' || skip_space(colon + 1, value) != value) return false;
    std::string_view text(key, static_cast<std::size_t>(close - key));
    if (escaped && !decode(text)) return false;
    child = trie_.child(node, text);
    return true;
  }

  // A scalar's token with what stands between it and the next one.
  bool read_token(std::string_view token, bool wanted, RawValue& raw) {
    const char* p = token.data();
    const char* const end = std::min(p + token.size(), end_);
    if (*p != '"') {
      const char* behind = read_scalar(p, end, raw);
      return behind != nullptr && skip_space(behind, end) == end;
    }
    bool escaped = false;
    const char* close = skip_string(p + 1, end, escaped);
    if (close == nullptr || skip_space(close + 1, end) != end) return false;
    std::string_view text(p + 1, static_cast<std::size_t>(close - p - 1));
    if (wanted && escaped && !decode(text)) return false;
    raw = {text.data(), static_cast<std::uint32_t>(text.size()), ValueKind::kString};
    return true;
  }

  bool decode(std::string_view& text) {
    char* place = pool_.take(text.size());
    const std::ptrdiff_t size = unescape(text, place);
    if (size < 0) return false;
    pool_.give_back(text.size() - static_cast<std::size_t>(size));
    text = {place, static_cast<std::size_t>(size)};
    return true;
  }

  const FieldTrie& trie_;
  TextPool& pool_;
  ondemand::parser parser_;
  Nesting nesting_;
  const char* end_ = nullptr;  // of the record being read
  const char* stream_begin_ = nullptr;
  std::optional<ondemand::document_stream> stream_;
  ondemand::document_stream::iterator at_;
};

SimdjsonReader::SimdjsonReader(const FieldTrie& trie, TextPool& pool) : parser_(std::make_unique<Parser>(trie, pool)) {}
SimdjsonReader::~SimdjsonReader() = default;

bool SimdjsonReader::read(std::string_view record, RawValue* fields) {
  return parser_->read(record, fields);
}
void SimdjsonReader::open_stream(std::string_view run) {
  parser_->open_stream(run);
}
bool SimdjsonReader::read_from_stream(std::string_view record, const char* next, RawValue* fields) {
  return parser_->read_from_stream(record, next, fields);
}

}  // namespace marquee::decoding
