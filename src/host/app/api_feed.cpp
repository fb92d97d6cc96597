#include "app/api_feed.hpp"

#include <simdjson.h>

#include <algorithm>
#include <map>
#include <utility>

#include "app/result_json.hpp"

namespace marquee {
namespace {

constexpr std::chrono::milliseconds kPatience{2'000};
constexpr std::size_t kAnswerBytesMax = 64u << 20;
constexpr const char* kTopLimit = "1000";  // the API's own bounds
constexpr const char* kHistoryLimit = "5000";

std::string text_of(const simdjson::dom::element& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

template <class T, class From>
std::optional<T> number_of(const simdjson::dom::element& object, const char* name) {
  From number{};
  if (object[name].get(number) != simdjson::SUCCESS) return std::nullopt;
  return static_cast<T>(number);
}

Status not_ours(const std::string& path) {
  return {Code::kUnavailable, "what answers at " + path.substr(0, path.find('?')) + " is not marquee's API"};
}

}  // namespace

ApiFeed::ApiFeed(ApiFeedOptions options)
    : options_(std::move(options)),
      wanted_(options_.leaderboard),
      thread_([this](const std::stop_token& stop) { ask_on(stop); }) {}

BoardsLook ApiFeed::look(const std::string& leaderboard, std::chrono::steady_clock::time_point, std::int64_t) {
  const std::lock_guard lock(mutex_);
  if (!leaderboard.empty() && leaderboard != wanted_) {
    wanted_ = leaderboard;
    changed_.notify_all();
  }
  BoardsLook look = look_;
  if (!outcome_) {
    look.state = "asking";
    look.ready = false;
  } else if (!outcome_->ok()) {
    look.state = "trying again: " + outcome_->message();
    look.ready = false;
  }
  return look;
}

Status ApiFeed::wait(const std::atomic<bool>& stop) {
  std::unique_lock lock(mutex_);
  while (!outcome_) {
    if (stop.load()) return {Code::kUnavailable, "stopped before anything had come"};
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
  return *outcome_;
}

Result<std::string> ApiFeed::json() {
  std::string path = std::string("/api/v1/top?limit=") + kTopLimit;
  if (!options_.leaderboard.empty()) path += "&leaderboard=" + url_encoded(options_.leaderboard);
  if (!options_.group.empty()) path += "&group=" + url_encoded(options_.group);
  Result<HttpAnswer> answer = get(path, json_etag_);
  if (!answer.ok()) return answer.status();
  if (answer.value().status != 304) {
    json_ = std::move(answer.value().body);
    json_etag_ = std::move(answer.value().etag);
  }
  return json_;
}

void ApiFeed::ask_on(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const std::string leaderboard = wanted_;
    lock.unlock();
    const Status status = ask(leaderboard);
    lock.lock();
    outcome_ = status;
    changed_.notify_all();
    changed_.wait_for(lock, stop, options_.interval, [&] { return wanted_ != leaderboard; });
  }
}

// 304 and 200 are well; an error's sentence is the API's own.
Result<HttpAnswer> ApiFeed::get(const std::string& path, const std::string& etag) {
  Result<HttpAnswer> answer = http_get(options_.address, {path, options_.token, etag, kAnswerBytesMax}, kPatience);
  if (!answer.ok()) return answer;
  const int status = answer.value().status;
  if (status == 200 || status == 304) return answer;
  if (status == 401) {
    return Status{Code::kUnavailable, options_.token.empty() ? "the server wants a token: give it with --token-file"
                                                             : "the server does not take the token of --token-file"};
  }
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string sentence;
  if (parser.parse(answer.value().body).get(document) == simdjson::SUCCESS) sentence = text_of(document, "error");
  if (sentence.empty()) return not_ours(path);
  return Status{status == 400 || status == 404 ? Code::kUsage : Code::kUnavailable, sentence};
}

Status ApiFeed::ask_leaderboards() {
  const std::string path = "/api/v1/leaderboards?limit=0";
  const Result<HttpAnswer> answer = get(path, "");
  if (!answer.ok()) return answer.status();
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::array list;
  if (parser.parse(answer.value().body).get(document) != simdjson::SUCCESS ||
      document["leaderboards"].get(list) != simdjson::SUCCESS) {
    return not_ours(path);
  }
  leaderboards_.clear();
  for (const simdjson::dom::element one : list) {
    simdjson::dom::element window;
    std::string about;
    if (one["window"].get(window) == simdjson::SUCCESS) about = text_of(window, "text");
    about += text_of(one, "measure") == "watch_ms" ? ", by watch time" : ", by views";
    leaderboards_.push_back({text_of(one, "name"), std::move(about)});
  }
  return {};
}

Status ApiFeed::ask_status(BoardsLook& look) {
  const std::string path = "/api/v1/status";
  const Result<HttpAnswer> answer = get(path, "");
  if (!answer.ok()) return answer.status();
  simdjson::dom::parser parser;
  simdjson::dom::element status;
  bool ready = false;
  if (parser.parse(answer.value().body).get(status) != simdjson::SUCCESS ||
      status["ready"].get(ready) != simdjson::SUCCESS) {
    return not_ours(path);
  }
  look.ready = ready;
  look.state = text_of(status, "phase");
  if (const std::string reason = text_of(status, "reason"); !reason.empty()) look.state += ": " + reason;
  look.figures.events_per_s = number_of<double, double>(status, "events_per_s");
  look.figures.lag = number_of<std::uint64_t, std::uint64_t>(status, "lag_messages");
  look.figures.watermark_delay_ms = number_of<std::int64_t, std::int64_t>(status, "watermark_delay_ms");
  look.figures.epochs = number_of<std::uint64_t, std::uint64_t>(status, "epoch");
  look.figures.uptime_ms = number_of<std::int64_t, std::int64_t>(status, "uptime_ms");
  look.watermark = number_of<EventTimeMs, std::int64_t>(status, "watermark").value_or(kNoTime);
  return {};
}

Status ApiFeed::ask_results(const std::string& path, Asked& asked) {
  const Result<HttpAnswer> answer = get(path, path == asked.path ? asked.etag : "");
  if (!answer.ok()) return answer.status();
  if (answer.value().status == 304) return {};
  asked = {};
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::array results;
  if (parser.parse(answer.value().body).get(document) != simdjson::SUCCESS ||
      document["results"].get(results) != simdjson::SUCCESS || document["more"].get(asked.more) != simdjson::SUCCESS) {
    return not_ours(path);
  }
  for (const simdjson::dom::element json : results) {
    const std::optional<ReadResult> read = read_result(json);
    if (!read) return not_ours(path);
    asked.results.push_back(read->record);
  }
  asked.path = path;
  asked.etag = answer.value().etag;
  return {};
}

Status ApiFeed::ask(const std::string& leaderboard) {
  // Anew after each failure: it may be another server by then.
  if (leaderboards_.empty()) {
    top_ = past_ = {};
    if (Status s = ask_leaderboards(); !s.ok()) return s;
  }
  auto shown = std::find_if(leaderboards_.begin(), leaderboards_.end(),
                            [&](const Leaderboard& l) { return l.name == leaderboard; });
  if (shown == leaderboards_.end() && !leaderboard.empty()) {
    leaderboards_.clear();
    return {Code::kUsage, "there is no leaderboard '" + leaderboard + "'"};
  }
  if (leaderboards_.empty()) return {Code::kUnavailable, "the server has no leaderboard"};
  if (shown == leaderboards_.end()) shown = leaderboards_.begin();
  std::string query = "&leaderboard=" + url_encoded(shown->name);
  if (!options_.group.empty()) query += "&group=" + url_encoded(options_.group);
  BoardsLook look;
  Status status = ask_results(std::string("/api/v1/top?limit=") + kTopLimit + query, top_);
  if (status.ok()) status = ask_results(std::string("/api/v1/history?windows=3&limit=") + kHistoryLimit + query, past_);
  if (status.ok()) status = ask_status(look);
  if (!status.ok()) {
    leaderboards_.clear();
    return status;
  }
  std::map<std::vector<std::string>, std::size_t> places;
  for (const ResultPtr& record : top_.results) {
    places.emplace(record->group, look.boards.size());
    look.boards.push_back({record, {}});
  }
  for (const ResultPtr& record : past_.results) {  // the newest first
    const auto place = places.find(record->group);
    if (record->final && place != places.end()) look.boards[place->second].finals.push_back(record);
  }
  if (top_.more) look.state += "; the first " + std::string(kTopLimit) + " groups alone: --group chooses one";
  for (const Leaderboard& one : leaderboards_) look.leaderboards.push_back(one.name);
  look.leaderboard = shown->name;
  look.about = shown->about;
  const std::lock_guard lock(mutex_);
  look_ = std::move(look);
  return {};
}

}  // namespace marquee
