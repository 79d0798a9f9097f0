#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

bool holds(Comparison comparison, double a, double b) {
  switch (comparison) {
    case Comparison::equal: return a == b;
    case Comparison::not_equal: return a != b;
    case Comparison::less: return a < b;
    case Comparison::less_equal: return a <= b;
    case Comparison::greater: return a > b;
    case Comparison::greater_equal: break;
  }
  return a >= b;
}

void compare(Comparison comparison, const Array& a, const Array& b, const Array& y) {
  const Array left = a.expanded(y.shape()), right = b.expanded(y.shape());
  for_each_index(y.shape(), [&](const Shape& i) { at<bool>(y, i) = holds(comparison, at(left, i), at(right, i)); });
}

void logic(Logic kind, const Array& a, const Array& b, const Array& y) {
  const Array left = a.expanded(y.shape()), right = b.expanded(y.shape());
  for_each_index(y.shape(), [&](const Shape& i) {
    const int both = at<bool>(left, i) + at<bool>(right, i);
    at<bool>(y, i) = kind == Logic::conjunction ? both == 2 : kind == Logic::disjunction ? both > 0 : both == 1;
  });
}

void select(const Array& condition, const Array& a, const Array& b, const Out& y) {
  const Shape& shape = y.array.shape();
  const Array chosen = condition.expanded(shape), left = a.expanded(shape), right = b.expanded(shape);
  const Array result = zeros(shape);
  for_each_index(shape, [&](const Shape& i) { at(result, i) = at<bool>(chosen, i) ? at(left, i) : at(right, i); });
  put(y, result);
}

}  // namespace

void fill(ComparisonKernels& kernels) {
  kernels.compare = compare;
  kernels.logic = logic;
  kernels.select = select;
}

}  // namespace joist::plain
