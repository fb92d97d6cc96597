// Trials of what the engine does: aggregation of events that lie on the device, and what is measured beside it.
#pragma once

#include <algorithm>
#include <bit>
#include <utility>

#include "kernels/aggregate.cuh"
#include "kernels/gpu_engine.cuh"
#include "kernels/trials/trials.cuh"
#include "kernels/tuning.hpp"
#include "sort_and_reduce.cuh"

namespace marquee::gpu {

inline PartialRow row_of(std::uint64_t key, std::uint64_t delta) {
  return {group_of(key), item_of(key), PackedDelta::views(delta), PackedDelta::watch_ms(delta)};
}

Status Trials::load_events(const EventColumns& events, std::uint32_t keys, std::span<const std::uint32_t> group_of) {
  const std::size_t n = events.item.size();
  MARQUEE_CHECK(n > 0 && events.combination.size() == n && events.watch_ms.size() == n);
  MARQUEE_TRY(parts_->finish(parts_->stream));
  parts_->resident = Parts::Resident();
  Parts::Resident& r = parts_->resident;
  r.count = static_cast<std::uint32_t>(n);
  r.combinations = static_cast<std::uint32_t>(group_of.size());
  const std::vector<std::uint32_t> slot(n, 1);
  const std::uint32_t table_of[] = {kNoTable, 0};
  MARQUEE_TRY(parts_->upload(r.columns[0], std::as_bytes(events.item)));
  MARQUEE_TRY(parts_->upload(r.columns[1], std::as_bytes(events.combination)));
  MARQUEE_TRY(parts_->upload(r.columns[2], std::as_bytes(std::span(slot))));
  MARQUEE_TRY(parts_->upload(r.columns[3], std::as_bytes(events.watch_ms)));
  MARQUEE_TRY(parts_->upload(r.group_of, std::as_bytes(group_of)));
  MARQUEE_TRY(parts_->upload(r.table_of, std::as_bytes(std::span(table_of))));
  r.ref.bits = table_bits_for(keys);
  MARQUEE_TRY(parts_->device.allocate(r.table, tuning::kTableSlotBytes << r.ref.bits));
  MARQUEE_TRY(parts_->device.allocate(r.counts, sizeof(TableCounts)));
  r.ref.base = r.table.data();
  return parts_->upload(r.list, std::as_bytes(std::span(&r.ref, 1)));
}

Result<double> Trials::aggregate(std::uint32_t batch) {
  const Parts::Resident& r = parts_->resident;
  MARQUEE_CHECK(r.count > 0 && batch > 0);
  MARQUEE_TRY(parts_->device.zero(parts_->stream, r.table.data(), sizeof(Slot) << r.ref.bits));
  MARQUEE_TRY(parts_->device.zero(parts_->stream, r.counts.data(), r.counts.size()));
  Aggregate::Args args{};
  args.item = parts_->at<std::uint32_t>(r.columns[0]);
  args.combination = parts_->at<std::uint32_t>(r.columns[1]);
  args.slot = parts_->at<std::uint32_t>(r.columns[2]);
  args.watch_ms = parts_->at<std::uint32_t>(r.columns[3]);
  args.table_of = parts_->at<std::uint32_t>(r.table_of);
  args.leaderboards = 1;
  args.group_of = parts_->at<std::uint32_t>(r.group_of);
  args.combinations = r.combinations;
  args.tables = parts_->at<TableRef>(r.list);
  args.counts = parts_->at<TableCounts>(r.counts);
  return parts_->timed([&]() -> Status {
    for (std::uint64_t begin = 0; begin < r.count; begin += batch) {
      args.begin = static_cast<std::uint32_t>(begin);
      args.end = static_cast<std::uint32_t>(std::min<std::uint64_t>(begin + batch, r.count));
      const unsigned blocks =
          parts_->full_blocks(args.end - args.begin, Aggregate::kThreads, tuning::kBlocksPerMultiprocessor);
      MARQUEE_TRY(parts_->device.launch<Aggregate>(parts_->stream, {blocks, 1}, args));
    }
    return {};
  });
}

Result<std::vector<PartialRow>> Trials::aggregated() {
  const Parts::Resident& r = parts_->resident;
  std::vector<TableCounts> counts(1);
  std::vector<Slot> slots(r.ref.slot_count());
  MARQUEE_TRY(parts_->download(parts_->at<TableCounts>(r.counts), counts));
  MARQUEE_TRY(parts_->download(r.ref.slots(), slots));
  std::vector<PartialRow> out;
  out.reserve(counts[0].keys);
  for (const Slot& slot : slots) {
    if (slot.key == 0) continue;
    out.push_back(row_of(stored_key(slot.key), slot.delta));
  }
  if (out.size() != counts[0].keys) return Status{Code::kInternal, "a table counts other keys than it holds"};
  return out;
}

Result<double> Trials::sort_and_reduce() {
  Parts::Resident& r = parts_->resident;
  MARQUEE_CHECK(r.count > 0);
  if (r.sorting.data() == nullptr) {
    MARQUEE_TRY(parts_->device.allocate(r.sorting, SortAndReduce::memory_bytes(r.count)));
  }
  MARQUEE_TRY(parts_->finish(parts_->stream));
  return parts_->timed([&] {
    return SortAndReduce::run(parts_->device, parts_->stream,
                              {parts_->at<std::uint32_t>(r.columns[0]), parts_->at<std::uint32_t>(r.columns[1]),
                               parts_->at<std::uint32_t>(r.columns[3]), parts_->at<std::uint32_t>(r.group_of), r.count,
                               r.sorting.data(), r.sorting.size()},
                              r.reduced);
  });
}

Result<std::vector<PartialRow>> Trials::reduced() {
  const SortAndReduce::Sums& sums = parts_->resident.reduced;
  std::vector<std::uint64_t> keys(sums.count);
  std::vector<std::uint64_t> deltas(sums.count);
  MARQUEE_TRY(parts_->download(sums.keys, keys));
  MARQUEE_TRY(parts_->download(sums.deltas, deltas));
  std::vector<PartialRow> out;
  for (std::size_t i = 0; i < keys.size(); ++i) out.push_back(row_of(keys[i], deltas[i]));
  return out;
}

Status Trials::load_rows(std::span<const PartialRow> rows) {
  const std::size_t n = rows.size();
  MARQUEE_CHECK(n > 0 && n < (std::size_t{1} << 31));
  MARQUEE_TRY(parts_->finish(parts_->stream));
  parts_->rows = Parts::Rows();
  Parts::Rows& r = parts_->rows;
  r.count = static_cast<std::uint32_t>(n);
  std::vector<std::uint64_t> column(n);
  std::transform(rows.begin(), rows.end(), column.begin(),
                 [](const PartialRow& row) { return entry_key(row.group, row.item); });
  MARQUEE_TRY(parts_->upload(r.columns[0], std::as_bytes(std::span(column))));
  std::transform(rows.begin(), rows.end(), column.begin(), [](const PartialRow& row) { return row.views; });
  MARQUEE_TRY(parts_->upload(r.columns[1], std::as_bytes(std::span(column))));
  for (DeviceMemory& keys : r.keys) MARQUEE_TRY(parts_->device.allocate(keys, n * sizeof(std::uint64_t)));
  for (DeviceMemory& values : r.values) MARQUEE_TRY(parts_->device.allocate(values, n * sizeof(std::uint32_t)));
  return parts_->device.allocate(r.scratch, std::max<std::size_t>(sort_scratch_bytes(n), 1));
}

Result<double> Trials::sort_rows(std::uint32_t group_bound, std::uint64_t views_max) {
  Parts::Rows& r = parts_->rows;
  MARQUEE_CHECK(r.count > 0);
  const auto views_bits = static_cast<unsigned>(std::bit_width(views_max));
  const auto group_bits = static_cast<unsigned>(std::bit_width(group_bound));
  MARQUEE_CHECK(views_bits + group_bits <= 64);
  const RowKeysKernel::Args args{
      parts_->at<std::uint64_t>(r.columns[0]), parts_->at<std::uint64_t>(r.columns[1]), r.count, views_max, views_bits,
      parts_->at<std::uint64_t>(r.keys[0]),    parts_->at<std::uint32_t>(r.values[0])};
  Pair<std::uint64_t> keys{parts_->at<std::uint64_t>(r.keys[0]), parts_->at<std::uint64_t>(r.keys[1])};
  r.order = {parts_->at<std::uint32_t>(r.values[0]), parts_->at<std::uint32_t>(r.values[1])};
  return parts_->timed([&]() -> Status {
    const unsigned blocks = parts_->full_blocks(r.count, RowKeysKernel::kThreads, 8);
    MARQUEE_TRY(parts_->device.launch<RowKeysKernel>(parts_->stream, {blocks, 1}, args));
    return sort_pairs(parts_->device, parts_->stream, r.scratch.data(), r.scratch.size(), keys, r.order, r.count, 0,
                      static_cast<int>(views_bits + group_bits));
  });
}

Result<std::vector<std::uint32_t>> Trials::sorted_rows() {
  std::vector<std::uint32_t> out(parts_->rows.count);
  MARQUEE_TRY(parts_->download(parts_->rows.order.current, out));
  return out;
}

Result<std::unique_ptr<Engine>> Trials::make_engine(const EngineConfig& config) {
  return GpuEngine::make(parts_->device, config, {});
}

Status Trials::settle(Engine& engine) {
  return static_cast<GpuEngine&>(engine).settle();
}

}  // namespace marquee::gpu
