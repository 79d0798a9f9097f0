#include <joist/core/plain/plain.h>

#include <algorithm>
#include <limits>

namespace joist::plain {
namespace {

// y[i] = value(line, i) for every place i of every line along the axis.
template <class Value>
void for_each_place(const Shape& shape, int axis, Value&& value) {
  for_each_index(shape, [&](const Shape& i) { value(i, i[axis]); });
}

void sum(const Array& x, int axis, bool reverse, const Out& y) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    const std::int64_t first = reverse ? place : 0, last = reverse ? x.shape(axis) - 1 : place;
    for (std::int64_t k = first; k <= last; ++k) at(result, i) += at(x, i.with(axis, k));
  });
  put(y, result);
}

void product(const Array& x, int axis, const Out& y) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    double total = 1;
    for (std::int64_t k = 0; k <= place; ++k) total *= at(x, i.with(axis, k));
    at(result, i) = total;
  });
  put(y, result);
}

void product_backward(const Array& x, const Array& dy, int axis, const Out& dx) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    double others = 1;  // the product of x up to j, without x at the place
    for (std::int64_t k = 0; k < place; ++k) others *= at(x, i.with(axis, k));
    for (std::int64_t j = place; j < x.shape(axis); ++j) {
      if (j != place) others *= at(x, i.with(axis, j));
      at(result, i) += at(dy, i.with(axis, j)) * others;
    }
  });
  put(dx, result);
}

void log_sum_exp(const Array& x, int axis, const Out& y) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    double largest = -std::numeric_limits<double>::infinity(), total = 0;
    bool broken = false;
    for (std::int64_t k = 0; k <= place; ++k) {
      largest = std::max(largest, at(x, i.with(axis, k)));
      broken = broken || std::isnan(at(x, i.with(axis, k)));
    }
    if (std::isfinite(largest))
      for (std::int64_t k = 0; k <= place; ++k) total += std::exp(at(x, i.with(axis, k)) - largest);
    at(result, i) = broken                   ? std::numeric_limits<double>::quiet_NaN()
                    : std::isfinite(largest) ? largest + std::log(total)
                                             : largest;
  });
  put(y, result);
}

void log_sum_exp_backward(const Array& x, const Array& y, const Array& dy, int axis, const Out& dx) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    if (at(x, i) == -std::numeric_limits<double>::infinity()) return;  // exp(x) = 0 adds nothing, even to nothing
    for (std::int64_t j = place; j < x.shape(axis); ++j)
      at(result, i) += at(dy, i.with(axis, j)) * std::exp(at(x, i) - at(y, i.with(axis, j)));
  });
  put(dx, result);
}

void extreme(const Array& x, int axis, bool largest, const Out& y, const Array& index) {
  const Array result = zeros(x.shape());
  for_each_place(x.shape(), axis, [&](const Shape& i, std::int64_t place) {
    std::int64_t best = 0;
    for (std::int64_t k = 1; k <= place; ++k) {
      const double value = at(x, i.with(axis, k)), holder = at(x, i.with(axis, best));
      if (std::isnan(value) || (!std::isnan(holder) && (largest ? value >= holder : value <= holder))) best = k;
    }
    at(result, i) = at(x, i.with(axis, best));
    at<std::int64_t>(index, i) = best;
  });
  put(y, result);
}

}  // namespace

void fill(ScanKernels& kernels) {
  kernels.sum = sum;
  kernels.product = product;
  kernels.product_backward = product_backward;
  kernels.log_sum_exp = log_sum_exp;
  kernels.log_sum_exp_backward = log_sum_exp_backward;
  kernels.extreme = extreme;
}

}  // namespace joist::plain
