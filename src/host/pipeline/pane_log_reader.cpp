#include "pipeline/pane_log_reader.hpp"

#include <algorithm>
#include <utility>

namespace marquee {
namespace {

std::string place(const PaneBlock::Covered& covered) {
  return "topic " + covered.topic + ", partition " + std::to_string(covered.number);
}

const PaneBlock::Covered* find(const std::vector<PaneBlock::Covered>& covered, const PaneBlock::Covered& like) {
  const auto it = std::find_if(covered.begin(), covered.end(),
                               [&](const auto& c) { return c.topic == like.topic && c.number == like.number; });
  return it == covered.end() ? nullptr : &*it;
}

}  // namespace

Status PaneLogReader::refuse(std::uint32_t partition, std::int64_t position, const std::string& what) const {
  std::string where = "the pane log (" + log_.name() + "), partition " + std::to_string(partition);
  if (position >= 0) where += ", offset " + std::to_string(position);
  return {Code::kInternal, where + ": " + what +
                               ". State cannot be rebuilt from it. Set another source.group to begin anew; or, to keep "
                               "this one, stop, delete the pane log's topic and the group's offsets, and start again "
                               "(the README says how)"};
}

Status PaneLogReader::add(const PaneLog::Value& value) {
  bytes_read_ += value.bytes.size();
  Result<PaneBlock> decoded = decode_pane_block(value.bytes);
  if (!decoded.ok()) return refuse(value.partition, value.position, decoded.status().message());
  Kept kept{value.position, std::string(value.bytes), std::move(decoded.value())};
  kept.head.partials = {};
  const PaneBlock& head = kept.head;
  if (head.partition != value.partition || head.partition_count != partitions_.size()) {
    return refuse(value.partition, value.position,
                  "the value was written for partition " + std::to_string(head.partition) + " of " +
                      std::to_string(head.partition_count) + ", and the topic has " +
                      std::to_string(partitions_.size()));
  }
  Partition& p = partitions_[value.partition];
  if (!p.base_open.empty()) {
    const PaneBlock& before = p.base_open.back().head;
    if (!head.base || head.epoch != before.epoch || head.part != before.part + 1) {
      return refuse(value.partition, value.position, "the base before it is not whole");
    }
  } else if (head.base && head.part != 0) {
    if (p.base.empty() && p.blocks.empty()) return {};  // what is left of a base whose beginning was removed
    return refuse(value.partition, value.position, "a base lacks its beginning");
  }
  if (!head.base) {
    p.blocks.push_back(std::move(kept));
    return {};
  }
  p.base_open.push_back(std::move(kept));
  const PaneBlock& last = p.base_open.back().head;
  if (last.part + 1 == last.parts) {
    p.base = std::exchange(p.base_open, {});
    p.blocks.clear();
  }
  return {};
}

// From base or first block to the last: each takes up where the one before left off, and none goes beyond what is
// committed.
Status PaneLogReader::check_chain(std::uint32_t partition, const std::vector<PartitionStart>& starts) const {
  const Partition& p = partitions_[partition];
  std::vector<PaneBlock::Covered> reached;
  if (!p.base.empty()) reached = p.base.back().head.covered;
  std::uint64_t epoch = p.base.empty() ? 0 : p.base.back().head.epoch;
  std::uint32_t part_next = 0;
  for (const Kept& kept : p.blocks) {
    const PaneBlock& head = kept.head;
    if (head.part != part_next || (head.part > 0 && head.epoch != epoch)) {
      return refuse(partition, kept.position, "a part of a block is missing before it");
    }
    part_next = head.part + 1 == head.parts ? 0 : head.part + 1;
    if (head.part == 0) {
      if (head.epoch <= epoch) return refuse(partition, kept.position, "epochs do not rise");
      for (const PaneBlock::Covered& c : head.covered) {
        const PaneBlock::Covered* before = find(reached, c);
        const Offset from = before != nullptr ? before->to : kNotCovered;
        if (c.from != from || c.to < from) {
          return refuse(partition, kept.position,
                        "it goes on at " + std::to_string(raw(c.from)) + " of " + place(c) +
                            ", and what is before it ends at " + std::to_string(raw(from)));
        }
      }
      for (const PaneBlock::Covered& c : reached) {
        if (find(head.covered, c) == nullptr) {
          return refuse(partition, kept.position, "it no longer covers " + place(c));
        }
      }
      reached = head.covered;
      epoch = head.epoch;
    }
  }
  if (part_next != 0) return refuse(partition, -1, "the last block is not whole");
  for (const PaneBlock::Covered& c : reached) {
    const auto start = std::find_if(starts.begin(), starts.end(), [&](const PartitionStart& s) {
      return s.topic == c.topic && s.number == c.number;
    });
    if (start == starts.end()) {
      return refuse(partition, -1, "it covers " + place(c) + ", which is not read any more");
    }
    if (!start->committed) {
      return refuse(partition, -1, "it covers " + place(c) + ", of which no offset is committed");
    }
    if (raw(c.to) > raw(start->offset)) {
      return refuse(partition, -1,
                    "it covers " + place(c) + " up to " + std::to_string(raw(c.to)) + ", and " +
                        std::to_string(raw(start->offset)) + " is committed");
    }
  }
  return {};
}

Status PaneLogReader::check(const std::vector<PartitionStart>& starts, std::uint64_t blocks_epoch) const {
  const PaneBlock* last = nullptr;  // of the epoch that wrote last
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    const Partition& p = partitions_[i];
    if (!p.base_open.empty()) return refuse(i, p.base_open.back().position, "a base is not whole");
    if (Status s = check_chain(i, starts); !s.ok()) return s;
    const PaneBlock* const head = p.last();
    if (head != nullptr && (last == nullptr || head->epoch > last->epoch)) last = head;
  }
  const std::uint64_t found = last == nullptr ? 0 : last->epoch;
  if (found != blocks_epoch) {
    return refuse(0, -1,
                  "the last epoch committed that wrote to it is " + std::to_string(blocks_epoch) +
                      ", and the last one found in any partition is " + std::to_string(found));
  }
  if (last == nullptr) return {};
  std::vector<std::uint64_t> expected(partitions_.size());
  for (const PaneBlock::Written& w : last->written) expected[w.partition] = last->epoch - w.ago;
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    const PaneBlock* const head = partitions_[i].last();
    const std::uint64_t is = head == nullptr ? 0 : head->epoch;
    if (is != expected[i]) {
      return refuse(i, -1,
                    "epoch " + std::to_string(expected[i]) + " wrote to it last, and what is found last is of " +
                        (is == 0 ? std::string("none") : "epoch " + std::to_string(is)));
    }
  }
  return {};
}

Status PaneLogReader::apply(const std::function<Status(const PaneBlock&)>& apply) const {
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    for (const std::vector<Kept>* list : {&partitions_[i].base, &partitions_[i].blocks}) {
      for (const Kept& kept : *list) {
        const Result<PaneBlock> block = decode_pane_block(kept.bytes);
        if (!block.ok()) return refuse(i, kept.position, block.status().message());
        if (Status s = apply(block.value()); !s.ok()) return s;
      }
    }
  }
  return {};
}

PaneLogState PaneLogReader::state() const {
  PaneLogState state;
  state.bytes_read = bytes_read_;
  std::uint64_t last = 0;
  for (const Partition& p : partitions_) {
    PaneLogState::Partition& out = state.partitions.emplace_back();
    for (const Kept& kept : p.base) out.base_bytes += kept.bytes.size();
    for (const Kept& kept : p.blocks) out.block_bytes += kept.bytes.size();
    const PaneBlock* const head = p.last();
    if (head == nullptr) continue;
    out.covered = head->covered;
    out.epoch = head->epoch;
    if (head->epoch < last) continue;
    last = head->epoch;
    state.meaning = head->meaning;
    state.boards = head->boards;
  }
  return state;
}

}  // namespace marquee
