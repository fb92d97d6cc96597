#include "pipeline/pane_block.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.hpp"
#include "pipeline/pane_block_body.hpp"
#include "pipeline/varint.hpp"

namespace marquee {
namespace {

// The head of a value; see docs/pane-log.md. Numbers are little-endian.
constexpr std::string_view kMagic = "MQPL";
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kChecksumAt = 8;
constexpr std::size_t kCheckedAt = 12;  // from here to the end
constexpr std::size_t kKindAt = 12;
constexpr std::size_t kBodyBytesAt = 16;
constexpr std::size_t kEpochAt = 24;
constexpr std::size_t kHeadBytes = 32;
constexpr int kZstdLevel = 1;

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

template <class T>
T get(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(T{static_cast<unsigned char>(bytes[at + i])} << (8 * i));
  return value;
}

std::uint32_t checksum(std::string_view bytes) {
  const std::string_view checked = bytes.substr(kCheckedAt);
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(checked.data()), checked.size()));
}

Status refused(std::string what) {
  return {Code::kInternal, std::move(what)};
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

std::string pack_pane_block_body(std::uint8_t version, bool base, std::uint64_t epoch, std::string_view body) {
  std::string value(kHeadBytes + ZSTD_compressBound(body.size()), '\0');
  const std::size_t packed =
      ZSTD_compress(value.data() + kHeadBytes, value.size() - kHeadBytes, body.data(), body.size(), kZstdLevel);
  MARQUEE_CHECK(!ZSTD_isError(packed));
  value.resize(kHeadBytes + packed);
  kMagic.copy(value.data(), kMagic.size());
  put<std::uint8_t>(value, kVersionAt, version);
  put<std::uint8_t>(value, kKindAt, base ? 1 : 0);
  put<std::uint64_t>(value, kBodyBytesAt, body.size());
  put<std::uint64_t>(value, kEpochAt, epoch);
  put<std::uint32_t>(value, kChecksumAt, checksum(value));
  return value;
}

std::string encode_pane_block(const PaneBlock& block) {
  return pack_pane_block_body(block.version(), block.base, block.epoch, encode_pane_block_body(block));
}

// zstd takes at most a 256th more than it is given, rounded down, and ZSTD_compressBound(0) bytes.
std::size_t pane_block_bytes_max(const PaneBlock& without_rows) {
  const std::size_t counts = 6 * kVarintBytesMax;  // part, parts, groups, runs and titles may still grow
  const std::size_t body = encode_pane_block_body(without_rows).size() + counts;
  return kHeadBytes + body + body / 256 + ZSTD_compressBound(0);
}

std::size_t pane_row_bytes_max(const PartialBlock& partials, const PartialBlock::Row& row,
                               const PartialBlock::Row* before) {
  std::size_t bytes =
      varint_bytes(row.item_size) + varint_bytes(row.views) + varint_bytes(row.watch_ms) + row.item_size;
  if (before == nullptr || before->leaderboard != row.leaderboard || before->pane != row.pane ||
      before->group != row.group) {
    bytes += 4 * kVarintBytesMax;  // the run's four numbers
    if (row.group != PartialBlock::kNoGroup) {
      // The size of a value takes two bytes of a key; here three where it is 2^14 or more.
      const std::size_t key_bytes = partials.groups[row.group].size();
      bytes += key_bytes + key_bytes / (1u << 14) + kVarintBytesMax;
    }
  }
  if (row.title != PartialBlock::kNoTitle) bytes += 3 * kVarintBytesMax + partials.titles[row.title].size;
  return bytes + bytes / 256 + 1;
}

Result<PaneBlock> decode_pane_block(std::string_view bytes, std::size_t bytes_max) {
  if (bytes.size() <= kVersionAt || !bytes.starts_with(kMagic)) {
    return refused("the value is none of marquee's: it does not begin with MQPL and a version");
  }
  const auto version = get<std::uint8_t>(bytes, kVersionAt);
  if (version < 1 || version > kPaneBlockVersion) {
    return refused("the value's format is version " + std::to_string(version) +
                   ", and this marquee reads versions 1 to " + std::to_string(kPaneBlockVersion) + " alone");
  }
  if (bytes.size() < kHeadBytes) {
    return refused("the value is damaged: it is cut off after " + std::to_string(bytes.size()) + " bytes");
  }
  if (!all_zero(bytes.substr(kVersionAt + 1, kChecksumAt - kVersionAt - 1)) ||
      get<std::uint32_t>(bytes, kChecksumAt) != checksum(bytes)) {
    return refused("the value is damaged: its bytes do not give its checksum");
  }
  const auto kind = get<std::uint8_t>(bytes, kKindAt);
  if (kind > 1 || !all_zero(bytes.substr(kKindAt + 1, kBodyBytesAt - kKindAt - 1))) {
    return refused("the value is of a kind that version " + std::to_string(version) + " does not have");
  }
  const auto body_bytes = get<std::uint64_t>(bytes, kBodyBytesAt);
  if (body_bytes > bytes_max) {
    return refused("the value takes " + std::to_string(body_bytes) + " bytes unpacked, and " +
                   std::to_string(bytes_max) + " are allowed");
  }
  const std::string_view frame = bytes.substr(kHeadBytes);
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size() ||
      ZSTD_getFrameContentSize(frame.data(), frame.size()) != body_bytes) {
    return refused("the value's body is not one zstd frame of the size that its head tells");
  }
  std::string body(static_cast<std::size_t>(body_bytes), '\0');
  if (ZSTD_decompress(body.data(), body.size(), frame.data(), frame.size()) != body.size()) {
    return refused("the value's body cannot be unpacked");
  }
  PaneBlock block;
  block.base = kind == 1;
  block.epoch = get<std::uint64_t>(bytes, kEpochAt);
  if (const Status s = decode_pane_block_body(version, body, block); !s.ok()) {
    return refused("the value's body is not as version " + std::to_string(version) + " has it: " + s.message());
  }
  return block;
}

}  // namespace marquee
