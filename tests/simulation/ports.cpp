#include "simulation/ports.hpp"

#include <algorithm>
#include <cstdio>

#include "core/result.hpp"

namespace simulation {

using namespace marquee;

void SimLog::write(Level, std::string_view text) {
  if (loud_) std::fprintf(stderr, "    %.*s\n", static_cast<int>(text.size()), text.data());
}

// --- Source
// -----------------------------------------------------------------------------------------------------------

class SimSource::Lane final : public SourceLane {
 public:
  Lane(SimSource& source, std::size_t index, std::size_t lanes) : source_(source), index_(index), lanes_(lanes) {}

  Result<ReadOutcome> read(Batch& batch, std::size_t, std::chrono::milliseconds) override {
    source_.fate_.at("read");
    Outside& outside = source_.outside_;
    if (source_.found_ < outside.existing && source_.rng_.one_in(10)) source_.found_ = outside.existing;
    std::vector<std::uint32_t> mine;
    for (std::size_t p = index_; p < source_.found_; p += lanes_) mine.push_back(static_cast<std::uint32_t>(p));
    if (mine.empty()) return ReadOutcome::kNothing;
    for (const std::uint32_t p : mine) {
      if (source_.said_[p]) continue;
      source_.said_[p] = true;
      batch.spans[span_of(batch, p, 0)].discovered = true;
      return ReadOutcome::kRead;
    }
    const std::uint32_t p = source_.rng_.pick(mine);
    std::int64_t& next = source_.next_[p];
    const auto& messages = outside.messages[p];
    const auto end = messages.begin() + static_cast<std::ptrdiff_t>(outside.published[p]);
    auto at = std::find_if(messages.begin(), end, [&](const auto& m) { return m.offset >= next; });
    if (at == end) return ReadOutcome::kNothing;
    const std::uint32_t span = span_of(batch, p, at->offset);
    for (std::size_t left = 1 + source_.rng_.below(12); left > 0 && at != end; --left, ++at) {
      if (!batch.append(at->value, span, Offset{at->offset}, at->timestamp_ms.value_or(-1))) return ReadOutcome::kFull;
      next = at->offset + 1;
      batch.spans[span].next = Offset{next};
    }
    batch.spans[span].at_end = at == end;
    return ReadOutcome::kRead;
  }

 private:
  static std::uint32_t span_of(Batch& batch, std::uint32_t p, std::int64_t first) {
    for (std::uint32_t i = 0; i < batch.spans.size(); ++i) {
      if (raw(batch.spans[i].partition) == p) return i;
    }
    PartitionSpan span;
    span.partition = PartitionIndex{p};
    span.first = span.next = Offset{first};
    batch.spans.push_back(span);
    return static_cast<std::uint32_t>(batch.spans.size() - 1);
  }
  SimSource& source_;
  std::size_t index_;
  std::size_t lanes_;
};

Status SimSource::open(std::size_t lanes, const std::atomic<bool>&) {
  for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>(*this, i, lanes));
  next_.resize(outside_.messages.size());
  said_.resize(outside_.messages.size());
  return {};
}

PartitionStart SimSource::partition(PartitionIndex p) const {
  PartitionStart start;
  start.partition = p;
  start.topic = "watch-events";
  start.number = static_cast<std::int32_t>(raw(p));
  return start;
}

Result<std::vector<PartitionStart>> SimSource::starts() {
  fate_.at("starts");
  outside_.settle();
  std::vector<PartitionStart> starts;
  found_ = outside_.existing;
  for (std::uint32_t p = 0; p < found_; ++p) {
    PartitionStart start = partition(PartitionIndex{p});
    if (const auto committed = outside_.offsets.find(p); committed != outside_.offsets.end()) {
      start.offset = Offset{committed->second.next};
      start.metadata = committed->second.metadata;
      start.committed = true;
    }
    if (!start.committed && outside_.removed[p] > 0)
      start.offset = Offset{outside_.messages[p][outside_.removed[p]].offset};
    start.at_beginning = raw(start.offset) == 0;
    starts.push_back(start);
  }
  return starts;
}

Status SimSource::seek(const std::vector<PartitionStart>& starts) {
  fate_.at("seek");
  for (const PartitionStart& start : starts) {
    next_[raw(start.partition)] = raw(start.offset);
    said_[raw(start.partition)] = true;
  }
  return {};
}

// --- Sink
// -------------------------------------------------------------------------------------------------------------

Status SimSink::alive() const {
  if (session_ != outside_.session) return {Code::kLost, "fenced, or timed out"};
  return {};
}

Status SimSink::fated(std::string_view call) {
  const Outcome outcome = fate_.at(call);
  if (Status s = alive(); !s.ok()) return s;
  if (outcome == Outcome::kAborted) return {Code::kAborted, std::string(call) + " failed"};
  if (outcome == Outcome::kLost) {
    outside_.begin_session();  // as when a time-out ends the transaction: the session is nobody's now
    return {Code::kLost, std::string(call) + ": the session is over"};
  }
  return {};
}

Status SimSink::acquire() {
  if (fate_.at("acquire") != Outcome::kDone) return {Code::kLost, "acquire: another was quicker"};
  session_ = outside_.begin_session();
  fate_.at("acquired");
  return {};
}

Status SimSink::begin(const Epoch& epoch) {
  if (Status s = fated("begin"); !s.ok()) return s;
  outside_.settle();
  if (outside_.open) return {Code::kInternal, "begin: a transaction is open already"};
  outside_.open.emplace();
  outside_.open->epoch = epoch.number;
  outside_.open->by = name_;
  return {};
}

Status SimSink::write(const Epoch& epoch) {
  if (Status s = fated("write"); !s.ok()) return s;
  if (!outside_.open) return {Code::kInternal, "write: no transaction is open"};
  for (const ResultRecord& result : epoch.results) {
    OutputRecord& out = outside_.open->results.emplace_back();
    append_result_key(out.key, job_, result);
    append_result_json(out.value, job_, result);
    out.revision = revision_of(result);
  }
  for (const LetterOut& letter : epoch.letters) {
    outside_.open->letters.push_back({raw(letter.partition), raw(letter.offset), letter.verdict == Verdict::kLate});
  }
  const auto said = [&](Verdict v) { return static_cast<std::int64_t>(epoch.verdicts[v]); };
  outside_.open->verdicts = {said(Verdict::kCounted), said(Verdict::kFiltered), said(Verdict::kLate),
                             static_cast<std::int64_t>(epoch.verdicts.invalid())};
  return {};
}

Status SimSink::commit(const Epoch& epoch, Acknowledged& acknowledged) {
  const Outcome outcome = fate_.at("commit");
  if (Status s = alive(); !s.ok()) return s;
  if (outcome == Outcome::kAborted) return {Code::kAborted, "commit failed"};
  if (outcome == Outcome::kLost) {
    outside_.begin_session();
    return {Code::kLost, "commit: the session is over"};
  }
  if (!outside_.open) return {Code::kInternal, "commit: no transaction is open"};
  for (const OffsetOut& offset : epoch.offsets) {
    outside_.open->offsets[raw(offset.partition)] = {raw(offset.next), offset.metadata};
  }
  acknowledged.results = epoch.results.size();
  outside_.decide();
  if (outcome == Outcome::kDoneUnheard) return {Code::kAborted, "commit: no answer"};
  if (outcome == Outcome::kLostUnheard) {
    outside_.begin_session();
    return {Code::kLost, "commit: no answer, and the session is over"};
  }
  fate_.at("committed");
  return {};
}

Status SimSink::abort() {
  if (Status s = fated("abort"); !s.ok()) return s;
  outside_.settle();
  outside_.open.reset();
  return {};
}

// --- Pane log
// ---------------------------------------------------------------------------------------------------------

Status SimPaneLog::append(std::uint32_t partition, std::string value, bool base) {
  if (Status s = sink_.fated(base ? "base" : "append"); !s.ok()) return s;
  if (value.size() > value_bytes_max_) return {Code::kInternal, "append: the value is too large"};
  if (!sink_.outside().open) return {Code::kInternal, "append: no transaction is open"};
  sink_.outside().open->log.push_back({partition, std::move(value), base});
  return {};
}

void SimPaneLog::note_committed() {
  if (sink_.fate().at("trim") == Outcome::kDone) sink_.outside().trim();
}

Status SimPaneLog::read(const std::function<Status(const Value&)>& apply) {
  Outside& outside = sink_.outside();
  for (std::uint32_t p = 0; p < outside.log.size(); ++p) {
    sink_.fate().at("read log");
    outside.settle();
    const auto values = outside.log[p];  // others may go on meanwhile
    for (const LogValue& value : values) {
      if (Status s = apply({p, value.position, value.bytes}); !s.ok()) return s;
    }
  }
  sink_.fate().at("read log");
  return {};
}

}  // namespace simulation
