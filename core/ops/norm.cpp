// vector_norm: y = (Σ |x|^p)^(1/p)
//   p = 2           dx = dy x / y, 0 where y = 0
//   p = 1           dx = dy sign x
//   p = 0           dx = 0
//   p = ±∞          dx = dy sign x / n for the n elements whose magnitude is y
//   else            dx = dy sign x |x|^(p-1) / y^(p-1), 0 where y = 0 or, for p < 1, where x = 0
// logsumexp:   y = m + log Σ exp(x - m)      dx = dy exp(x - y), 0 where y = -∞
#include <joist/core/kernels/elementwise.h>
#include <joist/core/ops/activation.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/axes.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/quiet.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <cmath>
#include <limits>

namespace joist {
namespace {

struct NormAttribute {
  double p = 2;
  Shape kept{};
};

// |x| summed up as p says, axes kept.
Tensor norm_of(const Tensor& x, double p, std::span<const int> axes) {
  const Tensor magnitude = abs(x);
  if (std::isinf(p)) return p > 0 ? amax(magnitude, axes, true) : amin(magnitude, axes, true);
  if (p == 0) return to(count_nonzero(x, axes, true), x.dtype());
  if (p == 1) return sum(magnitude, axes, true);
  if (p == 2) return sqrt(sum(square(x), axes, true));
  return pow(sum(pow(magnitude, p), axes, true), 1 / p);
}

Tensor norm_gradient(const Tensor& x, const Tensor& y, const Tensor& dy, double p, std::span<const int> axes) {
  if (p == 0) return x * 0.0;
  if (p == 1) return sign(x) * dy;
  if (p == 2) return x * masked_fill(dy / y, eq(y, 0), 0);
  if (std::isinf(p)) {
    const Tensor ties = to(logical_or(eq(abs(x), y), isnan(x)), x.dtype());
    return sign(x) * ties * (dy / sum(ties, axes, true));
  }
  // Of numbers that are all 0 the quotient is none.
  const Tensor slope = pow(abs(x), p - 1) * pow(y, 1 - p) * sign(x) * dy;
  return masked_fill(p < 1 ? masked_fill(slope, eq(x, 0), 0) : slope, eq(y, 0), 0);
}

}  // namespace

Tensor vector_norm(const Tensor& x, double p, std::span<const int> given, bool keep_axes) {
  require_floating("vector_norm", x);
  const std::vector<int> every = all_axes(x);
  const std::span<const int> axes = given.empty() ? std::span<const int>(every) : given;
  const ReducedAxes over("vector_norm", x.shape(), axes);
  if (over.count == 0 && (p < 0 || std::isinf(p)))
    throw ShapeError({.where = "vector_norm",
                      .what = "norm " + std::to_string(p) + " of nothing: input " + x.shape().text(),
                      .expected = "at least one element on the axes that are reduced"});
  Array y;
  {
    const Quiet quiet;
    y = norm_of(x.detach(), p, over.list).value();
  }
  const Tensor result =
      record({Op::norm, NormAttribute{p, over.kept}}, {x}, y,
             [p, list = over.list, x = saved(x), y = saved(y)](const Array& dy, Node& node) {
               node.give(0, norm_gradient(Tensor(x.get()), Tensor(y.get()), Tensor(dy), p, list).value());
             });
  return reshape(result, over.result(keep_axes));
}
Tensor vector_norm(const Tensor& x, double p) { return vector_norm(x, p, {}); }

Tensor dist(const Tensor& a, const Tensor& b, double p) { return vector_norm(a - b, p); }

Tensor renorm(const Tensor& x, double p, int axis, double max_norm) {
  if (x.rank() < 2)
    throw ShapeError(
        {.where = "renorm", .what = "input of shape " + x.shape().text(), .expected = "at least two axes"});
  if (p <= 0 || max_norm < 0)
    throw UsageError({.where = "renorm",
                      .what = "p " + std::to_string(p) + ", max_norm " + std::to_string(max_norm),
                      .expected = "p above 0 and max_norm of at least 0"});
  const int at = x.shape().axis(axis);
  std::vector<int> others;
  for (int i = 0; i < x.rank(); ++i)
    if (i != at) others.push_back(i);
  const Tensor length = vector_norm(x, p, others, true);
  return x * where(gt(length, max_norm), max_norm * reciprocal(length + 1e-7), 1.0);
}

Tensor logsumexp(const Tensor& given, std::span<const int> axes, bool keep_axes) {
  const Tensor x = is_floating(given.dtype()) ? given : to(given, Dtype::float32);
  const std::vector<int> every = all_axes(x);
  const ReducedAxes over("logsumexp", x.shape(), axes.empty() ? std::span<const int>(every) : axes);
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  Array y;
  if (over.count == 0) {
    y = Tensor::full(over.kept, lowest, x.dtype(), x.device()).value();
  } else {
    const Quiet quiet;
    const Tensor top = amax(x.detach(), over.list, true), shift = masked_fill(top, isinf(top), 0);
    y = (log(sum(exp(x.detach() - shift), over.list, true)) + shift).value();
  }
  const NormAttribute attribute{1, over.kept};
  const Tensor result =
      record({Op::logsumexp, attribute}, {x}, y, [x = saved(x), y = saved(y)](const Array& dy, Node& node) {
        const Tensor total(y.get()), safe = masked_fill(total, eq(total, lowest), 0);
        node.give(0, (exp(Tensor(x.get()) - safe) * Tensor(dy)).value());
      });
  return reshape(result, over.result(keep_axes));
}
Tensor logsumexp(const Tensor& x) { return logsumexp(x, all_axes(x)); }

}  // namespace joist
