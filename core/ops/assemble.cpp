// Matrices put together from vectors and matrices.
#include <joist/core/ops/creation.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/scan.h>

namespace joist {
namespace {

Tensor row_indices(const std::vector<std::int64_t>& rows) {
  return Tensor(Array::from(rows, {static_cast<std::int64_t>(rows.size())}));
}

void require_vector_operand(const char* op, const Tensor& x) {
  if (x.rank() != 1)
    throw ShapeError({.where = op, .what = "input of shape " + x.shape().text(), .expected = "a vector [n]"});
}

}  // namespace

Tensor vander(const Tensor& x, std::int64_t columns, bool increasing) {
  require_vector_operand("vander", x);
  const std::int64_t count = columns == -1 ? x.shape(0) : columns;
  if (count < 0)
    throw UsageError({.where = "vander", .what = std::to_string(columns) + " columns", .expected = "at least 0"});
  if (count == 0) return empty({x.shape(0), 0}, x.dtype(), x.device());
  Tensor powers = Tensor::full({x.shape(0), 1}, 1, x.dtype(), x.device());
  if (count > 1) powers = concat({powers, cumprod(expand(unsqueeze(x, 1), {x.shape(0), count - 1}), 1)}, 1);
  return increasing ? powers : flip(powers, {1});
}

Tensor block_diag(std::span<const Tensor> given) {
  std::vector<Tensor> blocks;
  std::int64_t width = 0;
  for (const Tensor& x : given) {
    if (x.rank() > 2)
      throw ShapeError({.where = "block_diag",
                        .what = "input of shape " + x.shape().text(),
                        .expected = "matrices, vectors or single numbers"});
    blocks.push_back(x.rank() == 2 ? x : reshape(x, {1, x.value().elements()}));
    width += blocks.back().shape(1);
  }
  if (blocks.empty()) throw ShapeError({.where = "block_diag", .what = "no matrices", .expected = "at least one"});
  std::int64_t left = 0;
  for (Tensor& x : blocks) {
    const auto nothing = [&](std::int64_t columns) {
      return Tensor::zeros({x.shape(0), columns}, x.dtype(), x.device());
    };
    const std::int64_t own = x.shape(1);
    x = concat({nothing(left), x, nothing(width - left - own)}, 1);
    left += own;
  }
  return concat(blocks, 0);
}

Tensor cartesian_prod(std::span<const Tensor> vectors) {
  if (vectors.empty()) throw ShapeError({.where = "cartesian_prod", .what = "no vectors", .expected = "at least one"});
  for (const Tensor& x : vectors) require_vector_operand("cartesian_prod", x);
  if (vectors.size() == 1) return vectors[0];
  std::int64_t behind = 1, total = 1;
  for (const Tensor& x : vectors) total *= x.shape(0);
  std::vector<Tensor> columns(vectors.size());
  for (std::size_t i = vectors.size(); i-- > 0;) {
    const std::int64_t own = vectors[i].shape(0), before = own * behind == 0 ? 0 : total / (own * behind);
    columns[i] = tile(repeat_interleave(vectors[i], behind), {before});
    behind *= own;
  }
  return stack(columns, 1);
}

Tensor combinations(const Tensor& x, std::int64_t count, bool with_replacement) {
  require_vector_operand("combinations", x);
  if (count < 0)
    throw UsageError({.where = "combinations", .what = std::to_string(count) + " elements", .expected = "at least 0"});
  const std::int64_t n = x.shape(0);
  std::vector<std::int64_t> rows, now(static_cast<std::size_t>(count));
  if (count == 0) return empty({0}, x.dtype(), x.device());
  const auto choose = [&](const auto& self, std::int64_t place, std::int64_t first) -> void {
    if (place == count) {
      rows.insert(rows.end(), now.begin(), now.end());
      return;
    }
    for (std::int64_t i = first; i < n; ++i) {
      now[static_cast<std::size_t>(place)] = i;
      self(self, place + 1, with_replacement ? i : i + 1);
    }
  };
  choose(choose, 0, 0);
  const Tensor flat = index_select(x, row_indices(rows).value());
  return reshape(flat, {static_cast<std::int64_t>(rows.size()) / count, count});
}

}  // namespace joist
