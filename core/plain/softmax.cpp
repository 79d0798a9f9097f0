#include <joist/core/plain/plain.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace joist::plain {
namespace {

// Calls visit(index of the first element) for every line along an axis.
template <class Visit>
void for_each_line(const Shape& shape, int axis, Visit&& visit) {
  if (shape.elements() > 0) for_each_index(shape.with(axis, 1), visit);
}

template <class Value>
double line_sum(const Shape& shape, int axis, const Shape& line, Value&& value) {
  double sum = 0;
  for (std::int64_t k = 0; k < shape[axis]; ++k) sum += value(line.with(axis, k));
  return sum;
}

void log_softmax(const Array& x, int axis, const Out& y) {
  for_each_line(x.shape(), axis, [&](const Shape& line) {
    double largest = at(x, line);
    for (std::int64_t k = 1; k < x.shape(axis); ++k) largest = std::max(largest, at(x, line.with(axis, k)));
    const double log_sum = largest + std::log(line_sum(x.shape(), axis, line,
                                                       [&](const Shape& i) { return std::exp(at(x, i) - largest); }));
    for (std::int64_t k = 0; k < x.shape(axis); ++k) {
      const Shape i = line.with(axis, k);
      put(y, i, at(x, i) - log_sum);
    }
  });
}

void log_softmax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  for_each_line(y.shape(), axis, [&](const Shape& line) {
    const double sum = line_sum(y.shape(), axis, line, [&](const Shape& i) { return at(dy, i); });
    for (std::int64_t k = 0; k < y.shape(axis); ++k) {
      const Shape i = line.with(axis, k);
      put(dx, i, at(dy, i) - std::exp(at(y, i)) * sum);
    }
  });
}

void softmax(const Array& x, int axis, const Out& y) {
  const Array logarithm = zeros(x.shape());
  log_softmax(x, axis, {logarithm});
  for_each_index(x.shape(), [&](const Shape& i) { put(y, i, std::exp(at(logarithm, i))); });
}

void softmax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  for_each_line(y.shape(), axis, [&](const Shape& line) {
    const double sum = line_sum(y.shape(), axis, line, [&](const Shape& i) { return at(dy, i) * at(y, i); });
    for (std::int64_t k = 0; k < y.shape(axis); ++k) {
      const Shape i = line.with(axis, k);
      put(dx, i, at(y, i) * (at(dy, i) - sum));
    }
  });
}

// The support is the longest prefix of the descending order in which k x_k + 1 exceeds the prefix's sum.
void sparsemax(const Array& x, int axis, const Out& y) {
  for_each_line(x.shape(), axis, [&](const Shape& line) {
    std::vector<double> sorted;
    for (std::int64_t k = 0; k < x.shape(axis); ++k) sorted.push_back(at(x, line.with(axis, k)));
    const bool numbers = std::none_of(sorted.begin(), sorted.end(), [](double value) { return std::isnan(value); });
    if (numbers) std::sort(sorted.begin(), sorted.end(), std::greater<>());
    double sum = 0, threshold = 0, size = 0;
    for (const double value : sorted) {
      sum += value;
      size += 1;
      if (1 + size * value > sum) threshold = (sum - 1) / size;
    }
    if (!numbers) threshold = std::nan("");
    for (std::int64_t k = 0; k < x.shape(axis); ++k) {
      const Shape i = line.with(axis, k);
      put(y, i, numbers ? std::max(at(x, i) - threshold, 0.0) : threshold);
    }
  });
}

void sparsemax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  for_each_line(y.shape(), axis, [&](const Shape& line) {
    const auto inside = [&](const Shape& i) { return at(y, i) > 0; };
    const double size = line_sum(y.shape(), axis, line, [&](const Shape& i) { return inside(i) ? 1.0 : 0.0; });
    const double sum = line_sum(y.shape(), axis, line, [&](const Shape& i) { return inside(i) ? at(dy, i) : 0.0; });
    for (std::int64_t k = 0; k < y.shape(axis); ++k) {
      const Shape i = line.with(axis, k);
      put(dx, i, inside(i) ? at(dy, i) - sum / size : 0.0);
    }
  });
}

}  // namespace

void fill(SoftmaxKernels& kernels) {
  kernels.softmax = softmax;
  kernels.softmax_backward = softmax_backward;
  kernels.log_softmax = log_softmax;
  kernels.log_softmax_backward = log_softmax_backward;
  kernels.sparsemax = sparsemax;
  kernels.sparsemax_backward = sparsemax_backward;
}

}  // namespace joist::plain
