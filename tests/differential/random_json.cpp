#include "differential/random_json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace differential {
namespace {

std::string hex_unit(Rng& rng, std::uint32_t unit) {
  const bool upper = rng.chance(50);
  const std::string digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out = "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(digits[(unit >> shift) & 15]);
  return out;
}

std::string space(Rng& rng, const Style& style) {
  if (!style.spaces) return "";
  std::string out;
  for (std::size_t count = rng.below(3); count > 0; --count) {
    const std::string choices = style.line_feeds ? " \t\r\n\n" : "  \t\r";
    out.push_back(choices[rng.below(choices.size())]);
  }
  return out;
}

// Any valid JSON; inside it the names of configured fields mean nothing.
std::string noise_value(Rng& rng, const Style& style, int depth) {
  switch (rng.below(depth > 0 ? 9 : 6)) {
    case 0:
      return std::to_string(rng.between(-1'000, 1'000));
    case 1:
      return rng.pick(std::vector<std::string>{"1.5", "-0.0", "1e400", "123456789012345678901234567890", "0E-7"});
    case 2:
      return rng.pick(std::vector<std::string>{"true", "false", "null"});
    case 3:
      return rng.pick(std::vector<std::string>{R"("]}")", R"("{[")", R"("\"")", R"("\\")", R"("\\\"")", R"("")"});
    case 4:
      return string_token(rng, "caf\xC3\xA9, \xF0\x9F\x98\x80 \"and\" more", style.escapes);
    case 5:
      return rng.pick(std::vector<std::string>{"{}", "[]", "[[],{}]", "[ ]"});
    case 6: {
      std::string out = "[";
      for (std::size_t i = 0, count = rng.below(4); i < count; ++i) {
        if (i > 0) out += ',';
        out += space(rng, style);
        out += noise_value(rng, style, depth - 1);
      }
      return out + "]";
    }
    default: {
      std::vector<std::string> names = {"content_id", "event_time", "watch_ms", "category", "action", "meta", "id"};
      rng.shuffle(names);
      std::string out = "{";
      for (std::size_t i = 0, count = rng.below(4); i < count; ++i) {
        if (i > 0) out += ',';
        out += space(rng, style);
        out += string_token(rng, names[i], style.escapes && rng.chance(10)) + ":";
        out += noise_value(rng, style, depth - 1);
      }
      return out + "}";
    }
  }
}

// The object to be, in the order it will be written in. A leaf has its JSON text, the others have members.
struct Tree {
  std::string key;
  std::optional<std::string> json;
  bool is_configured = false;
  std::vector<Tree> members;
};

void insert(Tree& root, const PathValue& value) {
  Tree* tree = &root;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = value.path.find('.', start);
    const std::string name = value.path.substr(start, end == std::string::npos ? end : end - start);
    Tree* next = nullptr;
    for (Tree& member : tree->members) {
      if (member.key == name) next = &member;
    }
    if (next == nullptr) {
      next = &tree->members.emplace_back();
      next->key = name;
    }
    next->is_configured = true;
    tree = next;
    if (end == std::string::npos) break;
    start = end + 1;
  }
  tree->json = value.json;
}

void add_noise(Rng& rng, Tree& tree, const Style& style) {
  if (tree.json) return;
  for (Tree& member : tree.members) add_noise(rng, member, style);
  const std::size_t count = rng.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    // Names close to configured ones, but for the number none of them.
    const std::string stem =
        rng.pick(std::vector<std::string>{"n", "content_id", "event_tim", "t", "category\"", "\xC3\xA9"});
    Tree noise;
    noise.key = stem + std::to_string(i);
    noise.json = noise_value(rng, style, 3);
    tree.members.push_back(std::move(noise));
  }
  rng.shuffle(tree.members);
}

// Members of the root next to which a fault is put: a configured one, so that nobody may overlook it.
std::size_t fault_position(Rng& rng, const Tree& root, Fault fault) {
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < root.members.size(); ++i) {
    const bool needs_a_next = fault == Fault::kMissingComma || fault == Fault::kDoubleComma;
    if (needs_a_next && i + 1 == root.members.size()) continue;
    const bool next_is_configured = i + 1 < root.members.size() && root.members[i + 1].is_configured;
    if (root.members[i].is_configured || (needs_a_next && next_is_configured)) positions.push_back(i);
  }
  return positions.empty() ? root.members.size() : rng.pick(positions);
}

std::string render(Rng& rng, const Tree& tree, const Style& style, Fault fault, std::size_t fault_at) {
  if (tree.json) return *tree.json;
  std::string out = "{";
  if (fault == Fault::kLeadingComma) out += ',';
  for (std::size_t i = 0; i < tree.members.size(); ++i) {
    const Tree& member = tree.members[i];
    const Fault here = i == fault_at ? fault : Fault::kNone;
    out += space(rng, style);
    if (here == Fault::kBareKey) {
      out += "bare";
    } else if (here == Fault::kSingleQuotes) {
      out += "'single'";
    } else if (here == Fault::kNumberKey) {
      out += '7';
    } else {
      out += string_token(rng, member.key, style.escapes && rng.chance(5));
    }
    out += space(rng, style);
    if (here != Fault::kMissingColon) out += ':';
    if (here == Fault::kDoubleColon) out += ':';
    out += space(rng, style);
    if (here != Fault::kMissingValue) out += render(rng, member, style, Fault::kNone, 0);
    out += space(rng, style);
    const bool is_last = i + 1 == tree.members.size();
    if (is_last ? fault == Fault::kTrailingComma : here != Fault::kMissingComma) out += ',';
    if (here == Fault::kDoubleComma) out += ',';
    if (here == Fault::kMissingComma) out += ' ';
  }
  out += fault == Fault::kBracketForBrace ? ']' : '}';
  return out;
}

std::string without_one_quote(Rng& rng, std::string text) {
  std::vector<std::size_t> quotes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quotes.push_back(i);
  }
  return text.erase(rng.pick(quotes), 1);
}

}  // namespace

std::string string_token(Rng& rng, const std::string& text, bool escapes) {
  const int percent = escapes ? rng.pick(std::vector<int>{0, 0, 10, 100}) : 0;
  std::string out = "\"";
  std::size_t i = 0;
  while (i < text.size()) {
    // One character of the text, which is known to be good UTF-8.
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) code = code * 64 + (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
    const std::string character = text.substr(i, length);
    i += length;
    const std::string plain = "\"\\/\b\f\n\r\t";
    const std::string letters = "\"\\/bfnrt";
    const std::size_t short_form = length == 1 ? plain.find(character) : std::string::npos;
    const bool must_escape = code < 0x20 || code == '"' || code == '\\';
    if (!must_escape && !rng.chance(percent)) {
      out += character;
    } else if (short_form != std::string::npos && rng.chance(50)) {
      out.push_back('\\');
      out.push_back(letters[short_form]);
    } else if (code < 0x10000) {
      out += hex_unit(rng, code);
    } else {
      out += hex_unit(rng, 0xD800 + ((code - 0x10000) >> 10));
      out += hex_unit(rng, 0xDC00 + ((code - 0x10000) & 0x3FF));
    }
  }
  return out + "\"";
}

std::string nested(Rng& rng, std::size_t depth) {
  const bool objects = rng.chance(50);
  std::string open;
  for (std::size_t i = 0; i < depth; ++i) open += objects ? "{\"a\":" : "[";
  return open + "1" + std::string(depth, objects ? '}' : ']');
}

std::string with_bad_utf8(Rng& rng, std::string text) {
  const std::string bad = rng.pick(std::vector<std::string>{"\xFF", "\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80",
                                                            "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80"});
  return text.insert(1 + rng.below(text.size()), bad);
}

std::string render_object(Rng& rng, const std::vector<PathValue>& values, const Style& style, Fault fault) {
  Style used = style;
  if (fault == Fault::kOpenString) used.escapes = false;
  Tree root;
  for (const PathValue& value : values) insert(root, value);
  rng.shuffle(root.members);
  if (style.noise && !(fault == Fault::kOpenString && rng.chance(70))) add_noise(rng, root, used);
  if (fault == Fault::kDeepUnbalanced) {
    Tree deep;
    deep.key = "deep0";
    deep.json = nested(rng, 10'000);
    if (rng.chance(50)) {
      deep.json->pop_back();
    } else {
      deep.json->resize(deep.json->size() / 2);
    }
    root.members.push_back(std::move(deep));
    rng.shuffle(root.members);
  }
  const std::size_t fault_at = fault_position(rng, root, fault);
  std::string out = render(rng, root, used, fault, fault_at);
  switch (fault) {
    case Fault::kMissingComma:
    case Fault::kDoubleComma:
      if (fault_at == root.members.size()) out.insert(std::size_t{1}, std::size_t{1}, ',');  // there was but one field
      break;
    case Fault::kBadUtf8:
      return with_bad_utf8(rng, out);
    case Fault::kMissingClose:
      out.pop_back();
      break;
    case Fault::kTruncated:
      out.resize(1 + rng.below(out.size() - 1));
      break;
    case Fault::kOpenString:
      // With a backslash about, a quote more or less might pair up in some reader's eyes.
      if (out.find('\\') == std::string::npos) return without_one_quote(rng, out);
      out.pop_back();
      break;
    case Fault::kJunkAfter:
      out += rng.pick(std::vector<std::string>{"}", "]", ",", "x", " null", "{}", " {\"a\":1}", ":", "\"", "\v", ";"});
      break;
    default:
      break;
  }
  return out;
}

}  // namespace differential
