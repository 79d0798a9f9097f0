// Smooth resizing along one axis after the other, as on the CPU: every output is a weighted sum of few sources, and
// every gradient one by the transposed weights, so that each place is written by one thread in one order. The weights
// of an axis come from the host once and stay on the GPU.
#include <joist/core/kernels/resample_weights.h>
#include <joist/core/transfer.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/grid_sample.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/resample.h>
#include <joist/cuda/walk.h>

#include <compare>
#include <map>
#include <mutex>

namespace joist::cuda {
namespace {

/// ResampleWeights on the GPU.
struct Table {
  Array begin{}, source{}, weight{};
  Table() = default;
  Table(const ResampleWeights& weights, Device device) {
    const auto put = [&](const auto& numbers) {
      return on_device(Array::from(numbers, {static_cast<std::int64_t>(numbers.size())}), device);
    };
    begin = put(weights.begin);
    source = put(weights.source);
    weight = put(std::vector<float>(weights.weight.begin(), weights.weight.end()));
  }
};

class Tables {
 public:
  static Tables& instance() {
    static auto* one = new Tables;
    return *one;
  }
  /// transposed: for gradients, from `out` samples to `in`.
  Table operator()(std::int64_t in, std::int64_t out, const ResampleOptions& options, double given, bool transposed,
                   Device device) {
    const Key key{in, out, static_cast<int>(options.mode), options.align_corners, options.antialias, transposed, given};
    const std::lock_guard lock(mutex_);
    if (const auto found = tables_.find(key); found != tables_.end() && found->second.begin.device() == device)
      return found->second;
    if (tables_.size() >= most) tables_.clear();
    const ResampleWeights weights = smooth_weights(in, out, options, given);
    return tables_[key] = Table(transposed ? weights.transposed(in) : weights, device);
  }

 private:
  struct Key {
    std::int64_t in, out;
    int mode;
    bool align_corners, antialias, transposed;
    double given;
    auto operator<=>(const Key&) const = default;
  };
  static constexpr std::size_t most = 256;
  std::mutex mutex_{};
  std::map<Key, Table> tables_{};
};

// y = x weighed along an axis, a thread for every element of y in the order of its shape.
void weigh_rows(const char* name, const Array& x, int axis, const Table& table, const Out& y) {
  const Shape& shape = y.array.shape();
  Strides strides = x.strides();
  strides[axis] = 0;
  const Array lines = x.strided(shape, strides);
  const Walk<2> walk(shape, {&y.array, &lines});
  const std::int64_t rows = shape[axis], inner = shape.elements(axis + 1, shape.rank()), step = x.strides()[axis];
  const Floats from(x), weight(table.weight);
  const Typed<std::int64_t> begin(table.begin), source(table.source);
  const Result to(y);
  each(name, y.array.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const std::int64_t row = i / inner % rows, end = begin[row + 1];
    float sum = 0;
    for (std::int64_t k = begin[row]; k < end; ++k) sum += weight[k] * from[places.at[1] + source[k] * step];
    to.put(places.at[0], sum);
  });
}

void weigh(const char* name, const Array& x, int axis, const Table& table, const Out& y) {
  // Neighbouring threads write neighbouring places.
  if (y.array.rank() == 4 && axis > 1 && y.array.order() == Order::channels_last)
    return weigh_rows(name, x.permuted({0, 2, 3, 1}), axis - 1, table, {y.array.permuted({0, 2, 3, 1}), y.accumulate});
  weigh_rows(name, x, axis, table, y);
}

void along_axes(const char* name, const Array& x, const ResampleOptions& options, bool transposed, const Out& y) {
  if (y.array.elements() == 0) return;
  if (x.elements() == 0) {
    if (!y.accumulate) cuda_kernels().elementwise.fill(0, y.array);
    return;
  }
  Array now = x;
  for (int axis = 2; axis < x.rank(); ++axis) {
    const std::int64_t in = (transposed ? y.array : x).shape(axis), out = (transposed ? x : y.array).shape(axis);
    const Table table =
        Tables::instance()(in, out, options, options.scale[static_cast<std::size_t>(axis - 2)], transposed, x.device());
    if (axis + 1 == x.rank()) return weigh(name, now, axis, table, y);
    // In float32 between the axes.
    const Array next = Array::empty(now.shape().with(axis, y.array.shape(axis)), Dtype::float32, x.device(), x.order());
    weigh(name, now, axis, table, {next});
    now = next;
  }
}

void resample(const Array& x, const ResampleOptions& options, const Out& y) {
  along_axes("resample", x, options, false, y);
}
void resample_backward(const Array& dy, const ResampleOptions& options, const Out& dx) {
  along_axes("resample_backward", dy, options, true, dx);
}

}  // namespace

void fill_resample(Kernels& table) {
  table.resize.resample = resample;
  table.resize.resample_backward = resample_backward;
  table.resize.grid_sample = grid_sample;
  table.resize.grid_sample_backward = grid_sample_backward;
}

}  // namespace joist::cuda
