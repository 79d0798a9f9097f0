// Matrix products by oneDNN, which takes transposed, padded and batched operands as they lie.
#include <joist/core/cpu/bfloat16.h>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/onednn.h>
#include <joist/core/cpu/strided.h>
#include <joist/core/cpu/tile_product.h>

namespace joist {
namespace {

// Strides of axes of length 1 carry no meaning, but oneDNN compares them: here they get those of a dense array.
Array tidy(const Array& x) {
  const Shape& shape = x.shape();
  Strides strides = x.strides();
  if (shape[-1] == 1) strides[-1] = 1;
  if (shape[-2] == 1) strides[-2] = strides[-1] == 1 ? shape[-1] : 1;
  for (int i = x.rank() - 3; i >= 0; --i)
    if (shape[i] == 1) strides[i] = i == x.rank() - 3 ? shape[-1] * shape[-2] : strides[i + 1] * shape[i + 1];
  return x.strided(shape, strides);
}

Array raised(Array x, int rank) {
  while (x.rank() < rank) x = x.inserted(0);
  return x;
}

// No two elements share memory.
bool has_own_elements(const Array& x) {
  const StridedAxes axes(x.shape(), {&x});
  std::int64_t reach = 1;
  for (int i = axes.rank() - 1; i >= 0; --i) {
    if (axes[i].stride[0] < reach) return false;
    reach = axes[i].stride[0] * axes[i].length;
  }
  return true;
}

// x in a form that oneDNN reads: itself, or a copy.
Array operand(const Array& x) {
  const Array matrices = tidy(x);
  const Strides& strides = matrices.strides();
  if ((strides[-1] == 1 || strides[-2] == 1) && has_own_elements(matrices)) return matrices;
  return tidy(with_strides(x, row_major(x.shape())));
}

// All matrices of x stacked into one, where their rows lie evenly apart; else an undefined array.
Array stacked(const Array& x) {
  std::int64_t rows = x.shape(-2), apart = x.strides()[-2];
  for (int i = x.rank() - 3; i >= 0; --i) {
    if (x.shape(i) == 1) continue;
    if (rows == 1) apart = x.strides()[i];
    if (x.strides()[i] != apart * rows) return {};
    rows *= x.shape(i);
  }
  return x.strided({rows, x.shape(-1)}, {apart, x.strides()[-1]});
}

void multiply(const Array& a, const Array& b, const Array& bias, const Out& y) {
  // One matrix b for all of a (a linear layer on a sequence): one tall product is faster than many small ones.
  if (y.array.rank() > 2 && b.shape().elements(0, b.rank() - 2) == 1) {
    const Array all = stacked(a), result = stacked(y.array);
    if (all.defined() && result.defined()) return multiply(all, stacked(b), bias, {result, y.accumulate});
  }
  const Array left = operand(a), right = operand(b), result = tidy(y.array);
  if (tile_product_pays(left.dtype(), left.shape(-2), left.shape(-1), right.shape(-1)) &&
      tile_product(left, right, bias, {result, y.accumulate}))
    return;
  onednn::matmul(left, right, bias, {result, y.accumulate});
}

void product(const Array& a, const Array& b, const Array& bias, const Out& y) {
  require_product_types({&a, &b}, {&bias, &y.array});
  if (y.array.elements() == 0) return;
  if (a.shape(-1) == 0) {
    if (bias.defined())
      copy_array(bias, y);
    else if (!y.accumulate)
      fill_array(0, y.array);
    return;
  }
  const Array dense_bias = bias.defined() ? with_strides(bias, {1}) : bias;
  const Array left = raised(a, y.array.rank()), right = raised(b, y.array.rank());
  if (tidy(y.array).strides()[-1] == 1) return multiply(left, right, dense_bias, y);
  const Array plain = Array::empty(y.array.shape(), y.array.dtype());
  multiply(left, right, dense_bias, {plain});
  copy_array(plain, y);
}

}  // namespace

void fill_matmul(Kernels& table) { table.matmul.product = product; }

}  // namespace joist
