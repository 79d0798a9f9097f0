// Matrix products of doubles by Eigen: the plain loops take a hundred times as long.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/double_product.h>
#include <joist/core/cpu/matrices.h>

namespace joist {
namespace {

template <int order>
using DoubleView =
    Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, order>, 0, Eigen::OuterStride<Eigen::Dynamic>>;

// x in an order that Eigen's packing reads without a copy of its own.
Array dense_rows_or_columns(const Array& x) {
  const Strides& strides = x.strides();
  return strides[-1] == 1 || strides[-2] == 1 ? x : with_strides(x, row_major(x.shape()));
}

/// body(view) of the matrix at a place in the batch.
template <class Body>
void with_view(const Array& x, const Shape& batch, std::int64_t place, Body&& body) {
  double* data = x.data<double>() + offset_in_batch(x, batch, place);
  const std::int64_t rows = x.shape(-2), columns = x.shape(-1);
  if (x.strides()[-1] == 1)
    body(DoubleView<Eigen::RowMajor>(data, rows, columns, Eigen::OuterStride<Eigen::Dynamic>(x.strides()[-2])));
  else
    body(DoubleView<Eigen::ColMajor>(data, rows, columns, Eigen::OuterStride<Eigen::Dynamic>(x.strides()[-1])));
}

// Rows of a block: blocks run in parallel, and their size does not depend on the number of threads.
constexpr std::int64_t block = 64;

void multiply(const Array& a, const Array& b, const Array& bias, const Out& y) {
  const Shape& shape = y.array.shape();
  const Array left = a.expanded(shape.with(-1, a.shape(-1))), right = b.expanded(shape.with(-2, a.shape(-1)));
  const Shape batch = shape.without(-1).without(-1);
  const std::int64_t blocks = (shape[-2] + block - 1) / block;
  parallel_for(batch.elements() * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t place = i / blocks, first = i % blocks * block, rows = std::min(block, shape[-2] - first);
      DoubleView<Eigen::RowMajor> result(
          y.array.data<double>() + offset_in_batch(y.array, batch, place) + first * y.array.strides()[-2], rows,
          shape[-1], Eigen::OuterStride<Eigen::Dynamic>(y.array.strides()[-2]));
      with_view(left, batch, place, [&](const auto& l) {
        with_view(right, batch, place, [&](const auto& r) {
          if (y.accumulate)
            result.noalias() += l.middleRows(first, rows) * r;
          else
            result.noalias() = l.middleRows(first, rows) * r;
        });
      });
      if (bias.defined()) result.rowwise() += Eigen::Map<const Eigen::RowVectorXd>(bias.data<double>(), shape[-1]);
    }
  });
}

void product(const Array& a, const Array& b, const Array& bias, const Out& y) {
  if (y.array.elements() == 0) return;
  const Array dense_bias = bias.defined() ? with_strides(bias, {1}) : bias;
  const Array left = dense_rows_or_columns(a), right = dense_rows_or_columns(b);
  if (y.array.strides()[-1] == 1) return multiply(left, right, dense_bias, y);
  const Array plain = Array::empty(y.array.shape(), Dtype::float64);
  multiply(left, right, dense_bias, {plain, false});
  copy_array(plain, y);
}

}  // namespace

void fill_double_matmul(Kernels& table) { table.matmul.product = product; }

}  // namespace joist
