// Judge: from the raw fields of one well-formed record to its verdict and its event. Rows 4 to 8 of the table in
// src/README.md; rows 1 to 3 belong to the readers. One per decoder; read only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/job.hpp"
#include "core/limits.hpp"
#include "core/verdict.hpp"
#include "decode/field_trie.hpp"
#include "decode/raw_value.hpp"
#include "decode/text_pool.hpp"

namespace marquee::decoding {

// What a record says, as far as it is needed. Texts lie where the raw fields' texts lie (or are the judge's defaults),
// each with kTextSlack readable bytes behind it.
struct EventValues {
  std::int64_t time_ms = 0;
  std::uint32_t watch_ms = 0;
  std::string_view item;
  std::array<std::string_view, kDimensionsMax> dimensions;  // in the order of EventSpec::dimensions
};

class Judge {
 public:
  // Adds the job's paths to `trie`. The job outlives the judge.
  Judge(const JobSpec& job, FieldTrie& trie);

  // `fields` by the trie's field numbers. `timestamp_ms` is the message's own, -1 if it has none. kCounted, and `event`
  // filled, or kFiltered, or the reason it is invalid. Lateness is the pipeline's to judge.
  Verdict judge(const RawValue* fields, std::int64_t timestamp_ms, EventValues& event) const;

  std::size_t dimension_count() const { return dimensions_.size(); }

 private:
  struct Dimension {
    std::uint32_t field;
    bool has_default;
    std::string padded_default;  // and kTextSlack bytes
    std::string_view default_value() const { return {padded_default.data(), padded_default.size() - kTextSlack}; }
  };
  struct Where {
    std::uint32_t field;
    const std::vector<std::string>* values;
  };

  bool passes(const RawValue* fields) const;
  Verdict read_item(const RawValue& raw, std::string_view& item) const;
  Verdict read_time(const RawValue& raw, std::int64_t& time_ms) const;
  Verdict read_watch(const RawValue& raw, std::uint32_t& watch_ms) const;

  std::uint32_t item_field_;
  std::uint32_t time_field_;
  std::uint32_t watch_field_ = FieldTrie::kNone;
  TimeUnit time_unit_;
  WatchUnit watch_unit_;
  std::int64_t max_future_ms_;
  std::vector<Dimension> dimensions_;
  std::vector<Where> where_;
};

}  // namespace marquee::decoding
