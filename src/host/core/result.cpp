#include "core/result.hpp"

#include <charconv>
#include <tuple>

#include "core/check.hpp"

namespace marquee {

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t plain = 0;  // first byte not yet copied
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out.push_back('\\');
    switch (c) {
      case '"':
        out.push_back('"');
        break;
      case '\\':
        out.push_back('\\');
        break;
      case '\b':
        out.push_back('b');
        break;
      case '\f':
        out.push_back('f');
        break;
      case '\n':
        out.push_back('n');
        break;
      case '\r':
        out.push_back('r');
        break;
      case '\t':
        out.push_back('t');
        break;
      default:
        out.append("u00");
        out.push_back(kHex[c >> 4]);
        out.push_back(kHex[c & 15]);
    }
  }
  out.append(text, plain);
  out.push_back('"');
}

template <class Integer>
static void append_integer(std::string& out, Integer value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end.ptr);
}
void append_number(std::string& out, std::int64_t value) {
  append_integer(out, value);
}
void append_number(std::string& out, std::uint64_t value) {
  append_integer(out, value);
}

void append_result_json(std::string& out, const JobSpec& job, const ResultRecord& result, std::size_t rows_max) {
  const LeaderboardSpec& board = job.leaderboards[raw(result.leaderboard)];
  out += R"({"schema":1,"leaderboard":)";
  append_json_string(out, board.name);
  out += R"(,"group":{)";
  for (std::size_t i = 0; i < board.by.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, job.event.dimensions[board.by[i]].name);
    out += ':';
    append_json_string(out, result.group[i]);
  }
  out += R"(},"window_start":)";
  append_number(out, result.window_start);
  out += R"(,"window_end":)";
  append_number(out, result.window_end);
  out += R"(,"revision":)";
  append_number(out, revision_of(result));
  out += result.final ? R"(,"final":true)" : R"(,"final":false)";
  out += result.exact ? R"(,"exact":true,"events":)" : R"(,"exact":false,"events":)";
  append_number(out, result.events);
  out += R"(,"items":[)";
  std::uint64_t rank = 0;
  for (const ResultRow& row : result.rows) {
    if (rank == rows_max) break;
    if (rank > 0) out += ',';
    out += R"({"rank":)";
    append_number(out, ++rank);
    out += R"(,"item":)";
    append_json_string(out, row.item);
    if (!row.title.empty()) {
      out += R"(,"title":)";
      append_json_string(out, row.title);
    }
    out += R"(,"views":)";
    append_number(out, row.views);
    out += R"(,"watch_ms":)";
    append_number(out, row.watch_ms);
    out += '}';
  }
  out += "]}";
}

void append_result_key(std::string& out, const JobSpec& job, const ResultRecord& result) {
  out += '[';
  append_json_string(out, job.leaderboards[raw(result.leaderboard)].name);
  out += ",[";
  for (std::size_t i = 0; i < result.group.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, result.group[i]);
  }
  out += "],";
  append_number(out, result.window_start);
  out += ',';
  append_number(out, result.window_end);
  out += ']';
}

bool replay_order(const JobSpec& job, const ResultRecord& a, const ResultRecord& b) {
  const auto key = [&job](const ResultRecord& r) {
    return std::tie(r.window_end, job.leaderboards[raw(r.leaderboard)].name, r.group);
  };
  return key(a) < key(b);
}

void append_key_part(std::string& key, std::string_view value) {
  MARQUEE_CHECK(value.size() <= 0xffff);
  key.push_back(static_cast<char>(value.size() & 0xff));
  key.push_back(static_cast<char>(value.size() >> 8));
  key.append(value);
}

std::string_view key_part(std::string_view key, std::size_t index) {
  std::size_t at = 0;
  while (true) {
    MARQUEE_CHECK(at + 2 <= key.size());
    const std::size_t size = static_cast<unsigned char>(key[at]) | std::size_t{static_cast<unsigned char>(key[at + 1])}
                                                                       << 8;
    if (index-- == 0) return key.substr(at + 2, size);
    at += 2 + size;
  }
}

}  // namespace marquee
