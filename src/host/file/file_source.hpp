// FileSource: the lines of files, one file after the other, as partition 0. NDJSON, plain, gzip or zstd; "-" is
// standard input. Many lanes read it in turns: each read cuts the next chunk at a line end and stamps it with its
// number, so that what is decoded side by side is put in order again.
//
// A line that is blank (space, tab, CR) is no message; its number is used up all the same: offsets are line numbers,
// counted from 0 over all files. The last line of a file may lack its line feed. Cost: one memchr and one read or
// unpack a byte, under the lock; a partial line is copied twice.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "file/byte_stream.hpp"
#include "pipeline/ports.hpp"

namespace marquee {

inline constexpr std::size_t kLineBytesMax = 64u << 20;  // a longer line is an error: this is no NDJSON
inline constexpr std::size_t kHeldBytesMax = 1u << 30;   // of a pipe, for a recovery; then reading waits for a commit

// How far reading has come; in bytes of the files themselves (packed).
struct FileProgress {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;  // 0 where some file is a pipe
};

class FileSource final : public Source {
 public:
  // At most about `held_bytes_max` bytes of a pipe are held.
  explicit FileSource(std::vector<std::string> paths, std::size_t held_bytes_max = kHeldBytesMax);
  ~FileSource() override;

  // Looks at every file, so that a missing one is told before anything is read.
  Status open(std::size_t lanes, const std::atomic<bool>& stop) override;
  // Where the last epoch that committed ended.
  Result<std::vector<PartitionStart>> starts() override;
  SourceLane& lane(std::size_t i) override;
  bool sequenced() const override { return true; }
  bool healthy(PartitionIndex) const override { return true; }
  PartitionStart partition(PartitionIndex partition) const override;
  std::size_t partition_count() const override { return 1; }
  // Reads again from the first file up to the line asked for. Where some file is a pipe, from what is held of them all.
  Status seek(const std::vector<PartitionStart>& starts) override;
  // Of a pipe, all that was handed out since is held, from open() on.
  void note_committed(const std::vector<OffsetOut>& offsets) override;
  void let_go() override;

  FileProgress progress() const;  // any thread

 private:
  class Lane;
  class LineCutter;

  // One chunk into an empty batch. Any lane, one at a time.
  Result<ReadOutcome> cut_chunk(Batch& batch, std::size_t bytes_max, std::chrono::milliseconds wait);
  Result<ReadOutcome> cut_long_line(Batch& batch, std::chrono::milliseconds wait);
  Result<ReadOutcome> deliver(Batch& batch);
  // Makes stream_ the next file with something to read, or leaves it null and sets over_.
  Status next_file();
  void put_back(const char* bytes, std::size_t size);
  // Whole lines that were handed out, the first of them `line`, the next one line_: kept where a recovery may ask for
  // them.
  void keep(std::int64_t line, const char* bytes, std::size_t size);
  bool wait_for_room(std::chrono::milliseconds wait);
  Status seek_held(std::int64_t line);

  const std::vector<std::string> paths_;
  const std::size_t held_bytes_max_;
  std::uint64_t bytes_total_ = 0;
  bool can_go_back_ = true;  // no file is a pipe
  std::atomic<std::uint64_t> bytes_read_{0};
  std::vector<std::unique_ptr<Lane>> lanes_;

  struct Piece {  // whole lines [line, next_line); none of blank ones alone, so that numbers may leap between pieces
    std::int64_t line;
    std::int64_t next_line;
    std::vector<char> bytes;
  };
  std::mutex held_mutex_;  // of what is held: the next one may wait for a silent pipe. Taken after it, never before
  PartitionStart committed_;
  bool holding_ = false;
  std::deque<Piece> held_;  // all that was handed out since the last commit
  std::size_t held_bytes_ = 0;
  std::condition_variable held_room_;

  std::mutex mutex_;  // of all below
  std::unique_ptr<ByteStream> stream_;
  std::size_t files_opened_ = 0;
  bool over_ = false;
  Status failed_;
  std::vector<char> carry_;  // bytes read and not yet handed out: [carry_begin_, size)
  std::size_t carry_begin_ = 0;
  bool carry_is_long_line_ = false;
  std::size_t carry_scanned_ = 0;  // of a long line, known to hold no line feed
  std::deque<Piece> again_;        // to be read before the stream goes on; the last one may end within a line
  std::int64_t line_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t line_bytes_ = 0;  // about how long a line is, of the last chunk; 0 unknown
};

}  // namespace marquee
