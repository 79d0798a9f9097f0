// A sum that does not depend on who adds: the leaves of a batch, added as a balanced binary tree.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace joist::parallel {

/// Leaves 0 … leaves - 1 (a power of two) lie on the ranks in order: rank r has those from leaves · r / ranks to before
/// leaves · (r + 1) / ranks. sum(a, b) = sum of the left half + sum of the right half, whoever computes it: any number
/// of ranks gives the same bits. A rank adds the complete subtrees that it holds by itself, so that 2, 4 and 8 ranks
/// send one array each, and other numbers a few.
class TreeSum {
 public:
  /// Throws UsageError unless `leaves` is a power of two.
  TreeSum(Communicator& world, std::int64_t leaves);

  /// The leaves of this rank.
  std::int64_t first() const noexcept { return first_; }
  std::int64_t last() const noexcept { return last_; }

  /// The next leaf of this rank, copied; rank 1, dense, of the same length and type for all.
  void add(const Array& leaf);
  /// After all leaves of this rank: the sum of all, in `out`, on every rank. The next sum may begin. Every rank calls
  /// it (a rank without leaves, too).
  void finish(const char* what, const Array& out);

  struct Node {
    std::int64_t first = 0, count = 0;
    Array sum{};
  };
  /// The complete subtrees that leaves [first, last) fall into, in order: (first leaf, count).
  static std::vector<std::pair<std::int64_t, std::int64_t>> subtrees(std::int64_t first, std::int64_t last);

 private:
  Communicator& world_;
  std::int64_t leaves_, first_, last_, next_;
  std::vector<Node> nodes_{};  // complete so far, in order
  std::vector<Array> spare_{};
};

/// The bits of `table` [leaves, k] (float64) added in the same way, row by row: what TreeSum does for numbers that
/// every rank has. Returns [k].
std::vector<double> tree_sum_of_rows(const Array& table);

}  // namespace joist::parallel
