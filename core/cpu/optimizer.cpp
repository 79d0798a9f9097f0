#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/optimizer.h>
#include <joist/core/cpu/typed.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace joist {
namespace {

constexpr std::int64_t line = 16;     // elements of a cache line: threads share none
constexpr std::int64_t grain = 1024;  // lines per thread at least
constexpr std::int64_t block = 4096;  // elements of a sum that are added in sequence

// body(begin, count) over [0, elements) in whole cache lines.
template <class Body>
void for_each_range(std::int64_t elements, const Body& body) {
  parallel_for((elements + line - 1) / line, grain, [&](std::int64_t begin, std::int64_t end) {
    body(begin * line, std::min(elements, end * line) - begin * line);
  });
}

// Doubles are for checks and small problems: the compiler's loop is enough.
void step_range(const OptimizerStep& step, const StepRange<double>& range) {
  std::visit(
      [&](const auto& rule) {
        const int n = range.remembered();
        for (std::int64_t i = 0; i < range.count; ++i) {
          double remembered[3] = {};
          for (int k = 0; k < n; ++k) remembered[k] = range.memory[static_cast<std::size_t>(k)][i];
          const double p = range.parameter[i], g = step.gradient * range.gradient[i] + step.weight_decay * p;
          range.parameter[i] = scalar::updated(rule, p * step.shrink, g, remembered);
          for (int k = 0; k < n; ++k) range.memory[static_cast<std::size_t>(k)][i] = remembered[k];
        }
      },
      step.rule);
}

void step(const OptimizerStep& step, const Array& parameter, const Array& gradient, const StepMemory& memory) {
  with_floating(parameter.dtype(), "step", [&]<class T>(T) {
    StepRange<T> whole{parameter.elements(), parameter.data<T>(), gradient.data<T>()};
    for (std::size_t k = 0; k < memory.size(); ++k)
      if (memory[k].defined()) whole.memory[k] = memory[k].data<T>();
    const auto [least, most] = std::visit([](const auto& rule) { return std::pair(rule.least, rule.most); }, step.rule);
    if (whole.remembered() < least || whole.remembered() > most)
      throw InternalError({.where = "step",
                           .what = std::to_string(whole.remembered()) + " arrays of memory",
                           .expected = std::to_string(least) + " to " + std::to_string(most)});
    for_each_range(whole.count,
                   [&](std::int64_t begin, std::int64_t count) { step_range(step, whole.part(begin, count)); });
  });
}

void interpolate(const Array& x_array, double weight, const Array& y_array) {
  with_floating(y_array.dtype(), "interpolate", [&]<class T>(T) {
    const auto* x = x_array.data<T>();
    auto* y = y_array.data<T>();
    for_each_range(y_array.elements(), [&](std::int64_t begin, std::int64_t count) {
      if constexpr (std::is_same_v<T, float>)
        interpolate_range(static_cast<float>(weight), count, x + begin, y + begin);
      else
        for (std::int64_t i = begin; i < begin + count; ++i) y[i] += weight * (x[i] - y[i]);
    });
  });
}

// Sixteen running sums, whatever the registers hold: the result does not depend on the instruction set either. The
// product of two floats is exact in double.
template <class T>
double block_sum(const T* x, const T* y, std::int64_t count) {
  std::array<double, 16> sums{};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (std::size_t k = 0; k < 16; ++k) {
      const auto at = static_cast<std::size_t>(i) + k;
      sums[k] += static_cast<double>(x[at]) * static_cast<double>(y[at]);
    }
  for (std::size_t k = 0; i < count; ++i, ++k) sums[k] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t k = 0; k < width; ++k) sums[k] += sums[k + width];
  return sums[0];
}

void product_sum(const Array& x_array, const Array& y_array, const Array& total) {
  const std::int64_t elements = x_array.elements();
  std::vector<double> sums(static_cast<std::size_t>(std::max<std::int64_t>(1, (elements + block - 1) / block)));
  with_floating(x_array.dtype(), "product_sum", [&]<class T>(T) {
    const auto *x = x_array.data<T>(), *y = y_array.data<T>();
    parallel_for(elements == 0 ? 0 : static_cast<std::int64_t>(sums.size()), 8,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i)
                     sums[static_cast<std::size_t>(i)] =
                         block_sum(x + i * block, y + i * block, std::min(block, elements - i * block));
                 });
  });
  for (std::size_t count = sums.size(); count > 1; count = (count + 1) / 2)  // pairwise
    for (std::size_t i = 0; i < count / 2; ++i) sums[i] += sums[(count + 1) / 2 + i];
  *total.data<double>() = sums[0];
}

void square_sum(const Array& x, const Array& total) { product_sum(x, x, total); }

}  // namespace

void fill_optimizer(Kernels& table) {
  table.optimizer.step = step;
  table.optimizer.interpolate = interpolate;
  table.optimizer.square_sum = square_sum;
  table.optimizer.product_sum = product_sum;
}

}  // namespace joist
