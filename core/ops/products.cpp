// Products that are compositions of matmul, broadcasting and sums.
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <limits>

namespace joist {
namespace {

void require_ranks(const char* op, const Tensor& a, int rank_a, const Tensor& b, int rank_b, const char* expected) {
  if (a.rank() != rank_a || b.rank() != rank_b)
    throw ShapeError({.where = op, .what = a.shape().text() + " and " + b.shape().text(), .expected = expected});
}

// beta · x + alpha · y. With beta 0 x does not count, even where it is NaN.
Tensor blended(const char* op, const Tensor& x, double beta, const Tensor& y, double alpha) {
  if (broadcast(x.shape(), y.shape(), op) != y.shape())
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + " for a product of shape " + y.shape().text(),
                      .expected = "an input that broadcasts to it"});
  const Tensor product = alpha == 1 ? y : y * alpha;
  if (beta == 0) return product;
  return (beta == 1 ? x : x * beta) + product;
}

void require_square(const char* op, const Tensor& x) {
  if (x.rank() < 2 || x.shape(-1) != x.shape(-2))
    throw ShapeError({.where = op, .what = "input of shape " + x.shape().text(), .expected = "[..., n, n]"});
}

}  // namespace

Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const Tensor& bias) {
  require_rank("bilinear", weight, 3, "weight [out, in1, in2]");
  if (a.rank() < 1 || a.rank() != b.rank() || a.shape().without(-1) != b.shape().without(-1) ||
      a.shape(-1) != weight.shape(1) || b.shape(-1) != weight.shape(2))
    throw ShapeError(
        {.where = "bilinear",
         .what = "inputs " + a.shape().text() + " and " + b.shape().text() + ", weight " + weight.shape().text(),
         .expected = "[..., in1], [..., in2] with equal leading axes and weight [out, in1, in2]"});
  if (bias.defined()) require_vector("bilinear", "bias", bias, weight.shape(0));
  const std::int64_t out = weight.shape(0), in1 = weight.shape(1), in2 = weight.shape(2);
  const std::int64_t rows = a.shape().elements(0, a.rank() - 1);
  const Tensor left = reshape(a, {rows, in1}), right = reshape(b, {rows, in2, 1});
  const Tensor flat = reshape(permute(weight, {1, 0, 2}), {in1, out * in2});
  const Tensor y = reshape(matmul(reshape(matmul(left, flat), {rows, out, in2}), right), a.shape().with(-1, out));
  return bias.defined() ? y + bias : y;
}

Tensor mm(const Tensor& a, const Tensor& b) {
  require_ranks("mm", a, 2, b, 2, "[m, k] and [k, n]");
  return matmul(a, b);
}
Tensor bmm(const Tensor& a, const Tensor& b) {
  require_ranks("bmm", a, 3, b, 3, "[batch, m, k] and [batch, k, n]");
  if (a.shape(0) != b.shape(0))
    throw ShapeError({.where = "bmm",
                      .what = a.shape().text() + " · " + b.shape().text(),
                      .expected = "equal batches",
                      .remedy = "matmul() broadcasts"});
  return matmul(a, b);
}
Tensor mv(const Tensor& a, const Tensor& x) {
  require_ranks("mv", a, 2, x, 1, "[m, k] and [k]");
  return matmul(a, x);
}
Tensor dot(const Tensor& a, const Tensor& b) {
  require_ranks("dot", a, 1, b, 1, "two vectors [n]");
  return matmul(a, b);
}
Tensor vdot(const Tensor& a, const Tensor& b) { return dot(a, b); }
Tensor outer(const Tensor& a, const Tensor& b) {
  require_ranks("outer", a, 1, b, 1, "vectors [m] and [n]");
  return unsqueeze(a, 1) * b;
}
Tensor inner(const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0) return a * b;
  const int last_a = -1, last_b = -1;
  return tensordot(a, b, std::span(&last_a, 1), std::span(&last_b, 1));
}

Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta, double alpha) {
  require_ranks("addmm", a, 2, b, 2, "[m, k] and [k, n]");
  return blended("addmm", x, beta, matmul(a, b), alpha);
}
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta, double alpha) {
  return blended("baddbmm", x, beta, bmm(a, b), alpha);
}
Tensor addbmm(const Tensor& x, const Tensor& a, const Tensor& b, double beta, double alpha) {
  return blended("addbmm", x, beta, sum(bmm(a, b), 0), alpha);
}
Tensor addmv(const Tensor& x, const Tensor& a, const Tensor& v, double beta, double alpha) {
  return blended("addmv", x, beta, mv(a, v), alpha);
}
Tensor addr(const Tensor& x, const Tensor& a, const Tensor& b, double beta, double alpha) {
  return blended("addr", x, beta, outer(a, b), alpha);
}

Tensor tensordot(const Tensor& a, const Tensor& b, std::span<const int> axes_a, std::span<const int> axes_b) {
  bool fits = axes_a.size() == axes_b.size();
  for (std::size_t i = 0; fits && i < axes_a.size(); ++i) fits = a.shape(axes_a[i]) == b.shape(axes_b[i]);
  if (!fits)
    throw ShapeError({.where = "tensordot",
                      .what = a.shape().text() + " and " + b.shape().text() + " over " + std::to_string(axes_a.size()) +
                              " and " + std::to_string(axes_b.size()) + " axes",
                      .expected = "as many axes of equal lengths"});
  // The free axes of a, then the summed ones; the summed axes of b, then its free ones.
  struct Side {
    std::vector<int> order{};
    std::vector<std::int64_t> free{};
    std::int64_t rows = 1, depth = 1;
  };
  const auto side = [](const Tensor& x, std::span<const int> axes, bool free_first) {
    Side result;
    std::vector<bool> summed(static_cast<std::size_t>(x.rank()));
    for (const int axis : axes) {
      if (summed[static_cast<std::size_t>(x.shape().axis(axis))])
        throw ShapeError({.where = "tensordot", .what = "axis " + std::to_string(axis) + " stands twice"});
      summed[static_cast<std::size_t>(x.shape().axis(axis))] = true;
      result.depth *= x.shape(axis);
    }
    if (!free_first) result.order.assign(axes.begin(), axes.end());
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (summed[static_cast<std::size_t>(axis)]) continue;
      result.order.push_back(axis);
      result.free.push_back(x.shape(axis));
      result.rows *= x.shape(axis);
    }
    if (free_first) result.order.insert(result.order.end(), axes.begin(), axes.end());
    return result;
  };
  const Side left = side(a, axes_a, true), right = side(b, axes_b, false);
  const Tensor y = matmul(reshape(permute(a, left.order), {left.rows, left.depth}),
                          reshape(permute(b, right.order), {right.depth, right.rows}));
  std::vector<std::int64_t> lengths = left.free;
  lengths.insert(lengths.end(), right.free.begin(), right.free.end());
  return reshape(y, Shape(lengths));
}

Tensor tensordot(const Tensor& a, const Tensor& b, int count) {
  if (count < 0 || count > std::min(a.rank(), b.rank()))
    throw ShapeError({.where = "tensordot",
                      .what = std::to_string(count) + " axes of " + a.shape().text() + " and " + b.shape().text(),
                      .expected = "0 to the smaller number of axes"});
  std::vector<int> axes_a, axes_b;
  for (int i = 0; i < count; ++i) {
    axes_a.push_back(a.rank() - count + i);
    axes_b.push_back(i);
  }
  return tensordot(a, b, axes_a, axes_b);
}

Tensor multi_dot(std::span<const Tensor> given) {
  if (given.empty()) throw ShapeError({.where = "multi_dot", .what = "no matrices", .expected = "at least one"});
  std::vector<Tensor> matrices(given.begin(), given.end());
  const std::size_t count = matrices.size();
  if (count == 1) return matrices[0];
  const bool row = matrices.front().rank() == 1, column = matrices.back().rank() == 1;
  if (row) matrices.front() = unsqueeze(matrices.front(), 0);
  if (column) matrices.back() = unsqueeze(matrices.back(), 1);
  for (std::size_t i = 0; i < count; ++i) {
    const bool fits = matrices[i].rank() == 2 && (i == 0 || matrices[i - 1].shape(1) == matrices[i].shape(0));
    if (!fits)
      throw ShapeError({.where = "multi_dot",
                        .what = "matrix " + std::to_string(i) + " of shape " + given[i].shape().text() +
                                (i > 0 ? " behind " + given[i - 1].shape().text() : ""),
                        .expected = "matrices with equal inner lengths; the first and the last may be vectors"});
  }
  // cost[i][j]: fewest multiplications for i … j; cut[i][j]: the last product's left part ends there.
  std::vector cost(count, std::vector<double>(count)), cut(count, std::vector<double>(count));
  for (std::size_t length = 1; length < count; ++length)
    for (std::size_t i = 0; i + length < count; ++i) {
      const std::size_t j = i + length;
      cost[i][j] = std::numeric_limits<double>::max();
      for (std::size_t k = i; k < j; ++k) {
        const double own = static_cast<double>(matrices[i].shape(0)) * static_cast<double>(matrices[k].shape(1)) *
                           static_cast<double>(matrices[j].shape(1));
        const double total = cost[i][k] + cost[k + 1][j] + own;
        if (total >= cost[i][j]) continue;
        cost[i][j] = total;
        cut[i][j] = static_cast<double>(k);
      }
    }
  const auto product = [&](const auto& self, std::size_t i, std::size_t j) -> Tensor {
    if (i == j) return matrices[i];
    const auto k = static_cast<std::size_t>(cut[i][j]);
    return matmul(self(self, i, k), self(self, k + 1, j));
  };
  const Tensor y = product(product, 0, count - 1), flat = row ? squeeze(y, 0) : y;
  return column ? squeeze(flat, -1) : flat;
}

Tensor matrix_power(const Tensor& x, int power) {
  require_square("matrix_power", x);
  if (power < 0)
    throw UnsupportedError({.where = "matrix_power",
                            .what = "unsupported: the negative power " + std::to_string(power),
                            .expected = "a power of at least 0",
                            .remedy = "matrix_power of the inverse"});
  if (power == 0) return expand(eye(x.shape(-1), -1, x.dtype(), x.device()), x.shape());
  Tensor result, square = x;
  for (int left = power; left > 0; left /= 2) {
    if (left % 2 == 1) result = result.defined() ? matmul(result, square) : square;
    if (left > 1) square = matmul(square, square);
  }
  return result;
}

Tensor kron(const Tensor& given_a, const Tensor& given_b) {
  Tensor a = given_a, b = given_b;
  while (a.rank() < b.rank()) a = unsqueeze(a, 0);
  while (b.rank() < a.rank()) b = unsqueeze(b, 0);
  if (2 * a.rank() > Shape::max_rank)
    throw UnsupportedError({.where = "kron",
                            .what = "unsupported: tensors of " + std::to_string(a.rank()) + " axes",
                            .expected = "at most 4 axes"});
  Shape result = a.shape();
  for (int axis = 0; axis < a.rank(); ++axis) result[axis] *= b.shape(axis);
  for (int axis = result.rank() - 1; axis >= 0; --axis) a = unsqueeze(a, axis + 1);
  for (int axis = result.rank() - 1; axis >= 0; --axis) b = unsqueeze(b, axis);
  return reshape(a * b, result);
}

Tensor trace(const Tensor& x) {
  require_rank("trace", x, 2, "a matrix [m, n]");
  return sum(diagonal(x));
}

Tensor cross(const Tensor& given_a, const Tensor& given_b, int axis) {
  const Shape shape = broadcast(given_a.shape(), given_b.shape(), "cross");
  const int at = shape.axis(axis);
  if (shape[at] != 3)
    throw ShapeError(
        {.where = "cross",
         .what = given_a.shape().text() + " × " + given_b.shape().text() + " along axis " + std::to_string(axis),
         .expected = "length 3 on that axis"});
  const Tensor a = expand(given_a, shape), b = expand(given_b, shape);
  return roll(a, -1, at) * roll(b, -2, at) - roll(a, -2, at) * roll(b, -1, at);
}

}  // namespace joist
