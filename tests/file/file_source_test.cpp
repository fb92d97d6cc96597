#include "file/file_source.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "eventually.hpp"
#include "piped_stdin.hpp"
#include "temporary.hpp"

namespace marquee {
namespace {

using std::chrono::milliseconds;
using test::file_with;
using test::PipedStdin;
using test::temporary;
using ::testing::HasSubstr;
using Lines = std::vector<std::pair<std::int64_t, std::string>>;

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstandard(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

struct Shape {
  std::size_t bytes_max = 1u << 20;
  std::uint32_t events_max = 1024;
  std::size_t arena_bytes = 1u << 20;
};

void check(const Batch& batch, std::size_t events_max) {
  ASSERT_EQ(batch.spans.size(), 1u);
  ASSERT_FALSE(batch.messages.empty());
  EXPECT_LE(batch.messages.size(), events_max);
  EXPECT_EQ(batch.spans[0].first, batch.messages.front().offset);
  EXPECT_GT(raw(batch.spans[0].next), raw(batch.messages.back().offset));
  for (const Message& m : batch.messages) EXPECT_EQ(batch.arena()[m.begin + m.size], '\n');
}

// All lines by one lane, or the error.
Result<Lines> read_all(FileSource& source, const Shape& shape = {}) {
  const std::atomic<bool> stop{false};
  if (Status s = source.open(1, stop); !s.ok()) return s;
  Batch batch({shape.events_max, shape.arena_bytes, 1});
  Lines lines;
  std::uint64_t sequence = 0;
  std::int64_t next = 0;
  while (true) {
    batch.clear();
    const auto outcome = source.lane(0).read(batch, shape.bytes_max, milliseconds(1'000));
    if (!outcome.ok()) return outcome.status();
    if (outcome.value() == ReadOutcome::kEnd) return lines;
    if (outcome.value() == ReadOutcome::kNothing) continue;
    check(batch, shape.events_max);
    EXPECT_EQ(batch.sequence, sequence++);
    EXPECT_GE(raw(batch.spans[0].first), next);
    next = raw(batch.spans[0].next);
    for (const Message& m : batch.messages) lines.emplace_back(raw(m.offset), std::string(batch.bytes(m)));
  }
}

Lines lines_of(const std::string& bytes, const Shape& shape = {}) {
  FileSource source({file_with("lines", bytes)});
  const auto lines = read_all(source, shape);
  EXPECT_TRUE(lines.ok()) << lines.status().message();
  return lines.ok() ? lines.value() : Lines{};
}

std::string error_of(std::vector<std::string> paths) {
  FileSource source(std::move(paths));
  const auto lines = read_all(source);
  EXPECT_FALSE(lines.ok());
  if (lines.ok()) return "";
  EXPECT_EQ(lines.status().code(), Code::kUnavailable);
  return lines.status().message();
}

// The model: what DESIGN and src/README.md say of lines.
Lines model(const std::string& bytes) {
  Lines lines;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < bytes.size(); ++number) {
    const std::size_t feed = std::min(bytes.find('\n', begin), bytes.size());
    const std::string line = bytes.substr(begin, feed - begin);
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.emplace_back(number, line);
    begin = feed + 1;
  }
  return lines;
}

const char* const kOdd = "a\nbb\r\n\n  \t\r\nccc ccc ccc ccc ccc\n\n\nd\n{\"x\":1}\r\n \nlast without feed";

TEST(FileSource, ReadsLinesAndSkipsBlankOnes) {
  EXPECT_EQ(lines_of("a\nb\n"), (Lines{{0, "a"}, {1, "b"}}));
  EXPECT_EQ(lines_of("a\nb"), (Lines{{0, "a"}, {1, "b"}}));
  EXPECT_EQ(lines_of("a\r\n\r\nb\r\n"), (Lines{{0, "a\r"}, {2, "b\r"}}));
  EXPECT_EQ(lines_of(kOdd), model(kOdd));
}

TEST(FileSource, EmptyAndBlankFilesHoldNothing) {
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("\n"), Lines{});
  EXPECT_EQ(lines_of(" \r\n\t\n  "), Lines{});
  EXPECT_EQ(lines_of(std::string(100'000, '\n')), Lines{});
  EXPECT_EQ(lines_of("x"), (Lines{{0, "x"}}));
}

TEST(FileSource, CutsAtEverySizeAndEveryArena) {
  const std::string text = kOdd;
  const std::string path = file_with("cuts", text);  // once: a slow disk is not what is tested
  for (std::size_t bytes_max = 1; bytes_max <= text.size() + 2; ++bytes_max) {
    for (const std::size_t arena : {std::size_t{2}, std::size_t{8}, std::size_t{16}, std::size_t{4096}}) {
      for (const std::uint32_t events : {1u, 2u, 3u, 100u}) {
        FileSource source({path});
        const auto lines = read_all(source, {bytes_max, events, arena});
        ASSERT_TRUE(lines.ok()) << lines.status().message();
        ASSERT_EQ(lines.value(), model(text)) << bytes_max << " " << arena << " " << events;
      }
    }
  }
}

TEST(FileSource, RandomTextsInRandomCuts) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    std::mt19937_64 random(seed);
    std::string text;
    for (std::size_t n = random() % 400; n > 0; --n) {
      const std::size_t length = random() % 20 == 0 ? random() % 3'000 : random() % 40;
      text += std::string(length, random() % 5 == 0 ? ' ' : 'x') + (random() % 3 == 0 ? "\r\n" : "\n");
    }
    if (random() % 2 == 0 && !text.empty()) text.pop_back();
    const Shape shape{1 + random() % 2'000, 1 + static_cast<std::uint32_t>(random() % 50), 2 + random() % 2'000};
    std::string packed = text;
    const auto kind = random() % 3;
    const std::size_t cut = text.empty() ? 0 : random() % text.size();
    if (kind == 1) packed = gzipped(text.substr(0, cut)) + gzipped(text.substr(cut));
    if (kind == 2) packed = zstandard(text.substr(0, cut)) + zstandard(text.substr(cut));
    ASSERT_EQ(lines_of(packed, shape), model(text)) << "seed " << seed;
  }
}

TEST(FileSource, LinesLongerThanTheArenaComeWhole) {
  const std::string longer(3u << 20, 'y');
  const std::string text = "a\n" + longer + "\nb\n" + longer + longer;
  EXPECT_EQ(lines_of(text, {4096, 10, 4096}), model(text));
  const std::string blank(1u << 20, ' ');
  EXPECT_EQ(lines_of("a\n" + blank + "\nb\n" + blank, {4096, 10, 4096}), (Lines{{0, "a"}, {2, "b"}}));
}

TEST(FileSource, ALineOver64MiBIsAnError) {
  const std::string path = temporary("huge");
  {
    std::ofstream out(path, std::ios::binary);
    const std::string block(1u << 20, 'z');
    out << "ok\n";
    for (int i = 0; i < 65; ++i) out << block;
  }
  EXPECT_THAT(error_of({path}), HasSubstr("line 2 is longer than 64 MiB"));
  ::unlink(path.c_str());
}

TEST(FileSource, TellsPackingByMagicNotByName) {
  const std::string text = "one\ntwo\nthree";
  EXPECT_EQ(lines_of(gzipped(text)), model(text));
  EXPECT_EQ(lines_of(zstandard(text)), model(text));
  FileSource plain({file_with("plain.gz", text)});
  EXPECT_EQ(read_all(plain).value(), model(text));
}

TEST(FileSource, ReadsManyMembersFramesPaddingAndEmptyOnes) {
  const std::string text = "one\ntwo\nthree";
  EXPECT_EQ(lines_of(gzipped("one\ntw") + gzipped("") + gzipped("o\nthree")), model(text));
  EXPECT_EQ(lines_of(gzipped(text) + std::string(512, '\0')), model(text));
  EXPECT_EQ(lines_of(zstandard("one\ntw") + zstandard("") + zstandard("o\nthree")), model(text));
  const std::string skippable(
      "\x50\x2a\x4d\x18\x04\x00\x00\x00"
      "abcd",
      12);
  EXPECT_EQ(lines_of(skippable + zstandard(text)), model(text));
  EXPECT_EQ(lines_of(gzipped("")), Lines{});
}

TEST(FileSource, UnpacksMoreThanABuffer) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "{\"line\":" + std::to_string(i * 7919) + "}\n";
  EXPECT_EQ(lines_of(gzipped(text)), model(text));
  EXPECT_EQ(lines_of(zstandard(text)), model(text));
}

TEST(FileSource, CutOffOrBrokenPackingIsASentence) {
  std::string text;
  for (int i = 0; i < 5'000; ++i) text += std::to_string(i * 7919) + "\n";
  for (const std::string& packed : {gzipped(text), zstandard(text)}) {
    for (const std::size_t size : {packed.size() / 2, packed.size() - 1, std::size_t{5}}) {
      EXPECT_THAT(error_of({file_with("cut", packed.substr(0, size))}), HasSubstr("cut off"));
    }
    std::string broken = packed;
    for (std::size_t i = 12; i < broken.size() && i < 200; ++i) broken[i] = '\x55';
    EXPECT_THAT(error_of({file_with("broken", broken)}), HasSubstr("broken"));
  }
  EXPECT_THAT(error_of({file_with("garbage", gzipped("a\n") + "garbage behind it")}), HasSubstr("broken gzip"));
}

TEST(FileSource, MissingFilesAndDirectoriesAreToldBeforeReading) {
  EXPECT_THAT(error_of({file_with("there", "a\n"), temporary("absent")}), HasSubstr("No such file"));
  EXPECT_THAT(error_of({::testing::TempDir()}), HasSubstr("is a directory"));
}

TEST(FileSource, SeveralFilesAreOnePartitionInOrder) {
  FileSource source({file_with("first", "a\nb"), file_with("empty", ""), file_with("second", gzipped("\nc\n")),
                     file_with("third", "d")});
  EXPECT_EQ(read_all(source).value(), (Lines{{0, "a"}, {1, "b"}, {3, "c"}, {4, "d"}}));
  EXPECT_EQ(source.progress().bytes_read, source.progress().bytes_total);
}

TEST(FileSource, StandardInputComesInDribbles) {
  for (const std::string& bytes : {std::string(kOdd), gzipped(kOdd), zstandard(kOdd)}) {
    const PipedStdin pipe;
    std::thread writer([&] {
      std::mt19937_64 random(bytes.size());
      for (std::size_t i = 0; i < bytes.size();) {
        const std::string part = bytes.substr(i, 1 + random() % 5);
        ASSERT_EQ(::write(pipe.write_end(), part.data(), part.size()), static_cast<ssize_t>(part.size()));
        i += part.size();
        // The reader comes to an end here, in the middle of a line or of packed data, and has to wait for more.
        EXPECT_TRUE(random() % 2 == 0 || eventually([&] { return pipe.drained(); }));
      }
      ::close(pipe.write_end());
    });
    FileSource source({"-"});
    const auto lines = read_all(source);
    writer.join();
    ASSERT_TRUE(lines.ok());
    EXPECT_EQ(lines.value(), model(kOdd));
    EXPECT_EQ(source.progress().bytes_total, 0u);
  }
}

TEST(FileSource, ASilentPipeGivesTheReaderBack) {
  const PipedStdin pipe;
  FileSource source({"-"});
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  Batch batch({16, 4096, 1});
  EXPECT_EQ(source.lane(0).read(batch, 4096, milliseconds(30)).value(), ReadOutcome::kNothing);
  ASSERT_EQ(::write(pipe.write_end(), "a\nb", 3), 3);
  EXPECT_EQ(source.lane(0).read(batch, 4096, milliseconds(30)).value(), ReadOutcome::kRead);
  ASSERT_EQ(batch.messages.size(), 1u);
  EXPECT_EQ(source.lane(0).read(batch, 4096, milliseconds(30)).value(), ReadOutcome::kFull);
  batch.clear();
  EXPECT_EQ(source.lane(0).read(batch, 4096, milliseconds(30)).value(), ReadOutcome::kNothing);
  ::close(pipe.write_end());
  EXPECT_EQ(source.lane(0).read(batch, 4096, milliseconds(30)).value(), ReadOutcome::kRead);
  EXPECT_EQ(batch.bytes(batch.messages[0]), "b");
}

TEST(FileSource, StandardInputIsReadOnlyOnce) {
  FileSource source({"-", "-"});
  const std::atomic<bool> stop{false};
  EXPECT_EQ(source.open(1, stop).code(), Code::kUsage);
}

TEST(FileSource, ManyLanesStitchedGiveTheSameRecordsInSequence) {
  std::string text;
  std::mt19937_64 random(7);
  for (int i = 0; i < 30'000; ++i) text += std::to_string(random()) + (random() % 10 == 0 ? "\n\n" : "\n");
  for (const std::string& packed : {text, gzipped(text)}) {
    FileSource source({file_with("lanes", packed)});
    const std::atomic<bool> stop{false};
    constexpr std::size_t kLanes = 4;
    ASSERT_TRUE(source.open(kLanes, stop).ok());
    std::mutex mutex;
    std::map<std::uint64_t, Lines> chunks;
    std::vector<std::thread> lanes;
    for (std::size_t i = 0; i < kLanes; ++i) {
      lanes.emplace_back([&, i] {
        Batch batch({500, 4096, 1});
        while (true) {
          batch.clear();
          const auto outcome = source.lane(i).read(batch, 4096, milliseconds(100));
          ASSERT_TRUE(outcome.ok());
          if (outcome.value() == ReadOutcome::kEnd) return;
          Lines lines;
          for (const Message& m : batch.messages) lines.emplace_back(raw(m.offset), std::string(batch.bytes(m)));
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(chunks.emplace(batch.sequence, std::move(lines)).second);
        }
      });
    }
    for (std::thread& t : lanes) t.join();
    Lines all;
    std::uint64_t expected = 0;
    for (const auto& [sequence, lines] : chunks) {
      EXPECT_EQ(sequence, expected++);
      all.insert(all.end(), lines.begin(), lines.end());
    }
    EXPECT_EQ(all, model(text));
  }
}

TEST(FileSource, SeekReadsAgainFromALine) {
  FileSource source({file_with("seek1", "a\n\nb"), file_with("seek2", gzipped("c\nd\n"))});
  ASSERT_TRUE(read_all(source).ok());
  for (std::int64_t line = 0; line <= 5; ++line) {
    PartitionStart start;
    start.offset = Offset{line};
    ASSERT_TRUE(source.seek({start}).ok()) << line;
    Lines rest = model("a\n\nb\nc\nd\n");
    std::erase_if(rest, [&](const auto& l) { return l.first < line; });
    Lines got;
    Batch batch({16, 4096, 1});
    while (source.lane(0).read(batch, 4096, milliseconds(10)).value() == ReadOutcome::kRead) {
      for (const Message& m : batch.messages) got.emplace_back(raw(m.offset), std::string(batch.bytes(m)));
      batch.clear();
    }
    EXPECT_EQ(got, rest) << line;
  }
}

// What the first lane has to say until it says nothing more.
Lines read_on(FileSource& source, std::size_t batches_max = std::numeric_limits<std::size_t>::max()) {
  Lines got;
  Batch batch({16, 4096, 1});
  for (std::size_t i = 0; i < batches_max; ++i) {
    batch.clear();
    const auto outcome = source.lane(0).read(batch, 64, milliseconds(0));
    if (!outcome.ok() || outcome.value() != ReadOutcome::kRead) break;
    for (const Message& m : batch.messages) got.emplace_back(raw(m.offset), std::string(batch.bytes(m)));
  }
  return got;
}

Status seek_to(FileSource& source, std::int64_t line) {
  PartitionStart start;
  start.offset = Offset{line};
  return source.seek({start});
}

std::string numbered_lines(int first, int end) {
  std::string text;
  for (int i = first; i < end; ++i) {
    if (i % 7 == 3) text += i % 2 == 0 ? "  " : "";  // blank
    if (i % 7 != 3) text += "line " + std::to_string(i) + std::string(i % 31 == 0 ? 300 : 0, 'x');
    text += '\n';
  }
  return text;
}

Lines from_line(Lines lines, std::int64_t line) {
  std::erase_if(lines, [&](const auto& l) { return l.first < line; });
  return lines;
}

void write_all(const PipedStdin& pipe, const std::string& bytes) {
  ASSERT_EQ(::write(pipe.write_end(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

TEST(FileSource, APipeThatIsHeldIsReadAgainFromAnyLine) {
  const PipedStdin pipe;
  FileSource source({"-"});
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  write_all(pipe, numbered_lines(0, 200) + "half a ");
  const Lines before = model(numbered_lines(0, 200));
  EXPECT_EQ(read_on(source), before);
  // Again and again, each time broken off once: what is read again is held again.
  for (const std::int64_t line : {0, 1, 3, 4, 63, 64, 150, 199, 200}) {
    ASSERT_TRUE(seek_to(source, line).ok()) << line;
    read_on(source, 2);
    ASSERT_TRUE(seek_to(source, line).ok()) << line;
    EXPECT_EQ(read_on(source), from_line(before, line)) << line;
  }
  ASSERT_TRUE(seek_to(source, 190).ok());
  write_all(pipe, "line\n" + numbered_lines(201, 300) + "the end");
  ::close(pipe.write_end());
  EXPECT_EQ(read_on(source),
            from_line(model(numbered_lines(0, 200) + "half a line\n" + numbered_lines(201, 300) + "the end"), 190));
  ASSERT_TRUE(seek_to(source, 300).ok());
  EXPECT_EQ(read_on(source), (Lines{{300, "the end"}}));
}

TEST(FileSource, BlankLinesOfAPipeAreNotHeldAndKeepTheirNumbers) {
  const PipedStdin pipe;
  FileSource source({"-"}, 4096);
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  write_all(pipe, "first\n" + std::string(20'000, '\n'));
  EXPECT_EQ(read_on(source), (Lines{{0, "first"}}));
  write_all(pipe, "a\n\n\nb\n");
  const Lines rest = {{20'001, "a"}, {20'004, "b"}};
  EXPECT_EQ(read_on(source), rest);
  for (const std::int64_t line : {0, 1, 7'000, 20'001, 20'004, 20'005}) {
    Lines all = rest;
    all.insert(all.begin(), {0, "first"});
    ASSERT_TRUE(seek_to(source, line).ok()) << line;
    EXPECT_EQ(read_on(source), from_line(all, line)) << line;
  }
  ::close(pipe.write_end());
}

TEST(FileSource, WhatIsLetGoOfAPipeIsGone) {
  const PipedStdin pipe;
  FileSource source({"-"});
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  write_all(pipe, numbered_lines(0, 200));
  read_on(source);
  source.note_committed({{PartitionIndex{0}, Offset{100}, ""}});
  EXPECT_EQ(seek_to(source, 10).code(), Code::kUnavailable);
  ASSERT_TRUE(seek_to(source, 100).ok());
  EXPECT_EQ(read_on(source), from_line(model(numbered_lines(0, 200)), 100));
  source.let_go();
  EXPECT_EQ(seek_to(source, 100).code(), Code::kUnavailable);
  EXPECT_TRUE(seek_to(source, 200).ok());
  ::close(pipe.write_end());
}

TEST(FileSource, GoesOnWhereTheLastCommitEnded) {
  FileSource source({file_with("committed", "a\nb\nc\n")});
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  EXPECT_EQ(source.starts().value().at(0).offset, Offset{0});
  source.note_committed({{PartitionIndex{0}, Offset{2}, "marquee1 max=5"}});
  const PartitionStart start = source.starts().value().at(0);
  EXPECT_EQ(start.offset, Offset{2});
  EXPECT_EQ(start.metadata, "marquee1 max=5");
  EXPECT_TRUE(start.committed);
  ASSERT_TRUE(source.seek({start}).ok());
  EXPECT_EQ(read_on(source), (Lines{{2, "c"}}));
}

TEST(FileSource, HoldingIsBoundedAndReadingGoesOnAfterACommit) {
  const PipedStdin pipe;
  constexpr std::size_t kHeld = 1'000;
  FileSource source({"-"}, kHeld);
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(source.open(1, stop).ok());
  write_all(pipe, numbered_lines(0, 500));
  const Lines all = model(numbered_lines(0, 500));
  Lines got;
  while (got.size() < all.size()) {
    const Lines some = read_on(source);
    ASSERT_FALSE(some.empty());
    std::size_t bytes = 0;
    for (const auto& [line, text] : some) bytes += text.size() + 1;
    EXPECT_LE(bytes, kHeld + 4096);
    got.insert(got.end(), some.begin(), some.end());
    source.note_committed({{PartitionIndex{0}, Offset{got.back().first + 1}, ""}});  // committed
  }
  EXPECT_EQ(got, all);
  ::close(pipe.write_end());
}

}  // namespace
}  // namespace marquee
