// Reductions. Axes may be negative; without axes everything is reduced to one number. keep_axes leaves axes of length
// 1. Rules for empty inputs, NaN and ties are PyTorch's.
#pragma once

#include <joist/core/ops/values.h>

#include <initializer_list>
#include <span>
#include <vector>

namespace joist {

// Declares FUNCTION over all axes, over one axis and over several.
#define JOIST_OVER_AXES(function)                                                                    \
  Tensor function(const Tensor& x, std::span<const int> axes, bool keep_axes = false);               \
  Tensor function(const Tensor& x);                                                                  \
  inline Tensor function(const Tensor& x, std::initializer_list<int> axes, bool keep_axes = false) { \
    return function(x, std::span(axes.begin(), axes.size()), keep_axes);                             \
  }                                                                                                  \
  inline Tensor function(const Tensor& x, int axis, bool keep_axes = false) {                        \
    return function(x, std::span(&axis, 1), keep_axes);                                              \
  }

/// Integers and bool give int64.
JOIST_OVER_AXES(sum)
/// Throws DtypeError for integers and bool.
JOIST_OVER_AXES(mean)
/// NaN counts as 0; NaN is left out.
JOIST_OVER_AXES(nansum)
JOIST_OVER_AXES(nanmean)
/// log Σ exp x, without overflow; -inf of nothing, gradient 0 there.
JOIST_OVER_AXES(logsumexp)
/// Largest, smallest: equals share the gradient evenly. Throws ShapeError where there is nothing to choose from.
JOIST_OVER_AXES(amax)
JOIST_OVER_AXES(amin)
/// Whether any element, or every element, is not 0 (bool).
JOIST_OVER_AXES(any)
JOIST_OVER_AXES(all)
/// How many elements are not 0 (int64).
JOIST_OVER_AXES(count_nonzero)
#undef JOIST_OVER_AXES

/// Integers and bool give int64. The gradient is right where x holds zeros.
Tensor prod(const Tensor& x);
Tensor prod(const Tensor& x, int axis, bool keep_axes = false);

// ---- extremes -------------------------------------------------------------------------------------------------------
/// Over all elements; equals share the gradient evenly, a NaN wins.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
/// Over an axis, and where it was (the first of equals, which gets the whole gradient).
ValuesIndices max(const Tensor& x, int axis, bool keep_axes = false);
ValuesIndices min(const Tensor& x, int axis, bool keep_axes = false);
/// Elementwise: maximum, minimum.
Tensor max(const Tensor& a, const Tensor& b);
Tensor min(const Tensor& a, const Tensor& b);
/// Where the largest (smallest) is, int64: the first of equals; of the flattened tensor without an axis.
Tensor argmax(const Tensor& x);
Tensor argmax(const Tensor& x, int axis, bool keep_axes = false);
Tensor argmin(const Tensor& x);
Tensor argmin(const Tensor& x, int axis, bool keep_axes = false);
struct MinMax {
  Tensor min{}, max{};
};
/// Both, over everything or over an axis; equals share the gradient evenly.
MinMax aminmax(const Tensor& x);
MinMax aminmax(const Tensor& x, int axis, bool keep_axes = false);

// ---- spread ---------------------------------------------------------------------------------------------------------
/// Σ (x - mean)² / (n - correction): correction 1 is the unbiased variance, 0 the biased one. NaN where n ≤ correction
/// and the sum is 0.
Tensor var(const Tensor& x, double correction = 1);
Tensor var(const Tensor& x, std::span<const int> axes, double correction = 1, bool keep_axes = false);
/// Its square root; gradient 0 where it is 0.
Tensor std(const Tensor& x, double correction = 1);
Tensor std(const Tensor& x, std::span<const int> axes, double correction = 1, bool keep_axes = false);
struct MeanAnd {
  Tensor spread{}, mean{};
};
MeanAnd var_mean(const Tensor& x, std::span<const int> axes, double correction = 1, bool keep_axes = false);
MeanAnd std_mean(const Tensor& x, std::span<const int> axes, double correction = 1, bool keep_axes = false);

// ---- norms ----------------------------------------------------------------------------------------------------------

/// (Σ |x|^p)^(1/p); p 0 counts what is not 0, ±infinity takes the largest or smallest magnitude (equals share the
/// gradient). The gradient is 0 where the norm is 0.
Tensor vector_norm(const Tensor& x, double p = 2);
Tensor vector_norm(const Tensor& x, double p, std::span<const int> axes, bool keep_axes = false);
inline Tensor norm(const Tensor& x, double p = 2) { return vector_norm(x, p); }
inline Tensor norm(const Tensor& x, double p, std::initializer_list<int> axes, bool keep_axes = false) {
  return vector_norm(x, p, std::span(axes.begin(), axes.size()), keep_axes);
}
/// The norm of a - b, which broadcast.
Tensor dist(const Tensor& a, const Tensor& b, double p = 2);
/// x with each part along the axis scaled down to norm max_norm where it is longer.
Tensor renorm(const Tensor& x, double p, int axis, double max_norm);

// ---- order ----------------------------------------------------------------------------------------------------------
/// The lower of the two middle values; NaN if there is one. Without an axis equals share the gradient evenly.
Tensor median(const Tensor& x);
ValuesIndices median(const Tensor& x, int axis, bool keep_axes = false);
/// NaN left out.
Tensor nanmedian(const Tensor& x);
ValuesIndices nanmedian(const Tensor& x, int axis, bool keep_axes = false);
/// The most frequent value, the smallest of equally frequent ones, and where it was last.
ValuesIndices mode(const Tensor& x, int axis = -1, bool keep_axes = false);
enum class QuantileInterpolation { linear, lower, higher, midpoint, nearest };
/// q: numbers in [0, 1], one or a vector, whose length becomes the result's first axis. NaN in a row gives NaN.
Tensor quantile(const Tensor& x, const Tensor& q, QuantileInterpolation interpolation = QuantileInterpolation::linear);
Tensor quantile(const Tensor& x, const Tensor& q, int axis, bool keep_axes = false,
                QuantileInterpolation interpolation = QuantileInterpolation::linear);
Tensor quantile(const Tensor& x, double q, QuantileInterpolation interpolation = QuantileInterpolation::linear);
Tensor quantile(const Tensor& x, double q, int axis, bool keep_axes = false,
                QuantileInterpolation interpolation = QuantileInterpolation::linear);
/// NaN left out.
Tensor nanquantile(const Tensor& x, const Tensor& q,
                   QuantileInterpolation interpolation = QuantileInterpolation::linear);
Tensor nanquantile(const Tensor& x, const Tensor& q, int axis, bool keep_axes = false,
                   QuantileInterpolation interpolation = QuantileInterpolation::linear);

/// Covariance of rows [variables, observations] (or of one variable [observations]); correlation.
Tensor cov(const Tensor& x, double correction = 1);
Tensor corrcoef(const Tensor& x);

}  // namespace joist
