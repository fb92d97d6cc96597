#include "app/board_frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <sstream>

#include "app/terminal_text.hpp"

namespace marquee {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string without_color(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      out += text[i];
    } else {
      i = text.find('m', i);
    }
  }
  return out;
}

FrameBoard sample_board(const std::string& name, std::size_t rows) {
  FrameBoard board;
  board.name = name;
  board.window_start = 43'260'000;  // 12:01:00
  board.window_end = 43'270'000;
  board.progress = 0.5;
  board.events = 1482;
  constexpr Movement kMovements[] = {
      {Movement::Kind::kUp, 2}, {Movement::Kind::kDown, 1}, {Movement::Kind::kSame, 0}, {Movement::Kind::kNew, 0}};
  for (std::size_t i = 0; i < rows; ++i) {
    board.rows.push_back(
        {i + 1, "", std::string("Title ") + std::to_string(i), 1912 - i, 3'720'000, kMovements[i % 4]});
  }
  return board;
}

Frame sample_frame(std::size_t boards, std::size_t rows) {
  Frame frame;
  frame.title = "trending, tumbling 10s, by views";
  frame.state = "running";
  frame.figures.events_per_s = 333.6;
  frame.figures.lag = 12;
  frame.figures.watermark_delay_ms = 5'200;
  frame.figures.epochs = 42;
  frame.figures.uptime_ms = 72'000;
  frame.figures.resident_bytes = 58'400'000;
  for (std::size_t i = 0; i < boards; ++i)
    frame.boards.push_back(sample_board(std::string("group") + std::to_string(i), rows));
  frame.footer = {"metrics  http://127.0.0.1:8080/metrics", "Ctrl-C ends"};
  return frame;
}

TEST(Render, OneBoardToTheLetter) {
  EXPECT_EQ(render(sample_frame(1, 4), 60, 24, false),
            "marquee  trending, tumbling 10s, by views            running\n"
            "334 events/s   lag 12   watermark 5.2s behind   up 1m 12s\n"
            "\n"
            "group0        12:01:00–12:01:10 · 1,482 events · provisional\n"
            "━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────────────────────────\n"
            "                                         views  watched\n"
            " 1  Title 0                              1,912   1h 02m  ▲2\n"
            " 2  Title 1                              1,911   1h 02m  ▼1\n"
            " 3  Title 2                              1,910   1h 02m  •\n"
            " 4  Title 3                              1,909   1h 02m  new\n"
            "\n"
            "metrics  http://127.0.0.1:8080/metrics\n"
            "Ctrl-C ends");
}

TEST(Render, NeverExceedsItsSizeAndColorChangesNoText) {
  for (const std::size_t boards : std::initializer_list<std::size_t>{0, 1, 2, 3, 5, 8, 40}) {
    for (const std::size_t rows : std::initializer_list<std::size_t>{0, 1, 3, 10, 100}) {
      Frame frame = sample_frame(boards, rows);
      if (boards > 1) frame.boards[1].rows.clear();
      for (const std::size_t width : std::initializer_list<std::size_t>{1, 2, 20, 35, 36, 79, 80, 120, 400}) {
        for (const std::size_t height : std::initializer_list<std::size_t>{0, 1, 3, 5, 10, 17, 18, 24, 50}) {
          const std::string plain = render(frame, width, height, false);
          const std::vector<std::string> lines = lines_of(plain);
          EXPECT_LE(lines.size(), height);
          for (const std::string& line : lines) {
            EXPECT_LE(columns_of(line), width)
                << boards << " boards, " << rows << " rows, " << width << "x" << height << ": " << line;
            EXPECT_FALSE(line.ends_with(' '));
          }
          std::string colored = without_color(render(frame, width, height, true));
          std::string rules = plain;  // in colour the rule is one glyph, told apart by brightness
          for (std::size_t at; (at = rules.find("─")) != std::string::npos;)
            rules.replace(at, std::string_view("─").size(), "━");
          for (std::string* text : {&colored, &rules}) {
            std::string trimmed;
            for (const std::string& line : lines_of(*text))
              trimmed += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
            *text = trimmed;
          }
          EXPECT_EQ(colored, rules);
        }
      }
    }
  }
}

TEST(Render, BoardsStandSideBySideAsFarAsTheyFit) {
  const auto columns = [](std::size_t width) {
    const std::string text = render(sample_frame(4, 3), width, 60, false);
    for (const std::string& line : lines_of(text)) {
      if (!line.starts_with("group0")) continue;
      std::size_t n = 0;
      for (std::size_t at = 0; (at = line.find("group", at)) != std::string::npos; ++at) ++n;
      return n;
    }
    return std::size_t{0};
  };
  EXPECT_EQ(columns(50), 1u);
  EXPECT_EQ(columns(80), 2u);
  EXPECT_EQ(columns(120), 2u);  // three would fit, but two bands of two are even
  EXPECT_EQ(columns(160), 2u);  // four would fit, but cut titles short where there is height enough
  EXPECT_EQ(columns(200), 4u);
}

TEST(Render, EveryBoardsHeadTellsTheSameThings) {
  Frame frame = sample_frame(2, 3);
  frame.boards[0].name = "documentary";
  const std::string one_window = render(frame, 80, 24, false);
  EXPECT_THAT(one_window, StartsWith("marquee  trending, tumbling 10s, by views  12:01:00–12:01:10 "));
  EXPECT_THAT(one_window,
              HasSubstr("\ndocumentary 1,482 events · provisional   group1      1,482 events · provisional\n"));
  frame.boards[1].events = 1'000'000;  // one head has no room for it: none has it
  const std::string crowded = render(frame, 78, 24, false);
  EXPECT_THAT(crowded, HasSubstr("\ndocumentary               provisional   group1                    provisional\n"));
  frame.boards[1].window_end += 10'000;
  frame.boards[1].window_start += 10'000;
  const std::string two_windows = render(frame, 130, 24, false);
  EXPECT_THAT(two_windows, StartsWith("marquee  trending, tumbling 10s, by views  12:01:10–12:01:20 "));
  EXPECT_THAT(two_windows, HasSubstr("documentary      12:01:00–12:01:10 · 1,482 events · provisional"));
  EXPECT_THAT(two_windows, HasSubstr("12:01:10–12:01:20 · 1,000,000 events · provisional"));
}

TEST(Render, EightyByTwentyFourShowsEveryRowItCan) {
  const std::string text = render(sample_frame(2, 10), 80, 24, false);
  EXPECT_THAT(text, HasSubstr("10 Title 9"));
  EXPECT_THAT(text, HasSubstr("Ctrl-C ends"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(render(sample_frame(3, 10), 80, 24, false), HasSubstr(std::string("group") + std::to_string(i)));
  }
}

TEST(Render, SaysHowManyGroupsAreLeftOut) {
  EXPECT_THAT(render(sample_frame(40, 10), 80, 24, false), HasSubstr("more groups"));
  EXPECT_THAT(render(sample_frame(3, 10), 80, 24, false), Not(HasSubstr("more groups")));
}

TEST(Render, StatesAreToldApart) {
  Frame frame = sample_frame(1, 2);
  frame.boards[0].final = true;
  EXPECT_THAT(render(frame, 80, 24, false), HasSubstr("· final"));
  frame.boards[0].exact = false;
  EXPECT_THAT(render(frame, 80, 24, false), HasSubstr("final, inexact"));
  frame.ready = false;
  frame.state = "connecting: broker 127.0.0.1:9092 does not answer; trying again, and again, and again";
  EXPECT_THAT(render(frame, 80, 24, false), HasSubstr("does not answer"));
  frame.figures.lag.reset();
  EXPECT_THAT(render(frame, 80, 24, false), HasSubstr("lag unknown"));
  EXPECT_THAT(render(Frame{}, 80, 24, false), HasSubstr("waiting for the first result"));
}

TEST(Render, TitlesFromTheStreamCannotDriveTheTerminal) {
  Frame frame = sample_frame(1, 1);
  frame.boards[0].rows[0].title = "a\x1b[2J\nb\u202e\u009b\xff";
  frame.boards[0].name = "\x1b]0;x\x07";
  frame.state = "connecting:\x1b[31m";
  const std::string text = render(frame, 80, 24, false);
  EXPECT_THAT(text, HasSubstr("a\uFFFD[2J\uFFFDb\uFFFD\uFFFD\uFFFD"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_EQ(board_lines(frame.boards[0], 0, 5).find('\x1b'), std::string::npos);
  EXPECT_EQ(status_line(frame).find('\x1b'), std::string::npos);
}

TEST(Render, WideTitlesKeepTheColumnsStraight) {
  Frame frame = sample_frame(1, 2);
  frame.boards[0].rows[0].title = "君の街で";
  frame.boards[0].rows[1].title = "e\u0301t\u00e9 🎬 and more of it than there is room for, really";
  for (const std::string& line : lines_of(render(frame, 60, 24, false))) {
    const std::size_t at = line.find("1h 02m");
    if (at != std::string::npos) {
      EXPECT_EQ(columns_of(line.substr(0, at)), 49u) << line;
    }
  }
}

TEST(PlainText, StatusAndBoards) {
  Frame frame = sample_frame(1, 4);
  EXPECT_EQ(status_line(frame), "334 events/s, lag 12, watermark 5.2s behind, up 1m 12s, 58 MB, epoch 42");
  EXPECT_EQ(board_lines(frame.boards[0], 3'600'000, 2),
            "group0  13:01:00–13:01:10  provisional, 1,482 events\n"
            "   1  Title 0                                          1,912 views    1h 02m  ▲2\n"
            "   2  Title 1                                          1,911 views    1h 02m  ▼1\n");
}

}  // namespace
}  // namespace marquee
