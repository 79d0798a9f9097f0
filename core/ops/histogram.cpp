// Counting how many elements fall where. No gradients.
#include <joist/core/kernels/sorting.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/creation.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/indexing.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/scan.h>
#include <joist/core/ops/sorting.h>

#include <cmath>

namespace joist {
namespace {

// total[x[i]] += weights[i]
Tensor counted(const Tensor& x, const Tensor& weights, std::int64_t bins) {
  const Dtype dtype = weights.defined() ? weights.dtype() : Dtype::int64;
  Tensor total = Tensor::zeros({bins}, dtype, x.device());
  const Array none;
  kernels_of<SortingKernels>(total.value()).count(x.value(), weights.defined() ? weights.value() : none, total.value());
  return total;
}

struct Range {
  double low, high;
};
// `pad`: how far the bins reach on both sides of a single value.
Range range_of(const char* op, const Tensor& x, std::int64_t bins, double low, double high, double pad) {
  require_floating(op, x);
  if (bins < 1) throw UsageError({.where = op, .what = std::to_string(bins) + " bins", .expected = "at least 1"});
  if (low == high && x.value().elements() > 0) {
    low = min(x).item();
    high = max(x).item();
  }
  if (low == high) {
    low -= pad;
    high += pad;
  }
  if (!std::isfinite(low) || !std::isfinite(high) || low > high)
    throw UsageError({.where = op,
                      .what = "bins from " + std::to_string(low) + " to " + std::to_string(high),
                      .expected = "finite bounds in ascending order"});
  return {low, high};
}

}  // namespace

Tensor bincount(const Tensor& given, const Tensor& weights, std::int64_t least) {
  if (given.rank() != 1 || is_floating(given.dtype()) || given.dtype() == Dtype::boolean)
    throw ShapeError({.where = "bincount",
                      .what = "input " + given.shape().text() + " of " + std::string(name_of(given.dtype())),
                      .expected = "a vector of integers"});
  if (weights.defined() && weights.shape() != given.shape())
    throw ShapeError({.where = "bincount",
                      .what = "input " + given.shape().text() + ", weights " + weights.shape().text(),
                      .expected = "a weight for each element"});
  if (least < 0)
    throw UsageError(
        {.where = "bincount", .what = "at least " + std::to_string(least) + " bins", .expected = "0 or more"});
  const Quiet quiet;
  const Tensor x = to(given, Dtype::int64);
  const bool some = x.shape(0) > 0;
  if (some && min(x).item() < 0)
    throw DataError({.where = "bincount",
                     .what = "the number " + std::to_string(static_cast<std::int64_t>(min(x).item())),
                     .expected = "numbers of at least 0"});
  const std::int64_t bins = std::max<std::int64_t>(least, some ? static_cast<std::int64_t>(max(x).item()) + 1 : 0);
  if (!weights.defined()) return counted(x, {}, bins);
  return counted(x, is_floating(weights.dtype()) ? weights.detach() : to(weights, Dtype::float64), bins);
}

Tensor histc(const Tensor& given, std::int64_t bins, double given_low, double given_high) {
  const Quiet quiet;
  const Tensor x = ravel(given.detach());
  const auto [low, high] = range_of("histc", x, bins, given_low, given_high, 1);
  const Tensor inside = masked_select(x, logical_and(ge(x, low), le(x, high)));
  const Tensor place = to((inside - low) * (static_cast<double>(bins) / (high - low)), Dtype::int64);
  const Tensor last = where(lt(place, static_cast<double>(bins)), place, static_cast<double>(bins - 1));
  return to(counted(last, {}, bins), x.dtype());
}

Histogram histogram(const Tensor& given, const Tensor& edges, const Tensor& given_weights, bool density) {
  require_same_kind("histogram", given, edges);
  if (edges.rank() != 1 || edges.shape(0) < 2)
    throw ShapeError({.where = "histogram",
                      .what = "edges of shape " + edges.shape().text(),
                      .expected = "a vector of at least two ascending numbers"});
  if (given_weights.defined() && given_weights.shape() != given.shape())
    throw ShapeError({.where = "histogram",
                      .what = "input " + given.shape().text() + ", weights " + given_weights.shape().text(),
                      .expected = "a weight for each element"});
  const Quiet quiet;
  const Tensor x = ravel(given.detach()), bounds = edges.detach();
  const std::int64_t bins = edges.shape(0) - 1;
  const Tensor low = select(bounds, 0, 0), high = select(bounds, 0, bins);
  const Tensor inside = logical_and(ge(x, low), le(x, high)), chosen = masked_select(x, inside);
  const Tensor weights =
      given_weights.defined() ? masked_select(to(ravel(given_weights.detach()), x.dtype()), inside) : ones_like(chosen);
  const Tensor place = searchsorted(bounds, chosen, true) - 1.0;
  const Tensor last = where(lt(place, static_cast<double>(bins)), place, static_cast<double>(bins - 1));
  Tensor counts = counted(last, weights, bins);
  if (density) counts = counts / diff(bounds) / sum(counts);
  return {counts, bounds};
}

Histogram histogram(const Tensor& x, std::int64_t bins, double given_low, double given_high, const Tensor& weights,
                    bool density) {
  const bool nothing = x.value().elements() == 0 && given_low == given_high;
  const auto [low, high] =
      range_of("histogram", x.detach(), bins, nothing ? 0 : given_low, nothing ? 1 : given_high, 0.5);
  return histogram(x, linspace(low, high, bins + 1, x.dtype(), x.device()), weights, density);
}

}  // namespace joist
