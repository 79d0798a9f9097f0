#include <joist/core/cpu/optimizer.h>

#include <algorithm>
#include <cmath>
#include <vector>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>

namespace joist {
namespace {

constexpr std::int64_t line = 16;     // elements of a cache line: threads share none
constexpr std::int64_t grain = 1024;  // lines per thread at least
constexpr std::int64_t block = 4096;  // elements of a square sum that are added in sequence

// body(begin, count) over [0, elements) in whole cache lines.
template <class Body>
void for_each_range(std::int64_t elements, const Body& body) {
  parallel_for((elements + line - 1) / line, grain, [&](std::int64_t begin, std::int64_t end) {
    body(begin * line, std::min(elements, end * line) - begin * line);
  });
}

void sgd(const SgdStep& step, const Array& parameter, const Array& gradient, const Array& velocity) {
  const bool moving = velocity.defined() && step.momentum != 0;
  const SgdFactors factors{.rate = static_cast<float>(step.rate),
                           .momentum = step.first ? 0.0F : static_cast<float>(step.momentum),
                           .nesterov_momentum = static_cast<float>(step.momentum),
                           .undamped = step.first ? 1.0F : static_cast<float>(1 - step.dampening),
                           .weight_decay = static_cast<float>(step.weight_decay),
                           .nesterov = step.nesterov};
  auto* p = parameter.data<float>();
  const auto* g = gradient.data<float>();
  auto* v = moving ? velocity.data<float>() : nullptr;
  for_each_range(parameter.elements(), [&](std::int64_t begin, std::int64_t count) {
    sgd_range(factors, count, p + begin, g + begin, v ? v + begin : nullptr);
  });
}

void adam(const AdamStep& step, const Array& parameter, const Array& gradient, const Array& first_moment,
          const Array& second_moment) {
  const auto t = static_cast<double>(step.step);
  const AdamFactors factors{.beta1 = static_cast<float>(step.beta1),
                            .beta2 = static_cast<float>(step.beta2),
                            .epsilon = static_cast<float>(step.epsilon),
                            .rest1 = static_cast<float>(1 - step.beta1),
                            .rest2 = static_cast<float>(1 - step.beta2),
                            .decay = step.decoupled ? static_cast<float>(1 - step.rate * step.weight_decay) : 1.0F,
                            .coupled = step.decoupled ? 0.0F : static_cast<float>(step.weight_decay),
                            .step = static_cast<float>(step.rate / (1 - std::pow(step.beta1, t))),
                            .correction = static_cast<float>(1 / std::sqrt(1 - std::pow(step.beta2, t)))};
  auto* p = parameter.data<float>();
  const auto* g = gradient.data<float>();
  auto *m = first_moment.data<float>(), *v = second_moment.data<float>();
  for_each_range(parameter.elements(), [&](std::int64_t begin, std::int64_t count) {
    adam_range(factors, count, p + begin, g + begin, m + begin, v + begin);
  });
}

void interpolate(const Array& x_array, double weight, const Array& y_array) {
  const auto* x = x_array.data<float>();
  auto* y = y_array.data<float>();
  for_each_range(y_array.elements(), [&](std::int64_t begin, std::int64_t count) {
    interpolate_range(static_cast<float>(weight), count, x + begin, y + begin);
  });
}

// Sixteen running sums, whatever the registers hold: the result does not depend on the instruction set either. The
// square of a float is exact in double.
double block_square_sum(const float* x, std::int64_t count) {
  std::array<double, 16> sums{};
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (std::size_t k = 0; k < 16; ++k) {
      const auto value = static_cast<double>(x[static_cast<std::size_t>(i) + k]);
      sums[k] += value * value;
    }
  for (std::size_t k = 0; i < count; ++i, ++k) sums[k] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t k = 0; k < width; ++k) sums[k] += sums[k + width];
  return sums[0];
}

void square_sum(const Array& x_array, const Array& total) {
  const std::int64_t elements = x_array.elements();
  const auto* x = x_array.data<float>();
  std::vector<double> sums(static_cast<std::size_t>(std::max<std::int64_t>(1, (elements + block - 1) / block)));
  parallel_for(
      elements == 0 ? 0 : static_cast<std::int64_t>(sums.size()), 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          sums[static_cast<std::size_t>(i)] = block_square_sum(x + i * block, std::min(block, elements - i * block));
      });
  for (std::size_t count = sums.size(); count > 1; count = (count + 1) / 2)  // pairwise
    for (std::size_t i = 0; i < count / 2; ++i) sums[i] += sums[(count + 1) / 2 + i];
  *total.data<double>() = sums[0];
}

}  // namespace

void fill_optimizer(Kernels& table) {
  table.optimizer.sgd = sgd;
  table.optimizer.adam = adam;
  table.optimizer.interpolate = interpolate;
  table.optimizer.square_sum = square_sum;
}

}  // namespace joist
