#include <joist/core/plain/plain.h>

#include <limits>

namespace joist::plain {
namespace {

// Calls visit(index in x) for every element of x under the window of one output.
template <class Visit>
void for_each_under(const Shape& x, const PoolOptions& options, const Shape& out, Visit&& visit) {
  for_each_index(options.kernel, [&](const Shape& k) {
    const std::int64_t row = out[2] * options.stride[0] - options.padding[0] + k[0];
    const std::int64_t column = out[3] * options.stride[1] - options.padding[1] + k[1];
    if (row >= 0 && row < x[2] && column >= 0 && column < x[3]) visit(Shape{out[0], out[1], row, column});
  });
}

void maximum(const Array& x, const PoolOptions& options, const Out& y, const Array& index) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double best = -std::numeric_limits<double>::infinity();
    std::int64_t position = -1;
    for_each_under(x.shape(), options, o, [&](const Shape& i) {
      if (position >= 0 && !beats(at(x, i), best)) return;
      best = at(x, i);
      position = i[2] * x.shape(3) + i[3];
    });
    put(y, o, best);
    at<std::int32_t>(index, o) = static_cast<std::int32_t>(position);
  });
}

void maximum_backward(const Array& dy, const Array& index, const PoolOptions&, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  const std::int64_t width = total.shape(3);
  for_each_index(dy.shape(), [&](const Shape& o) {
    const std::int64_t position = at<std::int32_t>(index, o);
    at(total, {o[0], o[1], position / width, position % width}) += at(dy, o);
  });
  put(dx, total);
}

double window_size(const Shape& x, const PoolOptions& options, const Shape& out) {
  if (options.count_padding) return static_cast<double>(options.kernel.elements());
  double count = 0;
  for_each_under(x, options, out, [&](const Shape&) { ++count; });
  return count;
}

void average(const Array& x, const PoolOptions& options, const Out& y) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double sum = 0;
    for_each_under(x.shape(), options, o, [&](const Shape& i) { sum += at(x, i); });
    put(y, o, sum / window_size(x.shape(), options, o));
  });
}

void average_backward(const Array& dy, const PoolOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(), [&](const Shape& o) {
    const double share = at(dy, o) / window_size(total.shape(), options, o);
    for_each_under(total.shape(), options, o, [&](const Shape& i) { at(total, i) += share; });
  });
  put(dx, total);
}

}  // namespace

void fill(PoolKernels& kernels) {
  kernels.maximum = maximum;
  kernels.maximum_backward = maximum_backward;
  kernels.average = average;
  kernels.average_backward = average_backward;
}

}  // namespace joist::plain
