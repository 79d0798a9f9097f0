// Variance, order statistics and covariance, as compositions.
//   var: y = Σ (x - mean x)² / (n - correction)
//   median, quantile: sort, then take or interpolate between neighbours
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/axes.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/matmul.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/sorting.h>

#include <algorithm>
#include <limits>

namespace joist {
namespace {

// 0 stays 0 and has no slope.
Tensor root(const Tensor& variance) {
  const Tensor zero = eq(variance, 0);
  return masked_fill(sqrt(masked_fill(variance, zero, 1)), zero, 0);
}

MeanAnd spread(const char* op, const Tensor& x, std::span<const int> given, double correction, bool keep_axes,
               bool deviation) {
  require_floating(op, x);
  const std::vector<int> every = all_axes(x);
  const ReducedAxes over(op, x.shape(), given.empty() ? std::span<const int>(every) : given);
  const Tensor center = mean(x, over.list, true);
  const double freedom = std::max(0.0, static_cast<double>(over.count) - correction);
  const Tensor total = sum(square(x - center), over.list, true);
  // Without a degree of freedom 0 / 0 is NaN, anything else infinite.
  Tensor y = freedom > 0 ? total * (1 / freedom) : total / Tensor::full({}, 0, x.dtype(), x.device());
  if (deviation) y = root(y);
  const Shape& shape = over.result(keep_axes);
  return {reshape(y, shape), reshape(center, shape)};
}

// The element at position `place` (int64, axis of length 1) of each sorted line, and where it was.
ValuesIndices picked(const Tensor& x, int axis, bool keep_axes, const ValuesIndices& sorted, const Tensor& place) {
  const int at = x.shape().axis(axis);
  const ValuesIndices kept{gather(sorted.values, at, place), gather(sorted.indices, at, place)};
  return keep_axes ? kept : ValuesIndices{squeeze(kept.values, at), squeeze(kept.indices, at)};
}

ValuesIndices middle(const char* op, const Tensor& x, int axis, bool keep_axes, bool skip_nan) {
  if (x.rank() == 0) {
    const ValuesIndices one = middle(op, reshape(x, {1}), axis, false, skip_nan);
    return {reshape(one.values, Shape{}), reshape(one.indices, Shape{})};
  }
  const int at = x.shape().axis(axis);
  const std::int64_t n = x.shape(at);
  if (n == 0)
    throw ShapeError({.where = op,
                      .what = "axis " + std::to_string(axis) + " of input " + x.shape().text() + " is empty",
                      .expected = "at least one element"});
  const ValuesIndices sorted = sort(x, at);
  Tensor place;
  {
    const Quiet quiet;
    const Tensor numbers = sum(logical_not(isnan(x.detach())), at, true);  // NaN is sorted behind them
    const Tensor half = floor_divide(numbers - 1.0, Tensor::full({}, 2, Dtype::int64, x.device()));
    place = skip_nan ? where(eq(numbers, 0), 0.0, half) : where(lt(numbers, static_cast<double>(n)), numbers, half);
  }
  return picked(x, at, keep_axes, sorted, place);
}

// Of all elements: equals share the gradient.
Tensor middle_of_all(const char* op, const Tensor& x, bool skip_nan) {
  if (x.value().elements() == 0)
    return Tensor::full({}, std::numeric_limits<double>::quiet_NaN(), x.dtype(), x.device());
  const Tensor flat = ravel(x);
  Tensor equal, weights;
  {
    const Quiet quiet;
    const Tensor numbers = flat.detach(), value = middle(op, numbers, 0, true, skip_nan).values;
    if (!is_floating(x.dtype())) return reshape(value, Shape{});
    equal = logical_or(eq(numbers, value), logical_and(isnan(numbers), isnan(value)));
    weights = to(equal, x.dtype()) / to(sum(equal), x.dtype());
  }
  return sum(where(equal, flat, 0.0) * weights);
}

Tensor quantiles(const char* op, const Tensor& given, const Tensor& q, int axis, bool keep_axes,
                 QuantileInterpolation interpolation, bool skip_nan) {
  require_floating(op, given);
  const Tensor x = given.rank() == 0 ? reshape(given, {1}) : given;
  const int at = x.shape().axis(axis);
  const std::int64_t n = x.shape(at);
  if (q.dtype() != x.dtype())
    throw DtypeError({.where = op,
                      .what = std::string(name_of(q.dtype())) + " q for an input of " + std::string(name_of(x.dtype())),
                      .expected = "one element type"});
  if (q.rank() > 1)
    throw ShapeError({.where = op, .what = "q of shape " + q.shape().text(), .expected = "one number or a vector"});
  if (n == 0) throw ShapeError({.where = op, .what = "input " + x.shape().text(), .expected = "at least one element"});
  const Tensor sorted = movedim(sort(x, at).values, at, -1);
  std::vector<Tensor> results;
  for (const Tensor& one : unbind(ravel(q.detach()), 0)) {
    const double part = one.item();
    if (!(part >= 0 && part <= 1))
      throw UsageError({.where = op, .what = "q " + std::to_string(part), .expected = "numbers from 0 to 1"});
    Tensor low, high, weight;
    {
      const Quiet quiet;
      const Tensor rows = sorted.detach();
      const Tensor numbers = to(sum(logical_not(isnan(rows)), -1, true), x.dtype());
      // A line with NaN has its last element, NaN, as every quantile.
      Tensor place = clamp_min((numbers - 1.0) * part, 0);
      const double last = static_cast<double>(n - 1);
      if (!skip_nan) place = where(lt(numbers, static_cast<double>(n)), last, place);
      if (interpolation == QuantileInterpolation::lower) place = floor(place);
      if (interpolation == QuantileInterpolation::higher) place = ceil(place);
      if (interpolation == QuantileInterpolation::nearest) place = round(place);
      low = floor(place);
      high = to(ceil(place), Dtype::int64);
      weight = interpolation == QuantileInterpolation::midpoint ? to(ne(place, low), x.dtype()) * 0.5 : place - low;
      low = to(low, Dtype::int64);
    }
    const Tensor y = squeeze(lerp(gather(sorted, -1, low), gather(sorted, -1, high), weight), -1);
    results.push_back(keep_axes ? unsqueeze(y, at) : y);
  }
  const Tensor y =
      given.rank() == 0 && keep_axes ? reshape(stack(results, 0), {q.value().elements()}) : stack(results, 0);
  return q.rank() == 0 ? squeeze(y, 0) : y;
}

Tensor one_quantile(const Tensor& x, double q) { return Tensor::full({}, q, x.dtype(), x.device()); }

}  // namespace

Tensor var(const Tensor& x, std::span<const int> axes, double correction, bool keep_axes) {
  return spread("var", x, axes, correction, keep_axes, false).spread;
}
Tensor std(const Tensor& x, std::span<const int> axes, double correction, bool keep_axes) {
  return spread("std", x, axes, correction, keep_axes, true).spread;
}
Tensor var(const Tensor& x, double correction) { return var(x, {}, correction); }
Tensor std(const Tensor& x, double correction) { return spread("std", x, {}, correction, false, true).spread; }
MeanAnd var_mean(const Tensor& x, std::span<const int> axes, double correction, bool keep_axes) {
  return spread("var_mean", x, axes, correction, keep_axes, false);
}
MeanAnd std_mean(const Tensor& x, std::span<const int> axes, double correction, bool keep_axes) {
  return spread("std_mean", x, axes, correction, keep_axes, true);
}

Tensor median(const Tensor& x) { return middle_of_all("median", x, false); }
Tensor nanmedian(const Tensor& x) { return middle_of_all("nanmedian", x, true); }
ValuesIndices median(const Tensor& x, int axis, bool keep_axes) { return middle("median", x, axis, keep_axes, false); }
ValuesIndices nanmedian(const Tensor& x, int axis, bool keep_axes) {
  return middle("nanmedian", x, axis, keep_axes, true);
}

ValuesIndices mode(const Tensor& given, int axis, bool keep_axes) {
  const Tensor x = given.rank() == 0 ? reshape(given, {1}) : given;
  const int at = x.shape().axis(axis);
  const std::int64_t n = x.shape(at);
  if (n == 0)
    throw ShapeError({.where = "mode",
                      .what = "axis " + std::to_string(axis) + " of input " + x.shape().text() + " is empty",
                      .expected = "at least one element"});
  const ValuesIndices sorted = sort(x, at);
  Tensor place;
  {
    // Of the sorted line: how long each run of equals is so far; the first longest one ends at the answer.
    const Quiet quiet;
    const Tensor line = sorted.values.detach();
    const auto counts = [&](std::int64_t i) { return slice(line, at, i, i + 1); };
    std::vector<Tensor> runs{Tensor::full(x.shape().with(at, 1), 1, Dtype::int64, x.device())};
    for (std::int64_t i = 1; i < n; ++i) {
      const Tensor same = logical_or(eq(counts(i), counts(i - 1)), logical_and(isnan(counts(i)), isnan(counts(i - 1))));
      runs.push_back(runs.back() * to(same, Dtype::int64) + 1.0);
    }
    place = argmax(concat(runs, at), at, true);
  }
  const ValuesIndices result = picked(x, at, keep_axes, sorted, place);
  if (given.rank() > 0) return result;
  return {reshape(result.values, Shape{}), reshape(result.indices, Shape{})};
}

Tensor quantile(const Tensor& x, const Tensor& q, int axis, bool keep_axes, QuantileInterpolation interpolation) {
  return quantiles("quantile", x, q, axis, keep_axes, interpolation, false);
}
Tensor quantile(const Tensor& x, const Tensor& q, QuantileInterpolation interpolation) {
  return quantiles("quantile", ravel(x), q, 0, false, interpolation, false);
}
Tensor quantile(const Tensor& x, double q, QuantileInterpolation interpolation) {
  return quantile(x, one_quantile(x, q), interpolation);
}
Tensor quantile(const Tensor& x, double q, int axis, bool keep_axes, QuantileInterpolation interpolation) {
  return quantile(x, one_quantile(x, q), axis, keep_axes, interpolation);
}
Tensor nanquantile(const Tensor& x, const Tensor& q, int axis, bool keep_axes, QuantileInterpolation interpolation) {
  return quantiles("nanquantile", x, q, axis, keep_axes, interpolation, true);
}
Tensor nanquantile(const Tensor& x, const Tensor& q, QuantileInterpolation interpolation) {
  return quantiles("nanquantile", ravel(x), q, 0, false, interpolation, true);
}

Tensor cov(const Tensor& x, double correction) {
  require_floating("cov", x);
  if (x.rank() > 2)
    throw ShapeError({.where = "cov",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[variables, observations] or [observations]"});
  const Tensor rows = x.rank() == 2 ? x : reshape(x, {1, x.value().elements()});
  const double freedom = std::max(0.0, static_cast<double>(rows.shape(1)) - correction);
  const Tensor centered = rows - mean(rows, 1, true);
  const Tensor y = matmul(centered, transpose(centered, 0, 1)) / Tensor::full({}, freedom, x.dtype(), x.device());
  return rows.shape(0) == 1 ? reshape(y, Shape{}) : y;  // of one variable a number, as in PyTorch
}

Tensor corrcoef(const Tensor& x) {
  const Tensor c = cov(x);
  if (c.rank() == 0) return c / c;
  const Tensor deviation = sqrt(diagonal(c));
  return clamp(c / unsqueeze(deviation, 1) / unsqueeze(deviation, 0), -1, 1);
}

}  // namespace joist
