#include "app/boards_view.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "serve/metrics.hpp"
#include "serve/query.hpp"

namespace marquee {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kStopLatency{50};  // a signal handler can wake nobody: its flag is looked at
constexpr std::size_t kFilterBytesMax = 200;

std::int64_t utc_offset_ms(std::int64_t wall_ms) {
  const auto now = static_cast<std::time_t>(wall_ms / 1000);
  std::tm local{};
  return ::localtime_r(&now, &local) == nullptr ? 0 : std::int64_t{local.tm_gmtoff} * 1000;
}

std::int64_t wall_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The newest complete window that ended before `record` does.
const ResultRecord* before_of(const ResultRecord& record, const std::vector<ResultPtr>& finals) {
  for (const ResultPtr& final : finals) {
    if (final->window_end < record.window_end) return final.get();
  }
  return nullptr;
}

}  // namespace

BoardsView::BoardsView(BoardsFeed& feed, BoardsViewOptions options)
    : feed_(feed), options_(std::move(options)), leaderboard_(options_.leaderboard), filter_(options_.filter) {}

Frame BoardsView::frame(SteadyTime now, std::int64_t wall_ms) {
  BoardsLook look = feed_.look(leaderboard_, now, wall_ms);
  Frame frame;
  frame.title = look.leaderboard + (look.about.empty() ? "" : ", " + look.about);
  frame.ready = look.ready;
  frame.state = std::move(look.state);
  frame.figures = look.figures;
  frame.utc_offset_ms = utc_offset_ms(wall_ms);
  frame.footer = options_.links;
  leaderboards_ = std::move(look.leaderboards);
  if (look.leaderboard != told_of_) {
    told_of_ = look.leaderboard;
    told_.clear();
  }
  // Groups that are gone for good would be remembered for ever.
  if (told_.size() > 2 * look.boards.size() + 64) told_.clear();
  for (const BoardsLook::Board& board : look.boards) {
    if (!options_.terminal) remember_finals(board);
    FrameBoard shown = board_of(*board.current, before_of(*board.current, board.finals), look.watermark);
    if (keep_filtered(shown)) frame.boards.push_back(std::move(shown));
  }
  board_count_ = frame.boards.size();
  first_ = std::min(first_, board_count_ == 0 ? 0 : board_count_ - 1);
  frame.boards.erase(frame.boards.begin(), frame.boards.begin() + static_cast<std::ptrdiff_t>(first_));
  if (frame.boards.empty() && !look.boards.empty()) frame.empty = "nothing here has “" + filter_ + "”";
  if (options_.in_fd >= 0) {
    std::string keys = typing_ ? "filter: " + filter_ + "▏" : std::string("q leaves");
    if (!typing_ && leaderboards_.size() > 1) keys += "   tab next leaderboard";
    if (!typing_ && board_count_ > 1) keys += "   ↓↑ groups";
    if (!typing_) keys += filter_.empty() ? "   / filter" : "   / filter: " + filter_ + "   esc all";
    frame.keys = std::move(keys);
  }
  return frame;
}

Frame BoardsView::frame_now() {
  return frame(std::chrono::steady_clock::now(), wall_now_ms());
}

void BoardsView::remember_finals(const BoardsLook::Board& board) {
  EventTimeMs& told = told_.try_emplace(board.current->group, kNoTime).first->second;
  for (auto final = board.finals.rbegin(); final != board.finals.rend(); ++final) {
    const ResultRecord& record = **final;
    if (told != kNoTime && record.window_end <= told) continue;
    told = record.window_end;
    FrameBoard shown = board_of(record, before_of(record, board.finals), record.window_end);
    if (keep_filtered(shown)) finals_new_.push_back(std::move(shown));
  }
}

bool BoardsView::keep_filtered(FrameBoard& board) const {
  if (filter_.empty() || holds_ignoring_case(board.name, filter_)) return true;
  std::erase_if(board.rows, [&](const FrameRow& row) {
    return !holds_ignoring_case(row.title, filter_) && !holds_ignoring_case(row.item, filter_);
  });
  return !board.rows.empty();
}

FrameBoard BoardsView::board_of(const ResultRecord& record, const ResultRecord* before, EventTimeMs watermark) const {
  FrameBoard board;
  board.name = record.group.empty() ? "all" : group_label(record.group);
  board.window_start = record.window_start;
  board.window_end = record.window_end;
  board.final = record.final;
  board.exact = record.exact;
  board.events = record.events;
  if (record.final) {
    board.progress = 1;
  } else if (watermark != kNoTime && record.window_end > record.window_start) {
    board.progress = std::clamp(static_cast<double>(watermark - record.window_start) /
                                    static_cast<double>(record.window_end - record.window_start),
                                0.0, 1.0);
  }
  std::map<std::string_view, std::size_t> places;
  if (before != nullptr) {
    for (std::size_t i = 0; i < before->rows.size(); ++i) places.emplace(before->rows[i].item, i);
  }
  for (std::size_t i = 0; i < record.rows.size(); ++i) {
    const ResultRow& row = record.rows[i];
    FrameRow shown{i + 1, row.item, row.title.empty() ? row.item : row.title, row.views, row.watch_ms, {}};
    if (before != nullptr) {
      const auto place = places.find(row.item);
      if (place == places.end()) {
        shown.movement = {Movement::Kind::kNew, 0};
      } else if (place->second == i) {
        shown.movement = {Movement::Kind::kSame, 0};
      } else if (place->second > i) {
        shown.movement = {Movement::Kind::kUp, place->second - i};
      } else {
        shown.movement = {Movement::Kind::kDown, i - place->second};
      }
    }
    board.rows.push_back(std::move(shown));
  }
  return board;
}

std::string BoardsView::plain_text(const Frame& shown, SteadyTime now) {
  std::string out;
  for (; !finals_new_.empty(); finals_new_.pop_front()) {
    out += board_lines(finals_new_.front(), shown.utc_offset_ms, options_.plain_rows);
  }
  if (now >= status_due_) {
    status_due_ = now + options_.plain_status;
    (out += status_line(shown)) += '\n';
  }
  return out;
}

void BoardsView::choose_leaderboard(std::ptrdiff_t step) {
  if (leaderboards_.empty()) return;
  const auto count = static_cast<std::ptrdiff_t>(leaderboards_.size());
  const auto found = std::find(leaderboards_.begin(), leaderboards_.end(), told_of_);
  const std::ptrdiff_t at = found == leaderboards_.end() ? 0 : found - leaderboards_.begin();
  leaderboard_ = leaderboards_[static_cast<std::size_t>((at + step + count) % count)];
  first_ = 0;
}

// One byte of a filter being typed.
void BoardsView::type(char c) {
  if (c == '\r' || c == '\n') {
    typing_ = false;
  } else if (c == '\x7f' || c == '\b') {
    // The last character, all of its bytes.
    while (!filter_.empty() && (static_cast<unsigned char>(filter_.back()) & 0xc0) == 0x80) filter_.pop_back();
    if (!filter_.empty()) filter_.pop_back();
  } else if (static_cast<unsigned char>(c) >= ' ' && filter_.size() < kFilterBytesMax) {
    filter_ += c;
  }
  first_ = 0;
}

bool BoardsView::obey(std::string_view keys) {
  while (!keys.empty()) {
    const char c = keys.front();
    if (c == '\x1b') {
      // A sequence goes on to its final byte, all of it in one read; Esc alone is itself.
      const bool sequence = keys.size() >= 3 && (keys[1] == '[' || keys[1] == 'O');
      std::size_t end = 2;
      while (sequence && end + 1 < keys.size() && (keys[end] < '@' || keys[end] > '~')) ++end;
      const char arrow = sequence ? keys[end] : '\0';
      if (!sequence) {
        typing_ = false;
        filter_.clear();
        first_ = 0;
      } else if (!typing_) {
        if (arrow == 'C') choose_leaderboard(1);
        if (arrow == 'D' || arrow == 'Z') choose_leaderboard(-1);  // ←, shift-tab
        if (arrow == 'B' && first_ + 1 < board_count_) ++first_;
        if (arrow == 'A' && first_ > 0) --first_;
      }
      keys.remove_prefix(sequence ? end + 1 : 1);
      continue;
    }
    keys.remove_prefix(1);
    if (typing_) {
      type(c);
    } else if (c == 'q') {
      return false;
    } else if (c == '\t') {
      choose_leaderboard(1);
    } else if (c == '/') {
      typing_ = true;
      filter_.clear();
      first_ = 0;
    }
  }
  return true;
}

bool BoardsView::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t n = ::write(options_.out_fd, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      pollfd wait{options_.out_fd, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

// One write a frame, between marks that let newer terminals show it at once. Every line is cleared behind its end; the
// last column stays free, because a cursor that has reached it stands on it, and clearing would take its character.
bool BoardsView::draw_terminal(const Frame& shown) const {
  const TerminalSize size = terminal_size(options_.out_fd);
  const std::string text = render(shown, size.width - 1, size.height, options_.color);
  std::string out = "\x1b[?2026h\x1b[H";
  for (const char c : text) {
    if (c == '\n') out += "\x1b[K\r";
    out += c;
  }
  return write(out += "\x1b[K\x1b[J\x1b[?2026l");
}

bool BoardsView::run(const std::function<bool()>& stopped) {
  if (options_.terminal) {
    {
      const TerminalScreen screen(options_.out_fd, options_.in_fd);
      bool leave = false;
      while (!leave && !stopped()) {
        if (!draw_terminal(frame_now())) return false;
        const SteadyTime next = std::chrono::steady_clock::now() + options_.refresh;
        std::string keys;
        while (keys.empty() && std::chrono::steady_clock::now() < next && !stopped()) {
          keys = screen.keys(std::min(options_.refresh, kStopLatency));
        }
        leave = !obey(keys);
      }
    }
    // What was seen last stays readable, whole.
    const TerminalSize size = terminal_size(options_.out_fd);
    Frame last = frame_now();
    last.keys.clear();
    return write(render(last, size.width - 1, SIZE_MAX, options_.color) + '\n');
  }

  std::string links;
  for (const std::string& link : options_.links) (links += link) += '\n';
  if (!write(links)) return false;
  while (!stopped()) {
    const Frame shown = frame_now();
    if (!write(plain_text(shown, std::chrono::steady_clock::now()))) return false;
    const SteadyTime next = std::chrono::steady_clock::now() + options_.refresh;
    while (std::chrono::steady_clock::now() < next && !stopped()) {
      ::poll(nullptr, 0, static_cast<int>(std::min(options_.refresh, kStopLatency).count()));
    }
  }
  // The end: the finals still to be told, and where every group that is not final stood.
  const Frame last = frame_now();
  status_due_ = {};
  std::string out = plain_text(last, std::chrono::steady_clock::now());
  for (const FrameBoard& board : last.boards) {
    if (!board.final) out += board_lines(board, last.utc_offset_ms, options_.plain_rows);
  }
  return write(out);
}

}  // namespace marquee
