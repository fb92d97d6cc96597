#include "app/topic_feed.hpp"

#include <algorithm>

#include "app/terminal_text.hpp"

namespace marquee {
namespace {

constexpr std::size_t kGroupsMax = 100'000;
constexpr std::size_t kWindowsKept = 3;
constexpr std::chrono::milliseconds kPoll{100};
constexpr std::chrono::milliseconds kPatience{5'000};
constexpr std::chrono::milliseconds kRetryPause{1'000};

}  // namespace

bool TopicBoards::apply(std::string_view value) {
  simdjson::dom::element json;
  if (parser_.parse(value.data(), value.size()).get(json) != simdjson::SUCCESS) return false;
  std::optional<ReadResult> read = read_result(json);
  if (!read) return false;
  ++results_;
  const auto board = windows_.find(read->leaderboard);
  if (board == windows_.end() || !board->second.contains(read->record->group)) {
    if (groups_ == groups_max_) {
      ++left_out_;
      return true;
    }
    ++groups_;
  }
  Windows& windows = windows_[read->leaderboard][read->record->group];
  Window& window = windows[read->record->window_end];
  if (window.record == nullptr || window.revision < read->revision) {
    window = {read->revision, std::move(read->record), std::string(value)};
  }
  if (windows.size() > kWindowsKept) windows.erase(windows.begin());
  return true;
}

// Of the earliest window that is not complete behind those that are, else the last complete one.
const TopicBoards::Window& TopicBoards::current(const Windows& windows) {
  auto at = std::prev(windows.end());
  while (!at->second.record->final && at != windows.begin() && !std::prev(at)->second.record->final) --at;
  return at->second;
}

std::vector<BoardsLook::Board> TopicBoards::boards(const std::string& leaderboard) const {
  std::vector<BoardsLook::Board> boards;
  const auto found = windows_.find(leaderboard);
  if (found == windows_.end()) return boards;
  for (const auto& [group, windows] : found->second) {
    BoardsLook::Board& board = boards.emplace_back(BoardsLook::Board{current(windows).record, {}});
    for (auto window = windows.rbegin(); window != windows.rend(); ++window) {
      if (window->second.record->final) board.finals.push_back(window->second.record);
    }
  }
  // Then by group, as they are.
  std::sort(boards.begin(), boards.end(), [](const auto& a, const auto& b) {
    return a.current->window_end != b.current->window_end ? a.current->window_end > b.current->window_end
                                                          : a.current->group < b.current->group;
  });
  return boards;
}

std::vector<std::string> TopicBoards::leaderboards() const {
  std::vector<std::string> names;
  names.reserve(windows_.size());
  for (const auto& [name, groups] : windows_) names.push_back(name);
  return names;
}

std::string TopicBoards::json(const std::string& leaderboard,
                              const std::optional<std::vector<std::string>>& only) const {
  std::string out = R"({"schema":1,"results":[)";
  bool first = true;
  for (const auto& [name, groups] : windows_) {
    if (!leaderboard.empty() && name != leaderboard) continue;
    for (const auto& [group, windows] : groups) {
      if (only && group != *only) continue;
      if (!std::exchange(first, false)) out += ',';
      out += current(windows).value;
    }
  }
  return out += "]}\n";
}

TopicFeed::TopicFeed(TopicTailConfig topic, std::string leaderboard, std::optional<std::vector<std::string>> group,
                     Log& log)
    : topic_(std::move(topic)),
      only_leaderboard_(std::move(leaderboard)),
      only_group_(std::move(group)),
      log_(log),
      boards_(kGroupsMax),
      thread_([this](const std::stop_token& stop) { read_on(stop); }) {}

void TopicFeed::read_on(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Status status = follow(stop);
    std::unique_lock lock(mutex_);
    outcome_ = status;
    changed_.notify_all();
    changed_.wait_for(lock, stop, kRetryPause, [] { return false; });
  }
}

// Until it fails, or is told to stop.
Status TopicFeed::follow(const std::stop_token& stop) {
  Result<std::unique_ptr<TopicTail>> tail = TopicTail::open(topic_, kPatience, log_);
  if (!tail.ok()) return tail.status();
  const auto opened = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    boards_ = TopicBoards(kGroupsMax);  // perhaps again: it is read from the beginning
    whole_ = false;
    strangers_ = 0;
  }
  while (!stop.stop_requested()) {
    std::vector<std::string> values;
    if (Status s = tail.value()->poll(kPoll, [&](std::string_view value) { values.emplace_back(value); }); !s.ok()) {
      return s;
    }
    const std::string trouble = tail.value()->trouble();
    const std::lock_guard lock(mutex_);
    for (const std::string& value : values) strangers_ += boards_.apply(value) ? 0u : 1u;
    whole_ = whole_ || tail.value()->at_end();
    if (!trouble.empty()) {
      if (outcome_ || std::chrono::steady_clock::now() - opened > kPatience)
        outcome_ = Status(Code::kUnavailable, trouble);
    } else if (whole_) {
      outcome_ = Status();
    } else if (outcome_) {
      outcome_.reset();
    }
    changed_.notify_all();
  }
  return {};
}

BoardsLook TopicFeed::look(const std::string& leaderboard, std::chrono::steady_clock::time_point, std::int64_t) {
  const std::lock_guard lock(mutex_);
  BoardsLook look;
  look.leaderboards = boards_.leaderboards();
  if (!look.leaderboards.empty()) {
    const auto found = std::find(look.leaderboards.begin(), look.leaderboards.end(), leaderboard);
    look.leaderboard =
        found == look.leaderboards.end() && leaderboard.empty() ? look.leaderboards.front() : leaderboard;
    look.boards = boards_.boards(look.leaderboard);
    std::erase_if(look.boards,
                  [&](const BoardsLook::Board& board) { return only_group_ && board.current->group != *only_group_; });
  }
  look.about = "topic " + topic_.topic;
  if (outcome_ && !outcome_->ok()) {
    look.ready = false;
    look.state = "trying again: " + outcome_->message();
    return look;
  }
  look.ready = whole_;
  look.state = (whole_ ? "" : "reading: ") + grouped(boards_.results()) + " results";
  if (strangers_ > 0) look.state += ", " + grouped(strangers_) + " records that are none";
  if (boards_.left_out() > 0) look.state += ", some of groups beyond " + grouped(kGroupsMax) + " left out";
  return look;
}

Status TopicFeed::wait(const std::atomic<bool>& stop) {
  std::unique_lock lock(mutex_);
  while (!outcome_) {
    if (stop.load()) return {Code::kUnavailable, "stopped before the end of topic " + topic_.topic + " was met"};
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
  return *outcome_;
}

Result<std::string> TopicFeed::json() {
  const std::lock_guard lock(mutex_);
  if (outcome_ && !outcome_->ok()) return *outcome_;
  return boards_.json(only_leaderboard_, only_group_);
}

}  // namespace marquee
