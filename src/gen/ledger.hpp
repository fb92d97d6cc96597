// What was sent, counted apart from the sending, so that someone else's result can be reconciled with it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gen/bad_record.hpp"
#include "gen/block.hpp"
#include "gen/catalogue.hpp"

namespace marquee::gen {

/// Counts by partition; the meaning of every figure is in README.md. Not for more than one thread at a time. Memory
/// follows minutes × partitions, about 1 kB each.
class Ledger {
 public:
  explicit Ledger(uint32_t partitions) : partitions_(partitions) {}

  /// Counts one record. Records of a partition must come in the order in which they are sent. About 15 ns.
  void add(const RecordNote& note);

  struct Header {
    uint64_t seed = 0;
    int64_t start_ms = 0;
    bool complete = false;  ///< everything counted here was written, or acknowledged by Kafka
  };

  /// The whole ledger as JSON, keys in a fixed order, one line for each minute and category.
  std::string json(const Header& header) const;

 private:
  struct Sums {
    uint64_t views = 0;
    uint64_t watch_ms = 0;
  };
  struct Cell {
    Sums all;
    Sums far_behind;
    std::map<int64_t, Sums> behind;  // by whole seconds that the partition's time was past the minute's end
  };
  using Minute = std::array<Cell, kCategoryCount>;
  struct Partition {
    uint64_t good = 0;
    uint64_t far_behind = 0;
    uint64_t bad = 0;
    std::array<uint64_t, kBadKinds.size()> bad_kinds{};
    std::map<int64_t, uint64_t> far_behind_seconds;
    int64_t event_ms_max = -1;  // of valid records; none yet
    std::map<int64_t, Minute> minutes;
    int64_t last_minute = -1;
    Minute* last = nullptr;
  };

  static Minute& minute_of(Partition& partition, int64_t minute_ms);
  static void append_partition(std::string& out, uint32_t number, const Partition& partition);

  std::vector<Partition> partitions_;
};

}  // namespace marquee::gen
