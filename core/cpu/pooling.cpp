#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/max_pool.h>
#include <joist/core/cpu/pooling_volumes.h>
#include <joist/core/cpu/windows.h>

#include <algorithm>

namespace joist {
namespace {

// The window of output i along one axis, without padding, and what an average over it divides by.
struct Window {
  std::int64_t begin, end, divisor;
};
Window window(std::int64_t i, std::int64_t length, const PoolOptions& options, int axis) {
  const std::int64_t kernel = options.kernel[axis], first = i * options.stride[axis] - options.padding[axis];
  const std::int64_t begin = std::max<std::int64_t>(first, 0), end = std::max(begin, std::min(first + kernel, length));
  if (options.divisor != 0) return {begin, end, axis == 0 ? options.divisor : 1};
  const std::int64_t padded = std::min(first + kernel, length + options.padding[axis]) - first;
  return {begin, end, options.count_padding ? padded : std::max<std::int64_t>(1, end - begin)};
}

WindowAxis forward_axis(std::int64_t in, std::int64_t out, const PoolOptions& options, int axis) {
  WindowAxis table(in, out);
  for (std::int64_t i = 0; i < out; ++i) {
    const Window w = window(i, in, options, axis);
    table.begin[static_cast<std::size_t>(i)] = w.begin;
    table.end[static_cast<std::size_t>(i)] = w.end;
    table.result[static_cast<std::size_t>(i)] = 1.0F / static_cast<float>(w.divisor);
  }
  return table;
}

// Source s receives from the outputs whose windows hold it.
WindowAxis backward_axis(std::int64_t in, std::int64_t out, const PoolOptions& options, int axis) {
  WindowAxis table(out, in);
  for (std::int64_t i = out - 1; i >= 0; --i) {
    const Window w = window(i, in, options, axis);
    table.source[static_cast<std::size_t>(i)] = 1.0F / static_cast<float>(w.divisor);
    for (std::int64_t s = w.begin; s < w.end; ++s) {
      auto& end = table.end[static_cast<std::size_t>(s)];
      if (end == 0) end = i + 1;
      table.begin[static_cast<std::size_t>(s)] = i;
    }
  }
  return table;
}

void average(const Array& x, const PoolOptions& options, const Out& y) {
  sum_windows(x, forward_axis(x.shape(2), y.array.shape(2), options, 0),
              forward_axis(x.shape(3), y.array.shape(3), options, 1), y);
}

void average_backward(const Array& dy, const PoolOptions& options, const Out& dx) {
  sum_windows(dy, backward_axis(dx.array.shape(2), dy.shape(2), options, 0),
              backward_axis(dx.array.shape(3), dy.shape(3), options, 1), dx);
}

// The fast kernels know neighbouring elements only.
bool is_dilated(const PoolOptions& options) { return options.dilation != Shape{1, 1}; }

void maximum(const Array& x, const PoolOptions& options, const Out& y, const Array& index) {
  (is_dilated(options) ? max_pool_planes : max_pool)(x, options, y, index);
}

void maximum_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& dx) {
  (is_dilated(options) ? max_pool_planes_backward : max_pool_backward)(dy, index, options, dx);
}

}  // namespace

void fill_pool(Kernels& table) {
  table.pool.maximum = maximum;
  table.pool.maximum_backward = maximum_backward;
  table.pool.maximum_3d = max_pool_planes;
  table.pool.maximum_3d_backward = max_pool_planes_backward;
  table.pool.average_3d = average_pool_planes;
  table.pool.average_3d_backward = average_pool_planes_backward;
  table.pool.average = average;
  table.pool.average_backward = average_backward;
}

}  // namespace joist
