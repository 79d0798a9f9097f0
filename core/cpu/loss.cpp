#include <algorithm>
#include <cmath>
#include <vector>
#include <joist/core/cpu/box_loss.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/reduction.h>
#include <joist/core/cpu/softmax.h>
#include <joist/core/cpu/tiles.h>

namespace joist {
namespace {

// Elements of a vector of any stride.
template <class T>
struct Column {
  explicit Column(const Array& array) : data(array.data<T>()), stride(array.strides()[0]) {}
  T& operator[](std::int64_t row) const { return data[row * stride]; }
  T* data;
  std::int64_t stride;
};

void put(float& y, double value, bool accumulate) {
  y = accumulate ? y + static_cast<float>(value) : static_cast<float>(value);
}

// loss[row] = of_row(x, row), x the row's logits without gaps.
template <class OfRow>
void for_each_row(const Array& logits, const Out& loss, const OfRow& of_row) {
  const std::int64_t count = logits.shape(1);
  const auto* x = logits.data<float>();
  const auto [row_stride, stride] = std::pair(logits.strides()[0], logits.strides()[1]);
  const Column<float> y(loss.array);
  parallel_for(logits.shape(0), 4096 / std::max<std::int64_t>(count, 1), [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(stride == 1 ? 0 : static_cast<std::size_t>(count));
    for (std::int64_t row = begin; row < end; ++row)
      put(y[row], of_row(gapless_rows(x + row * row_stride, 0, stride, 1, count, buffer.data()).data, row),
          loss.accumulate);
  });
}

// gradient(x, dx, row) writes the row's gradient, which may be a buffer, without gaps.
template <class Gradient>
void for_each_row_backward(const Array& logits, const Out& dlogits, const Gradient& gradient) {
  const std::int64_t count = logits.shape(1);
  const auto* x = logits.data<float>();
  auto* dx = dlogits.array.data<float>();
  const Strides &from = logits.strides(), &to = dlogits.array.strides();
  const bool direct = to[1] == 1 && !dlogits.accumulate;
  parallel_for(logits.shape(0), 4096 / std::max<std::int64_t>(count, 1), [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> gathered(from[1] == 1 ? 0 : static_cast<std::size_t>(count));
    std::vector<float> result(direct ? 0 : static_cast<std::size_t>(count));
    for (std::int64_t row = begin; row < end; ++row) {
      float* out = dx + row * to[0];
      gradient(gapless_rows(x + row * from[0], 0, from[1], 1, count, gathered.data()).data,
               direct ? out : result.data(), row);
      if (direct) continue;
      for (std::int64_t i = 0; i < count; ++i)
        put(out[i * to[1]], static_cast<double>(result[static_cast<std::size_t>(i)]), dlogits.accumulate);
    }
  });
}

// With p = softmax(x), C classes and smoothing s: loss = -(1 - s) log p_target - s / C * sum of log p;
// dx = dloss * (p - s / C), less dloss * (1 - s) at the target.
void cross_entropy(const Array& logits, const Array& target, const CrossEntropyOptions& options, const Out& loss) {
  const std::int64_t classes = logits.shape(1);
  const Column<std::int64_t> wanted(target);
  const double s = options.label_smoothing;
  for_each_row(logits, loss, [&](const float* x, std::int64_t row) {
    if (wanted[row] == options.ignore) return 0.0;
    const LogSumExp normalizer = log_sum_exp(x, classes);
    const auto top = static_cast<double>(normalizer.maximum);  // taken off first: logits may be large and alike
    double result = normalizer.rest - (1 - s) * (static_cast<double>(x[wanted[row]]) - top);
    if (s != 0) {
      double sum = 0;
      add_row_sums({x, 0}, 1, classes, &sum);
      result -= s * (sum / static_cast<double>(classes) - top);
    }
    return result;
  });
}

void cross_entropy_backward(const Array& logits, const Array& target, const Array& dloss,
                            const CrossEntropyOptions& options, const Out& dlogits) {
  const std::int64_t classes = logits.shape(1);
  const Column<std::int64_t> wanted(target);
  const Column<float> dy(dloss);
  const double s = options.label_smoothing;
  for_each_row_backward(logits, dlogits, [&](const float* x, float* dx, std::int64_t row) {
    if (wanted[row] == options.ignore) {
      std::fill_n(dx, classes, 0.0F);
      return;
    }
    const auto g = static_cast<double>(dy[row]);
    const LogSumExp normalizer = log_sum_exp(x, classes);
    scaled_exponentials(x, classes, normalizer.maximum, static_cast<float>(g * std::exp(-normalizer.rest)),
                        static_cast<float>(-g * s / static_cast<double>(classes)), dx);
    dx[wanted[row]] -= static_cast<float>(g * (1 - s));
  });
}

// The bins on both sides of a target and their weights. A target that is not in range gives a wrong number or NaN, but
// touches no memory outside.
struct Neighbours {
  std::int64_t left;
  double left_weight, right_weight;
};
Neighbours neighbours(float target, std::int64_t bins) {
  const auto last = static_cast<float>(bins - 2);
  const float left = target >= 0 ? std::min(std::floor(target), last) : 0;
  const double right_weight = static_cast<double>(target) - static_cast<double>(left);
  return {static_cast<std::int64_t>(left), 1 - right_weight, right_weight};
}

void distribution_focal(const Array& logits, const Array& target, const Out& loss) {
  const Column<float> wanted(target);
  for_each_row(logits, loss, [&](const float* x, std::int64_t row) {
    const Neighbours n = neighbours(wanted[row], logits.shape(1));
    const LogSumExp normalizer = log_sum_exp(x, logits.shape(1));
    const auto top = static_cast<double>(normalizer.maximum);
    return normalizer.rest - n.left_weight * (static_cast<double>(x[n.left]) - top) -
           n.right_weight * (static_cast<double>(x[n.left + 1]) - top);
  });
}

void distribution_focal_backward(const Array& logits, const Array& target, const Array& dloss, const Out& dlogits) {
  const std::int64_t bins = logits.shape(1);
  const Column<float> wanted(target), dy(dloss);
  for_each_row_backward(logits, dlogits, [&](const float* x, float* dx, std::int64_t row) {
    const Neighbours n = neighbours(wanted[row], bins);
    const auto g = static_cast<double>(dy[row]);
    const LogSumExp normalizer = log_sum_exp(x, bins);
    scaled_exponentials(x, bins, normalizer.maximum, static_cast<float>(g * std::exp(-normalizer.rest)), 0, dx);
    dx[n.left] -= static_cast<float>(g * n.left_weight);
    dx[n.left + 1] -= static_cast<float>(g * n.right_weight);
  });
}

}  // namespace

void fill_loss(Kernels& table) {
  table.loss.cross_entropy = cross_entropy;
  table.loss.cross_entropy_backward = cross_entropy_backward;
  table.loss.distribution_focal = distribution_focal;
  table.loss.distribution_focal_backward = distribution_focal_backward;
  table.loss.complete_iou = complete_iou;
  table.loss.complete_iou_backward = complete_iou_backward;
}

}  // namespace joist
