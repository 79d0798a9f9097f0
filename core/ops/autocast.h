// What operations under Autocast multiply: operands rounded to bfloat16, results in float32.
#pragma once

#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/dtype.h>

namespace joist {

/// x rounded to bfloat16, lying in memory as x does where that has no gaps.
inline Array in_bfloat16(const Array& x) {
  Array y = Array::empty(x.shape(), Dtype::bfloat16, x.device(), x.order());
  if (x.is_dense()) y = y.strided(x.shape(), x.strides());
  kernels_of<ElementwiseKernels>(x).copy(x, {y, false});
  return y;
}
/// x as it is multiplied: rounded where `half`; undefined stays undefined.
inline Array operand_of(const Array& x, bool half) { return half && x.defined() ? in_bfloat16(x) : x; }

}  // namespace joist
