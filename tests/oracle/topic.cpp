#include "oracle/topic.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "oracle/json.hpp"

namespace oracle {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::int64_t parse_integer(std::string_view text) {
  std::size_t used = 0;
  std::int64_t number = 0;
  try {
    number = std::stoll(std::string(text), &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used == 0 || used != text.size()) throw std::runtime_error("not an integer: '" + std::string(text) + "'");
  return number;
}

// A result as the dump has it.
struct Claim {
  std::int64_t revision = 0;
  bool is_final = false;
  bool is_exact = false;
  std::int64_t events = 0;
  std::string value;
};

const json::Node* member(const json::Document& document, const json::Node& object, std::string_view name) {
  for (std::size_t i = 0; i < object.children.size(); ++i) {
    if (object.raw_keys[i] == name) return &document.nodes[object.children[i]];
  }
  return nullptr;
}

std::optional<std::int64_t> integer_member(const json::Document& document, std::string_view name) {
  const json::Node* node = member(document, document.nodes[0], name);
  if (node == nullptr || node->kind != json::Kind::kNumber) return std::nullopt;
  if (node->text.find_first_of(".eE") != std::string::npos || node->text.size() > 18) return std::nullopt;
  return parse_integer(node->text);
}

std::optional<bool> truth_member(const json::Document& document, std::string_view name) {
  const json::Node* node = member(document, document.nodes[0], name);
  if (node == nullptr || (node->kind != json::Kind::kTrue && node->kind != json::Kind::kFalse)) return std::nullopt;
  return node->kind == json::Kind::kTrue;
}

std::optional<std::string> string_member(const json::Document& document, std::string_view name) {
  const json::Node* node = member(document, document.nodes[0], name);
  if (node == nullptr || node->kind != json::Kind::kString) return std::nullopt;
  return json::decode(node->text);
}

// The key that a result value belongs to; nothing when it lacks a part of one.
std::optional<std::string> key_of(const json::Document& document) {
  const std::optional<std::string> leaderboard = string_member(document, "leaderboard");
  const std::optional<std::int64_t> start_ms = integer_member(document, "window_start");
  const std::optional<std::int64_t> end_ms = integer_member(document, "window_end");
  const json::Node* group = member(document, document.nodes[0], "group");
  if (!leaderboard || !start_ms || !end_ms || group == nullptr || group->kind != json::Kind::kObject) {
    return std::nullopt;
  }
  Result result;
  result.leaderboard = *leaderboard;
  result.window_start_ms = *start_ms;
  result.window_end_ms = *end_ms;
  for (const std::size_t child : group->children) {
    const json::Node& value = document.nodes[child];
    const std::optional<std::string> text = json::decode(value.text);
    if (value.kind != json::Kind::kString || !text) return std::nullopt;
    result.values.push_back(*text);
  }
  return kafka_key(result);
}

// Fills `claim`, or says what is wrong with the record alone.
std::string read_claim(std::string_view key, std::string_view value, Claim& claim) {
  const std::optional<json::Document> document = json::parse(value);
  if (!document || document->nodes[0].kind != json::Kind::kObject) return "its value is not a JSON object";
  const auto revision = integer_member(*document, "revision");
  const auto events = integer_member(*document, "events");
  const auto is_final = truth_member(*document, "final");
  const auto is_exact = truth_member(*document, "exact");
  if (!revision || !events || !is_final || !is_exact) return "revision, events, final or exact is missing";
  if (key_of(*document) != key) return "its value belongs to key " + key_of(*document).value_or("(none)");
  if (*revision != 4 * *events + (*is_exact ? 0 : 2) + (*is_final ? 1 : 0)) {
    return "its revision does not follow from its content";
  }
  claim = {*revision, *is_final, *is_exact, *events, std::string(value)};
  return "";
}

}  // namespace

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) throw std::runtime_error("base64 of a length that is no multiple of four");
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned bits = 0;
    int padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t digit = kAlphabet.find(text[i + k]);
      const bool is_padding = text[i + k] == '=' && i + 4 == text.size() && k >= 2;
      if ((digit == std::string_view::npos && !is_padding) || (padding > 0 && !is_padding)) {
        throw std::runtime_error("not base64: '" + std::string(text.substr(i, 4)) + "'");
      }
      if (is_padding) ++padding;
      bits = bits * 64 + static_cast<unsigned>(is_padding ? 0 : digit);
    }
    for (int byte = 0; byte < 3 - padding; ++byte) {
      out.push_back(static_cast<char>(static_cast<unsigned char>(bits >> (16 - 8 * byte))));
    }
  }
  return out;
}

std::vector<Message> parse_message_dump(std::string_view text) {
  std::vector<Message> messages;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    try {
      const std::vector<std::string_view> parts = split(line, '\t');
      if (parts.size() != 4) throw std::runtime_error("four columns are needed");
      Message message;
      message.partition = static_cast<int>(parse_integer(parts[0]));
      message.offset = parse_integer(parts[1]);
      const std::int64_t timestamp_ms = parse_integer(parts[2]);
      if (timestamp_ms >= 0) message.timestamp_ms = timestamp_ms;
      message.value = decode_base64(parts[3]);
      messages.push_back(std::move(message));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("message dump, line " + std::to_string(number) + ": " + error.what());
    }
  }
  return messages;
}

TopicCheck check_topic(const Oracle& oracle, std::string_view dump, bool upto_watermark) {
  TopicCheck check;
  std::map<std::string, Claim> newest;  // by key
  std::size_t number = 0;
  for (const std::string_view line : split(dump, '\n')) {
    ++number;
    if (line.empty()) continue;
    check.records += 1;
    const std::size_t tab = line.find('\t');
    const std::string key(line.substr(0, tab));
    Claim claim;
    const std::string wrong = tab == std::string_view::npos ? "no tab" : read_claim(key, line.substr(tab + 1), claim);
    if (!wrong.empty()) {
      check.differences.push_back("line " + std::to_string(number) + " of the dump, key " + key + ": " + wrong);
      continue;
    }
    const auto [found, is_new] = newest.try_emplace(key, claim);
    if (!is_new && claim.revision > found->second.revision) found->second = claim;
  }
  check.keys = static_cast<std::int64_t>(newest.size());

  const std::optional<std::int64_t> watermark_ms = oracle.job_watermark_ms();
  std::set<std::string> known;
  for (const Result& result : oracle.results()) {
    const std::string key = kafka_key(result);
    known.insert(key);
    const bool is_complete = watermark_ms && *watermark_ms >= result.window_end_ms;
    const bool is_required = is_complete || !upto_watermark;
    const auto found = newest.find(key);
    if (found == newest.end()) {
      if (is_required) check.differences.push_back("key " + key + " is missing; expected " + result_json(result));
      continue;
    }
    const Claim& claim = found->second;
    if (!is_required && !claim.is_final) {
      if (claim.events > result.events) {
        check.differences.push_back("key " + key + " counts too much: at most " + std::to_string(result.events) +
                                    " events, the topic says " + claim.value);
      }
      continue;
    }
    check.compared += 1;
    const std::string expected = result_json(result, is_complete || claim.is_final);
    if (claim.value != expected) {
      check.differences.push_back("key " + key + "\n  expected " + expected + "\n  found    " + claim.value);
    }
  }
  for (const auto& [key, claim] : newest) {
    if (!known.contains(key)) {
      check.differences.push_back("key " + key + " should not be there; the topic says " + claim.value);
    }
  }
  return check;
}

}  // namespace oracle
