// Two or three spatial axes: the loops do not care.
#include <joist/core/plain/plain.h>

#include <algorithm>
#include <limits>

namespace joist::plain {
namespace {

// Calls visit(index in x) for every element of x under the window of one output.
template <class Visit>
void for_each_under(const Shape& x, const PoolOptions& options, const Shape& out, bool dilated, Visit&& visit) {
  for_each_index(options.kernel, [&](const Shape& k) {
    Shape from = out;
    for (int i = 0; i < k.rank(); ++i) {
      from[2 + i] = out[2 + i] * options.stride[i] - options.padding[i] + k[i] * (dilated ? options.dilation[i] : 1);
      if (from[2 + i] < 0 || from[2 + i] >= x[2 + i]) return;
    }
    visit(static_cast<const Shape&>(from));
  });
}

// The number of an index in its plane or volume, and back.
std::int64_t position_of(const Shape& index, const Shape& shape) {
  std::int64_t position = 0;
  for (int axis = 2; axis < shape.rank(); ++axis) position = position * shape[axis] + index[axis];
  return position;
}
Shape index_at(std::int64_t position, const Shape& out, const Shape& shape) {
  Shape index = shape;
  index[0] = out[0];
  index[1] = out[1];
  for (int axis = shape.rank() - 1; axis >= 2; --axis) {
    index[axis] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

// The first of equals stays, the last NaN wins (as in PyTorch's pooling).
bool wins(double challenger, double best) { return challenger > best || std::isnan(challenger); }

void maximum(const Array& x, const PoolOptions& options, const Out& y, const Array& index) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double best = -std::numeric_limits<double>::infinity();
    std::int64_t position = -1;
    for_each_under(x.shape(), options, o, true, [&](const Shape& i) {
      if (position >= 0 && !wins(at(x, i), best)) return;
      best = at(x, i);
      position = position_of(i, x.shape());
    });
    put(y, o, best);
    at<std::int32_t>(index, o) = static_cast<std::int32_t>(position);
  });
}

void maximum_backward(const Array& dy, const Array& index, const PoolOptions&, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(), [&](const Shape& o) {
    const std::int64_t position = at<std::int32_t>(index, o);
    if (position >= 0) at(total, index_at(position, o, total.shape())) += at(dy, o);
  });
  put(dx, total);
}

// What the average of one window divides by: the window's part inside the padding, or inside the input.
double divisor(const Shape& x, const PoolOptions& options, const Shape& out) {
  if (options.divisor != 0) return static_cast<double>(options.divisor);
  double size = 1;
  for (int i = 0; i < options.kernel.rank(); ++i) {
    const std::int64_t edge = options.count_padding ? options.padding[i] : 0;
    const std::int64_t start = out[2 + i] * options.stride[i] - options.padding[i];
    size *= static_cast<double>(std::min(start + options.kernel[i], x[2 + i] + edge) - std::max(start, -edge));
  }
  return size;
}

void average(const Array& x, const PoolOptions& options, const Out& y) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double sum = 0;
    for_each_under(x.shape(), options, o, false, [&](const Shape& i) { sum += at(x, i); });
    put(y, o, sum / divisor(x.shape(), options, o));
  });
}

void average_backward(const Array& dy, const PoolOptions& options, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(), [&](const Shape& o) {
    const double share = at(dy, o) / divisor(total.shape(), options, o);
    for_each_under(total.shape(), options, o, false, [&](const Shape& i) { at(total, i) += share; });
  });
  put(dx, total);
}

// Calls visit(index in x) for every element of x that one output of adaptive pooling sees.
template <class Visit>
void for_each_part(const Shape& x, const Shape& y, const Shape& out, Visit&& visit) {
  Shape start = out, lengths = out;
  lengths[0] = lengths[1] = 1;
  for (int i = 2; i < x.rank(); ++i) {
    start[i] = out[i] * x[i] / y[i];
    lengths[i] = ((out[i] + 1) * x[i] + y[i] - 1) / y[i] - start[i];
  }
  for_each_index(lengths, [&](const Shape& offset) {
    Shape from = start;
    for (int i = 2; i < x.rank(); ++i) from[i] += offset[i];
    visit(static_cast<const Shape&>(from));
  });
}

void adaptive_average(const Array& x, const Out& y) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double sum = 0, count = 0;
    for_each_part(x.shape(), y.array.shape(), o, [&](const Shape& i) {
      sum += at(x, i);
      ++count;
    });
    put(y, o, sum / count);
  });
}

void adaptive_average_backward(const Array& dy, const Out& dx) {
  const Array total = zeros(dx.array.shape());
  for_each_index(dy.shape(), [&](const Shape& o) {
    double count = 0;
    for_each_part(total.shape(), dy.shape(), o, [&](const Shape&) { ++count; });
    for_each_part(total.shape(), dy.shape(), o, [&](const Shape& i) { at(total, i) += at(dy, o) / count; });
  });
  put(dx, total);
}

void adaptive_maximum(const Array& x, const Out& y, const Array& index) {
  for_each_index(y.array.shape(), [&](const Shape& o) {
    double best = 0;
    std::int64_t position = -1;
    for_each_part(x.shape(), y.array.shape(), o, [&](const Shape& i) {
      if (position >= 0 && !wins(at(x, i), best)) return;
      best = at(x, i);
      position = position_of(i, x.shape());
    });
    put(y, o, best);
    at<std::int64_t>(index, o) = position;
  });
}

void place(const Array& x, const Array& index, bool add, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_index(x.shape(), [&](const Shape& i) {
    double& to = at(total, index_at(at<std::int64_t>(index, i), i, total.shape()));
    to = add ? to + at(x, i) : at(x, i);
  });
  put(y, total);
}

void pick(const Array& x, const Array& index, const Out& y) {
  const Array total = zeros(y.array.shape());
  for_each_index(total.shape(),
                 [&](const Shape& i) { at(total, i) = at(x, index_at(at<std::int64_t>(index, i), i, x.shape())); });
  put(y, total);
}

}  // namespace

void fill(PoolKernels& kernels) {
  kernels.maximum = maximum;
  kernels.maximum_backward = maximum_backward;
  kernels.average = average;
  kernels.average_backward = average_backward;
  kernels.maximum_3d = maximum;
  kernels.maximum_3d_backward = maximum_backward;
  kernels.average_3d = average;
  kernels.average_3d_backward = average_backward;
  kernels.adaptive_average = adaptive_average;
  kernels.adaptive_average_backward = adaptive_average_backward;
  kernels.adaptive_maximum = adaptive_maximum;
  kernels.place = place;
  kernels.pick = pick;
}

}  // namespace joist::plain
