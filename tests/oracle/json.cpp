#include "oracle/json.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace oracle::json {
namespace {

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

int hex_value(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view bytes) : bytes_(bytes) {}

  std::optional<Document> run() {
    while (true) {
      skip_space();
      if (expect_ == Expect::kEnd) {
        if (!at_end()) return std::nullopt;
        return std::move(document_);
      }
      if (at_end() || !step()) return std::nullopt;
    }
  }

 private:
  enum class Expect { kValue, kValueOrClose, kKey, kKeyOrClose, kCommaOrClose, kEnd };

  bool at_end() const { return position_ == bytes_.size(); }
  char peek() const { return bytes_[position_]; }
  bool next_is(char byte) const { return !at_end() && peek() == byte; }
  void skip_space() {
    while (!at_end() && is_space(peek())) ++position_;
  }

  bool step() {
    switch (expect_) {
      case Expect::kValueOrClose:
        if (peek() == ']') return close();
        return read_value();
      case Expect::kValue:
        return read_value();
      case Expect::kKeyOrClose:
        if (peek() == '}') return close();
        return read_key();
      case Expect::kKey:
        return read_key();
      case Expect::kCommaOrClose:
        return read_comma_or_close();
      case Expect::kEnd:
        break;
    }
    return false;
  }

  Node& innermost() { return document_.nodes[open_.back()]; }

  bool close() {
    ++position_;
    open_.pop_back();
    value_is_done();
    return true;
  }

  void value_is_done() { expect_ = open_.empty() ? Expect::kEnd : Expect::kCommaOrClose; }

  bool read_comma_or_close() {
    const bool in_object = innermost().kind == Kind::kObject;
    if (peek() == ',') {
      ++position_;
      expect_ = in_object ? Expect::kKey : Expect::kValue;
      return true;
    }
    if (peek() == (in_object ? '}' : ']')) return close();
    return false;
  }

  bool read_key() {
    std::string raw;
    if (!read_string(raw)) return false;
    innermost().raw_keys.push_back(std::move(raw));
    skip_space();
    if (!next_is(':')) return false;
    ++position_;
    expect_ = Expect::kValue;
    return true;
  }

  bool read_value() {
    const std::size_t index = document_.nodes.size();
    document_.nodes.emplace_back();
    if (!open_.empty()) innermost().children.push_back(index);
    Node& node = document_.nodes.back();
    if (peek() == '{' || peek() == '[') {
      const bool object = peek() == '{';
      node.kind = object ? Kind::kObject : Kind::kArray;
      ++position_;
      open_.push_back(index);
      expect_ = object ? Expect::kKeyOrClose : Expect::kValueOrClose;
      return true;
    }
    value_is_done();
    if (peek() == '"') {
      node.kind = Kind::kString;
      return read_string(node.text);
    }
    if (read_word("null")) {
      node.kind = Kind::kNull;
      return true;
    }
    if (read_word("true")) {
      node.kind = Kind::kTrue;
      return true;
    }
    if (read_word("false")) {
      node.kind = Kind::kFalse;
      return true;
    }
    node.kind = Kind::kNumber;
    return read_number(node.text);
  }

  // What follows a word or a number must be a comma, a closing bracket or the end; the next step sees to that.
  bool read_word(std::string_view word) {
    if (bytes_.substr(position_, word.size()) != word) return false;
    position_ += word.size();
    return true;
  }

  bool read_digits() {
    const std::size_t start = position_;
    while (!at_end() && is_digit(peek())) ++position_;
    return position_ > start;
  }

  bool read_number(std::string& token) {
    const std::size_t start = position_;
    if (next_is('-')) ++position_;
    if (next_is('0')) {
      ++position_;
    } else if (!read_digits()) {
      return false;
    }
    if (next_is('.')) {
      ++position_;
      if (!read_digits()) return false;
    }
    if (next_is('e') || next_is('E')) {
      ++position_;
      if (next_is('+') || next_is('-')) ++position_;
      if (!read_digits()) return false;
    }
    token = bytes_.substr(start, position_ - start);
    return true;
  }

  bool read_string(std::string& raw) {
    if (!next_is('"')) return false;
    const std::size_t start = ++position_;
    while (!at_end()) {
      const char byte = peek();
      if (byte == '"') {
        raw = bytes_.substr(start, position_ - start);
        ++position_;
        return true;
      }
      if (static_cast<unsigned char>(byte) < 0x20) return false;
      ++position_;
      if (byte == '\\' && !read_escape()) return false;
    }
    return false;
  }

  bool read_escape() {
    if (at_end()) return false;
    const char byte = peek();
    ++position_;
    if (byte != 'u') return std::string_view("\"\\/bfnrt").find(byte) != std::string_view::npos;
    for (int digit = 0; digit < 4; ++digit) {
      if (at_end() || hex_value(peek()) < 0) return false;
      ++position_;
    }
    return true;
  }

  std::string_view bytes_;
  std::size_t position_ = 0;
  Expect expect_ = Expect::kValue;
  Document document_;
  std::vector<std::size_t> open_;  // containers not yet closed, outermost first
};

// The position after one array element that begins at `start`; nothing when it is not balanced.
std::optional<std::size_t> element_end(std::string_view bytes, std::size_t start) {
  std::string open;  // closing brackets owed, innermost last
  bool in_string = false;
  for (std::size_t i = start; i < bytes.size(); ++i) {
    const char byte = bytes[i];
    if (in_string) {
      if (byte == '\\') {
        ++i;
      } else if (byte == '"') {
        in_string = false;
        if (open.empty()) return i + 1;
      }
      continue;
    }
    if (byte == '"') {
      if (open.empty() && i > start) return i;
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      if (open.empty() && i > start) return i;
      open.push_back(byte == '{' ? '}' : ']');
    } else if (byte == '}' || byte == ']') {
      if (open.empty()) return i;
      if (open.back() != byte) return std::nullopt;
      open.pop_back();
      if (open.empty()) return i + 1;
    } else if (open.empty() && (byte == ',' || is_space(byte))) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

bool is_blank(std::string_view bytes) {
  for (const char byte : bytes) {
    if (!is_space(byte)) return false;
  }
  return true;
}

bool is_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    unsigned low = 0x80;  // bounds of the second byte; the third and fourth are always 80..BF
    unsigned high = 0xBF;
    std::size_t length = 0;
    if (lead < 0x80) {
      length = 1;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      length = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      length = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (bytes.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(bytes[i + k]);
      if (k == 1 ? (byte < low || byte > high) : (byte < 0x80 || byte > 0xBF)) return false;
    }
    i += length;
  }
  return true;
}

std::optional<Document> parse(std::string_view bytes) {
  if (!is_utf8(bytes)) return std::nullopt;
  return Parser(bytes).run();
}

std::optional<std::string> decode(std::string_view raw) {
  auto unit_at = [raw](std::size_t position) {
    std::uint32_t unit = 0;
    for (std::size_t k = 0; k < 4; ++k) unit = unit * 16 + static_cast<std::uint32_t>(hex_value(raw[position + k]));
    return unit;
  };
  std::string out;
  std::size_t i = 0;
  while (i < raw.size()) {
    if (raw[i] != '\\') {
      out.push_back(raw[i++]);
      continue;
    }
    const char escape = raw[i + 1];
    i += 2;
    switch (escape) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        std::uint32_t code = unit_at(i);
        i += 4;
        if (code >= 0xDC00 && code <= 0xDFFF) return std::nullopt;
        if (code >= 0xD800 && code <= 0xDBFF) {
          if (raw.substr(i, 2) != "\\u") return std::nullopt;
          const std::uint32_t second = unit_at(i + 2);
          if (second < 0xDC00 || second > 0xDFFF) return std::nullopt;
          i += 6;
          code = 0x10000 + (code - 0xD800) * 0x400 + (second - 0xDC00);
        }
        append_utf8(out, code);
        break;
      }
      default:
        out.push_back(escape);
        break;  // a quote, a backslash, a slash
    }
  }
  return out;
}

std::optional<std::vector<std::string>> split_array(std::string_view bytes) {
  if (!is_utf8(bytes)) return std::nullopt;
  std::vector<std::string> elements;
  std::size_t i = 0;
  auto skip_space = [&] {
    while (i < bytes.size() && is_space(bytes[i])) ++i;
    return i < bytes.size();
  };
  if (!skip_space() || bytes[i] != '[') return std::nullopt;
  ++i;
  if (!skip_space()) return std::nullopt;
  if (bytes[i] == ']') {
    if (is_blank(bytes.substr(i + 1))) return elements;
    return std::nullopt;
  }
  while (true) {
    if (!skip_space()) return std::nullopt;
    const std::optional<std::size_t> end = element_end(bytes, i);
    if (!end || *end == i) return std::nullopt;  // an element of no bytes: a comma too many
    elements.emplace_back(bytes.substr(i, *end - i));
    i = *end;
    if (!skip_space()) return std::nullopt;
    if (bytes[i] == ']') {
      if (is_blank(bytes.substr(i + 1))) return elements;
      return std::nullopt;
    }
    if (bytes[i] != ',') return std::nullopt;
    ++i;
  }
}

std::string quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (code < 0x20) {
          out += "\\u00";
          out.push_back(kHex[code / 16]);
          out.push_back(kHex[code % 16]);
        } else {
          out.push_back(byte);
        }
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace oracle::json
