#include "app/result_json.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace marquee {
namespace {

// The field's value; `ok` becomes false where it is not there, or of another kind.
template <class T>
T field(const simdjson::dom::element& object, const char* name, bool& ok) {
  T value{};
  if (object[name].get(value) != simdjson::SUCCESS) ok = false;
  return value;
}

}  // namespace

std::optional<ReadResult> read_result(const simdjson::dom::element& json) {
  bool ok = true;
  ReadResult read;
  auto record = std::make_shared<ResultRecord>();
  if (field<std::uint64_t>(json, "schema", ok) != 1) return std::nullopt;
  read.leaderboard = field<std::string_view>(json, "leaderboard", ok);
  read.revision = field<std::uint64_t>(json, "revision", ok);
  record->window_start = field<std::int64_t>(json, "window_start", ok);
  record->window_end = field<std::int64_t>(json, "window_end", ok);
  record->final = field<bool>(json, "final", ok);
  record->exact = field<bool>(json, "exact", ok);
  record->events = field<std::uint64_t>(json, "events", ok);
  simdjson::dom::object group;
  simdjson::dom::array items;
  if (!ok || json["group"].get(group) != simdjson::SUCCESS || json["items"].get(items) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  for (const auto& [name, value] : group) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
    record->group.emplace_back(text);
  }
  for (const simdjson::dom::element item : items) {
    ResultRow& row = record->rows.emplace_back();
    row.item = field<std::string_view>(item, "item", ok);
    if (std::string_view title; item["title"].get(title) == simdjson::SUCCESS) row.title = title;
    row.views = field<std::uint64_t>(item, "views", ok);
    row.watch_ms = field<std::uint64_t>(item, "watch_ms", ok);
  }
  if (!ok) return std::nullopt;
  read.record = std::move(record);
  return read;
}

}  // namespace marquee
