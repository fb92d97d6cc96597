#include "app/board_frame.hpp"

#include <algorithm>
#include <cmath>

#include "app/terminal_text.hpp"

namespace marquee {
namespace {

constexpr std::size_t kBoardColumnsMin = 36;    // two boards in 80 columns
constexpr std::size_t kBoardColumnsMax = 64;    // wider only draws titles and numbers apart
constexpr std::size_t kBoardColumnsRoomy = 44;  // room for most titles
constexpr std::size_t kBoardColumnsLoose = 48;  // narrower boards save on the gaps between their columns
constexpr std::size_t kGapColumns = 3;
constexpr std::size_t kBoardFrameLines = 3;   // name, rule, and the blank line below
constexpr std::size_t kRowsMin = 3;           // fewer make no board; leave boards out first
constexpr std::size_t kFooterHeightMin = 18;  // lower terminals have no footer
constexpr std::size_t kKeysHeightMin = 12;    // nor, lower still, the keys

std::string format_movement(const Movement& movement) {
  switch (movement.kind) {
    case Movement::Kind::kUnknown:
      return "";
    case Movement::Kind::kSame:
      return "•";
    case Movement::Kind::kNew:
      return "new";
    case Movement::Kind::kUp:
      return "▲" + std::to_string(movement.places);
    case Movement::Kind::kDown:
      return "▼" + std::to_string(movement.places);
  }
  return "";
}

std::string_view style_of(const Movement& movement) {
  switch (movement.kind) {
    case Movement::Kind::kNew:
      return kFresh;
    case Movement::Kind::kUp:
      return kGood;
    case Movement::Kind::kDown:
      return kBad;
    default:
      return kDim;
  }
}

std::string format_window(const FrameBoard& board, std::int64_t utc_offset_ms) {
  std::string text = format_clock(board.window_start, utc_offset_ms);
  text += "–";
  return text += format_clock(board.window_end, utc_offset_ms);
}

// Beside a board's name.
std::string window_part(const FrameBoard& board, std::int64_t utc_offset_ms) {
  return format_window(board, utc_offset_ms) + " · ";
}

std::string format_seconds(std::int64_t ms) {
  return ms >= 100'000 || ms <= -100'000 ? format_duration(ms) : decimal(static_cast<double>(ms) * 1e-3, 1) + "s";
}

std::string format_rate(double per_s) {
  return grouped(static_cast<std::uint64_t>(std::llround(std::max(per_s, 0.0)))) + " events/s";
}

std::string format_memory(std::uint64_t bytes) {
  return grouped((bytes + 500'000) / 1'000'000) + " MB";
}

std::string format_watch(const FrameRow& row) {
  return format_duration(static_cast<std::int64_t>(row.watch_ms));
}

// The columns of a board's rows, and how wide each is.
struct Table {
  std::size_t gap = 2, rank = 2, title = 0, views = 0, watch = 0, movement = 0;

  std::size_t title_begin() const { return rank + gap; }
  std::size_t views_end() const { return title_begin() + title + gap + views; }
  std::size_t watch_end() const { return views_end() + (watch == 0 ? 0 : 2 + watch); }
  std::size_t end() const { return watch_end() + (movement == 0 ? 0 : gap + movement); }
};

// How boards are laid out.
struct Layout {
  std::size_t columns = 1;  // boards side by side
  std::size_t board_width = 0;
  std::size_t boards = 0;  // shown
  std::size_t rows = 0;    // shown of each
  bool heading = false;    // a line that names the columns
  bool window = false;     // beside each name
  bool events = false;     // likewise
  Table table;
};

// The same columns for all boards, so that they stand one below the other.
Table measure(const std::vector<FrameBoard>& boards, const Layout& layout) {
  Table table;
  table.gap = layout.board_width < kBoardColumnsLoose ? 1 : 2;
  table.views = layout.heading ? 5 : 3;
  table.watch = layout.heading ? 7 : 6;
  for (std::size_t b = 0; b < layout.boards; ++b) {
    const std::size_t rows = std::min(layout.rows, boards[b].rows.size());
    for (std::size_t i = 0; i < rows; ++i) {
      const FrameRow& row = boards[b].rows[i];
      table.rank = std::max(table.rank, std::to_string(row.rank).size());
      table.views = std::max(table.views, columns_of(grouped(row.views)));
      table.watch = std::max(table.watch, columns_of(format_watch(row)));
      if (row.movement.kind != Movement::Kind::kUnknown) {
        table.movement = std::max<std::size_t>({table.movement, 3, columns_of(format_movement(row.movement))});
      }
    }
  }
  // What a very narrow board gives up: watch time, then movement.
  const auto left = [&] { return layout.board_width - std::min(layout.board_width, table.end()); };
  if (left() < 10) table.watch = 0;
  if (left() < 8) table.movement = 0;
  table.title = left();
  return table;
}

std::size_t columns_that_fit(std::size_t width, std::size_t board_width, std::size_t boards) {
  return std::clamp<std::size_t>((width + kGapColumns) / (board_width + kGapColumns), 1,
                                 std::max<std::size_t>(boards, 1));
}

// Boards as wide as titles want to be, if all of them then find room with all their rows; else as many as fit.
Layout lay_out(const std::vector<FrameBoard>& boards, std::size_t width, std::size_t lines) {
  Layout layout;
  std::size_t rows_wanted = 0;
  for (const FrameBoard& board : boards) rows_wanted = std::max(rows_wanted, board.rows.size());
  const std::size_t count = boards.size();
  std::size_t columns_max = columns_that_fit(width, kBoardColumnsRoomy, count);
  std::size_t bands = (count + columns_max - 1) / columns_max;
  if (columns_max == 1 || bands * (kBoardFrameLines + rows_wanted) > lines + 1) {
    columns_max = columns_that_fit(width, kBoardColumnsMin, count);
    bands = (count + columns_max - 1) / columns_max;
  }
  // The last band needs no blank line below: as if there were one line more.
  const std::size_t bands_max =
      std::max<std::size_t>(1, (lines + 1) / (kBoardFrameLines + std::min(rows_wanted, kRowsMin)));
  layout.columns = columns_max;
  if (bands > bands_max) {
    bands =
        std::max<std::size_t>(1, (lines) / (kBoardFrameLines + std::min(rows_wanted, kRowsMin)));  // one line says so
    lines -= std::min<std::size_t>(lines, 1);
  } else if (bands > 0) {
    layout.columns = (count + bands - 1) / bands;  // even bands
  }
  layout.boards = std::min(count, bands * layout.columns);
  layout.board_width =
      std::min((width - std::min(width, (layout.columns - 1) * kGapColumns)) / layout.columns, kBoardColumnsMax);
  if (bands == 0) return layout;
  const std::size_t lines_each = (lines + 1) / bands;
  const std::size_t space = lines_each > kBoardFrameLines ? lines_each - kBoardFrameLines : 0;
  layout.heading = space > rows_wanted;
  layout.rows = std::min(space, rows_wanted);
  return layout;
}

std::string_view state_of(const FrameBoard& board) {
  return !board.exact ? (board.final ? "final, inexact" : "inexact") : (board.final ? "final" : "provisional");
}

std::string events_part(const FrameBoard& board) {
  return grouped(board.events) + (board.events == 1 ? " event · " : " events · ");
}

// The board with the newest window.
const FrameBoard* newest(const std::vector<FrameBoard>& boards) {
  const auto later = [](const FrameBoard& a, const FrameBoard& b) { return a.window_end < b.window_end; };
  const auto found = std::max_element(boards.begin(), boards.end(), later);
  return found == boards.end() ? nullptr : &*found;
}

// What stands beside the names: the same for all boards, so that none looks as if it lacked something. The window does
// not where it stands above them all already (`above`, may be null).
void choose_parts(const std::vector<FrameBoard>& boards, std::int64_t utc_offset_ms, const FrameBoard* above,
                  Layout& layout) {
  const bool told = above != nullptr && std::all_of(boards.begin(), boards.end(), [&](const FrameBoard& board) {
                      return board.window_start == above->window_start && board.window_end == above->window_end;
                    });
  const auto fits = [&](bool window, bool events) {
    const auto shown = boards.begin() + static_cast<std::ptrdiff_t>(layout.boards);
    return std::all_of(boards.begin(), shown, [&](const FrameBoard& board) {
      std::size_t columns = columns_of(board.name) + 1 + state_of(board).size();
      if (window) columns += columns_of(window_part(board, utc_offset_ms));
      if (events) columns += columns_of(events_part(board));
      return columns <= layout.board_width;
    });
  };
  layout.window = !told && fits(true, false);
  layout.events = fits(layout.window, true);
}

// Draws the lines of one board, each `layout.board_width` wide at most.
class BoardDrawing {
 public:
  BoardDrawing(const FrameBoard& board, const Layout& layout, std::int64_t utc_offset_ms, bool color)
      : board_(board), table_(layout.table), width_(layout.board_width), color_(color) {
    name_and_state(layout, utc_offset_ms);
    rule();
    if (layout.heading) heading();
    for (std::size_t i = 0; i < layout.rows && i < board.rows.size(); ++i) row(i);
  }
  const std::vector<Line>& lines() const { return lines_; }

 private:
  Line& begin() { return lines_.emplace_back(width_, color_); }

  // The name, and what the layout chose of "12:01:00–12:01:10 · 482 events · provisional". A long name is cut.
  void name_and_state(const Layout& layout, std::int64_t utc_offset_ms) {
    const std::string parts = (layout.window ? window_part(board_, utc_offset_ms) : std::string()) +
                              (layout.events ? events_part(board_) : std::string());
    const std::string_view state = state_of(board_);
    const std::size_t right = columns_of(parts) + state.size();
    Line& line = begin();
    const bool room = right + 1 < width_;
    line.add(board_.name, kBold, room ? width_ - right - 1 : width_);
    if (!room) return;
    line.pad_to(width_ - right);
    line.add(parts, kDim);
    line.add(state, !board_.exact ? kWarn : board_.final ? kGood : kFresh);
  }

  // The rule below the name is the window's progress.
  void rule() {
    const auto done =
        static_cast<std::size_t>(std::lround(std::clamp(board_.progress, 0.0, 1.0) * static_cast<double>(width_)));
    Line& line = begin();
    line.add(repeated("━", done), board_.final ? kGood : kFresh);
    line.add(repeated(color_ ? "━" : "─", width_ - done), kDim);
  }

  void heading() {
    Line& line = begin();
    line.add_right("views", table_.views_end(), kDim);
    if (table_.watch > 0) line.add_right("watched", table_.watch_end(), kDim);
  }

  void row(std::size_t index) {
    const FrameRow& shown = board_.rows[index];
    Line& line = begin();
    const std::string_view emphasis = shown.rank == 1 ? kBold : kPlain;
    line.add_right(std::to_string(shown.rank), table_.rank, kDim);
    line.pad_to(table_.title_begin());
    line.add(shown.title, emphasis, table_.title);
    line.add_right(grouped(shown.views), table_.views_end(), emphasis);
    if (table_.watch > 0) line.add_right(format_watch(shown), table_.watch_end(), kDim);
    if (table_.movement > 0) {
      line.pad_to(table_.watch_end() + table_.gap);
      line.add(format_movement(shown.movement), style_of(shown.movement));
    }
  }

  static std::string repeated(std::string_view glyph, std::size_t times) {
    std::string text;
    text.reserve(glyph.size() * times);
    while (times-- > 0) text += glyph;
    return text;
  }

  const FrameBoard& board_;
  const Table table_;
  std::size_t width_;
  bool color_;
  std::vector<Line> lines_;
};

// What the header and the status line tell, most important first.
std::vector<std::string> figures(const Frame& frame) {
  std::vector<std::string> out;
  if (frame.figures.events_per_s) out.push_back(format_rate(*frame.figures.events_per_s));
  if (frame.figures.lag) {
    out.push_back("lag " + grouped(*frame.figures.lag));
  } else if (frame.figures.events_per_s) {
    out.emplace_back("lag unknown");
  }
  if (frame.figures.watermark_delay_ms)
    out.push_back("watermark " + format_seconds(*frame.figures.watermark_delay_ms) + " behind");
  if (frame.figures.uptime_ms) out.push_back("up " + format_duration(*frame.figures.uptime_ms));
  if (frame.figures.resident_bytes) out.push_back(format_memory(*frame.figures.resident_bytes));
  if (frame.figures.epochs) out.push_back("epoch " + grouped(*frame.figures.epochs));
  return out;
}

}  // namespace

std::string render(const Frame& frame, std::size_t width, std::size_t height, bool color) {
  width = std::max<std::size_t>(width, 1);
  std::vector<std::string> lines;

  Line top(width, color);
  top.add("marquee", kTitle);
  top.add_if_fits("  " + frame.title);
  const FrameBoard* above = frame.boards.size() > 1 ? newest(frame.boards) : nullptr;
  const std::string window = above == nullptr ? "" : "  " + format_window(*above, frame.utc_offset_ms);
  if (top.columns() + columns_of(window) + 2 + columns_of(frame.state) > width) above = nullptr;
  if (above != nullptr) top.add(window);
  if (top.columns() + 2 + columns_of(frame.state) <= width) {
    top.add_right(frame.state, width, frame.ready ? kDim : kWarn);
    lines.push_back(top.take());
  } else {
    lines.push_back(top.take());
    if (!frame.ready) {
      Line reason(width, color);
      reason.add(frame.state, kWarn);
      lines.push_back(reason.take());
    }
  }
  Line status(width, color);
  for (const std::string& figure : figures(frame)) {
    if (!status.add_if_fits((status.columns() > 0 ? "   " : "") + figure, status.columns() == 0 ? kBold : kDim)) break;
  }
  if (status.columns() > 0) lines.push_back(status.take());
  lines.emplace_back();

  const bool keys = !frame.keys.empty() && height >= kKeysHeightMin;
  const bool footer = height >= kFooterHeightMin && !frame.footer.empty();
  const std::size_t footer_lines =
      footer || keys ? 1 + (footer ? frame.footer.size() : 0) + static_cast<std::size_t>(keys) : 0;
  const std::size_t room = height > lines.size() + footer_lines ? height - lines.size() - footer_lines : 0;
  if (frame.boards.empty()) {
    Line waiting(width, color);
    waiting.add(frame.empty, kDim);
    lines.push_back(waiting.take());
  }
  Layout layout = lay_out(frame.boards, width, room);
  choose_parts(frame.boards, frame.utc_offset_ms, above, layout);
  layout.table = measure(frame.boards, layout);
  for (std::size_t first = 0; first < layout.boards; first += layout.columns) {
    if (first > 0) lines.emplace_back();
    std::vector<BoardDrawing> band;
    std::size_t band_lines = 0;
    for (std::size_t i = first; i < std::min(first + layout.columns, layout.boards); ++i) {
      band_lines =
          std::max(band_lines, band.emplace_back(frame.boards[i], layout, frame.utc_offset_ms, color).lines().size());
    }
    for (std::size_t at = 0; at < band_lines; ++at) {
      Line line(width, color);
      for (std::size_t i = 0; i < band.size(); ++i) {
        line.pad_to(i * (layout.board_width + kGapColumns));
        if (at < band[i].lines().size()) line.append(band[i].lines()[at]);
      }
      lines.push_back(line.take());
    }
  }
  if (layout.boards < frame.boards.size()) {
    Line more(width, color);
    more.add("… and " + grouped(frame.boards.size() - layout.boards) + " more groups", kDim);
    lines.push_back(more.take());
  }
  if (footer_lines > 0) {
    lines.emplace_back();
    std::vector<std::string> texts = footer ? frame.footer : std::vector<std::string>{};
    if (keys) texts.push_back(frame.keys);
    for (const std::string& text : texts) {
      Line line(width, color);
      line.add(text, kDim);
      lines.push_back(line.take());
    }
  }

  if (lines.size() > height) lines.resize(height);
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    out += lines[i];
  }
  return out;
}

std::string status_line(const Frame& frame) {
  std::string out;
  for (const std::string& figure : figures(frame)) {
    if (!out.empty()) out += ", ";
    out += figure;
  }
  if (!frame.ready) (out += out.empty() ? "" : "; ") += fitted(frame.state, 200);
  return out;
}

std::string board_lines(const FrameBoard& board, std::int64_t utc_offset_ms, std::size_t rows) {
  std::string out = fitted(board.name, 60);
  out += "  ";
  out += format_window(board, utc_offset_ms);
  out += board.final ? "  final" : "  provisional";
  if (!board.exact) out += ", inexact";
  ((out += ", ") += grouped(board.events)) += board.events == 1 ? " event\n" : " events\n";
  for (std::size_t i = 0; i < board.rows.size() && i < rows; ++i) {
    const FrameRow& row = board.rows[i];
    Line line(100, false);
    line.add_right(std::to_string(row.rank), 4);
    line.add("  ");
    line.add(row.title, kPlain, 44);
    line.pad_to(52);
    line.add_right(grouped(row.views) + (row.views == 1 ? " view " : " views"), 66);
    line.add_right(format_duration(static_cast<std::int64_t>(row.watch_ms)), 76);
    line.add("  ");
    line.add(format_movement(row.movement));
    (out += line.take()) += '\n';
  }
  return out;
}

}  // namespace marquee
