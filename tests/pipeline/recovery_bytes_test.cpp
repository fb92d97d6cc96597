// A recovery reads open state, not history.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "pipeline/flow_world.hpp"
#include "pipeline/pane_block.hpp"

namespace marquee::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kItems = 60'000;
#else
constexpr std::size_t kItems = 1'000'000;
#endif
constexpr std::int64_t kHourMs = 3'600'000;

// Texts that do not pack well, as ids often are.
std::string title(std::uint32_t item) {
  std::uint64_t x = (item + 1) * 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  std::string text = "t-";
  for (int i = 0; i < 12; ++i, x >>= 5) text += "0123456789abcdefghijklmnopqrstuv"[x & 31];
  return text;
}

// A day's window at its tenth hour: every item was seen, and some of them again and again.
std::vector<std::vector<FakeMessage>> ten_hours(std::size_t partitions) {
  constexpr std::size_t kEvents = kItems * 2;
  std::mt19937_64 random(11);
  std::vector<std::uint32_t> item(kEvents);
  for (std::size_t i = 0; i < kEvents; ++i)
    item[i] = static_cast<std::uint32_t>(i < kItems ? i : random() % (random() % kItems + 1));
  std::shuffle(item.begin(), item.end(), random);
  std::vector<std::vector<FakeMessage>> out(partitions);
  std::string message;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const auto time = static_cast<std::int64_t>(i * 10 * static_cast<std::size_t>(kHourMs) / kEvents);
    message += event(title(item[i]), time, item[i] % 3 == 0 ? "show" : "movie").value + "\n";
    if ((i + 1) % 200 != 0) continue;
    out[i / 200 % partitions].push_back({message, -1});
    message.clear();
  }
  return out;
}

std::size_t bytes_of(const FakePaneLog& log) {
  std::size_t bytes = 0;
  for (const auto& partition : log.values) {
    for (const std::string& value : partition) bytes += value.size();
  }
  return bytes;
}

TEST(RecoveryBytes, TenHoursIntoADayItReadsLittleMoreThanTheOpenState) {
  JobSpec job = base_job();
  job.leaderboards[0].window = {WindowKind::kTumbling, 24 * kHourMs, 24 * kHourMs, 0};
  job.leaderboards[0].emit_every_ms = 1'000'000;
  job.budgets = {2'000'000, 1'000, 1'000, 4'000'000, 1'000};
  FakePaneLog log(true, 4, true);
  World w(job);
  w.options.lanes = 2;
  w.options.batch_events = 4'096;
  w.options.batch_bytes = 1u << 20;
  const auto partitions = ten_hours(2);
  FakeSource source(partitions, 3, /*finite=*/false);
  std::vector<OffsetOut> offsets;
  std::size_t most_bytes = 0;  // that a recovery would have read, at any commit
  w.sink.on_commit = [&](const Epoch& epoch) {
    offsets = epoch.offsets;
    most_bytes = std::max(most_bytes, bytes_of(log));
    bool all = true;
    for (const OffsetOut& o : offsets)
      all = all && static_cast<std::size_t>(raw(o.next)) == partitions[raw(o.partition)].size();
    if (all) w.stop.store(true);
  };
  const PipelineParts parts{&source, &w.sink, &log, &w.clock, &w.quiet, &w.probe, &w.snapshots, w.engine};
  ASSERT_TRUE(Pipeline(job, w.options, parts).run(w.stop).ok());
  EXPECT_EQ(w.verdict(Verdict::kCounted), kItems * 2);
  const std::uint64_t written = w.probe.pane_log_bytes.load();

  // Whoever comes next.
  World heir(job);
  heir.options = w.options;
  heir.options.instance = "heir";
  FakeSource rest(std::vector<std::vector<FakeMessage>>(2), 3, false);
  for (const OffsetOut& o : offsets) rest.start_at(raw(o.partition), o.next, o.metadata);
  FakePaneLog kept = log;
  heir.sink.on_commit = [&](const Epoch&) { heir.stop.store(true); };
  const PipelineParts heirs{&rest,       &heir.sink,  &kept,           &heir.clock,
                            &heir.quiet, &heir.probe, &heir.snapshots, heir.engine};
  ASSERT_TRUE(Pipeline(job, heir.options, heirs).run(heir.stop).ok());
  const auto read = static_cast<std::size_t>(heir.probe.restored_bytes.load());
  EXPECT_EQ(heir.probe.entries.load(), static_cast<std::int64_t>(kItems));
  EXPECT_EQ(read, bytes_of(log));

  // The open state in its compact form: every block and base of the log merged into one row an entry.
  std::map<std::pair<std::string, std::string>, std::pair<std::uint64_t, std::uint64_t>> sums;
  for (const auto& partition : log.values) {
    for (const std::string& value : partition) {
      const PaneBlock block = decode_pane_block(value).value();
      for (const PartialBlock::Row& row : block.partials.rows) {
        auto& sum =
            sums[{block.partials.groups[row.group], block.partials.item_bytes.substr(row.item_begin, row.item_size)}];
        sum.first += row.views;
        sum.second += row.watch_ms;
      }
    }
  }
  ASSERT_EQ(sums.size(), kItems);
  PaneBlock whole;
  whole.written = {{0, 0}};
  whole.boards = {{"trending", "", false, {}}};
  for (const auto& [key, sum] : sums) {
    if (whole.partials.groups.empty() || whole.partials.groups.back() != key.first)
      whole.partials.groups.push_back(key.first);
    whole.partials.rows.push_back({0, static_cast<std::uint32_t>(whole.partials.groups.size() - 1), 0,
                                   static_cast<std::uint32_t>(whole.partials.item_bytes.size()),
                                   static_cast<std::uint32_t>(key.second.size()), PartialBlock::kNoTitle, false,
                                   sum.first, sum.second});
    whole.partials.item_bytes += key.second;
  }
  const std::size_t open = encode_pane_block(whole).size();
  std::printf("open state %zu bytes, read in recovery %zu, at most %zu at any commit, written in all %llu\n", open,
              read, most_bytes, static_cast<unsigned long long>(written));
  EXPECT_LE(read, open * 5 / 2 + (4u << 20));
  EXPECT_LE(most_bytes, open * 5 / 2 + (4u << 20));
}

}  // namespace
}  // namespace marquee::test
