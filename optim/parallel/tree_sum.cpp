#include <joist/core/kernels.h>
#include <joist/optim/parallel/buckets.h>
#include <joist/optim/parallel/tree_sum.h>

#include <algorithm>
#include <string>

namespace joist::parallel {
namespace {

void add_into(const Array& sum, const Array& other) {
  if (sum.elements() > 0) kernels(sum).elementwise.copy(other, {sum, true});
}

// The sum of a node, in the array of its first part. Nodes that cover more than one part are added up from below.
Array sum_of(std::vector<TreeSum::Node>& parts, std::int64_t first, std::int64_t count) {
  const auto part = std::find_if(parts.begin(), parts.end(),
                                 [&](const TreeSum::Node& node) { return node.first == first && node.count == count; });
  if (part != parts.end()) return part->sum;
  Array left = sum_of(parts, first, count / 2);
  add_into(left, sum_of(parts, first + count / 2, count / 2));
  return left;
}

}  // namespace

TreeSum::TreeSum(Communicator& world, std::int64_t leaves)
    : world_(world),
      leaves_(leaves),
      first_(leaves * world.rank() / world.size()),
      last_(leaves * (world.rank() + 1) / world.size()),
      next_(first_) {
  if (leaves < 1 || (leaves & (leaves - 1)) != 0)
    throw UsageError(
        {.where = "TreeSum", .what = std::to_string(leaves) + " parts of a batch", .expected = "a power of two"});
}

std::vector<std::pair<std::int64_t, std::int64_t>> TreeSum::subtrees(std::int64_t first, std::int64_t last) {
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  while (first < last) {
    std::int64_t count = 1;
    while (first % (2 * count) == 0 && first + 2 * count <= last) count *= 2;
    found.emplace_back(first, count);
    first += count;
  }
  return found;
}

void TreeSum::add(const Array& leaf) {
  if (next_ >= last_) throw InternalError({.where = "TreeSum", .what = "more leaves than this rank has"});
  Array sum = spare_.empty() ? Array::like(leaf) : spare_.back();
  if (!spare_.empty()) spare_.pop_back();
  kernels(leaf).elementwise.copy(leaf, {sum, false});
  nodes_.push_back({next_++, 1, sum});
  // Two neighbours of equal size under one parent become that parent.
  while (nodes_.size() > 1) {
    Node& right = nodes_.back();
    Node& left = nodes_[nodes_.size() - 2];
    if (left.count != right.count || left.first % (2 * left.count) != 0) break;
    add_into(left.sum, right.sum);
    left.count *= 2;
    spare_.push_back(right.sum);
    nodes_.pop_back();
  }
}

void TreeSum::finish(const char* what, const Array& out) {
  if (next_ != last_) throw InternalError({.where = "TreeSum", .what = "leaves are missing"});
  const int size = world_.size(), rank = world_.rank();
  const std::vector<std::int64_t> bounds = shard_bounds(out.elements(), size);
  const auto part = [&](const Array& whole, int owner) {
    return whole.sliced(0, bounds[static_cast<std::size_t>(owner)], bounds[static_cast<std::size_t>(owner) + 1]);
  };

  // Every rank adds up its part of the numbers: it gets that part of all subtrees of the others.
  std::vector<Work> works;
  std::vector<Node> parts;
  for (int other = 0; other < size; ++other) {
    if (other == rank) {
      for (const Node& node : nodes_) parts.push_back({node.first, node.count, part(node.sum, rank)});
      continue;
    }
    for (const Node& node : nodes_)
      if (part(node.sum, other).elements() > 0) works.push_back(world_.send(what, part(node.sum, other), other));
    for (const auto& [first, count] : subtrees(leaves_ * other / size, leaves_ * (other + 1) / size)) {
      const Array own = part(out, rank);
      parts.push_back({first, count, Array::empty(own.shape(), out.dtype(), out.device())});
      if (own.elements() > 0) works.push_back(world_.receive(what, parts.back().sum, other));
    }
  }
  for (Work& work : works) work.wait();
  const Array sum = sum_of(parts, 0, leaves_), mine = part(out, rank);
  if (mine.elements() > 0) kernels(out).elementwise.copy(sum, {mine, false});
  if (size > 1) world_.all_gather(what, out, bounds).wait();
  for (Node& node : nodes_) spare_.push_back(node.sum);
  nodes_.clear();
  next_ = first_;
}

std::vector<double> tree_sum_of_rows(const Array& table) {
  const std::int64_t rows = table.shape(0), columns = table.shape(1);
  std::vector<double> sums = table.to_vector<double>();
  for (std::int64_t step = 1; step < rows; step *= 2)
    for (std::int64_t row = 0; row + step < rows; row += 2 * step)
      for (std::int64_t i = 0; i < columns; ++i)
        sums[static_cast<std::size_t>(row * columns + i)] += sums[static_cast<std::size_t>((row + step) * columns + i)];
  sums.resize(static_cast<std::size_t>(columns));
  return sums;
}

}  // namespace joist::parallel
