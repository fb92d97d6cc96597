// Messages to records: "What a record is" of src/README.md.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "decode/decoder.hpp"
#include "decode/json_text.hpp"
#include "decode/simdjson_reader.hpp"

namespace marquee {
namespace {

using namespace decoding;

class Splitter {
 public:
  explicit Splitter(Batch& batch) : batch_(batch) {}

  void split(std::uint32_t message, Framing framing) {
    message_ = message;
    const std::string_view value = batch_.bytes(batch_.messages[message]);
    if (framing == Framing::kLines && !value.empty() && value.front() == '{') return add(value, Record::kOnly);
    const std::string_view body = trim_space(value);
    if (body.empty()) {
      if (framing == Framing::kMessages) add(value, Record::kOnly);  // empty: the decoder says so
      return;
    }
    // A record that is its whole message keeps the white space around it; the decoder trims.
    if (framing == Framing::kLines) return add(value, Record::kOnly);
    if (body.front() == '[') return split_array(body, value);
    if (std::memchr(body.data(), '\n', body.size()) == nullptr || is_object(body)) return add(value, Record::kOnly);
    split_lines(body);
  }

 private:
  void add(std::string_view bytes, std::uint32_t element) {
    Record r;
    r.begin = static_cast<std::uint32_t>(bytes.data() - batch_.arena());
    r.size = static_cast<std::uint32_t>(bytes.size());
    r.message = message_;
    r.element = element;
    batch_.records.push_back(r);
  }

  // For NDJSON the walk ends with the first line.
  static bool is_object(std::string_view body) {
    if (body.front() != '{') return false;
    Nesting nesting;
    const char* const end = body.data() + body.size();
    return walk_value(body.data(), end, nesting, WalkNothing{}) == end && is_valid_utf8(body);
  }

  void split_lines(std::string_view body) {
    std::uint32_t element = 0;
    while (!body.empty()) {
      const std::size_t size = std::min(body.find('\n'), body.size());
      const std::string_view line = trim_space(body.substr(0, size));
      if (!line.empty()) add(line, element++);
      body.remove_prefix(std::min(size + 1, body.size()));
    }
  }

  void split_array(std::string_view body, std::string_view value) {
    const std::size_t first_record = batch_.records.size();
    if (is_valid_utf8(body) && split_elements(body)) return;
    batch_.records.resize(first_record);
    add(value, Record::kBrokenArray);
  }

  // Adds each element of the array; false where the array does not hold together. Elements are judged later, alone:
  // here only brackets, strings and the commas between elements matter.
  bool split_elements(std::string_view body) {
    const char* p = body.data() + 1;
    const char* const end = body.data() + body.size();
    std::uint32_t element = 0;
    p = skip_space(p, end);
    if (p != end && *p == ']') return p + 1 == end;
    Nesting nesting;
    while (true) {
      const char* const begin = p;
      p = skip_element(p, end, nesting);
      if (p == nullptr || p == begin) return false;
      add({begin, static_cast<std::size_t>(p - begin)}, element++);
      p = skip_space(p, end);
      if (p == end) return false;
      if (*p == ']') return p + 1 == end;
      if (*p != ',') return false;
      p = skip_space(p + 1, end);
    }
  }

  // One element: a balanced container, a string, or a run of other letters. Its end, or nullptr.
  static const char* skip_element(const char* p, const char* end, Nesting& nesting) {
    const char* const begin = p;
    nesting.clear();
    for (; p != end; ++p) {
      const char c = *p;
      if (nesting.depth() == 0 && p != begin && (c == '"' || c == '{' || c == '[')) return p;  // no comma before it
      if (c == '"') {
        for (++p; p != end && *p != '"'; ++p) {
          if (*p != '\\') continue;
          if (++p == end) return nullptr;
        }
        if (p == end) return nullptr;
        if (nesting.depth() == 0) return p + 1;
      } else if (c == '{' || c == '[') {
        nesting.push(c == '{');
      } else if (c == '}' || c == ']') {
        if (nesting.depth() == 0) return c == ']' ? p : nullptr;
        if (nesting.in_object() != (c == '}')) return nullptr;
        nesting.pop();
        if (nesting.depth() == 0) return p + 1;
      } else if (nesting.depth() == 0 && (c == ',' || is_space(c))) {
        return p;
      }
    }
    return nullptr;
  }

  Batch& batch_;
  std::uint32_t message_ = 0;
};

}  // namespace

void split_records(Batch& batch, std::size_t first_message, Framing framing) {
  Splitter splitter(batch);
  constexpr std::size_t kAhead = 8;  // messages; one touch each is too little for the CPU to see a stream
  for (std::size_t m = first_message; m < batch.messages.size(); ++m) {
    if (m + kAhead < batch.messages.size()) __builtin_prefetch(batch.arena() + batch.messages[m + kAhead].begin);
    splitter.split(static_cast<std::uint32_t>(m), framing);
  }
}

}  // namespace marquee
