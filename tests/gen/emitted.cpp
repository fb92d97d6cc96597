#include "gen/emitted.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>

#include "temporary.hpp"

namespace marquee::gen_test {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool document(Json& out) { return value(out, 0) && (space(), at_ == text_.size()); }

 private:
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  bool value(Json& out, int depth) {
    space();
    if (at_ >= text_.size() || depth > 64) return false;
    switch (text_[at_]) {
      case '{':
        return object(out, depth);
      case '[':
        return array(out, depth);
      case '"':
        out.kind = Json::Kind::kString;
        return string(out.text);
      case 't':
        out.kind = Json::Kind::kBool;
        out.truth = true;
        return word("true");
      case 'f':
        out.kind = Json::Kind::kBool;
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out, int depth) {
    out.kind = Json::Kind::kObject;
    ++at_;
    if (take('}')) return true;
    do {
      std::string key;
      space();
      if (at_ >= text_.size() || text_[at_] != '"' || !string(key) || !take(':')) return false;
      out.keys.push_back(key);
      if (!value(out.object[key], depth + 1)) return false;
    } while (take(','));
    return take('}');
  }

  bool array(Json& out, int depth) {
    out.kind = Json::Kind::kArray;
    ++at_;
    if (take(']')) return true;
    do {
      if (!value(out.array.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool number(Json& out) {
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view("+-.eE0123456789").find(text_[at_]) != std::string_view::npos) ++at_;
    const auto token = text_.substr(begin, at_ - begin);
    if (token.empty()) return false;
    const auto parsed = std::from_chars(token.data(), token.data() + token.size(), out.integer);
    out.kind = parsed.ec == std::errc() && parsed.ptr == token.data() + token.size() ? Json::Kind::kInteger
                                                                                     : Json::Kind::kReal;
    return true;
  }

  bool string(std::string& out) {
    for (++at_; at_ < text_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') return ++at_, true;
      if (c < 0x20 || c == '\\') return false;  // the generator escapes nothing
      if (c < 0x80) {
        out += static_cast<char>(c);
        continue;
      }
      const size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;
      if (more == 0 || c > 0xf4) return false;
      out += static_cast<char>(c);
      for (size_t i = 0; i < more; ++i) {
        if (++at_ >= text_.size() || (static_cast<unsigned char>(text_[at_]) & 0xc0) != 0x80) return false;
        out += text_[at_];
      }
    }
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Json> parse_json(std::string_view text) {
  Json out;
  return Scanner(text).document(out) ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<Valid> valid_event(std::string_view record) {
  constexpr int64_t kTimeMaxMs = 253'402'300'799'999;
  constexpr int64_t kYear2200Ms = 7'258'118'400'000;  // ahead of any Kafka timestamp
  if (record.empty() || record.front() != '{') return std::nullopt;
  const auto json = parse_json(record);
  if (!json || !json->has("content_id") || !json->has("event_time")) return std::nullopt;
  const Json& item = (*json)["content_id"];
  const Json& time = (*json)["event_time"];
  const Json& watch = (*json)["watch_ms"];
  if (item.kind != Json::Kind::kString || item.text.empty() || item.text.size() > 256) return std::nullopt;
  if (time.kind != Json::Kind::kInteger || time.integer < 0 || time.integer > kTimeMaxMs) return std::nullopt;
  if (time.integer >= kYear2200Ms) return std::nullopt;
  if (watch.kind != Json::Kind::kInteger || watch.integer < 0 || watch.integer > 86'400'000) return std::nullopt;
  Valid out{item.text,    (*json)["category"].text, (*json)["user_id"].text, {}, (*json)["action"].text, time.integer,
            watch.integer};
  if (json->has("session_id")) out.session = (*json)["session_id"].text;
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string generate(gen::GenOptions options) {
  const test::TempFile file;
  options.output = file.path();
  const std::atomic<bool> never{false};
  const auto status = gen::run_gen(options, never);
  EXPECT_TRUE(status.ok()) << status.message;
  return file.read();
}

}  // namespace marquee::gen_test
