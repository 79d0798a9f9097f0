// Running totals along an axis.
#pragma once

#include <joist/core/ops/values.h>

namespace joist {

/// y[i] = x[0] + … + x[i]; integers and bool give int64.
Tensor cumsum(const Tensor& x, int axis);
/// y[i] = x[0] · … · x[i]; integers and bool give int64.
Tensor cumprod(const Tensor& x, int axis);
/// y[i] = log(exp x[0] + … + exp x[i]), without overflow.
Tensor logcumsumexp(const Tensor& x, int axis);
/// The largest (smallest) so far and where it was: the last of equals; a NaN stays.
ValuesIndices cummax(const Tensor& x, int axis);
ValuesIndices cummin(const Tensor& x, int axis);

/// x[i + 1] - x[i] along an axis, n times over; of bool whether they differ. prepend and append (undefined: nothing)
/// are joined on first, unless n is 0.
Tensor diff(const Tensor& x, int n = 1, int axis = -1, const Tensor& prepend = {}, const Tensor& append = {});
/// Σ (x[i] + x[i + 1]) / 2 · step along an axis: the trapezoidal rule; with its running total.
Tensor trapezoid(const Tensor& y, double step = 1, int axis = -1);
/// The same with places x (a vector, or like y).
Tensor trapezoid(const Tensor& y, const Tensor& x, int axis = -1);
Tensor cumulative_trapezoid(const Tensor& y, double step = 1, int axis = -1);
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int axis = -1);

}  // namespace joist
