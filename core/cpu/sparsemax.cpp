#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <cmath>
#include <functional>
#include <vector>

namespace joist {
namespace {

// The threshold of a line: the support is the longest prefix of the descending order in which k x_k + 1 exceeds the
// prefix's sum; NaN where the line holds one. The largest is taken off first, so that large and alike numbers keep
// their digits.
double threshold_of(std::vector<double>& line) {
  if (std::any_of(line.begin(), line.end(), [](double x) { return std::isnan(x); })) return std::nan("");
  const double top = *std::max_element(line.begin(), line.end());
  // What lies 1 or more below the largest is never in the support.
  const auto stop = std::partition(line.begin(), line.end(), [top](double x) { return x > top - 1; });
  std::sort(line.begin(), stop, std::greater<>());
  double sum = 0, threshold = top - 1, size = 0;
  for (auto at = line.begin(); at != stop; ++at) {
    const double value = *at - top;
    sum += value;
    size += 1;
    if (1 + size * value <= sum) break;
    threshold = top + (sum - 1) / size;
  }
  return threshold;
}

void sparsemax(const Array& x, int axis, const Out& y) {
  with_floating(x.dtype(), "sparsemax", [&]<class T>(T) {
    const std::int64_t length = x.shape(axis), from = x.strides()[axis], to = y.array.strides()[axis];
    if (length == 0) return;
    const T* input = x.data<T>();
    T* output = y.array.data<T>();
    for_each_line(x.shape(), axis, {&y.array, &x}, std::max<std::int64_t>(1, 512 / length), [&](const auto& at) {
      const T* line = input + at[1];
      T* result = output + at[0];
      std::vector<double> values(static_cast<std::size_t>(length));
      for (std::int64_t k = 0; k < length; ++k)
        values[static_cast<std::size_t>(k)] = static_cast<double>(line[k * from]);
      const double threshold = threshold_of(values);
      for (std::int64_t k = 0; k < length; ++k) {
        const T value = static_cast<T>(std::max(static_cast<double>(line[k * from]) - threshold, 0.0));
        result[k * to] = y.accumulate ? result[k * to] + value : value;
      }
    });
  });
}

void sparsemax_backward(const Array& y, const Array& dy, int axis, const Out& dx) {
  with_floating(y.dtype(), "sparsemax", [&]<class T>(T) {
    const std::int64_t length = y.shape(axis);
    const std::int64_t y_stride = y.strides()[axis], dy_stride = dy.strides()[axis], to = dx.array.strides()[axis];
    const T *probabilities = y.data<T>(), *gradient = dy.data<T>();
    T* output = dx.array.data<T>();
    for_each_line(y.shape(), axis, {&dx.array, &y, &dy},
                  std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, length)), [&](const auto& at) {
                    const T *p = probabilities + at[1], *g = gradient + at[2];
                    double sum = 0, size = 0;
                    for (std::int64_t k = 0; k < length; ++k) {
                      if (!(p[k * y_stride] > 0)) continue;
                      sum += static_cast<double>(g[k * dy_stride]);
                      size += 1;
                    }
                    for (std::int64_t k = 0; k < length; ++k) {
                      const double inside = static_cast<double>(g[k * dy_stride]) - sum / size;
                      const T value = p[k * y_stride] > 0 ? static_cast<T>(inside) : T(0);
                      T& element = output[at[0] + k * to];
                      element = dx.accumulate ? element + value : value;
                    }
                  });
  });
}

}  // namespace

void fill_sparsemax(Kernels& table) {
  table.softmax.sparsemax = sparsemax;
  table.softmax.sparsemax_backward = sparsemax_backward;
}

}  // namespace joist
