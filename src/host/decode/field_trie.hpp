// FieldTrie: the configured paths, compiled. Each distinct path is one field with a dense index; a reader descends from
// node to node along the record's objects and writes what it finds to fields[index].
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.hpp"
#include "core/job.hpp"

namespace marquee::decoding {

class FieldTrie {
 public:
  using Node = std::uint32_t;
  static constexpr Node kRoot = 0;
  static constexpr std::uint32_t kNone = 0xffffffff;

  FieldTrie() : nodes_(1) {}

  // The field of a path with at least one key. Paths that are equal share a field.
  std::uint32_t add(const FieldPath& path) {
    MARQUEE_CHECK(!path.keys.empty());
    Node node = kRoot;
    for (const std::string& key : path.keys) {
      Node next = child(node, key);
      if (next == kNone) {
        next = static_cast<Node>(nodes_.size());
        nodes_[node].children.push_back(next);
        nodes_.emplace_back();
        nodes_[next].key = key;
      }
      node = next;
    }
    if (nodes_[node].field == kNone) nodes_[node].field = field_count_++;
    return nodes_[node].field;
  }

  // The node below `node` by that (unescaped) key, or kNone.
  Node child(Node node, std::string_view key) const {
    for (const Node c : nodes_[node].children) {
      const std::string& have = nodes_[c].key;
      if (have.size() == key.size() && std::memcmp(have.data(), key.data(), key.size()) == 0) return c;
    }
    return kNone;
  }
  // The field whose path ends at `node`, or kNone.
  std::uint32_t field(Node node) const { return nodes_[node].field; }
  // Whether a path goes on below `node`.
  bool has_children(Node node) const { return !nodes_[node].children.empty(); }

  std::uint32_t field_count() const { return field_count_; }
  std::size_t node_count() const { return nodes_.size(); }

 private:
  struct NodeRow {
    std::string key;
    std::uint32_t field = kNone;
    std::vector<Node> children;
  };
  std::vector<NodeRow> nodes_;
  std::uint32_t field_count_ = 0;
};

}  // namespace marquee::decoding
