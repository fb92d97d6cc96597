// FieldTrie: the configured paths, compiled. Each distinct path is one field with a dense index; a reader descends from
// node to node along the record's objects and writes what it finds to fields[index].
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
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
  // So many bytes behind a key may be read to compare it.
  static constexpr std::size_t kKeySlack = 16;

  FieldTrie() : nodes_(1) { build(); }

  // The field of a path with at least one key. Paths that are equal share a field.
  std::uint32_t add(const FieldPath& path) {
    MARQUEE_CHECK(!path.keys.empty());
    Node node = kRoot;
    for (const std::string& key : path.keys) {
      Node next = kNone;
      for (const Node c : nodes_[node].children) next = nodes_[c].key == key ? c : next;
      if (next == kNone) {
        next = static_cast<Node>(nodes_.size());
        nodes_.emplace_back().key = key;
        nodes_[node].children.push_back(next);
      }
      node = next;
    }
    if (nodes_[node].field == kNone) nodes_[node].field = field_count_++;
    build();
    return nodes_[node].field;
  }

 private:
  static constexpr std::uint32_t kNoEdge = 0;
  // A node's edges: 2^bits buckets from edges_[first] on.
  struct Table {
    std::uint32_t first = 0;
    std::uint32_t bits = 0;
  };

 public:
  // What a key leads to.
  struct Edge {
    Node child = kNone;       // the node below by that key, or kNone
    std::uint32_t field = 0;  // the field whose path ends there, or field_count()
    bool enter = false;       // whether a path goes on below it

   private:
    friend class FieldTrie;
    // The key as numbers: its first 8 bytes and its last 8 (or the next 8, of a long one); twice all of it where it is
    // shorter than that; `mask` says which bytes count.
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::uint64_t mask = 0;
    std::size_t size = ~std::size_t{0};  // no key is so long
    std::size_t tail_at = 0;
    bool is_clear = true;          // it is the only one in its bucket, and the numbers say all of the key
    std::uint32_t next = kNoEdge;  // the edge to be tried next
  };

  // Where keys lead from one node. Views the trie, until its next add().
  class Edges {
   public:
    // By an unescaped key. kKeySlack bytes behind it must be readable; an empty key must stand between quotes.
    // However many children there are: nearly always one look at a table, and no branch on what is found there.
    const Edge& operator[](std::string_view key) const {
      const Edge* have = first_ + bucket(key.data(), key.size(), shift_);
      while (true) {
        const std::uint64_t differs =
            ((load(key.data()) ^ have->head) | (load(key.data() + have->tail_at) ^ have->tail)) & have->mask;
        const bool same = (differs | (key.size() ^ have->size)) == 0;
        if (have->is_clear) [[likely]]
          return *(same ? have : none_);
        if (same && trie_->nodes_[have->child].key == key) return *have;
        have = none_ + have->next;
      }
    }

   private:
    friend class FieldTrie;
    Edges(const FieldTrie* trie, const Table& table)
        : trie_(trie), none_(trie->edges_.data()), first_(none_ + table.first), shift_(32 - table.bits) {}
    const FieldTrie* trie_;
    const Edge* none_;
    const Edge* first_;
    unsigned shift_;
  };
  Edges edges(Node node) const { return {this, tables_[node]}; }
  Node child(Node node, std::string_view key) const { return edges(node)[key].child; }
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
  static std::uint64_t load(const char* p) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
  }
  // By size, first and last byte: cheap, and tells the keys of a job apart.
  static std::uint32_t bucket(const char* key, std::size_t size, unsigned shift) {
    const auto first = static_cast<unsigned char>(key[0]);
    const auto last = static_cast<unsigned char>((key + size)[-1]);  // of an empty key, the quote before it
    return ((first | std::uint32_t{last} << 8 | static_cast<std::uint32_t>(size << 16)) * 0x9e3779b1u) >> shift;
  }

  Edge no_edge() const {
    Edge edge;
    edge.field = field_count_;
    return edge;
  }
  // All tables anew.
  void build() {
    edges_.assign(1, no_edge());
    tables_.assign(nodes_.size(), Table{});
    for (Node node = 0; node < nodes_.size(); ++node) {
      Table& table = tables_[node];
      table.first = static_cast<std::uint32_t>(edges_.size());
      table.bits = 4;
      while ((std::size_t{1} << table.bits) < nodes_[node].children.size() * 8) ++table.bits;
      edges_.resize(edges_.size() + (std::size_t{1} << table.bits), no_edge());
    }
    for (Node node = 0; node < nodes_.size(); ++node) {
      for (const Node c : nodes_[node].children) put(tables_[node], c);
    }
  }
  void put(const Table& table, Node c) {
    const std::string padded = '"' + nodes_[c].key + '"' + std::string(kKeySlack, '\0');
    const char* const key = padded.data() + 1;
    Edge edge = no_edge();
    edge.child = c;
    if (nodes_[c].field != kNone) edge.field = nodes_[c].field;
    edge.enter = has_children(c);
    edge.size = nodes_[c].key.size();
    edge.mask = edge.size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << edge.size * 8) - 1;
    edge.is_clear = edge.size <= 16;
    edge.tail_at = edge.size < 8 ? 0 : std::min<std::size_t>(edge.size - 8, 8);
    edge.head = load(key) & edge.mask;
    edge.tail = load(key + edge.tail_at) & edge.mask;
    std::uint32_t at = table.first + bucket(key, edge.size, 32 - table.bits);
    if (edges_[at].child == kNone) {
      edges_[at] = edge;
      return;
    }
    while (edges_[at].next != kNoEdge) at = edges_[at].next;
    edges_[at].is_clear = false;
    edges_[at].next = static_cast<std::uint32_t>(edges_.size());
    edges_.push_back(edge);
  }

  std::vector<NodeRow> nodes_;
  std::vector<Table> tables_;  // by node
  std::vector<Edge> edges_;    // the first one is none
  std::uint32_t field_count_ = 0;
};

}  // namespace marquee::decoding
