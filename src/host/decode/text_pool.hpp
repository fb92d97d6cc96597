// TextPool: bytes that live for one run of records (unescaped strings, combination keys). Never moves what it handed
// out; after reset() its memory is one chunk large enough for what the largest run so far took, so it stops allocating.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/short_text.hpp"

namespace marquee::decoding {

class TextPool {
 public:
  // `size` bytes, and kTextSlack behind them that may be read and written until the next take().
  char* take(std::size_t size) {
    if (size + kTextSlack > room_) grow(size + kTextSlack);
    char* p = next_;
    next_ += size;
    room_ -= size;
    return p;
  }
  // Hands back the tail of the last take().
  void give_back(std::size_t size) {
    next_ -= size;
    room_ += size;
  }
  void reset() {
    if (chunks_.size() > 1) {
      chunks_.clear();
      const std::size_t all = total_;
      total_ = 0;
      grow(all);
    } else if (!chunks_.empty()) {
      next_ = chunks_.back().get();
      room_ = total_;
    }
  }

 private:
  void grow(std::size_t size) {
    const std::size_t chunk = size > kChunkBytes ? size : kChunkBytes;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk));
    next_ = chunks_.back().get();
    room_ = chunk;
    total_ += chunk;
  }
  static constexpr std::size_t kChunkBytes = 32u << 10;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  std::size_t room_ = 0;
  std::size_t total_ = 0;
};

}  // namespace marquee::decoding
