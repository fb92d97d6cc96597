#include "oracle/records.hpp"

#include <cstddef>
#include <utility>

#include "oracle/json.hpp"

namespace oracle {
namespace {

std::vector<std::string> lines_not_blank(std::string_view bytes) {
  std::vector<std::string> lines;
  std::string line;
  for (const char byte : bytes) {
    if (byte != '\n') {
      line.push_back(byte);
      continue;
    }
    if (!json::is_blank(line)) lines.push_back(line);
    line.clear();
  }
  if (!json::is_blank(line)) lines.push_back(line);
  return lines;
}

bool has_line_feed_between_text(std::string_view value) {
  return lines_not_blank(value).size() > 1;
}

char first_byte(std::string_view value) {
  for (const char byte : value) {
    if (!json::is_space(byte)) return byte;
  }
  return '\0';
}

bool is_one_object(std::string_view value) {
  const std::optional<json::Document> document = json::parse(value);
  return document && document->nodes[0].kind == json::Kind::kObject;
}

}  // namespace

std::vector<Record> split_file(std::string_view bytes, int partition, std::int64_t first_offset) {
  std::vector<Record> records;
  for (std::string& line : lines_not_blank(bytes)) {
    const auto offset = first_offset + static_cast<std::int64_t>(records.size());
    records.push_back({partition, offset, std::nullopt, std::move(line), false});
  }
  return records;
}

std::vector<Record> split_message(const Message& message) {
  auto record = [&message](std::string bytes) {
    return Record{message.partition, message.offset, message.timestamp_ms, std::move(bytes), false};
  };
  std::vector<Record> records;
  if (first_byte(message.value) == '[') {
    std::optional<std::vector<std::string>> elements = json::split_array(message.value);
    if (!elements) {
      records.push_back(record(message.value));
      records.back().is_broken_array = true;
      return records;
    }
    for (std::string& element : *elements) records.push_back(record(std::move(element)));
    return records;
  }
  if (has_line_feed_between_text(message.value) && !is_one_object(message.value)) {
    for (std::string& line : lines_not_blank(message.value)) records.push_back(record(std::move(line)));
    return records;
  }
  records.push_back(record(message.value));
  return records;
}

}  // namespace oracle
