// Each plane or volume belongs to one thread.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/pooling_volumes.h>
#include <joist/core/cpu/volumes.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace joist {
namespace {

// One axis: the window of output i is start(i), start(i) + dilation, … below start(i) + dilation · kernel.
struct Axis {
  std::int64_t in, kernel, stride, padding, dilation;

  std::int64_t first(std::int64_t i) const {  // inside the input
    const std::int64_t start = i * stride - padding;
    return start >= 0 ? start : start + (-start + dilation - 1) / dilation * dilation;
  }
  std::int64_t end(std::int64_t i) const { return std::min(in, i * stride - padding + (kernel - 1) * dilation + 1); }
  // What an average divides by.
  std::int64_t divisor(std::int64_t i, bool count_padding) const {
    const std::int64_t start = i * stride - padding, edge = count_padding ? padding : 0;
    return std::min(start + kernel, in + edge) - std::max(start, -edge);
  }
};

struct Axes {
  Axes(const Volume& in, const PoolOptions& o, bool dilated) {
    const auto kernel = three(o.kernel, 1), stride = three(o.stride, 1), padding = three(o.padding, 0);
    const auto dilation = dilated ? three(o.dilation, 1) : std::array<std::int64_t, 3>{1, 1, 1};
    for (std::size_t i = 0; i < 3; ++i) axis[i] = {in.length[i], kernel[i], stride[i], padding[i], dilation[i]};
  }
  const Axis& operator[](std::size_t i) const { return axis[i]; }
  std::int64_t area() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
  std::array<Axis, 3> axis{};
};

// visit(depth, row, column) for all outputs of a volume.
template <class Visit>
void for_each_output(const Volume& out, Visit&& visit) {
  for (std::int64_t a = 0; a < out.length[0]; ++a)
    for (std::int64_t b = 0; b < out.length[1]; ++b)
      for (std::int64_t c = 0; c < out.length[2]; ++c) visit(a, b, c);
}

// visit(depth, row, column) for all inputs under the window of output (a, b, c).
template <class Visit>
void for_each_under(const Axes& axes, std::int64_t a, std::int64_t b, std::int64_t c, Visit&& visit) {
  for (std::int64_t i = axes[0].first(a); i < axes[0].end(a); i += axes[0].dilation)
    for (std::int64_t j = axes[1].first(b); j < axes[1].end(b); j += axes[1].dilation)
      for (std::int64_t k = axes[2].first(c); k < axes[2].end(c); k += axes[2].dilation) visit(i, j, k);
}

float divisor(const Axes& axes, const PoolOptions& o, std::int64_t a, std::int64_t b, std::int64_t c) {
  if (o.divisor != 0) return static_cast<float>(o.divisor);
  return static_cast<float>(axes[0].divisor(a, o.count_padding) * axes[1].divisor(b, o.count_padding) *
                            axes[2].divisor(c, o.count_padding));
}

template <class Body>
void for_each_plane(const Array& array, std::int64_t work, Body&& body) {
  if (array.elements() == 0) return;
  parallel_for(array.shape(0) * array.shape(1), 16384 / std::max<std::int64_t>(1, work) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t plane = begin; plane < end; ++plane) body(plane);
               });
}

}  // namespace

void max_pool_planes(const Array& x, const PoolOptions& options, const Out& out, const Array& index) {
  const Array& y = out.array;
  const Volume in = volume_of(x), result = volume_of(y), positions = volume_of(index);
  const Axes axes(in, options, true);
  for_each_plane(y, result.elements() * axes.area(), [&](std::int64_t plane) {
    const float* from = x.data<float>() + plane_offset(x, plane);
    float* to = y.data<float>() + plane_offset(y, plane);
    std::int32_t* where = index.data<std::int32_t>() + plane_offset(index, plane);
    for_each_output(result, [&](std::int64_t a, std::int64_t b, std::int64_t c) {
      float best = -std::numeric_limits<float>::infinity();
      std::int64_t position = -1;
      for_each_under(axes, a, b, c, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
        const float value = from[in.offset(i, j, k)];
        if (position >= 0 && !(value > best || std::isnan(value))) return;
        best = value;
        position = (i * in.length[1] + j) * in.length[2] + k;
      });
      float& place = to[result.offset(a, b, c)];
      place = out.accumulate ? place + best : best;
      where[positions.offset(a, b, c)] = static_cast<std::int32_t>(position);
    });
  });
}

void max_pool_planes_backward(const Array& dy, const Array& index, const PoolOptions&, const Out& out) {
  const Array& dx = out.array;
  if (!out.accumulate && dx.elements() > 0) fill_array(0, dx);
  const Volume from = volume_of(dy), positions = volume_of(index), to = volume_of(dx);
  for_each_plane(dx, from.elements(), [&](std::int64_t plane) {
    const float* dys = dy.data<float>() + plane_offset(dy, plane);
    const std::int32_t* where = index.data<std::int32_t>() + plane_offset(index, plane);
    float* dxs = dx.data<float>() + plane_offset(dx, plane);
    for_each_output(from, [&](std::int64_t a, std::int64_t b, std::int64_t c) {
      const std::int64_t position = where[positions.offset(a, b, c)];
      if (position >= 0) dxs[to.offset(position)] += dys[from.offset(a, b, c)];
    });
  });
}

void average_pool_planes(const Array& x, const PoolOptions& options, const Out& out) {
  const Array& y = out.array;
  const Volume in = volume_of(x), result = volume_of(y);
  const Axes axes(in, options, false);
  for_each_plane(y, result.elements() * axes.area(), [&](std::int64_t plane) {
    const float* from = x.data<float>() + plane_offset(x, plane);
    float* to = y.data<float>() + plane_offset(y, plane);
    for_each_output(result, [&](std::int64_t a, std::int64_t b, std::int64_t c) {
      float sum = 0;
      for_each_under(axes, a, b, c,
                     [&](std::int64_t i, std::int64_t j, std::int64_t k) { sum += from[in.offset(i, j, k)]; });
      float& place = to[result.offset(a, b, c)];
      const float mean = sum / divisor(axes, options, a, b, c);
      place = out.accumulate ? place + mean : mean;
    });
  });
}

void average_pool_planes_backward(const Array& dy, const PoolOptions& options, const Out& out) {
  const Array& dx = out.array;
  if (!out.accumulate && dx.elements() > 0) fill_array(0, dx);
  const Volume from = volume_of(dy), to = volume_of(dx);
  const Axes axes(to, options, false);
  for_each_plane(dx, from.elements() * axes.area(), [&](std::int64_t plane) {
    const float* dys = dy.data<float>() + plane_offset(dy, plane);
    float* dxs = dx.data<float>() + plane_offset(dx, plane);
    for_each_output(from, [&](std::int64_t a, std::int64_t b, std::int64_t c) {
      const float share = dys[from.offset(a, b, c)] / divisor(axes, options, a, b, c);
      for_each_under(axes, a, b, c,
                     [&](std::int64_t i, std::int64_t j, std::int64_t k) { dxs[to.offset(i, j, k)] += share; });
    });
  });
}

}  // namespace joist
