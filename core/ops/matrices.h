// What the files of linear algebra share: checks, and small matrices of constants.
#pragma once

#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/reshape.h>

namespace joist::matrices {

inline void require_matrix(const char* op, const Tensor& a) {
  if (!is_floating(a.dtype()))
    throw DtypeError({.where = op,
                      .what = std::string(name_of(a.dtype())) + " matrix",
                      .expected = "float32 or float64",
                      .remedy = "to(a, Dtype::float32)"});
  if (a.rank() < 2)
    throw ShapeError({.where = op,
                      .what = "input of shape " + a.shape().text(),
                      .expected = "a matrix, or several: [..., rows, columns]",
                      .remedy = "reshape it"});
}

inline void require_square(const char* op, const Tensor& a) {
  require_matrix(op, a);
  if (a.shape(-1) != a.shape(-2))
    throw ShapeError({.where = op,
                      .what = "input of shape " + a.shape().text() + ": " + std::to_string(a.shape(-2)) + " rows, " +
                              std::to_string(a.shape(-1)) + " columns",
                      .expected = "square matrices [..., n, n]",
                      .remedy = "pinv and lstsq take any matrix"});
}

inline Shape batch_of(const Tensor& a) { return a.shape().without(-1).without(-1); }
inline Tensor turned(const Tensor& a) { return transpose(a, -2, -1); }

/// Where a kernel tells which matrix it failed at, and the error for that.
inline Array new_failed(const Tensor& a) { return Array::empty({1}, Dtype::int64, a.device()); }
inline void require_success(const char* op, const Array& failed, const Shape& batch, const char* what,
                            const char* expected, const char* remedy) {
  auto place = static_cast<std::int64_t>(failed.item());
  if (place < 0) return;
  Shape index = batch;
  for (int axis = batch.rank() - 1; axis >= 0; --axis) {
    index[axis] = place % batch[axis];
    place /= batch[axis];
  }
  const std::string which =
      batch.rank() == 0 ? "the matrix" : "matrix " + index.text() + " of the batch " + batch.text();
  throw DataError({.where = op, .what = which + " " + what, .expected = expected, .remedy = remedy});
}

/// bool [rows, columns]: keep(row, column).
template <class Keep>
Tensor mask(std::int64_t rows, std::int64_t columns, Device device, Keep&& keep) {
  const Array truth = Array::empty({rows, columns}, Dtype::boolean);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) truth.data<bool>()[i * columns + j] = keep(i, j);
  return to(Tensor(truth), device);
}
inline Tensor lower_triangle(const Tensor& x, std::int64_t above = 0) {
  return where(mask(x.shape(-2), x.shape(-1), x.device(), [above](auto i, auto j) { return j <= i + above; }), x, 0.0);
}
inline Tensor upper_triangle(const Tensor& x, std::int64_t below = 0) {
  return where(mask(x.shape(-2), x.shape(-1), x.device(), [below](auto i, auto j) { return j >= i - below; }), x, 0.0);
}
inline Tensor diagonal_only(const Tensor& x) {
  return where(mask(x.shape(-2), x.shape(-1), x.device(), [](auto i, auto j) { return i == j; }), x, 0.0);
}
/// [n, n] ones on the diagonal, in a's element type.
inline Tensor identity_like(const Tensor& a, std::int64_t n) { return to(eye(n, n, a.dtype()), a.device()); }

/// [..., k] as rows [..., 1, k] or columns [..., k, 1].
inline Tensor as_row(const Tensor& s) { return reshape(s, s.shape().inserted(s.rank() - 1, 1)); }
inline Tensor as_column(const Tensor& s) { return reshape(s, s.shape().inserted(s.rank(), 1)); }

}  // namespace joist::matrices
