// Resampling along one axis after the other: each output is a weighted sum of few sources, each gradient the sum by the
// transposed weights. Everything happens on dense arrays in physical order, so that channels-last pictures run along
// their channels. Nearest neighbours are the case of one source of weight 1.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/grid_sample.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <cmath>
#include <vector>

namespace joist {
namespace {

// Row i takes the sources source[begin[i]] … with their weights.
struct Weights {
  std::vector<std::int64_t> begin{0}, source{};
  std::vector<double> weight{};

  std::int64_t rows() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  void add(std::int64_t from, double share) {
    source.push_back(from);
    weight.push_back(share);
  }
  void end_row() { begin.push_back(static_cast<std::int64_t>(source.size())); }

  Weights transposed(std::int64_t sources) const {
    std::vector<std::int64_t> next(static_cast<std::size_t>(sources) + 1);
    for (const std::int64_t s : source) ++next[static_cast<std::size_t>(s) + 1];
    for (std::size_t i = 1; i < next.size(); ++i) next[i] += next[i - 1];
    Weights result;
    result.begin = next;
    result.source.resize(source.size());
    result.weight.resize(source.size());
    for (std::int64_t row = 0; row < rows(); ++row)
      for (auto k = static_cast<std::size_t>(begin[static_cast<std::size_t>(row)]);
           k < static_cast<std::size_t>(begin[static_cast<std::size_t>(row) + 1]); ++k) {
        const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(source[k])]++);
        result.source[to] = row;
        result.weight[to] = weight[k];
      }
    return result;
  }
};

double cubic(double t, double a) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

// Triangle or cubic window, widened when shrinking, normalized (Pillow's, which PyTorch follows).
void add_antialiased(Weights& weights, double center, double ratio, std::int64_t in, bool is_cubic) {
  const double widen = std::max(ratio, 1.0), reach = (is_cubic ? 2 : 1) * widen;
  const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(center - reach + 0.5), 0);
  const auto end = std::min(static_cast<std::int64_t>(center + reach + 0.5), in);
  const std::size_t start = weights.weight.size();
  double total = 0;
  for (std::int64_t s = first; s < end; ++s) {
    const double t = (static_cast<double>(s) - center + 0.5) / widen;
    weights.add(s, is_cubic ? cubic(t, -0.5) : std::max(0.0, 1 - std::abs(t)));
    total += weights.weight.back();
  }
  if (total == 0) return;
  for (std::size_t k = start; k < weights.weight.size(); ++k) weights.weight[k] /= total;
}

Weights smooth(std::int64_t in, std::int64_t out, const ResampleOptions& o, double given) {
  const auto n = static_cast<double>(in);
  const bool is_cubic = o.mode == Interpolation::cubic;
  double ratio = given > 0 ? 1 / given : n / static_cast<double>(out);
  if (o.align_corners) ratio = out > 1 ? (n - 1) / static_cast<double>(out - 1) : 0;
  Weights weights;
  for (std::int64_t i = 0; i < out; ++i, weights.end_row()) {
    const auto position = static_cast<double>(i);
    if (o.antialias) {
      add_antialiased(weights, ratio * (position + 0.5), ratio, in, is_cubic);
      continue;
    }
    double at = o.align_corners ? position * ratio : (position + 0.5) * ratio - 0.5;
    if (!is_cubic) at = std::max(at, 0.0);
    const double low = std::floor(at), t = at - low;
    const auto source = [&](int k) { return std::clamp<std::int64_t>(static_cast<std::int64_t>(low) + k, 0, in - 1); };
    if (is_cubic) {
      for (int k = -1; k < 3; ++k) weights.add(source(k), cubic(t - k, -0.75));
    } else {
      weights.add(source(0), 1 - t);
      weights.add(source(1), t);
    }
  }
  return weights;
}

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
    return smooth(x.shape(axis), y.array.shape(axis), options, options.scale[static_cast<std::size_t>(axis - 2)]);
  });
}

void resample_backward(const Array& dy, const ResampleOptions& options, const Out& dx) {
  along_axes(dy, dx, "resample_backward", [&](int axis) {
    const std::int64_t in = dx.array.shape(axis);
    return smooth(in, dy.shape(axis), options, options.scale[static_cast<std::size_t>(axis - 2)]).transposed(in);
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
