#include <joist/core/plain/plain.h>

#include <cmath>

namespace joist::plain {
namespace {

void step(const OptimizerStep& step, const Array& parameter, const Array& gradient, const StepMemory& memory) {
  for_each_index(parameter.shape(), [&](const Shape& i) {
    double& p = at(parameter, i);
    const double g = step.gradient * at(gradient, i) + step.weight_decay * p;
    std::array<double, 3> remembered{};
    for (std::size_t k = 0; k < memory.size() && memory[k].defined(); ++k) remembered[k] = at(memory[k], i);
    p = std::visit([&](const auto& rule) { return scalar::updated(rule, p * step.shrink, g, remembered.data()); },
                   step.rule);
    for (std::size_t k = 0; k < memory.size() && memory[k].defined(); ++k) at(memory[k], i) = remembered[k];
  });
}

void interpolate(const Array& x, double weight, const Array& y) {
  for_each_index(y.shape(), [&](const Shape& i) { at(y, i) += weight * (at(x, i) - at(y, i)); });
}

void product_sum(const Array& x, const Array& y, const Array& total) {
  double sum = 0;
  for_each_index(x.shape(), [&](const Shape& i) { sum += at(x, i) * at(y, i); });
  *total.data<double>() = sum;
}

void square_sum(const Array& x, const Array& total) { product_sum(x, x, total); }

}  // namespace

void fill(OptimizerKernels& kernels) {
  kernels.step = step;
  kernels.interpolate = interpolate;
  kernels.square_sum = square_sum;
  kernels.product_sum = product_sum;
}

}  // namespace joist::plain
