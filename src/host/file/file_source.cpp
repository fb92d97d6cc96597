#include "file/file_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace marquee {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLongLineStepBytes = 1u << 20;
// A pipe that pauses with a chunk begun: a moment later there may be more, and larger chunks cost less.
constexpr milliseconds kPipePause{2};

bool is_blank(const char* line, std::size_t size) {
  return std::all_of(line, line + size, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
}

}  // namespace

// Makes a message of every line in the arena that is not blank.
class FileSource::LineCutter {
 public:
  LineCutter(Batch& batch, std::int64_t& line) : batch_(batch), line_(line) {}

  // Looks at arena bytes up to `used`.
  void scan(std::size_t used) {
    const char* const arena = batch_.arena();
    while (scanned_ < used && !full()) {
      const auto* feed = static_cast<const char*>(std::memchr(arena + scanned_, '\n', used - scanned_));
      if (feed == nullptr) {
        scanned_ = used;
        return;
      }
      const std::size_t size = static_cast<std::size_t>(feed - arena) - end_;
      if (!is_blank(arena + end_, size)) {
        Message& message = batch_.messages.emplace_back();
        message.begin = static_cast<std::uint32_t>(end_);
        message.size = static_cast<std::uint32_t>(size);
        message.offset = Offset{line_};
      }
      ++line_;
      end_ += size + 1;
      scanned_ = end_;
    }
  }
  bool full() const { return batch_.messages.size() >= batch_.events_max(); }
  std::size_t end() const { return end_; }  // of the last whole line

 private:
  Batch& batch_;
  std::int64_t& line_;
  std::size_t end_ = 0;
  std::size_t scanned_ = 0;
};

class FileSource::Lane final : public SourceLane {
 public:
  explicit Lane(FileSource& source) : source_(source) {}
  Result<ReadOutcome> read(Batch& batch, std::size_t bytes_max, milliseconds wait) override {
    if (!batch.spans.empty()) return ReadOutcome::kFull;  // one chunk a batch
    if (!source_.wait_for_room(wait)) return ReadOutcome::kNothing;
    const std::lock_guard lock(source_.mutex_);
    if (!source_.failed_.ok()) return source_.failed_;
    Result<ReadOutcome> outcome = source_.cut_chunk(batch, bytes_max, wait);
    if (!outcome.ok()) source_.failed_ = outcome.status();
    return outcome;
  }

 private:
  FileSource& source_;
};

FileSource::FileSource(std::vector<std::string> paths, std::size_t held_bytes_max)
    : paths_(std::move(paths)), held_bytes_max_(held_bytes_max) {}
FileSource::~FileSource() = default;

Status FileSource::open(std::size_t lanes, const std::atomic<bool>&) {
  bool all_regular = true;
  std::size_t standard_inputs = 0;
  bytes_total_ = 0;
  for (const std::string& path : paths_) {
    struct stat about{};
    const bool standard_input = path == "-";
    standard_inputs += standard_input ? 1 : 0;
    const int error = standard_input ? ::fstat(STDIN_FILENO, &about) : ::stat(path.c_str(), &about);
    if (error != 0 || (!standard_input && ::access(path.c_str(), R_OK) != 0)) {
      return Status{Code::kUnavailable, display_name(path) + " cannot be opened: " + std::strerror(errno) +
                                            "; check the path and its permissions"};
    }
    if (S_ISDIR(about.st_mode)) {
      return Status{Code::kUnavailable, display_name(path) + " is a directory; name the files in it"};
    }
    if (S_ISREG(about.st_mode)) {
      bytes_total_ += static_cast<std::uint64_t>(about.st_size);
    } else {
      all_regular = false;
    }
  }
  if (standard_inputs > 1) return Status{Code::kUsage, "standard input (-) can be read only once; name it once"};
  if (!all_regular) bytes_total_ = 0;
  can_go_back_ = all_regular && standard_inputs == 0;
  lanes_.clear();
  for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(*this));
  const std::lock_guard lock(held_mutex_);
  committed_ = partition(PartitionIndex{0});
  committed_.committed = true;  // there is nothing to be found out about its start
  holding_ = !can_go_back_;
  return {};
}

Result<std::vector<PartitionStart>> FileSource::starts() {
  const std::lock_guard lock(held_mutex_);
  return std::vector<PartitionStart>{committed_};
}

SourceLane& FileSource::lane(std::size_t i) {
  return *lanes_.at(i);
}

PartitionStart FileSource::partition(PartitionIndex) const {
  PartitionStart start;
  start.topic = paths_.size() == 1 ? display_name(paths_[0]) : std::to_string(paths_.size()) + " files";
  return start;
}

FileProgress FileSource::progress() const {
  return {bytes_read_.load(std::memory_order_relaxed), bytes_total_};
}

Status FileSource::next_file() {
  stream_.reset();
  if (files_opened_ == paths_.size()) {
    over_ = true;
    return {};
  }
  Result<std::unique_ptr<ByteStream>> stream = ByteStream::open(paths_[files_opened_++], bytes_read_);
  if (!stream.ok()) return stream.status();
  stream_ = std::move(stream.value());
  return {};
}

void FileSource::put_back(const char* bytes, std::size_t size) {
  if (carry_begin_ < carry_.size()) {
    // More is left of the carry than fitted the arena, so these bytes are the ones just before it.
    MARQUEE_CHECK(size <= carry_begin_);
    carry_begin_ -= size;
    return;
  }
  carry_.assign(bytes, bytes + size);
  carry_begin_ = 0;
}

Result<ReadOutcome> FileSource::deliver(Batch& batch) {
  PartitionSpan span;
  span.first = batch.messages.front().offset;
  span.next = Offset{line_};
  batch.spans.push_back(span);
  batch.sequence = sequence_++;
  return ReadOutcome::kRead;
}

Result<ReadOutcome> FileSource::cut_chunk(Batch& batch, std::size_t bytes_max, milliseconds wait) {
  MARQUEE_CHECK(batch.messages.empty() && batch.arena_used == 0);
  while (true) {
    if (carry_is_long_line_) {
      const Result<ReadOutcome> outcome = cut_long_line(batch, wait);
      if (!outcome.ok() || outcome.value() == ReadOutcome::kNothing || !batch.messages.empty()) return outcome;
      continue;  // it was blank
    }
    if (carry_begin_ == carry_.size() && !again_.empty()) {
      carry_ = std::move(again_.front().bytes);
      carry_begin_ = 0;
      line_ = again_.front().line;
      again_.pop_front();
    }
    // One byte is kept for the line feed that a file's last line may lack. More than the columns hold is not worth
    // reading.
    std::size_t room = std::min(std::max<std::size_t>(bytes_max, 1), batch.arena_room() - 1);
    if (line_bytes_ > 0) room = std::min(room, (line_bytes_ + line_bytes_ / 16) * batch.events_max() + 4096);
    char* const arena = batch.arena();
    std::size_t used = std::min(room, carry_.size() - carry_begin_);
    if (used > 0) std::memcpy(arena, carry_.data() + carry_begin_, used);
    carry_begin_ += used;
    const std::int64_t first_line = line_;
    LineCutter lines(batch, line_);
    lines.scan(used);
    bool waited = false;
    while (!lines.full() && used < room && !over_ && again_.empty()) {
      if (stream_ == nullptr) {
        if (Status s = next_file(); !s.ok()) return s;
        continue;
      }
      const bool begun = !batch.messages.empty();
      const Result<ByteStream::Read> read = stream_->read(arena + used, room - used, begun ? kPipePause : wait);
      if (!read.ok()) return read.status();
      if (read.value().got == ByteStream::Got::kNothing) {
        waited = true;
        break;
      }
      if (read.value().got == ByteStream::Got::kEnd) {
        if (used > lines.end()) arena[used++] = '\n';
        stream_.reset();
        if (Status s = next_file(); !s.ok()) return s;
      } else {
        used += read.value().size;
      }
      lines.scan(used);
    }
    const bool too_long = lines.end() == 0 && used >= room;
    put_back(arena + lines.end(), used - lines.end());
    if (!batch.messages.empty()) {
      keep(first_line, arena, lines.end());
      batch.arena_used = lines.end();
      line_bytes_ = lines.end() / batch.messages.size() + 1;
      return deliver(batch);
    }
    if (too_long) {
      carry_is_long_line_ = true;
      carry_scanned_ = 0;
    } else if (waited) {
      return ReadOutcome::kNothing;
    } else if (over_ && again_.empty() && carry_begin_ == carry_.size()) {
      return ReadOutcome::kEnd;
    }
  }
}

// The carry begins with a line that has no end yet, or is longer than a chunk.
Result<ReadOutcome> FileSource::cut_long_line(Batch& batch, milliseconds wait) {
  if (carry_begin_ > 0) {
    carry_.erase(carry_.begin(), carry_.begin() + static_cast<std::ptrdiff_t>(carry_begin_));
    carry_begin_ = 0;
  }
  const char* feed = nullptr;
  while (true) {
    feed = static_cast<const char*>(std::memchr(carry_.data() + carry_scanned_, '\n', carry_.size() - carry_scanned_));
    const std::size_t size = feed == nullptr ? carry_.size() : static_cast<std::size_t>(feed - carry_.data());
    if (size > kLineBytesMax) {
      return Status{Code::kUnavailable,
                    display_name(paths_[files_opened_ == 0 ? 0 : files_opened_ - 1]) + ": line " +
                        std::to_string(line_ + 1) + " is longer than " + std::to_string(kLineBytesMax >> 20) +
                        " MiB; marquee reads one JSON object a line (jq -c '.[]' makes lines of an array)"};
    }
    if (feed != nullptr) break;
    carry_scanned_ = carry_.size();
    if (stream_ == nullptr) {  // the file ended; its line feed was put here, so this is the end of all
      carry_.push_back('\n');
      continue;
    }
    const std::size_t before = carry_.size();
    carry_.resize(before + kLongLineStepBytes);
    const Result<ByteStream::Read> read = stream_->read(carry_.data() + before, kLongLineStepBytes, wait);
    carry_.resize(before + (read.ok() ? read.value().size : 0));
    if (!read.ok()) return read.status();
    if (read.value().got == ByteStream::Got::kNothing) return ReadOutcome::kNothing;
    if (read.value().got == ByteStream::Got::kEnd) {
      carry_.push_back('\n');
      stream_.reset();
      if (Status s = next_file(); !s.ok()) return s;
    }
  }
  const auto size = static_cast<std::size_t>(feed - carry_.data());
  const std::int64_t number = line_++;
  if (!is_blank(carry_.data(), size)) {
    batch.append({carry_.data(), size}, 0, Offset{number}, -1);
    keep(number, carry_.data(), size + 1);
  }
  carry_begin_ = size + 1;
  carry_is_long_line_ = false;
  carry_scanned_ = 0;
  if (batch.messages.empty()) return ReadOutcome::kRead;
  line_bytes_ = 0;
  return deliver(batch);
}

void FileSource::keep(std::int64_t line, const char* bytes, std::size_t size) {
  const std::lock_guard lock(held_mutex_);
  if (!holding_) return;
  held_.push_back({line, line_, {bytes, bytes + size}});
  held_bytes_ += size;
}

bool FileSource::wait_for_room(milliseconds wait) {
  std::unique_lock lock(held_mutex_);
  return held_room_.wait_for(lock, wait, [this] { return held_bytes_ < held_bytes_max_; });
}

void FileSource::note_committed(const std::vector<OffsetOut>& offsets) {
  if (offsets.empty()) return;
  const std::lock_guard lock(held_mutex_);
  committed_.offset = offsets[0].next;
  committed_.metadata = offsets[0].metadata;
  while (!held_.empty() && held_.front().next_line <= raw(committed_.offset)) {
    held_bytes_ -= held_.front().bytes.size();
    held_.pop_front();
  }
  held_room_.notify_all();
}

void FileSource::let_go() {
  const std::lock_guard lock(held_mutex_);
  holding_ = false;
  held_.clear();
  held_bytes_ = 0;
  held_room_.notify_all();
}

// What is held from `line` on is to be read again, then what is left of the carry, then what was to be read again
// already, then the pipe.
Status FileSource::seek_held(std::int64_t line) {
  if (!failed_.ok()) return failed_;
  const std::lock_guard lock(held_mutex_);
  MARQUEE_CHECK(line <= line_);
  if (line < (holding_ ? raw(committed_.offset) : line_)) {
    return {Code::kUnavailable,
            partition(PartitionIndex{0}).topic + " cannot be read a second time; write it to a file and replay that"};
  }
  if (carry_begin_ < carry_.size()) {
    again_.push_front({line_, line_, {carry_.begin() + static_cast<std::ptrdiff_t>(carry_begin_), carry_.end()}});
  }
  carry_ = {};
  carry_begin_ = 0;
  while (!held_.empty() && held_.back().next_line > line) {
    Piece piece = std::move(held_.back());
    held_.pop_back();
    held_bytes_ -= piece.bytes.size();
    if (piece.line < line) {  // the lines before it stay held
      const auto begin = piece.bytes.begin();
      auto split = begin;
      for (std::int64_t l = piece.line; l < line; ++l) split = std::find(split, piece.bytes.end(), '\n') + 1;
      held_.push_back({piece.line, line, {begin, split}});
      held_bytes_ += held_.back().bytes.size();
      piece = {line, piece.next_line, {split, piece.bytes.end()}};
    }
    again_.push_front(std::move(piece));
  }
  line_ = line;
  return {};
}

Status FileSource::seek(const std::vector<PartitionStart>& starts) {
  const std::lock_guard lock(mutex_);
  const std::int64_t target = starts.empty() ? 0 : raw(starts[0].offset);
  carry_is_long_line_ = false;
  sequence_ = 0;
  if (!can_go_back_) return seek_held(target);
  failed_ = {};
  stream_.reset();
  files_opened_ = 0;
  over_ = false;
  carry_.clear();
  carry_begin_ = 0;
  line_ = 0;
  bytes_read_.store(0);
  std::vector<char> buffer(kLongLineStepBytes);
  char last = '\n';
  while (line_ < target) {
    if (stream_ == nullptr) {
      if (Status s = next_file(); !s.ok()) return s;
      if (over_) return {Code::kUnavailable, partition(PartitionIndex{0}).topic + " became shorter while it was read"};
      last = '\n';
    }
    const Result<ByteStream::Read> read = stream_->read(buffer.data(), buffer.size(), milliseconds{100});
    if (!read.ok()) return read.status();
    if (read.value().got == ByteStream::Got::kEnd) {
      if (last != '\n') ++line_;
      stream_.reset();
    }
    const char* const end = buffer.data() + read.value().size;
    for (const char* p = buffer.data(); p < end;) {
      const auto* feed = static_cast<const char*>(std::memchr(p, '\n', static_cast<std::size_t>(end - p)));
      last = feed == nullptr ? end[-1] : '\n';
      if (feed == nullptr) break;
      p = feed + 1;
      if (++line_ == target) {
        carry_.assign(p, end);
        return {};
      }
    }
  }
  return {};
}

}  // namespace marquee
