// y = condition ? a : b      da = condition ? dy : 0      db = condition ? 0 : dy      (summed over broadcast axes)
#include <joist/core/kernels/elementwise.h>
#include <joist/core/kernels/reduction.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {
namespace {

// 16-bit numbers are compared as float32.
Tensor comparable(const Tensor& x) { return is_half(x.dtype()) ? to(x.detach(), Dtype::float32) : x.detach(); }

Tensor number_like(const Tensor& x, double value) {
  const bool whole = value == std::floor(value);
  const Dtype dtype = is_floating(x.dtype()) ? x.dtype() : whole ? Dtype::int64 : Dtype::float32;
  return Tensor::full({}, value, dtype, x.device());
}

Tensor truth(const Tensor& x) { return x.dtype() == Dtype::boolean ? x : ne(x, 0); }

Tensor logic(Logic kind, const Tensor& given_a, const Tensor& given_b, const char* name) {
  require_same_device(name, given_a, given_b);
  const Tensor a = truth(given_a), b = truth(given_b);
  Array y = Array::empty(broadcast(a.shape(), b.shape(), name), Dtype::boolean, a.device());
  kernels_of<ComparisonKernels>(a.value()).logic(kind, a.value(), b.value(), y);
  return Tensor(std::move(y));
}

}  // namespace

Tensor compare(Comparison comparison, const Tensor& given_a, const Tensor& given_b) {
  require_same_device("compare", given_a, given_b);
  const auto [a, b] = promote(comparable(given_a), comparable(given_b));
  Array y = Array::empty(broadcast(a.shape(), b.shape(), "compare"), Dtype::boolean, a.device());
  kernels_of<ComparisonKernels>(a.value()).compare(comparison, a.value(), b.value(), y);
  return Tensor(std::move(y));
}

Tensor eq(const Tensor& a, const Tensor& b) { return compare(Comparison::equal, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return compare(Comparison::not_equal, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return compare(Comparison::less, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return compare(Comparison::less_equal, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return compare(Comparison::greater, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return compare(Comparison::greater_equal, a, b); }
Tensor eq(const Tensor& a, double b) { return eq(a, number_like(a, b)); }
Tensor ne(const Tensor& a, double b) { return ne(a, number_like(a, b)); }
Tensor lt(const Tensor& a, double b) { return lt(a, number_like(a, b)); }
Tensor le(const Tensor& a, double b) { return le(a, number_like(a, b)); }
Tensor gt(const Tensor& a, double b) { return gt(a, number_like(a, b)); }
Tensor ge(const Tensor& a, double b) { return ge(a, number_like(a, b)); }

Tensor isnan(const Tensor& x) { return ne(x, x); }
Tensor isinf(const Tensor& x) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return logical_or(eq(x, infinity), eq(x, -infinity));
}
Tensor isfinite(const Tensor& x) { return logical_not(logical_or(isnan(x), isinf(x))); }

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  const NoGradient off;
  Tensor close = eq(a, b);
  const Dtype dtype = is_floating(result_type(a, b)) ? result_type(a, b) : Dtype::float64;
  const Tensor p = to(a, dtype), q = to(b, dtype);
  const Tensor distance = apply(AbsoluteDifference{}, p, q);
  const Tensor bound = apply(AbsoluteDifference{}, q, q * 0.0) * rtol + atol;
  close = logical_or(close, logical_and(isfinite(distance), le(distance, bound)));
  return equal_nan ? logical_or(close, logical_and(isnan(a), isnan(b))) : close;
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  const auto close = contiguous(isclose(a, b, rtol, atol, equal_nan)).value().to_vector<bool>();
  return std::find(close.begin(), close.end(), false) == close.end();
}

bool equal(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && allclose(a, b, 0, 0); }

Tensor logical_and(const Tensor& a, const Tensor& b) { return logic(Logic::conjunction, a, b, "logical_and"); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return logic(Logic::disjunction, a, b, "logical_or"); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return logic(Logic::exclusive, a, b, "logical_xor"); }
Tensor logical_not(const Tensor& x) { return eq(x, 0); }

Tensor where(const Tensor& condition, const Tensor& given_a, const Tensor& given_b) {
  require_same_device("where", given_a, given_b);
  require_same_device("where", condition, given_a);
  if (condition.dtype() != Dtype::boolean)
    throw DtypeError({.where = "where",
                      .what = "a condition of " + std::string(name_of(condition.dtype())),
                      .expected = "bool",
                      .remedy = "ne(condition, 0)"});
  const auto [a, b] = promote(given_a, given_b);
  const Shape shape = broadcast(broadcast(a.shape(), b.shape(), "where"), condition.shape(), "where");
  Array y = Array::like((a.shape() == shape ? a : b).value(), shape);
  kernels_of<ComparisonKernels>(a.value()).select(condition.value(), a.value(), b.value(), {y, false});
  return record({Op::where}, {condition, a, b}, std::move(y),
                [condition = saved(condition)](const Array& dy, Node& node) {
                  const auto& table = kernels_of<ComparisonKernels>(dy);
                  Array zero = Array::empty({}, dy.dtype(), dy.device());
                  kernels_of<ElementwiseKernels>(dy).fill(0, zero);
                  for (int i = 1; i <= 2; ++i) {
                    if (!node.wants(i)) continue;
                    const Out dx = node.slot(i);
                    const Array &first = i == 1 ? dy : zero, &second = i == 1 ? zero : dy;
                    if (dx.array.shape() == dy.shape()) {
                      table.select(condition, first, second, dx);
                      continue;
                    }
                    const Array wide = Array::like(dy);
                    table.select(condition, first, second, {wide, false});
                    Array lifted = dx.array;
                    while (lifted.rank() < dy.rank()) lifted = lifted.inserted(0);
                    kernels_of<ReductionKernels>(dy).sum(wide, 1.0, {lifted, dx.accumulate});
                  }
                });
}

Tensor where(const Tensor& condition, const Tensor& a, double b) { return where(condition, a, number_like(a, b)); }
Tensor where(const Tensor& condition, double a, const Tensor& b) { return where(condition, number_like(b, a), b); }
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  return to(where(mask, value, x), x.dtype());  // the element type stays, as in PyTorch
}

}  // namespace joist
