// Resampling along one axis after the other: each output is a weighted sum of few sources, each gradient the sum by the
// transposed weights. Everything happens on dense arrays in physical order, so that channels-last pictures run along
// their channels. Nearest neighbours are the case of one source of weight 1.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/grid_sample.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>
#include <joist/core/kernels/resample_weights.h>

#include <cmath>
#include <vector>

namespace joist {
namespace {

using Weights = ResampleWeights;

// In single precision, as PyTorch.
Weights nearest(std::int64_t in, std::int64_t out, bool exact, double given) {
  const float ratio = given > 0 ? static_cast<float>(1 / given) : static_cast<float>(in) / static_cast<float>(out);
  Weights weights;
  for (std::int64_t i = 0; i < out; ++i, weights.end_row()) {
    const float at = (static_cast<float>(i) + (exact ? 0.5F : 0.0F)) * ratio;
    weights.add(std::min(static_cast<std::int64_t>(std::floor(at)), in - 1), 1);
  }
  return weights;
}

// y [outer, rows, inner] from x [outer, sources, inner].
template <class T>
void weigh(const T* x, T* y, std::int64_t outer, std::int64_t sources, std::int64_t inner, const Weights& weights) {
  const std::int64_t rows = weights.rows();
  if (outer * rows * inner == 0) return;
  parallel_for(outer * rows, 8192 / inner + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const auto row = static_cast<std::size_t>(line % rows);
      const T* from = x + line / rows * sources * inner;
      T* to = y + line * inner;
      std::fill(to, to + inner, T{0});
      for (auto k = static_cast<std::size_t>(weights.begin[row]); k < static_cast<std::size_t>(weights.begin[row + 1]);
           ++k) {
        const T weight = static_cast<T>(weights.weight[k]);
        const T* source = from + weights.source[k] * inner;
        for (std::int64_t i = 0; i < inner; ++i) to[i] += weight * source[i];
      }
    }
  });
}

// The axes of a dense array from the outermost: channels-last where its rank is 4 and its order says so.
std::vector<int> physical_axes(int rank, bool innermost) {
  std::vector<int> axes{0};
  if (!innermost) axes.push_back(1);
  for (int axis = 2; axis < rank; ++axis) axes.push_back(axis);
  if (innermost) axes.push_back(1);
  return axes;
}

// weights_of(axis) for every axis from 2 on.
template <class WeightsOf>
void along_axes(const Array& x, const Out& out, const char* name, WeightsOf&& weights_of) {
  if (out.array.elements() == 0) return;
  if (x.elements() == 0) {
    if (!out.accumulate) fill_array(0, out.array);
    return;
  }
  const bool innermost = x.order() == Order::channels_last;
  const auto axes = physical_axes(x.rank(), innermost);
  const auto strides = [&](const Shape& shape) { return innermost ? channels_last(shape) : row_major(shape); };
  Array now = with_strides(x, strides(x.shape()));
  with_floating(x.dtype(), name, [&]<class T>(T) {
    for (int axis = 2; axis < x.rank(); ++axis) {
      const Weights weights = weights_of(axis);
      const Shape shape = now.shape().with(axis, weights.rows());
      const bool last = axis + 1 == x.rank();
      const Array& target = out.array;
      const bool direct = last && !out.accumulate && (innermost ? target.is_channels_last() : target.is_row_major());
      const Array next =
          direct ? target
                 : Array::empty(shape, x.dtype(), x.device(), innermost ? Order::channels_last : Order::row_major);
      std::int64_t outer = 1, inner = 1;
      bool before = true;
      for (const int a : axes) {
        if (a == axis)
          before = false;
        else
          (before ? outer : inner) *= shape[a];
      }
      weigh(now.data<T>(), next.data<T>(), outer, now.shape(axis), inner, weights);
      now = next;
    }
  });
  if (now.raw() != out.array.raw() || out.accumulate) copy_array(now, out);
}

void resample(const Array& x, const ResampleOptions& options, const Out& y) {
  along_axes(x, y, "resample", [&](int axis) {
    return smooth_weights(x.shape(axis), y.array.shape(axis), options,
                          options.scale[static_cast<std::size_t>(axis - 2)]);
  });
}

void resample_backward(const Array& dy, const ResampleOptions& options, const Out& dx) {
  along_axes(dy, dx, "resample_backward", [&](int axis) {
    const std::int64_t in = dx.array.shape(axis);
    return smooth_weights(in, dy.shape(axis), options, options.scale[static_cast<std::size_t>(axis - 2)])
        .transposed(in);
  });
}

void nearest_any(const Array& x, bool exact, const std::array<double, 3>& scale, const Out& y) {
  along_axes(x, y, "nearest", [&](int axis) {
    return nearest(x.shape(axis), y.array.shape(axis), exact, scale[static_cast<std::size_t>(axis - 2)]);
  });
}

void nearest_any_backward(const Array& dy, bool exact, const std::array<double, 3>& scale, const Out& dx) {
  along_axes(dy, dx, "nearest_backward", [&](int axis) {
    const std::int64_t in = dx.array.shape(axis);
    return nearest(in, dy.shape(axis), exact, scale[static_cast<std::size_t>(axis - 2)]).transposed(in);
  });
}

}  // namespace

void fill_resample(Kernels& table) {
  table.resize.nearest_any = nearest_any;
  table.resize.nearest_any_backward = nearest_any_backward;
  table.resize.resample = resample;
  table.resize.resample_backward = resample_backward;
  table.resize.grid_sample = grid_sample;
  table.resize.grid_sample_backward = grid_sample_backward;
}

}  // namespace joist
